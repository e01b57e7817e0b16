//! What a policy says that cannot be meant is refused, each with a diagnostic of its own, once.

use bookend_lang::{Code, Source, compile};

const WORLD: &str = "{apiVersion: bookend.dev/v1alpha1, kind: Network, metadata: {name: lab, labels: {a: b}}, \
                     spec: {cidrs: [192.0.2.0/24]}}";

/// The codes of what is wrong with a document of this kind and `spec`.
fn codes(kind: &str, spec: &str) -> Vec<Code> {
    let policy = format!(
        "{WORLD}\n---\n{{apiVersion: bookend.dev/v1alpha1, kind: {kind}, metadata: {{name: p}}, spec: {{{spec}}}}}"
    );
    match compile(&[Source::new("x", policy)]) {
        Ok(compiled) => compiled.warnings.iter().map(|warning| warning.code).collect(),
        Err(refused) => refused.diagnostics.iter().map(|diagnostic| diagnostic.code).collect(),
    }
}

/// The codes of what is wrong with a rule of a namespace's policy.
fn rule(fields: &str) -> Vec<Code> {
    codes("Policy", &format!("allow: [{{name: r, {fields}}}]"))
}

#[track_caller]
fn check(cases: &[(&str, Option<Code>)]) {
    for (fields, code) in cases {
        assert_eq!(rule(fields), Vec::from_iter(*code), "{fields}");
    }
}

#[test]
fn peers_say_something_that_somebody_can_be() {
    check(&[
        ("from: [{}]", Some(Code::BadPeer)),
        ("from: [{cidr: 10.0.0.0/8, not: [{}]}]", Some(Code::BadPeer)),
        ("from: [{except: [10.0.0.0/8]}]", Some(Code::BadPeer)),
        ("from: [{workloads: {namespace: a, namespaces: {}}}]", Some(Code::Conflict)),
        ("from: [{workloads: {labels: {}}}]", Some(Code::EmptyMapping)),
        ("from: [{network: lab, networks: {labels: {a: b}}}]", Some(Code::Conflict)),
        ("from: [{networks: {}}]", Some(Code::EmptyMapping)),
        ("from: [{network: lub}]", Some(Code::UnknownNetwork)),
        ("from: [{networks: {labels: {a: c}}}]", Some(Code::NoNetwork)),
        ("from: [{network: lab, cidr: 10.0.0.0/8}]", Some(Code::NeverHolds)),
        ("from: [{network: lab, cidr: 192.0.0.0/8}]", None),
        ("from: [{entities: [node]}]", Some(Code::UnknownEntity)),
        ("from: [{entities: [kube-apiserver]}]", Some(Code::UnknownEntity)),
        ("from: [{entities: [world, cluster]}]", Some(Code::Conflict)),
        ("from: [{entities: [all]}]", Some(Code::UnknownWord)),
        ("from: [{entities: [world]}]", None),
        ("from: [{workloads: {}}, {workloads: {}}]", Some(Code::DuplicateEntry)),
        ("from: [{cidr: 10.0.0.0/8}, {\"cidr\": \"10.0.0.0/8\"}]", Some(Code::DuplicateEntry)),
    ]);
    let nested = |depth: usize| {
        format!("from: [{}{{cidr: 10.0.0.0/8}}{}]", "{not: [".repeat(depth), "]}".repeat(depth))
    };
    assert_eq!(rule(&nested(4)), []);
    assert_eq!(rule(&nested(5)), [Code::TooMany]);
}

#[test]
fn principals_are_spiffe_ids_of_who_opens_connections() {
    check(&[
        ("to: [{principals: [\"spiffe://a/b\"]}]", Some(Code::PrincipalOfDestination)),
        ("to: [{cidr: ::/0, not: [{principals: [\"spiffe://a/b\"]}]}]", Some(Code::PrincipalOfDestination)),
    ]);
    for good in ["spiffe://a.example/ns/b/sa/c", "spiffe://a/*", "spiffe://a/ns/b*", "*/sa/c", "spiffe://a"] {
        assert_eq!(rule(&format!("from: [{{principals: [\"{good}\"]}}]")), [], "{good}");
    }
    for bad in [
        "*",
        "a/b",
        "spiffe://",
        "spiffe://A/b",
        "spiffe://a*",
        "spiffe://a/*/b",
        "*a*",
        "spiffe://a:80/b",
        "spiffe://a//b",
        "spiffe://a/b/",
        "spiffe://a/../b",
        "spiffe://a/b?c",
        "https://a/b",
        "*spiffe://a",
    ] {
        assert_eq!(rule(&format!("from: [{{principals: [\"{bad}\"]}}]")), [Code::BadPrincipal], "{bad}");
    }
}

#[test]
fn ports_are_of_one_protocol_and_leave_something() {
    check(&[
        ("ports: [{port: http, endPort: 90}]", Some(Code::Conflict)),
        ("ports: [{endPort: 90}]", Some(Code::MissingField)),
        ("ports: [{}]", Some(Code::MissingField)),
        ("ports: [\"80\"]", Some(Code::BadPort)),
        ("ports: [80-90]", Some(Code::BadPort)),
        ("ports: [Http]", Some(Code::BadPortName)),
        ("ports: [{port: 90, endPort: 80}]", Some(Code::BadPort)),
        ("ports: [{port: 80, protocol: ICMP}]", Some(Code::Conflict)),
        ("ports: [{port: 80, type: 8}]", Some(Code::Conflict)),
        ("ports: [{type: 8}]", Some(Code::MissingField)),
        ("ports: [{protocol: ICMP, code: 0}]", Some(Code::MissingField)),
        ("ports: [{protocol: ICMP, type: 3}]", Some(Code::BadIcmp)),
        ("ports: [{protocol: ICMP, type: 0}]", Some(Code::BadIcmp)),
        ("ports: [{protocol: ICMPv6, type: 135}]", Some(Code::BadIcmp)),
        ("ports: [{protocol: ICMP, type: 256}]", Some(Code::OutOfRange)),
        ("ports: [{protocol: icmpv6}]", Some(Code::BadProtocol)),
        ("ports: [{protocol: SCTP}, {protocol: ICMPv6, type: 128}]", None),
        ("ports: [80], notPorts: [80]", Some(Code::NeverHolds)),
        ("ports: [{port: 80, endPort: 90}], notPorts: [85]", None),
        ("ports: [80], notPorts: [81]", Some(Code::NeverHolds)),
        ("notPorts: [80]", None),
        ("ports: [{protocol: UDP}], http: [{methods: [GET]}]", Some(Code::HttpOverOther)),
        ("notPorts: [{port: 53, protocol: UDP}], http: [{methods: [GET]}]", Some(Code::HttpOverOther)),
    ]);
}

#[test]
fn a_rule_governs_the_ends_it_names() {
    let abroad = "from: [{workloads: {namespace: b}}]";
    assert_eq!(rule(&format!("{abroad}, to: [{{workloads: {{}}}}], at: [source]")), [Code::GovernsNothing]);
    let both = format!("{abroad}, to: [{{workloads: {{}}}}], at: [source, destination]");
    assert_eq!(rule(&both), [Code::GovernsNothing]);
    assert_eq!(rule(&format!("{abroad}, to: [{{workloads: {{}}}}], at: [destination]")), []);
    assert_eq!(rule("from: [{entities: [world]}], at: [source]"), [Code::GovernsNothing]);
    assert_eq!(rule("at: [source, source]"), [Code::DuplicateEntry]);
    assert_eq!(rule("at: [both]"), [Code::UnknownWord]);
    let outside = "deny: [{name: r, from: [{entities: [world]}], to: [{entities: [world]}]}]";
    assert_eq!(codes("ClusterPolicy", outside), [Code::GovernsNothing]);
}

#[test]
fn tiers_and_namespaces_are_those_that_a_policy_may_have() {
    let isolate = "isolate: [{workloads: {}}]";
    assert_eq!(codes("Policy", &format!("tier: admin, {isolate}")), [Code::ClusterTier]);
    assert_eq!(codes("ClusterPolicy", &format!("tier: admin, {isolate}")), []);
    assert_eq!(codes("ClusterPolicy", &format!("tier: amdin, {isolate}")), [Code::UnknownTier]);
    assert_eq!(codes("Policy", &format!("priority: 1000001, {isolate}")), [Code::OutOfRange]);
    assert_eq!(codes("Policy", &format!("mode: Audit, {isolate}")), [Code::UnknownWord]);
    assert_eq!(codes("Policy", "isolate: [{workloads: {namespaces: {}}}]"), [Code::ForeignIsolation]);
    assert_eq!(codes("Policy", "mode: audit"), [Code::MissingField]);
    let twice = "allow: [{name: r, ports: [80]}], pass: [{name: r, ports: [81]}]";
    assert_eq!(codes("Policy", twice), [Code::DuplicateRule]);
}

#[test]
fn conditions_on_requests_can_hold() {
    let http = |condition: &str| rule(&format!("http: [{condition}]"));
    for (condition, code) in [
        ("{}", Code::MissingField),
        ("{methods: [GET], not: [{}]}", Code::MissingField),
        ("{hosts: [\"*\"]}", Code::BadHost),
        ("{hosts: [\"https://a.example/b\"]}", Code::BadHost),
        ("{hosts: [\"a.example.\"]}", Code::BadHost),
        ("{hosts: [\"a.*.example\"]}", Code::BadHost),
        ("{hosts: [\"2001:db8::1\"]}", Code::BadHost),
        ("{headers: [{name: \":path\", exact: /a}]}", Code::BadHeader),
        ("{headers: [{name: Host, exact: a}]}", Code::BadHeader),
        ("{headers: [{name: connection, present: true}]}", Code::BadHeader),
        ("{headers: [{name: a b, present: true}]}", Code::BadHeader),
        ("{headers: [{name: a}]}", Code::BadComparison),
        ("{headers: [{name: a, prefix: \"\"}]}", Code::BadComparison),
        ("{headers: [{name: a, exact: \"\u{e9}\"}]}", Code::BadComparison),
        ("{headers: [{name: a, present: true, exact: b}]}", Code::Conflict),
        ("{headers: [{name: a, exact: \" b\"}]}", Code::NeverHolds),
        ("{headers: [{name: a, present: false}, {name: A, exact: b}]}", Code::NeverHolds),
        ("{headers: [{name: a, regex: \"(b\"}]}", Code::BadRegex),
        ("{headers: [{name: a, regex: \"^b$\"}]}", Code::BadRegex),
        ("{query: [{name: a, contains: b}]}", Code::UnknownField),
        ("{query: [{name: a, present: false}, {name: a, present: true}]}", Code::NeverHolds),
        ("{grpc: [{service: a/b}]}", Code::BadGrpc),
        ("{grpc: [{service: a, method: \"*\"}]}", Code::BadGrpc),
        ("{grpc: [{service: a}], methods: [GET]}", Code::NeverHolds),
        ("{jwt: [{}]}", Code::BadToken),
        ("{jwt: [{issuer: \"*\"}]}", Code::BadToken),
        ("{jwt: [{subject: {}}]}", Code::BadComparison),
        ("{jwt: [{claims: [{claim: a, present: false}, {claim: [a, b], exact: c}]}]}", Code::NeverHolds),
        ("{jwt: [{claims: [{claim: [a, b, c, d, e, f, g, h, i], exact: c}]}]}", Code::TooMany),
        ("{when: \"jwt.claims.sub = path.a\"}", Code::BadWhen),
        ("{when: \"request.body == 'a'\"}", Code::BadWhen),
        ("{when: \"jwt.claims.sub == path.a\"}", Code::UnnamedSegment),
        ("{paths: [\"/{a}\", \"/b/{c}\"], when: \"jwt.claims.sub == path.a\"}", Code::UnnamedSegment),
        ("{paths: [\"/a*b\"]}", Code::BadPath),
        ("{methods: [GET, GET]}", Code::DuplicateEntry),
    ] {
        assert_eq!(http(condition), [code], "{condition}");
    }
    let nested =
        |depth: usize| format!("{}{{methods: [GET]}}{}", "{not: [".repeat(depth), "]}".repeat(depth));
    assert_eq!(http(&nested(4)), []);
    assert_eq!(http(&nested(5)), [Code::TooMany]);
}

#[test]
fn a_place_in_an_expression_is_the_one_that_is_wrong() {
    let text = "apiVersion: bookend.dev/v1alpha1\nkind: Policy\nmetadata: { name: p }\nspec:\n  allow:\n  - name: r\n    \
                http: [{ when: \"request.method == 'GET' && request.bdy == 'x'\" }]\n";
    let refused = compile(&[Source::new("x", text)]).unwrap_err();
    let places: Vec<_> = refused.diagnostics.iter().map(|d| (d.code, d.span.line, d.span.column)).collect();
    let column = text.lines().last().and_then(|line| line.find("request.bdy")).map(|at| at + 1);
    assert_eq!(places, [(Code::BadWhen, 7, column.unwrap_or_default())]);
}
