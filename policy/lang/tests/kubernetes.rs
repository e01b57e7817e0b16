//! Kubernetes' own policies: what is read, and that whatever is not is refused with its place, cause and cure.
#![expect(clippy::unwrap_used, reason = "functions shared by tests fail as tests do")]

use bookend_lang::{Code, Options, Source, compile, compile_with};

/// What is wrong with `documents`: codes, places and texts.
fn diagnostics(documents: &str) -> Vec<(Code, String)> {
    let sources = [Source::new("x", documents)];
    let found = match compile(&sources) {
        Ok(compiled) => compiled.warnings,
        Err(refused) => refused.diagnostics,
    };
    found.iter().map(|d| (d.code, d.line(&sources).to_string())).collect()
}

fn codes(documents: &str) -> Vec<Code> {
    diagnostics(documents).into_iter().map(|(code, _)| code).collect()
}

/// Those of them that refuse the documents.
fn errors(documents: &str) -> Vec<Code> {
    match compile(&[Source::new("x", documents)]) {
        Ok(_) => Vec::new(),
        Err(refused) => refused.diagnostics.iter().map(|d| d.code).collect(),
    }
}

fn network_policy(spec: &str) -> String {
    format!(
        "{{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {{name: p}}, spec: {{{spec}}}}}"
    )
}

fn cluster(spec: &str) -> String {
    format!(
        "{{apiVersion: policy.networking.k8s.io/v1alpha2, kind: ClusterNetworkPolicy, metadata: {{name: p}}, spec: {{{spec}}}}}"
    )
}

fn admin(spec: &str) -> String {
    format!(
        "{{apiVersion: policy.networking.k8s.io/v1alpha1, kind: AdminNetworkPolicy, metadata: {{name: p}}, spec: {{{spec}}}}}"
    )
}

fn baseline(name: &str, spec: &str) -> String {
    format!(
        "{{apiVersion: policy.networking.k8s.io/v1alpha1, kind: BaselineAdminNetworkPolicy, \
         metadata: {{name: {name}}}, spec: {{{spec}}}}}"
    )
}

/// The ids of all rules and isolations.
fn ids(documents: &str) -> Vec<String> {
    let compiled = compile(&[Source::new("x", documents)]).unwrap();
    let rules = compiled.program.rules().iter().map(|rule| rule.id.clone());
    let isolations = compiled.program.isolations().iter().map(|isolation| isolation.id.clone());
    rules.chain(isolations).collect()
}

#[test]
fn a_rule_is_named_by_where_it_stands() {
    assert_eq!(
        ids(&network_policy("policyTypes: [Ingress, Egress], ingress: [{}], egress: [{}, {}]")),
        [
            "default/networkpolicy.p/egress[0]",
            "default/networkpolicy.p/egress[1]",
            "default/networkpolicy.p/ingress[0]",
            "default/networkpolicy.p/isolate[0]",
        ]
    );
    let rule = "ingress: [{action: Deny, from: [{namespaces: {}}]}]";
    let cnp = cluster(&format!("tier: Admin, priority: 3, subject: {{namespaces: {{}}}}, {rule}"));
    assert_eq!(ids(&cnp), ["clusternetworkpolicy.p/ingress[0]"]);
    let anp = admin(&format!("priority: 3, subject: {{namespaces: {{}}}}, {rule}"));
    assert_eq!(ids(&anp), ["adminnetworkpolicy.p/ingress[0]"]);
    let banp = baseline("default", &format!("subject: {{namespaces: {{}}}}, {rule}"));
    assert_eq!(ids(&banp), ["baselineadminnetworkpolicy.default/ingress[0]"]);
}

#[test]
fn what_kubernetes_defaults_is_defaulted_so() {
    let directions = |spec: &str| {
        let compiled = compile(&[Source::new("x", network_policy(spec))]).unwrap();
        let [isolation] = compiled.program.isolations() else { panic!("one isolation") };
        (isolation.ingress, isolation.egress)
    };
    for (spec, expected) in [
        ("podSelector: {}", (true, false)),
        ("ingress: [], egress: []", (true, false)),
        ("podSelector: null, policyTypes: null, ingress: null, egress: null", (true, false)),
        ("policyTypes: []", (true, false)),
        ("egress: [{}]", (true, true)),
        ("policyTypes: [Ingress]", (true, false)),
        ("policyTypes: [Egress]", (false, true)),
        ("policyTypes: [Egress, Ingress]", (true, true)),
    ] {
        assert_eq!(directions(spec), expected, "{spec}");
    }
}

#[test]
fn rules_of_a_direction_that_is_left_out_are_told_of_and_not_applied() {
    let document = network_policy("policyTypes: [Egress], ingress: [{}]");
    assert_eq!(codes(&document), [Code::LeftOutDirection]);
    assert_eq!(ids(&document), ["default/networkpolicy.p/isolate[0]"]);
    assert_eq!(codes(&network_policy("policyTypes: [Ingress], egress: [{}]")), [Code::LeftOutDirection]);
    assert_eq!(codes(&network_policy("policyTypes: [Ingress], egress: []")), []);
}

#[test]
fn every_wrong_field_of_a_network_policy_is_refused() {
    let rule = |fields: &str| format!("ingress: [{{{fields}}}]");
    let peer = |fields: &str| rule(&format!("from: [{{{fields}}}]"));
    let port = |fields: &str| rule(&format!("ports: [{{{fields}}}]"));
    for (spec, code) in [
        ("podSelector: []".to_owned(), Code::WrongType),
        ("podSelectr: {}".to_owned(), Code::UnknownField),
        ("podSelector: {app: web}".to_owned(), Code::UnknownField),
        ("podSelector: {matchLabels: []}".to_owned(), Code::WrongType),
        ("podSelector: {matchLabels: {app: 1}}".to_owned(), Code::WrongType),
        ("podSelector: {matchLabels: {app: \"-\"}}".to_owned(), Code::BadLabel),
        ("podSelector: {matchLabels: {a/b/c: d}}".to_owned(), Code::BadLabel),
        ("podSelector: {matchExpressions: {}}".to_owned(), Code::WrongType),
        ("podSelector: {matchExpressions: [{operator: Exists}]}".to_owned(), Code::MissingField),
        ("podSelector: {matchExpressions: [{key: app}]}".to_owned(), Code::MissingField),
        ("podSelector: {matchExpressions: [{key: app, operator: exists}]}".to_owned(), Code::UnknownOperator),
        (
            "podSelector: {matchExpressions: [{key: app, operator: StartsWith, values: [a]}]}".to_owned(),
            Code::UnknownOperator,
        ),
        ("podSelector: {matchExpressions: [{key: app, operator: In}]}".to_owned(), Code::UnknownOperator),
        (
            "podSelector: {matchExpressions: [{key: app, operator: In, values: []}]}".to_owned(),
            Code::UnknownOperator,
        ),
        (
            "podSelector: {matchExpressions: [{key: app, operator: Exists, values: [a]}]}".to_owned(),
            Code::UnknownOperator,
        ),
        (
            "podSelector: {matchExpressions: [{key: app, operator: In, values: [\"-\"]}]}".to_owned(),
            Code::BadLabel,
        ),
        ("podSelector: {matchExpressions: [{key: \"-\", operator: Exists}]}".to_owned(), Code::BadLabel),
        (
            "podSelector: {matchExpressions: [{key: app, operator: Exists, value: a}]}".to_owned(),
            Code::UnknownField,
        ),
        ("policyTypes: Ingress".to_owned(), Code::WrongType),
        ("policyTypes: [ingress]".to_owned(), Code::UnknownWord),
        ("policyTypes: [Ingress, null]".to_owned(), Code::WrongType),
        ("ingress: {}".to_owned(), Code::WrongType),
        ("ingress: [null]".to_owned(), Code::WrongType),
        ("egress: [null]".to_owned(), Code::WrongType),
        (rule("to: [{podSelector: {}}]"), Code::UnknownField),
        (rule("form: [{podSelector: {}}]"), Code::UnknownField),
        (rule("from: {}"), Code::WrongType),
        ("egress: [{from: [{podSelector: {}}]}]".to_owned(), Code::UnknownField),
        (rule("from: [{}]"), Code::BadPeer),
        (rule("from: [null]"), Code::WrongType),
        (rule("from: [{podSelector: null}]"), Code::BadPeer),
        (peer("serviceAccountSelector: {}"), Code::UnknownField),
        (peer("podSelector: {}, ipBlock: {cidr: 10.0.0.0/8}"), Code::Conflict),
        (peer("namespaceSelector: {}, ipBlock: {cidr: 10.0.0.0/8}"), Code::Conflict),
        (peer("namespaceSelector: []"), Code::WrongType),
        (peer("ipBlock: {}"), Code::MissingField),
        (peer("ipBlock: {cidr: 10.0.0.0}"), Code::BadCidr),
        (peer("ipBlock: {cidr: 10.0.0.1/8}"), Code::BadCidr),
        (peer("ipBlock: {cidr: 10.0.0.0/8, excepts: []}"), Code::UnknownField),
        (peer("ipBlock: {cidr: 10.0.0.0/8, except: [11.0.0.0/16]}"), Code::ExceptOutside),
        (peer("ipBlock: {cidr: 10.0.0.0/8, except: [10.0.0.0/8]}"), Code::ExceptOutside),
        (peer("ipBlock: {cidr: 10.0.0.0/8, except: 10.0.0.0/16}"), Code::WrongType),
        (rule("ports: {}"), Code::WrongType),
        (rule("ports: [80]"), Code::WrongType),
        (rule("ports: [null]"), Code::WrongType),
        (port("port: 0"), Code::BadPort),
        (port("port: 65536"), Code::BadPort),
        (port("port: \"80\""), Code::BadPort),
        (port("port: Http"), Code::BadPortName),
        (port("port: a-very-long-port-name"), Code::BadPortName),
        (port("port: [80]"), Code::WrongType),
        (port("port: 80, endPort: 79"), Code::BadPort),
        (port("port: 80, endPort: \"81\""), Code::WrongType),
        (port("port: http, endPort: 81"), Code::Conflict),
        (port("endPort: 81"), Code::MissingField),
        (port("port: 80, protocol: tcp"), Code::BadProtocol),
        (port("port: 80, protocol: ICMP"), Code::BadProtocol),
        (port("port: 80, protocol: 6"), Code::WrongType),
        (port("port: 80, range: 81"), Code::UnknownField),
    ] {
        let found = errors(&network_policy(&spec));
        assert_eq!(found, [code], "{spec}");
    }
}

#[test]
fn what_the_api_takes_is_read() {
    let rule = |fields: &str| network_policy(&format!("egress: [{{{fields}}}]"));
    for document in [
        rule(""),
        rule("to: [], ports: []"),
        rule("to: null, ports: null"),
        rule("to: [{podSelector: {}}, {podSelector: {}}]"),
        rule("to: [{namespaceSelector: {}}]"),
        rule("to: [{podSelector: {}, namespaceSelector: null}]"),
        rule("to: [{ipBlock: {cidr: 10.0.0.0/8, except: []}}]"),
        rule("to: [{ipBlock: {cidr: \"2001:db8::/32\", except: [\"2001:db8:1::/48\"]}}]"),
        rule("ports: [{}]"),
        rule("ports: [{protocol: SCTP}]"),
        rule("ports: [{port: 80, endPort: 80}]"),
        rule("ports: [{port: 80}, {port: 80}]"),
        rule("ports: [{port: web, protocol: UDP}]"),
        network_policy("podSelector: {matchLabels: {}, matchExpressions: []}"),
        network_policy("podSelector: {matchExpressions: [{key: a, operator: Exists, values: []}]}"),
        network_policy("podSelector: {matchExpressions: [{key: a, operator: In, values: [b, b, \"\"]}]}"),
        "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: a.b, namespace: n, \
         creationTimestamp: null, managedFields: [], annotations: {x: y}}, spec: {}, status: {}}"
            .to_owned(),
        "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicyList, metadata: {resourceVersion: \"1\"}, \
         items: [{metadata: {name: a}, spec: {}}, {metadata: {name: b}, spec: {}}]}"
            .to_owned(),
    ] {
        assert_eq!(errors(&document), [], "{document}");
    }
}

#[test]
fn every_wrong_field_of_a_cluster_network_policy_is_refused() {
    let head = "tier: Admin, priority: 1, subject: {namespaces: {}}";
    let rule = |fields: &str| format!("{head}, egress: [{{action: Accept, {fields}}}]");
    let peer = |fields: &str| rule(&format!("to: [{{{fields}}}]"));
    let port = |fields: &str| rule(&format!("to: [{{namespaces: {{}}}}], protocols: [{{{fields}}}]"));
    let some = "ingress: [{action: Pass, from: [{namespaces: {}}]}]";
    let many = |one: &str, count: usize| vec![one; count].join(", ");
    for (spec, code) in [
        (format!("priority: 1, subject: {{namespaces: {{}}}}, {some}"), Code::MissingField),
        (format!("tier: admin, priority: 1, subject: {{namespaces: {{}}}}, {some}"), Code::UnknownWord),
        (
            format!("tier: NetworkPolicy, priority: 1, subject: {{namespaces: {{}}}}, {some}"),
            Code::UnknownWord,
        ),
        (format!("tier: Admin, subject: {{namespaces: {{}}}}, {some}"), Code::MissingField),
        (format!("tier: Admin, priority: 1001, subject: {{namespaces: {{}}}}, {some}"), Code::OutOfRange),
        (format!("tier: Admin, priority: -1, subject: {{namespaces: {{}}}}, {some}"), Code::OutOfRange),
        (format!("tier: Admin, priority: \"1\", subject: {{namespaces: {{}}}}, {some}"), Code::WrongType),
        (format!("tier: Admin, priority: 1, {some}"), Code::MissingField),
        (format!("tier: Admin, priority: 1, subject: {{}}, {some}"), Code::MissingField),
        (
            format!(
                "tier: Admin, priority: 1, subject: {{namespaces: {{}}, pods: {{podSelector: {{}}}}}}, {some}"
            ),
            Code::Conflict,
        ),
        (format!("tier: Admin, priority: 1, subject: {{nodes: {{}}}}, {some}"), Code::UnknownField),
        (format!("tier: Admin, priority: 1, subject: {{pods: {{}}}}, {some}"), Code::MissingField),
        (
            format!(
                "tier: Admin, priority: 1, subject: {{pods: {{podSelector: {{}}, labels: {{}}}}}}, {some}"
            ),
            Code::UnknownField,
        ),
        (format!("{head}, {some}, mode: audit"), Code::UnknownField),
        (format!("{head}, ingress: {{}}"), Code::WrongType),
        (format!("{head}, ingress: [{{from: [{{namespaces: {{}}}}]}}]"), Code::MissingField),
        (format!("{head}, ingress: [{{action: Allow, from: [{{namespaces: {{}}}}]}}]"), Code::UnknownWord),
        (format!("{head}, ingress: [{{action: Accept}}]"), Code::MissingField),
        (format!("{head}, ingress: [{{action: Accept, from: []}}]"), Code::EmptyList),
        (
            format!("{head}, ingress: [{{action: Accept, from: [{{networks: [10.0.0.0/8]}}]}}]"),
            Code::UnknownField,
        ),
        (
            format!("{head}, ingress: [{{action: Accept, from: [{{namespaces: {{}}}}], ports: []}}]"),
            Code::UnknownField,
        ),
        (
            format!(
                "{head}, ingress: [{{name: {}, action: Accept, from: [{{namespaces: {{}}}}]}}]",
                "x".repeat(101)
            ),
            Code::BadLength,
        ),
        (
            format!("{head}, ingress: [{}]", many("{action: Pass, from: [{namespaces: {}}]}", 26)),
            Code::TooMany,
        ),
        (rule(&format!("to: [{}]", many("{namespaces: {}}", 26))), Code::TooMany),
        (peer(""), Code::MissingField),
        (peer("services: {}"), Code::UnknownField),
        (peer("namespaces: {}, networks: [10.0.0.0/8]"), Code::Conflict),
        (peer("networks: []"), Code::EmptyList),
        (peer("networks: [10.0.0.0]"), Code::BadCidr),
        (peer("networks: 10.0.0.0/8"), Code::WrongType),
        (peer("domainNames: [org]"), Code::BadName),
        (peer("domainNames: []"), Code::EmptyList),
        (peer("domainNames: [example.org]"), Code::InexactKubernetes),
        (peer("nodes: {matchLabels: {role: edge}}"), Code::InexactKubernetes),
        (peer("nodes: {}"), Code::UnknownEntity),
        (rule("to: [{namespaces: {}}], protocols: []"), Code::EmptyList),
        (port(""), Code::MissingField),
        (port("tcp: {}"), Code::MissingField),
        (port("icmp: {}"), Code::UnknownField),
        (port("tcp: {sourcePort: {number: 1}}"), Code::UnknownField),
        (port("tcp: {destinationPort: {}}"), Code::MissingField),
        (port("tcp: {destinationPort: {number: 1, range: {start: 1, end: 2}}}"), Code::Conflict),
        (port("tcp: {destinationPort: {number: 0}}"), Code::BadPort),
        (port("tcp: {destinationPort: {range: {start: 1}}}"), Code::MissingField),
        (port("tcp: {destinationPort: {range: {start: 2, end: 1}}}"), Code::BadPort),
        (port("tcp: {destinationPort: {range: {start: 2, end: 2}}}"), Code::BadPort),
        (port("tcp: {destinationPort: {number: 1}}, udp: {destinationPort: {number: 1}}"), Code::Conflict),
        (port("destinationNamedPort: 80"), Code::WrongType),
        (port("destinationNamedPort: HTTP"), Code::BadPortName),
        (rule("to: [{networks: [10.0.0.0/8]}], protocols: [{destinationNamedPort: web}]"), Code::Conflict),
    ] {
        assert_eq!(errors(&cluster(&spec)), [code], "{spec}");
    }
}

#[test]
fn every_wrong_field_of_the_older_policies_is_refused() {
    let rule = |fields: &str| format!("ingress: [{{action: Allow, from: [{{namespaces: {{}}}}], {fields}}}]");
    for (spec, code) in [
        (format!("subject: {{namespaces: {{}}}}, {}", rule("")), Code::MissingField),
        (format!("tier: Admin, priority: 1, subject: {{namespaces: {{}}}}, {}", rule("")), Code::UnknownField),
        (format!("priority: 1, subject: {{pods: {{podSelector: {{}}}}}}, {}", rule("")), Code::MissingField),
        ("priority: 1, subject: {namespaces: {}}, ingress: [{action: Accept, from: [{namespaces: {}}]}]".to_owned(), Code::UnknownWord),
        (format!("priority: 1, subject: {{namespaces: {{}}}}, {}", rule("protocols: []")), Code::UnknownField),
        (format!("priority: 1, subject: {{namespaces: {{}}}}, {}", rule("ports: []")), Code::EmptyList),
        (format!("priority: 1, subject: {{namespaces: {{}}}}, {}", rule("ports: [{}]")), Code::MissingField),
        (format!("priority: 1, subject: {{namespaces: {{}}}}, {}", rule("ports: [{port: 80}]")), Code::UnknownField),
        (format!("priority: 1, subject: {{namespaces: {{}}}}, {}", rule("ports: [{portNumber: {protocol: TCP}}]")), Code::MissingField),
        (format!("priority: 1, subject: {{namespaces: {{}}}}, {}", rule("ports: [{portNumber: {protocol: GRE, port: 1}}]")), Code::BadProtocol),
        (format!("priority: 1, subject: {{namespaces: {{}}}}, {}", rule("ports: [{portRange: {protocol: TCP, start: 9, end: 8}}]")), Code::BadPort),
        (format!("priority: 1, subject: {{namespaces: {{}}}}, {}", rule("ports: [{namedPort: \"\"}]")), Code::BadPortName),
        ("priority: 1, subject: {namespaces: {}}, egress: [{action: Allow, to: [{networks: [10.0.0.0/8]}], ports: [{namedPort: web}]}]".to_owned(), Code::Conflict),
    ] {
        assert_eq!(errors(&admin(&spec)), [code], "{spec}");
    }
    let sound = format!(
        "subject: {{namespaces: {{}}}}, {}",
        rule("ports: [{portNumber: {protocol: UDP, port: 53}}]")
    );
    assert_eq!(errors(&baseline("default", &sound)), []);
    assert_eq!(errors(&baseline("other", &sound)), [Code::BadName]);
    assert_eq!(errors(&baseline("default", &format!("priority: 1, {sound}"))), [Code::UnknownField]);
    let pass = "subject: {namespaces: {}}, ingress: [{action: Pass, from: [{namespaces: {}}]}]";
    assert_eq!(errors(&baseline("default", pass)), [Code::UnknownWord]);
    let names = "subject: {namespaces: {}}, egress: [{action: Allow, to: [{domainNames: [a.org]}]}]";
    assert_eq!(errors(&baseline("default", names)), [Code::UnknownField]);
}

#[test]
fn another_version_is_named_with_the_one_that_is_read() {
    for (version, kind, cure) in [
        ("extensions/v1beta1", "NetworkPolicy", "write `apiVersion: networking.k8s.io/v1`"),
        ("networking.k8s.io/v1beta1", "NetworkPolicy", "write `apiVersion: networking.k8s.io/v1`"),
        ("v1", "NetworkPolicy", "write `apiVersion: networking.k8s.io/v1`"),
        (
            "policy.networking.k8s.io/v1alpha1",
            "ClusterNetworkPolicy",
            "write `apiVersion: policy.networking.k8s.io/v1alpha2`",
        ),
        (
            "policy.networking.k8s.io/v1alpha2",
            "AdminNetworkPolicy",
            "write `apiVersion: policy.networking.k8s.io/v1alpha1`",
        ),
    ] {
        let document = format!("{{apiVersion: {version}, kind: {kind}, metadata: {{name: a}}, spec: {{}}}}");
        let found = diagnostics(&document);
        let [(Code::WrongApiVersion, line)] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(
            *line,
            format!("x:1:14: error[B1103]: `{kind}` is not read in `{version}`; {cure}")
                .replace("B1103", Code::WrongApiVersion.as_str())
        );
    }
}

#[test]
fn what_lies_in_no_namespace_may_not_name_one() {
    let policy = cluster(
        "tier: Admin, priority: 1, subject: {namespaces: {}}, ingress: [{action: Deny, from: [{namespaces: {}}]}]",
    );
    let named = policy.replace("{name: p}", "{name: p, namespace: a}");
    assert_eq!(errors(&named), [Code::UnknownField]);
}

#[test]
fn policies_of_one_priority_are_warned_of_where_their_order_matters() {
    let policy = |name: &str, priority: u32, action: &str, direction: &str| {
        let (field, peers) = if direction == "ingress" { ("ingress", "from") } else { ("egress", "to") };
        cluster(&format!(
            "tier: Admin, priority: {priority}, subject: {{namespaces: {{}}}}, \
             {field}: [{{action: {action}, {peers}: [{{namespaces: {{}}}}]}}]"
        ))
        .replace("name: p", &format!("name: {name}"))
    };
    let both = |a: String, b: String| codes(&format!("{a}\n---\n{b}"));
    let deny = || policy("a", 5, "Deny", "ingress");
    assert_eq!(both(deny(), policy("b", 5, "Accept", "ingress")), [Code::EqualPriority]);
    assert_eq!(both(deny(), policy("b", 5, "Deny", "ingress")), []);
    assert_eq!(both(deny(), policy("b", 6, "Accept", "ingress")), []);
    assert_eq!(both(deny(), policy("b", 5, "Accept", "egress")), []);
    assert_eq!(both(deny(), policy("b", 5, "Accept", "ingress").replace("Admin", "Baseline")), []);
}

#[test]
fn best_effort_never_widens() {
    let rules = |action: &str, peers: &str| {
        let document = cluster(&format!(
            "tier: Admin, priority: 1, subject: {{namespaces: {{}}}}, egress: [{{action: {action}, to: [{peers}]}}]"
        ));
        let inventory = "{apiVersion: bookend.dev/v1alpha1, kind: Inventory, metadata: {name: i}, spec: {nodes: [10.9.0.1]}}";
        let sources = [Source::new("x", document), Source::new("i", inventory)];
        assert!(compile(&sources).is_err());
        let compiled = compile_with(&sources, Options { best_effort: true }).unwrap();
        let shown = |rule: &bookend_engine::Rule| {
            format!("{} {}", rule.action.name(), rule.to.alternatives().map_or(0, <[_]>::len))
        };
        compiled.program.rules().iter().map(shown).collect::<Vec<_>>()
    };
    let (names, nodes) = ("{domainNames: [example.org]}", "{nodes: {matchLabels: {role: edge}}}");
    assert_eq!(rules("Accept", names), Vec::<String>::new());
    assert_eq!(rules("Accept", &format!("{names}, {{networks: [10.0.0.0/8]}}")), ["allow 1"]);
    // No alternatives: everybody.
    assert_eq!(rules("Deny", names), ["deny 0"]);
    assert_eq!(rules("Pass", names), ["deny 0"]);
    assert_eq!(rules("Accept", nodes), Vec::<String>::new());
    assert_eq!(rules("Deny", nodes), ["deny 1"]);
    assert_eq!(rules("Pass", &format!("{nodes}, {{networks: [10.0.0.0/8]}}")), ["deny 2"]);
}
