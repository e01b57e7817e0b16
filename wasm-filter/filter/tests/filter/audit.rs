//! What is only audited goes into the books and nowhere else (S36).

use bookend_filter::Next;

use crate::proxy::{CONFIGURATION, World};

/// The proxy, with one part of the program only audited.
fn auditing(part: &str) -> World {
    let mut configuration: serde_json::Value = serde_json::from_str(CONFIGURATION).expect("it is JSON");
    *configuration.pointer_mut(part).expect("the part is there") = "audit".into();
    let mut world = World::new();
    world.configuration = Ok(configuration.to_string().into());
    world
}

#[test]
fn a_request_that_would_be_denied_goes_on_and_is_counted_logged_and_labelled() {
    let mut world = auditing("/program/isolations/0/mode");
    world.request("POST", "/ratings/1?token=secret");
    let (next, done) = world.play();
    assert_eq!(next, Next::Continue);
    assert_eq!(done.rule.as_deref(), Some("default-allow"));
    assert_eq!(done.audit.as_deref(), Some("deny default/bookinfo/isolate[0]"));
    assert_eq!(done.counted, ["bookend.requests.allowed", "bookend.requests.audited"]);
    let line = "bookend: audit would deny by default/bookinfo/isolate[0]: POST /ratings/1 from 10.0.0.7 as \
                spiffe://cluster.local/ns/default/sa/reviews";
    assert_eq!(done.logs.last().map(|(_, line)| line.as_str()), Some(line));
}

#[test]
fn a_request_that_would_be_allowed_is_still_denied() {
    let (next, done) = auditing("/program/rules/0/mode").play();
    assert_eq!(next, Next::Stop);
    assert_eq!(done.rule.as_deref(), Some("default/bookinfo/isolate[0]"));
    assert_eq!(done.audit.as_deref(), Some("allow default/bookinfo/reviews-reads-ratings"));
    assert_eq!(done.counted, ["bookend.requests.denied", "bookend.requests.audited"]);
}

#[test]
fn where_the_audit_says_nothing_else_nothing_is_said() {
    let (_, done) = auditing("/program/isolations/0/mode").play();
    assert_eq!((done.audit, done.counted), (None, vec!["bookend.requests.allowed"]));
}

#[test]
fn a_proxy_that_keeps_no_books_is_audited_in_the_log_alone() {
    let mut world = auditing("/program/isolations/0/mode");
    world.keeps_books = false;
    world.request("POST", "/ratings/1");
    let (next, done) = world.play();
    assert_eq!(next, Next::Continue);
    assert!(done.logs.iter().any(|(_, line)| line.starts_with("bookend: audit would deny")), "{done:?}");
}
