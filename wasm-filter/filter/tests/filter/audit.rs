//! What is only audited goes into the books and nowhere else (S36).

use bookend_filter::Next;
use serde_json::json;

use crate::proxy::World;

/// The proxy, with one part of the program only audited.
fn auditing(part: &str) -> World {
    let mut world = World::new();
    world.configure(|configuration| {
        *configuration.pointer_mut(part).expect("the part is there") = "audit".into();
    });
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
    assert_eq!(done.totals(), [("bookend.requests.allowed", 1), ("bookend.requests.audited", 1)]);
    assert_eq!(done.counted.get("bookend.rule.default/bookinfo/isolate[0].audited"), Some(&1));
    let [decision] = done.decisions().try_into().expect("one line");
    assert_eq!((&decision["verdict"], &decision["rule"]), (&json!("allow"), &json!("default-allow")));
    assert_eq!(decision["audit"], json!({ "verdict": "deny", "rule": "default/bookinfo/isolate[0]" }));
    assert_eq!(decision["path"], json!("/ratings/1"));
}

#[test]
fn a_request_that_would_be_allowed_is_still_denied() {
    let (next, done) = auditing("/program/rules/0/mode").play();
    assert_eq!(next, Next::Stop);
    assert_eq!(done.rule.as_deref(), Some("default/bookinfo/isolate[0]"));
    assert_eq!(done.audit.as_deref(), Some("allow default/bookinfo/reviews-reads-ratings"));
    assert_eq!(done.totals(), [("bookend.requests.audited", 1), ("bookend.requests.denied", 1)]);
}

#[test]
fn where_the_audit_says_nothing_else_nothing_is_said() {
    let (_, done) = auditing("/program/isolations/0/mode").play();
    assert_eq!(done.totals(), [("bookend.requests.allowed", 1)]);
    assert_eq!((done.audit.as_deref(), done.decisions().len()), (None, 0));
}

#[test]
fn a_proxy_that_keeps_no_books_is_audited_in_the_log_alone() {
    let mut world = auditing("/program/isolations/0/mode");
    world.keeps_books = false;
    world.request("POST", "/ratings/1");
    let (next, done) = world.play();
    assert_eq!(next, Next::Continue);
    assert_eq!(done.decisions().len(), 1, "{done:?}");
}
