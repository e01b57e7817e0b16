//! Documents of Calico that are refused, warned of, or read as well as may be.

#![expect(clippy::unwrap_used, reason = "functions shared by tests fail as tests do")]
use bookend_lang::{Code, Compiled, Options, Source, compile, compile_with};

fn codes(documents: &str) -> Vec<Code> {
    match compile(&[Source::new("x", documents)]) {
        Ok(compiled) => compiled.warnings.iter().map(|warning| warning.code).collect(),
        Err(refused) => refused.diagnostics.iter().map(|diagnostic| diagnostic.code).collect(),
    }
}

fn document(kind: &str, metadata: &str, spec: &str) -> String {
    format!(
        "{{apiVersion: projectcalico.org/v3, kind: {kind}, metadata: {{name: p{metadata}}}, spec: {{{spec}}}}}"
    )
}

/// Somebody, of whom selectors that mean nobody can be told.
const SOMEBODY: &str = "---\n{apiVersion: bookend.dev/v1alpha1, kind: Inventory, metadata: {name: i}, spec: {workloads: [{name: a, labels: {role: a}, instances: [{addresses: [10.0.0.1]}]}]}}";

/// What is said of a GlobalNetworkPolicy with this spec.
fn global(spec: &str) -> Vec<Code> {
    codes(&document("GlobalNetworkPolicy", "", spec))
}

/// What is said of an ingress rule.
fn rule(rule: &str) -> Vec<Code> {
    global(&format!("ingress: [{{{rule}}}]"))
}

/// What is left of documents where what cannot be said is tolerated.
#[track_caller]
fn tolerated(documents: &str) -> Compiled {
    let refused = codes(documents);
    assert!(refused.contains(&Code::InexactCalico), "{refused:?}");
    compile_with(&[Source::new("x", documents)], Options { best_effort: true }).unwrap()
}

#[test]
fn every_field_of_a_policy_is_read_by_its_type_or_refused() {
    assert_eq!(global("selector: all()"), []);
    assert_eq!(global(""), []);
    for (spec, code) in [
        ("selector: 1", Code::WrongType),
        ("selector: role = 'db'", Code::BadSelector),
        ("selector: global()", Code::BadSelector),
        ("namespaceSelector: 'x'", Code::BadSelector),
        ("namespaceSelector: global()", Code::BadSelector),
        ("serviceAccountSelector: has(", Code::BadSelector),
        ("tier: 1", Code::WrongType),
        ("tier: Not_a_name", Code::BadName),
        ("tier: security", Code::IdleCalico),
        ("tier: kube-admin", Code::ReservedTier),
        ("tier: baselineadminnetworkpolicy", Code::ReservedTier),
        ("order: first", Code::WrongType),
        ("order: .inf", Code::WrongType),
        ("order: '1'", Code::WrongType),
        ("types: [ingress]", Code::UnknownWord),
        ("types: Ingress", Code::WrongType),
        ("ingress: {}", Code::WrongType),
        ("egress: [1]", Code::WrongType),
        ("doNotTrack: 1", Code::WrongType),
        ("doNotTrack: true", Code::Conflict),
        ("preDNAT: true", Code::Conflict),
        ("preDNAT: true, doNotTrack: true, applyOnForward: true", Code::Conflict),
        ("preDNAT: true, applyOnForward: true, egress: [{action: Deny}]", Code::Conflict),
        ("preDNAT: true, applyOnForward: true", Code::InexactCalico),
        ("doNotTrack: true, applyOnForward: true", Code::InexactCalico),
        ("applyOnForward: 'yes'", Code::WrongType),
        ("performanceHints: [Fast]", Code::UnknownWord),
        ("stagedAction: Set", Code::UnknownField),
        ("seletcor: all()", Code::UnknownField),
        ("podSelector: {}", Code::UnknownField),
    ] {
        assert_eq!(global(spec), [code], "{spec}");
    }
    assert_eq!(
        global(
            "selector: null, order: null, types: [], ingress: null, performanceHints: [AssumeNeededOnEveryNode]"
        ),
        []
    );
    for spec in ["namespaceSelector: all()", "doNotTrack: true", "applyOnForward: true", "preDNAT: false"] {
        let document = document("NetworkPolicy", ", namespace: a", spec);
        assert_eq!(codes(&document), [Code::UnknownField], "{spec}");
    }
    assert_eq!(codes(&document("GlobalNetworkPolicy", ", namespace: a", "")), [Code::UnknownField]);
    for kind in [
        "GlobalNetworkPolicy",
        "NetworkPolicy",
        "StagedNetworkPolicy",
        "Tier",
        "NetworkSet",
        "GlobalNetworkSet",
    ] {
        assert_eq!(codes(&document(kind, ", labels: {a: 1}", "")), [Code::WrongType], "{kind}");
        assert_eq!(codes(&document(kind, ", annotations: {a: 1}", "")), [Code::WrongType], "{kind}");
        assert_eq!(codes(&document(kind, ", label: {a: b}", "")), [Code::UnknownField], "{kind}");
        assert_eq!(codes(&document(kind, ", labels: null, annotations: {a: b}", "")), [], "{kind}");
    }
}

#[test]
fn every_field_of_a_rule_is_read_by_its_type_or_refused() {
    assert_eq!(rule("action: Allow"), []);
    for (fields, code) in [
        ("protocol: TCP", Code::MissingField),
        ("action: allow", Code::UnknownWord),
        ("action: Allow, ipVersion: 5", Code::OutOfRange),
        ("action: Allow, ipVersion: four", Code::WrongType),
        ("action: Allow, protocol: HTTP", Code::BadProtocol),
        ("action: Allow, protocol: 0", Code::BadProtocol),
        ("action: Allow, protocol: 256", Code::BadProtocol),
        ("action: Allow, protocol: [TCP]", Code::WrongType),
        ("action: Allow, protocol: UDPLite", Code::InexactCalico),
        ("action: Allow, protocol: 47", Code::InexactCalico),
        ("action: Allow, notProtocol: 47", Code::InexactCalico),
        ("action: Allow, icmp: {type: 8}", Code::MissingField),
        ("action: Allow, protocol: TCP, notICMP: {type: 8}", Code::MissingField),
        ("action: Allow, protocol: ICMP, icmp: {code: 1}", Code::MissingField),
        ("action: Allow, protocol: ICMP, icmp: {type: 255}", Code::OutOfRange),
        ("action: Allow, protocol: ICMP, icmp: {type: 8, code: 256}", Code::OutOfRange),
        ("action: Allow, protocol: ICMP, icmp: 8", Code::WrongType),
        ("action: Allow, protocol: ICMP, icmp: {kind: 8}", Code::UnknownField),
        ("action: Allow, source: []", Code::WrongType),
        ("action: Allow, source: {cidr: 10.0.0.0/8}", Code::UnknownField),
        ("action: Allow, source: {nets: 10.0.0.0/8}", Code::WrongType),
        ("action: Allow, source: {nets: [10.0.0.0/33]}", Code::BadCidr),
        ("action: Allow, source: {notNets: ['::ffff:10.0.0.0/104']}", Code::BadCidr),
        ("action: Allow, source: {selector: 'a == b'}", Code::BadSelector),
        ("action: Allow, source: {selector: global()}", Code::BadSelector),
        ("action: Allow, source: {notSelector: '('}", Code::BadSelector),
        ("action: Allow, source: {namespaceSelector: 'a'}", Code::BadSelector),
        ("action: Allow, source: {serviceAccounts: {names: [A]}}", Code::BadName),
        ("action: Allow, source: {serviceAccounts: {selector: '!'}}", Code::BadSelector),
        ("action: Allow, source: {serviceAccounts: {name: a}}", Code::UnknownField),
        (
            "action: Allow, source: {selector: projectcalico.org/serviceaccount starts with 'a'}",
            Code::InexactCalico,
        ),
        ("action: Allow, destination: {ports: [80]}", Code::MissingField),
        ("action: Allow, protocol: ICMP, destination: {notPorts: [80]}", Code::MissingField),
        ("action: Allow, protocol: TCP, destination: {ports: [0]}", Code::BadPort),
        ("action: Allow, protocol: TCP, destination: {ports: [65536]}", Code::BadPort),
        ("action: Allow, protocol: TCP, destination: {ports: ['2:1']}", Code::BadPort),
        ("action: Allow, protocol: TCP, destination: {ports: [true]}", Code::BadPort),
        ("action: Allow, protocol: TCP, destination: {ports: 80}", Code::WrongType),
        ("action: Allow, protocol: TCP, source: {ports: [80]}", Code::InexactCalico),
        ("action: Allow, protocol: TCP, source: {notPorts: [80]}", Code::InexactCalico),
        ("action: Allow, destination: {domains: [example.com]}", Code::InexactCalico),
        ("action: Allow, source: {services: {namespace: a}}", Code::MissingField),
        ("action: Allow, source: {services: {name: a}}", Code::MissingField),
        ("action: Allow, source: {services: {name: a, namespace: a}}", Code::UnknownService),
        ("action: Allow, source: {services: {name: a, namespace: a}, nets: [10.0.0.1]}", Code::Conflict),
        (
            "action: Allow, protocol: TCP, destination: {services: {name: a, namespace: a}, ports: [1]}",
            Code::Conflict,
        ),
        ("action: Deny, http: {methods: [GET]}", Code::Conflict),
        ("action: Allow, protocol: UDP, http: {methods: [GET]}", Code::HttpOverOther),
        ("action: Allow, http: {methods: [G T]}", Code::BadMethod),
        ("action: Allow, http: {method: GET}", Code::UnknownField),
        ("action: Allow, http: {paths: [/a]}", Code::WrongType),
        ("action: Allow, http: {paths: [{}]}", Code::MissingField),
        ("action: Allow, http: {paths: [{exact: /a, prefix: /a}]}", Code::Conflict),
        ("action: Allow, http: {paths: [{exact: '/a*'}]}", Code::InexactCalico),
        ("action: Allow, http: {paths: [{prefix: '/{a}'}]}", Code::InexactCalico),
        ("action: Allow, http: {paths: [{exact: '/%41'}]}", Code::InexactCalico),
        ("action: Allow, metadata: a", Code::WrongType),
        ("action: Log", Code::IdleCalico),
        ("action: Deny, protocol: ICMP, icmp: {type: 3}", Code::IdleCalico),
        ("acton: Allow, action: Deny", Code::UnknownField),
    ] {
        assert_eq!(rule(fields), [code], "{fields}");
    }
    assert_eq!(rule("action: Allow, metadata: {annotations: {a: b}}, source: {}, destination: null"), []);
    assert_eq!(global("types: [Egress], ingress: [{action: Deny}]"), [Code::IdleCalico]);
}

#[test]
fn the_other_kinds_are_read_strictly_too() {
    let says = |kind: &str, metadata: &str, spec: &str| codes(&document(kind, metadata, spec));
    assert_eq!(says("Tier", "", "order: 5, defaultAction: Deny"), []);
    assert_eq!(says("Tier", "", "order: five"), [Code::WrongType]);
    assert_eq!(says("Tier", "", "defaultAction: Allow"), [Code::UnknownWord]);
    assert_eq!(says("Tier", "", "plane: network"), [Code::UnknownField]);
    assert_eq!(says("Tier", ", namespace: a", ""), [Code::UnknownField]);
    let own = |name: &str, spec: &str| {
        codes(&format!(
            "{{apiVersion: projectcalico.org/v3, kind: Tier, metadata: {{name: {name}}}, spec: {{{spec}}}}}"
        ))
    };
    assert_eq!(own("default", "order: 1000000"), []);
    assert_eq!(own("default", "order: 5"), [Code::ReservedTier]);
    assert_eq!(own("kube-baseline", "order: 10000000, defaultAction: Deny"), [Code::ReservedTier]);
    assert_eq!(own("adminnetworkpolicy", "order: 1000, defaultAction: Pass"), []);
    assert_eq!(says("NetworkSet", ", namespace: a", "nets: [10.0.0.0/8]"), []);
    assert_eq!(says("NetworkSet", "", "nets: [x]"), [Code::BadCidr]);
    assert_eq!(
        says("GlobalNetworkSet", "", "nets: [10.0.0.1], allowedEgressDomains: [a.b]"),
        [Code::NetworkOfNames]
    );
    assert_eq!(says("GlobalNetworkSet", ", labels: {'a b': c}", ""), [Code::BadLabel]);
    let annotated = ", annotations: {projectcalico.org/metadata: '{\"labels\":[]}'}";
    assert_eq!(says("GlobalNetworkSet", annotated, ""), [Code::BadLabel]);
    assert_eq!(says("HostEndpoint", "", "node: n, interfaceName: eth0, expectedIPs: [192.0.2.1]"), []);
    assert_eq!(
        says("HostEndpoint", "", "node: n, interfaceName: '*', expectedIPs: [192.0.2.1]"),
        [Code::HostInterfaces]
    );
    assert_eq!(says("HostEndpoint", "", "node: n"), [Code::MissingField]);
    assert_eq!(
        says("HostEndpoint", "", "interfaceName: eth0, expectedIPs: [192.0.2.1]"),
        [Code::MissingField]
    );
    assert_eq!(says("HostEndpoint", "", "node: n, interfaceName: eth0"), [Code::InexactCalico]);
    assert_eq!(
        says("HostEndpoint", "", "node: n, interfaceName: eth0, expectedIPs: [192.0.2.1], profiles: [x]"),
        [Code::InexactCalico]
    );
    assert_eq!(
        says("HostEndpoint", "", "node: n, interfaceName: eth0, expectedIPs: [a]"),
        [Code::BadAddress]
    );
    assert_eq!(
        says(
            "HostEndpoint",
            "",
            "node: n, interfaceName: e, expectedIPs: [192.0.2.1], ports: [{name: a, protocol: ICMP, port: 1}]"
        ),
        [Code::BadProtocol]
    );
    assert_eq!(says("StagedNetworkPolicy", "", "stagedAction: Remove"), [Code::UnknownWord]);
    assert_eq!(says("StagedNetworkPolicy", "", "stagedAction: Delete"), [Code::InexactCalico]);
    assert_eq!(
        says("StagedKubernetesNetworkPolicy", "", "stagedAction: Delete, podSelector: {}"),
        [Code::InexactCalico]
    );
    assert_eq!(says("StagedKubernetesNetworkPolicy", "", "selector: all()"), [Code::UnknownField]);
    assert_eq!(says("Profile", "", ""), [Code::UnknownKind]);
    assert_eq!(says("IPPool", "", ""), [Code::Unread]);
    for version in ["projectcalico.org/v1", "crd.projectcalico.org/v3", "projectcalico.org/v4"] {
        let document =
            format!("{{apiVersion: {version}, kind: NetworkPolicy, metadata: {{name: p}}, spec: {{}}}}");
        assert_eq!(codes(&document), [Code::WrongApiVersion], "{version}");
    }
}

#[test]
fn a_policy_that_is_staged_for_an_enforced_one_is_refused() {
    let both = |a: String, b: String| codes(&format!("{a}\n---\n{b}"));
    let policy = |kind: &str| document(kind, "", "selector: all()");
    assert_eq!(
        both(policy("GlobalNetworkPolicy"), policy("StagedGlobalNetworkPolicy")),
        [Code::InexactCalico]
    );
    assert_eq!(both(policy("NetworkPolicy"), policy("StagedNetworkPolicy")), [Code::InexactCalico]);
    assert_eq!(both(policy("GlobalNetworkPolicy"), policy("StagedNetworkPolicy")), []);
    let kubernetes = "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: p}, spec: {podSelector: {}}}";
    let staged = document("StagedKubernetesNetworkPolicy", "", "podSelector: {}");
    assert_eq!(both(kubernetes.to_owned(), staged), [Code::InexactCalico]);
}

#[test]
fn a_policy_for_what_hosts_forward_is_refused_where_it_applies_to_a_host() {
    let host = document("HostEndpoint", "", "node: n, interfaceName: eth0, expectedIPs: [192.0.2.1]");
    let with = |spec: &str| codes(&format!("{host}\n---\n{}", document("GlobalNetworkPolicy", "", spec)));
    assert_eq!(global("applyOnForward: true, selector: all()"), []);
    assert_eq!(with("applyOnForward: true, selector: all()"), [Code::Forwarded]);
    assert!(!with("applyOnForward: true, namespaceSelector: all()").contains(&Code::Forwarded));
}

#[test]
fn a_host_has_the_named_ports_of_its_endpoint() {
    let spec = "node: n, interfaceName: e, expectedIPs: [192.0.2.1], ports: [{name: metrics, protocol: TCP, port: 9100}]";
    let compiled = compile(&[Source::new("x", document("HostEndpoint", "", spec))]).unwrap();
    let ports = compiled.inventory.workloads().iter().filter_map(|workload| workload.identity.ports.as_ref());
    let ports: Vec<_> = ports.flatten().map(|port| (port.name.as_str(), port.port)).collect();
    assert_eq!(ports, [("metrics", 9100)]);
}

#[test]
fn the_place_of_a_mistake_in_a_selector_is_shown() {
    let text = document("GlobalNetworkPolicy", "", "selector: \"role == 'db' && tier = 'x'\"");
    let Err(refused) = compile(&[Source::new("x", text.as_str())]) else { unreachable!("it is refused") };
    let [fault] = refused.diagnostics.as_slice() else { unreachable!("{refused:?}") };
    assert_eq!(text.get(fault.span.start..fault.span.end), Some("="));
    assert_eq!(fault.span.column, fault.span.start + 1);
}

#[test]
fn a_selector_that_multiplies_out_is_refused() {
    let factor = |n: usize| format!("(a{n} == '1' || b{n} == '1')");
    let selector = |factors: usize| (0..factors).map(factor).collect::<Vec<_>>().join(" && ");
    assert_eq!(global(&format!("selector: \"{}\"", selector(7))), []);
    assert_eq!(global(&format!("selector: \"{}\"", selector(8))), [Code::SelectorTooLarge]);
}

#[test]
fn a_selector_that_means_nobody_is_warned_of_once() {
    let policy = document(
        "GlobalNetworkPolicy",
        "",
        "selector: role == 'x', ingress: [{action: Allow}, {action: Deny}]",
    );
    assert_eq!(codes(&format!("{policy}\n{SOMEBODY}")), [Code::SelectsNothing]);
}

#[test]
fn best_effort_leaves_allowing_out_and_denies_more() {
    let policy = |rule: &str| document("GlobalNetworkPolicy", "", &format!("ingress: [{{{rule}}}]"));
    let allow = tolerated(&policy("action: Allow, protocol: TCP, source: {ports: [80]}"));
    assert_eq!((allow.program.rules().len(), allow.program.isolations().len()), (0, 1));
    let deny = tolerated(&policy("action: Deny, protocol: TCP, source: {ports: [80]}"));
    let denies =
        |compiled: &Compiled| compiled.program.rules().iter().all(|rule| rule.action.name() == "deny");
    assert!(deny.program.rules().len() == 1 && denies(&deny));
    let pass = tolerated(&policy("action: Pass, destination: {domains: [a.b]}"));
    assert!(pass.program.rules().len() == 1 && denies(&pass));
    let spec = "preDNAT: true, applyOnForward: true, ingress: [{action: Allow}, {action: Deny, protocol: TCP, destination: {ports: [80]}}]";
    let apart = tolerated(&document("GlobalNetworkPolicy", "", spec));
    assert!(apart.program.isolations().is_empty() && denies(&apart));
    assert!(apart.program.rules().iter().all(|rule| rule.ports.is_any()));
    let accounts = tolerated(&document(
        "GlobalNetworkPolicy",
        "",
        "selector: projectcalico.org/serviceaccount contains 'x', ingress: [{action: Allow}, {action: Deny, protocol: UDP}]",
    ));
    assert_eq!(accounts.program.isolations().len(), 1);
    assert!(denies(&accounts));
}

#[test]
fn a_selector_that_means_a_set_of_networks_means_somebody() {
    let set = document("GlobalNetworkSet", ", labels: {threat: feed}", "nets: [198.51.100.0/24]");
    let denying = |end: &str| {
        let rule = format!("ingress: [{{action: Deny, source: {{{end}}}}}]");
        let policy = document("GlobalNetworkPolicy", "", &rule);
        codes(&format!("{policy}\n---\n{set}\n{SOMEBODY}"))
    };
    for end in [
        "selector: threat == 'feed'",
        "notSelector: threat == 'feed'",
        "selector: threat == 'feed', nets: [198.51.100.0/25]",
    ] {
        assert_eq!(denying(end), [], "{end}");
    }
    assert_eq!(denying("selector: threat == 'fed'"), [Code::SelectsNothing]);
}
