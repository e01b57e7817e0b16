//! What a deny rule answers, and what filters report: read exactly, or refused where it is wrong.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "functions shared by tests fail as tests do"
)]

use bookend_engine::{Answer, Settings};
use bookend_lang::{Code, Source, compile};

/// A policy with one rule that holds `fields`.
fn policy(list: &str, fields: &str) -> String {
    format!(
        "{{apiVersion: bookend.dev/v1alpha1, kind: Policy, metadata: {{name: p}}, \
         spec: {{{list}: [{{name: r, {fields}}}]}}}}"
    )
}

fn reporting(name: &str, spec: &str) -> String {
    format!(
        "{{apiVersion: bookend.dev/v1alpha1, kind: Reporting, metadata: {{name: {name}}}, spec: {{{spec}}}}}"
    )
}

/// What is wrong: codes, what is underlined, and cures.
fn refused(text: &str) -> Vec<(Code, String, String)> {
    let Err(refused) = compile(&[Source::new("x", text)]) else { return Vec::new() };
    let underlined = |start: usize, end: usize| text.get(start..end).unwrap_or("?").to_owned();
    let told = refused.diagnostics.into_iter();
    told.map(|d| (d.code, underlined(d.span.start, d.span.end), d.cure)).collect()
}

fn codes(text: &str) -> Vec<Code> {
    refused(text).into_iter().map(|(code, ..)| code).collect()
}

fn answered(answer: &str) -> Answer {
    let text = policy("deny", &format!("answer: {answer}"));
    let compiled = compile(&[Source::new("x", text)]).unwrap();
    *compiled.program.rules()[0].answer.clone().unwrap()
}

fn settings(text: &str) -> Settings {
    compile(&[Source::new("x", text)]).unwrap().settings
}

#[test]
fn an_answer_is_what_is_written_with_its_headers_by_name() {
    let answer = answered("{status: 451, body: 'nicht für Sie', headers: {X-Reason: law, Link: <a>; rel=b}}");
    assert_eq!((answer.status, answer.body.as_str()), (451, "nicht für Sie"));
    let headers = [("link", "<a>; rel=b"), ("x-reason", "law")];
    assert_eq!(answer.headers, headers.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[test]
fn an_answer_without_a_status_is_403_and_one_without_a_body_has_none() {
    let answer = answered("{headers: {x-empty: ''}}");
    assert_eq!((answer.status, answer.body.as_str()), (403, ""));
    assert_eq!(answered("{body: sorry}").status, 403);
}

#[test]
fn an_answer_that_no_proxy_could_give_is_refused_where_it_is_wrong() {
    let long = "a".repeat(4097);
    let many: Vec<String> = (0..17).map(|n| format!("x-{n}: a")).collect();
    for (answer, code, underlined) in [
        ("{status: 200}", Code::OutOfRange, "200"),
        ("{status: 299}", Code::OutOfRange, "299"),
        ("{status: 600}", Code::OutOfRange, "600"),
        ("{status: '403'}", Code::WrongType, "'403'"),
        ("{body: ''}", Code::BadLength, "''"),
        (&format!("{{body: {long}}}"), Code::BadLength, &long),
        ("{body: [sorry]}", Code::WrongType, "[sorry]"),
        ("{}", Code::EmptyMapping, "{}"),
        ("[]", Code::WrongType, "[]"),
        ("{code: 403}", Code::UnknownField, "code"),
        ("{status: 302}", Code::BadAnswer, "302"),
        ("{status: 401, headers: {x-a: b}}", Code::BadAnswer, "401"),
        ("{status: 304, body: unchanged}", Code::BadAnswer, "unchanged"),
        ("{headers: {}}", Code::EmptyMapping, "{}"),
        ("{headers: [a]}", Code::WrongType, "[a]"),
        (
            &format!("{{headers: {{{}}}}}", many.join(", ")),
            Code::TooMany,
            &format!("{{{}}}", many.join(", ")),
        ),
        ("{headers: {x-a: 1}}", Code::WrongType, "1"),
        ("{headers: {x-a: [b, c]}}", Code::WrongType, "[b, c]"),
        ("{headers: {x-a: b, X-A: c}}", Code::DuplicateEntry, "X-A"),
        ("{headers: {\":status\": '403'}}", Code::BadAnswer, "\":status\""),
        ("{headers: {x a: b}}", Code::BadAnswer, "x a"),
        ("{headers: {x-ä: b}}", Code::BadAnswer, "x-ä"),
        ("{headers: {Content-Length: '3'}}", Code::BadAnswer, "Content-Length"),
        ("{headers: {transfer-encoding: chunked}}", Code::BadAnswer, "transfer-encoding"),
        ("{headers: {connection: close}}", Code::BadAnswer, "connection"),
        ("{headers: {te: trailers}}", Code::BadAnswer, "te"),
        ("{headers: {Upgrade: h2c}}", Code::BadAnswer, "Upgrade"),
        ("{headers: {grpc-status: '0'}}", Code::BadAnswer, "grpc-status"),
        ("{headers: {x-envoy-overloaded: 'true'}}", Code::BadAnswer, "x-envoy-overloaded"),
        ("{headers: {x-a: \"b\\r\\nset-cookie: c\"}}", Code::BadAnswer, "\"b\\r\\nset-cookie: c\""),
        ("{headers: {x-a: ' b'}}", Code::BadAnswer, "' b'"),
        ("{headers: {x-a: für}}", Code::BadAnswer, "für"),
    ] {
        let found = refused(&policy("deny", &format!("answer: {answer}")));
        let told: Vec<_> = found.iter().map(|(code, text, _)| (*code, text.as_str())).collect();
        assert_eq!(told, [(code, underlined)], "{answer}");
        assert!(found.iter().all(|(.., cure)| !cure.is_empty()));
    }
    assert_eq!(codes(&policy("deny", "answer: {status: 401, headers: {WWW-Authenticate: Bearer}}")), []);
    assert_eq!(codes(&policy("deny", "answer: {status: 308, headers: {location: /login}}")), []);
}

#[test]
fn only_a_deny_rule_answers() {
    for list in ["allow", "pass"] {
        let found = refused(&policy(list, "answer: {body: sorry}"));
        assert_eq!(found[0].0, Code::IdleAnswer, "{list}");
        assert_eq!(found.len(), 1, "{list}");
    }
}

#[test]
fn what_reporting_leaves_out_is_as_without_it() {
    let policy = policy("deny", "to: [{workloads: {}}]");
    assert_eq!(settings(&policy), Settings::default());
    let text =
        format!("{policy}\n---\n{}", reporting("r", "answers: {rule: true}, decisionLog: {allowed: 1000}"));
    let mut expected = Settings::default();
    expected.answers.rule = true;
    expected.decision_log.allowed = 1000;
    assert_eq!(settings(&text), expected);
}

#[test]
fn settings_are_in_the_configuration_and_in_its_revision() {
    let policy = policy("deny", "to: [{workloads: {}}]");
    let with = format!("{policy}\n---\n{}", reporting("r", "metrics: {rules: 0}"));
    let configuration = |text: &str| compile(&[Source::new("x", text)]).unwrap().configuration();
    assert_eq!(configuration(&with).settings.metrics.rules, 0);
    assert_ne!(configuration(&with).revision, configuration(&policy).revision);
}

#[test]
fn reporting_is_refused_as_a_whole_where_it_is_wrong() {
    for (spec, code, underlined) in [
        ("", Code::EmptyMapping, "{}"),
        ("answers: {}", Code::EmptyMapping, "{}"),
        ("answers: {rule: 1}", Code::WrongType, "1"),
        ("answers: {rules: true}", Code::UnknownField, "rules"),
        ("accessLog: {allowed: 'true'}", Code::WrongType, "'true'"),
        ("decisionLog: {allowed: 1000001}", Code::OutOfRange, "1000001"),
        ("decisionLog: {denied: -1}", Code::OutOfRange, "-1"),
        ("decisionLog: {audited: 0.5}", Code::OutOfRange, "0.5"),
        ("decisionLog: {perSecond: 0}", Code::OutOfRange, "0"),
        ("decisionLog: {perSecond: 10001}", Code::OutOfRange, "10001"),
        ("metrics: {rules: 10001}", Code::OutOfRange, "10001"),
        ("end: source", Code::UnknownField, "end"),
    ] {
        let found = refused(&reporting("r", spec));
        let told: Vec<_> = found.iter().map(|(code, text, _)| (*code, text.as_str())).collect();
        assert_eq!(told, [(code, underlined)], "{spec}");
    }
    let plain = reporting("r", "metrics: {rules: 1}");
    assert_eq!(codes(&plain.replace("name: r", "name: r, namespace: shop")), [Code::UnknownField]);
    assert_eq!(codes(&plain.replace("bookend.dev/v1alpha1", "example.org/v1")), [Code::WrongApiVersion]);
    assert_eq!(codes(&plain.replace("Reporting", "reporting")), [Code::UnknownKind]);
}

#[test]
fn filters_are_told_one_thing() {
    let two =
        format!("{}\n---\n{}", reporting("a", "metrics: {rules: 1}"), reporting("b", "metrics: {rules: 1}"));
    let found = refused(&two);
    assert_eq!((found[0].0, found[0].1.as_str()), (Code::DuplicateObject, "b"));
}
