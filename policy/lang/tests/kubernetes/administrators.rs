//! The policies of administrators.

use bookend_lang::{Code, Options, Source, compile, compile_with};

use crate::{admin, baseline, cluster, codes, errors};

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
