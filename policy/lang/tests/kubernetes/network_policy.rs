//! NetworkPolicy.

use bookend_lang::{Code, Source, compile};

use crate::{codes, errors, ids, network_policy};

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
