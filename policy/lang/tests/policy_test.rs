//! `PolicyTest` documents: what is read, and what is refused.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "functions shared by tests fail as tests do"
)]

use bookend_lang::{
    Code, ExpectedAudit, Source, Test, TestPort, TestProtocol, TestTraffic, compile, split_port,
};
use serde_json::json;

fn document(tests: &str) -> String {
    format!(
        "{{apiVersion: bookend.dev/v1alpha1, kind: PolicyTest, metadata: {{name: t}}, spec: {{tests: [{tests}]}}}}"
    )
}

/// The codes of what is wrong with a document.
fn refused(document: &str) -> Vec<Code> {
    let Err(refused) = compile(&[Source::new("x", document)]) else { return Vec::new() };
    refused.diagnostics.iter().map(|diagnostic| diagnostic.code).collect()
}

/// The codes of what is wrong with a sound test that holds `fields` too.
fn with(fields: &str) -> Vec<Code> {
    refused(&document(&format!("{{name: a, from: b, to: c, expect: deny, {fields}}}")))
}

/// The only test of a document.
fn test(fields: &str) -> Test {
    let document = document(&format!("{{name: a, from: b, {fields}}}"));
    let compiled = compile(&[Source::new("x", document)]).unwrap();
    compiled.tests[0].tests[0].clone()
}

#[test]
fn a_test_says_who_asks_whom_for_what() {
    let read = test(
        "to: 'c:http', expect: allow, rule: default/p/r, audit: {expect: deny, rule: x/y}, plaintext: true, \
         request: {method: PUT, path: '/a?b=c', host: d.example, headers: {X-Role: [admin, ops], x-one: '1'}, \
         claims: {sub: ann, exp: 17, deep: {roles: [a, null, true]}}}",
    );
    assert_eq!((read.to.text.as_str(), &read.port), ("c", &Some(TestPort::Name("http".to_owned()))));
    assert!(read.expected.allow && read.plaintext);
    assert_eq!(read.expected.rule.map(|rule| rule.text), Some("default/p/r".to_owned()));
    assert!(matches!(read.audit, Some(ExpectedAudit::Decided { allow: Some(false), rule: Some(_) })));
    let TestTraffic::Request(request) = read.traffic else { unreachable!("a request") };
    assert_eq!((request.method.as_str(), request.path.as_str()), ("PUT", "/a?b=c"));
    assert_eq!(request.host.as_deref(), Some("d.example"));
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(request.headers, [header("x-role", "admin"), header("x-role", "ops"), header("x-one", "1")]);
    assert_eq!(request.claims, [json!({"sub": "ann", "exp": 17, "deep": {"roles": ["a", null, true]}})]);
}

#[test]
fn without_a_request_the_connection_itself_is_meant() {
    assert_eq!(test("to: 'c:80', expect: deny").traffic, TestTraffic::Connection);
    assert_eq!(test("to: 'c:80', expect: deny, stream: true").traffic, TestTraffic::Stream);
    let ping = test("to: c, protocol: ICMPv6, type: 128, code: 1, expect: deny");
    assert_eq!(ping.protocol, TestProtocol::Icmpv6(Some((128, 1))));
    assert_eq!(test("to: c, protocol: ICMP, expect: deny").protocol, TestProtocol::Icmp(None));
}

#[test]
fn a_port_stands_behind_the_last_colon() {
    for (text, who, port) in [
        ("reviews:9080", "reviews", Some("9080")),
        ("shop/reviews:http", "shop/reviews", Some("http")),
        ("reviews", "reviews", None),
        ("192.0.2.1:80", "192.0.2.1", Some("80")),
        ("2001:db8::1", "2001:db8::1", None),
        ("[2001:db8::1]:80", "2001:db8::1", Some("80")),
        ("[2001:db8::1]", "2001:db8::1", None),
        ("namespace:shop", "namespace:shop", None),
        ("namespace:shop:80", "namespace:shop", Some("80")),
        ("network:partners", "network:partners", None),
        ("spiffe://a/ns/b/sa/c", "spiffe://a/ns/b/sa/c", None),
    ] {
        assert_eq!(split_port(text), (who, port), "{text}");
    }
}

#[test]
fn what_makes_no_sense_as_a_test_is_refused() {
    for (fields, code) in [
        ("expct: deny", Code::UnknownField),
        ("method: GET", Code::UnknownField),
        ("type: 8", Code::UnknownField),
        ("port: 0", Code::BadPort),
        ("port: Http", Code::BadPort),
        ("port: [80]", Code::WrongType),
        ("protocol: tcp", Code::BadProtocol),
        ("protocol: ICMP, port: 7", Code::BadTest),
        ("protocol: ICMP, code: 7", Code::BadTest),
        ("protocol: ICMP, type: 256", Code::WrongType),
        ("protocol: UDP, request: {path: /}", Code::BadTest),
        ("stream: true, request: {path: /}", Code::BadTest),
        ("request: {}", Code::MissingField),
        ("request: {path: 7}", Code::WrongType),
        ("request: {path: /, headers: {host: a}}", Code::BadTest),
        ("request: {path: /, headers: {':path': a}}", Code::BadTest),
        ("request: {path: /, headers: {'a b': c}}", Code::BadTest),
        ("request: {path: /, headers: {a: []}}", Code::EmptyList),
        ("request: {path: /, headers: {a: \"b\\nc\"}}", Code::BadTest),
        ("request: {path: /, claims: text}", Code::WrongType),
        ("request: {path: /, claims: {a: yes}}", Code::BadTest),
        ("request: {path: /, claims: {a: 010}}", Code::BadTest),
        ("rule: ''", Code::BadTest),
        ("plaintext: true, principal: 'spiffe://a/b'", Code::BadTest),
        ("principal: somebody", Code::BadTest),
        ("principal: 'spiffe://a/*'", Code::BadTest),
        ("audit: maybe", Code::BadTest),
        ("audit: {}", Code::BadTest),
    ] {
        assert_eq!(with(fields), [code], "{fields}");
    }
    assert_eq!(refused(&document("{name: a, from: b, to: 'c:80', port: 80, expect: deny}")), [Code::BadTest]);
    assert_eq!(refused(&document("{name: a, from: b, to: 'c:80', expect: yes}")), [Code::WrongType]);
    assert_eq!(refused(&document("{name: a, from: b, to: 'c:80', expect: pass}")), [Code::BadTest]);
    assert_eq!(refused(&document("")), [Code::EmptyList]);
}

#[test]
fn a_test_without_a_verdict_is_refused() {
    assert_eq!(refused(&document("{name: a, from: b, to: c}")), [Code::MissingField]);
}

#[test]
fn names_are_unique() {
    let one = "{name: a, from: b, to: 'c:80', expect: deny}";
    assert_eq!(refused(&document(&format!("{one}, {one}"))), [Code::DuplicateTest]);
    let twice = format!("{}\n---\n{}", document(one), document(one));
    assert_eq!(refused(&twice), [Code::DuplicateObject]);
}

#[test]
fn a_policy_test_of_another_version_is_refused() {
    let other = document("{name: a, from: b, to: 'c:80', expect: deny}").replace("v1alpha1", "v1");
    assert_eq!(refused(&other), [Code::WrongApiVersion]);
}
