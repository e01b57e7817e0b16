//! Verdicts, and what is told about them.

use bookend_filter::{Level, Next};

use serde_json::json;

use crate::proxy::{PEER, REVIEWS, World, pairs};

#[test]
fn an_allowed_request_goes_on_and_is_counted() {
    let (next, done) = World::new().play();
    assert_eq!(next, Next::Continue);
    assert_eq!(done.totals(), [("bookend.requests.allowed", 1)]);
    let rule = "bookend.rule.default/bookinfo/reviews-reads-ratings.allowed";
    assert_eq!(done.counted.get(rule), Some(&1));
    assert_eq!(done.logs, [(Level::Info, "bookend: enforcing revision `r1`".to_owned())]);
}

#[test]
fn a_denied_request_is_answered_counted_and_logged_with_its_rule() {
    let mut world = World::new();
    world.request("POST", "/ratings/1?token=secret");
    let (next, done) = world.play();
    assert_eq!(next, Next::Stop);
    let refusal = done.refusal.as_ref().expect("the request is answered");
    assert_eq!((refusal.status, refusal.grpc_status), (403, 7));
    assert_eq!((refusal.body.as_str(), refusal.headers.len()), ("denied by policy", 0));
    assert_eq!(refusal.details, "bookend_denied{default/bookinfo/isolate[0]}");
    assert_eq!(done.rule.as_deref(), Some("default/bookinfo/isolate[0]"));
    assert_eq!(done.totals(), [("bookend.requests.denied", 1)]);
    let expected = json!({
        "bookend": "decision", "verdict": "deny", "rule": "default/bookinfo/isolate[0]", "end": "destination",
        "revision": "r1", "layer": "http", "method": "POST", "path": "/ratings/1",
        "peer": { "address": "10.0.0.7", "principals": [REVIEWS] }, "port": 9080,
    });
    assert_eq!(done.decisions(), [expected]);
}

#[test]
fn a_log_line_is_one_short_line_whatever_the_peer_sends() {
    let mut world = World::new();
    world.request("GET", &format!("/\u{1b}[2J\u{85}\"\\{}", "a".repeat(10_000)));
    world.arrive("10.0.0.7", "10.0.0.1:9080", &"spiffe://\"\n,".repeat(1000));
    let (_, done) = world.play();
    let (_, line) = done.logs.last().expect("the denial is logged");
    assert!(line.len() < 1500 && line.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{line}");
}

#[test]
fn the_port_is_the_one_the_peer_reached() {
    let mut world = World::new();
    world.arrive("2001:db8::7", "[2001:db8::1]:9080", REVIEWS);
    assert_eq!(world.refused(), None);
    world.arrive("10.0.0.7", "10.0.0.1:9081", REVIEWS);
    assert_eq!(world.refused().as_deref(), Some("bookend_denied{default/bookinfo/isolate[0]}"));
}

#[test]
fn the_peer_is_who_its_certificate_says() {
    let denied = Some("bookend_denied{default/bookinfo/isolate[0]}".to_owned());
    let with = |sans: &str| {
        let mut world = World::new();
        world.arrive("10.0.0.7", "10.0.0.1:9080", sans);
        world.refused()
    };
    let reviews = REVIEWS;
    assert_eq!(with(reviews), None);
    assert_eq!(with("spiffe://cluster.local/ns/default/sa/details"), denied);
    assert_eq!(with(&format!("{reviews},spiffe://cluster.local/ns/default/sa/admin")), denied, "two names");
    assert_eq!(with(&format!("{reviews},")), denied, "a name and an empty one");
    assert_eq!(with("-"), denied, "Envoy's way to say: none");
    assert_eq!(with(""), denied);
}

#[test]
fn a_proxy_that_lists_no_names_is_asked_for_the_first() {
    let mut world = World::new();
    world.forget(PEER);
    assert_eq!(world.refused().as_deref(), Some("bookend_fault{destination.address}"));
    world.know("destination/address", "10.0.0.1:9080");
    assert_eq!(world.refused().as_deref(), Some("bookend_denied{default/bookinfo/isolate[0]}"));
    world.know("connection/uri_san_peer_certificate", REVIEWS);
    assert_eq!(world.refused(), None);
    // A text that says "none" is an answer, not a reason to ask again.
    world.arrive("10.0.0.7", "10.0.0.1:9080", "");
    assert_eq!(world.refused().as_deref(), Some("bookend_denied{default/bookinfo/isolate[0]}"));
}

#[test]
fn headers_about_the_peer_are_never_believed() {
    let mut world = World::new();
    world.arrive("10.0.0.7", "10.0.0.1:9080", "");
    world.headers = Ok(pairs(&[
        (":method", "GET"),
        (":path", "/ratings/1"),
        ("x-forwarded-client-cert", "URI=spiffe://cluster.local/ns/default/sa/reviews"),
        ("x-envoy-peer-metadata", "CgwKA0FQUBIFGgNhcHA="),
        ("bookend.peer", "10.0.0.7 10.0.0.1:9080 spiffe://cluster.local/ns/default/sa/reviews"),
    ]));
    assert_eq!(world.refused().as_deref(), Some("bookend_denied{default/bookinfo/isolate[0]}"));
}
