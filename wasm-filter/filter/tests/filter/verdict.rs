//! Verdicts, and what is told about them.

use bookend_filter::{Level, Next};

use crate::proxy::World;

#[test]
fn an_allowed_request_goes_on_counted_and_labelled_with_its_rule() {
    let (next, done) = World::new().play();
    assert_eq!(next, Next::Continue);
    assert_eq!(done.rule.as_deref(), Some("default/bookinfo/reviews-reads-ratings"));
    assert_eq!(done.counted, ["bookend.requests.allowed"]);
    assert_eq!(done.logs, [(Level::Info, "bookend: enforcing revision `r1`".to_owned())]);
}

#[test]
fn a_denied_request_is_answered_counted_and_logged_with_its_rule() {
    let mut world = World::new();
    world.request("POST", "/ratings/1?token=secret");
    let (next, done) = world.play();
    assert_eq!(next, Next::Stop);
    let refusal = done.refusal.expect("the request is answered");
    assert_eq!((refusal.status, refusal.grpc_status), (403, 7));
    assert_eq!(refusal.body, "denied by bookend: default/bookinfo/isolate[0]");
    assert_eq!(done.rule.as_deref(), Some("default/bookinfo/isolate[0]"));
    assert_eq!(done.counted, ["bookend.requests.denied"]);
    let line = "bookend: denied by default/bookinfo/isolate[0]: POST /ratings/1 from 10.0.0.7 as \
                spiffe://cluster.local/ns/default/sa/reviews";
    assert_eq!(done.logs.last(), Some(&(Level::Info, line.to_owned())));
}

#[test]
fn a_log_line_is_one_short_line_whatever_the_peer_sends() {
    let mut world = World::new();
    world.request("GET", &format!("/\u{1b}[2J\u{85}{}", "a".repeat(10_000)));
    let (_, done) = world.play();
    let (_, line) = done.logs.last().expect("the denial is logged");
    assert!(line.len() < 1500 && line.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{line}");
}

#[test]
fn the_port_is_the_one_the_peer_reached() {
    let mut world = World::new();
    world.know("destination/address", "[2001:db8::1]:9080");
    assert_eq!(world.refused(), None);
    world.know("destination/address", "10.0.0.1:9081");
    assert_eq!(world.refused().as_deref(), Some("bookend_denied{default/bookinfo/isolate[0]}"));
}

#[test]
fn the_peer_is_who_its_certificate_says() {
    let denied = Some("bookend_denied{default/bookinfo/isolate[0]}".to_owned());
    let with = |sans: &str| {
        let mut world = World::new();
        world.know("filter_state/bookend.peer_uri_sans", sans);
        world.refused()
    };
    let reviews = crate::proxy::REVIEWS;
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
    world.forget("filter_state/bookend.peer_uri_sans");
    assert_eq!(world.refused().as_deref(), Some("bookend_denied{default/bookinfo/isolate[0]}"));
    world.know("connection/uri_san_peer_certificate", crate::proxy::REVIEWS);
    assert_eq!(world.refused(), None);
    // A list that says "none" is an answer, not a reason to ask again.
    world.know("filter_state/bookend.peer_uri_sans", "-");
    assert_eq!(world.refused().as_deref(), Some("bookend_denied{default/bookinfo/isolate[0]}"));
}

#[test]
fn headers_about_the_peer_are_never_believed() {
    let mut world = World::new();
    world.forget("filter_state/bookend.peer_uri_sans");
    world.headers = Ok(crate::proxy::pairs(&[
        (":method", "GET"),
        (":path", "/ratings/1"),
        ("x-forwarded-client-cert", "URI=spiffe://cluster.local/ns/default/sa/reviews"),
        ("x-envoy-peer-metadata", "CgwKA0FQUBIFGgNhcHA="),
    ]));
    assert_eq!(world.refused().as_deref(), Some("bookend_denied{default/bookinfo/isolate[0]}"));
}
