//! What cannot be known denies.

use bookend_filter::{CallFailed, Filter, Level, Next};

use crate::proxy::{PEER, World, pairs};

#[test]
fn an_attribute_that_cannot_be_read_refuses_the_request() {
    for path in [PEER, "connection/uri_san_peer_certificate", "destination/address"] {
        for wrong in [Err(CallFailed(10)), Ok(b"\xff".to_vec())] {
            let mut world = World::new();
            world.forget(PEER);
            world.know("destination/address", "10.0.0.1:9080");
            world.properties.insert(path.to_owned(), wrong);
            let details = format!("bookend_fault{{{}}}", path.replace('/', "."));
            assert_eq!(world.refused(), Some(details));
            assert_eq!(world.done.borrow().totals(), [("bookend.requests.faults", 1)]);
        }
    }
}

#[test]
fn an_address_that_is_none_refuses_the_request() {
    let refused = |path: &str, value: &str| {
        let mut world = World::new();
        world.forget(PEER);
        world.know(path, value);
        world.refused()
    };
    let peer = Some("bookend_fault{filter_state.bookend.peer}".to_owned());
    assert_eq!(refused(PEER, "10.0.0.7:1234 10.0.0.1:9080 "), peer);
    assert_eq!(refused(PEER, "10.0.0 10.0.0.1:9080 "), peer);
    assert_eq!(refused(PEER, "10.0.0.7"), peer);
    assert_eq!(refused(PEER, ""), peer);
    let destination = Some("bookend_fault{destination.address}".to_owned());
    assert_eq!(refused("destination/address", "10.0.0.1"), destination);
    assert_eq!(refused("destination/address", "/run/socket"), destination);
    assert_eq!(refused("destination/address", "-"), destination);
}

#[test]
fn headers_that_make_no_sense_refuse_the_request() {
    let refused = |headers| {
        let mut world = World::new();
        world.headers = headers;
        world.refused()
    };
    let details = Some("bookend_fault{request.headers}".to_owned());
    assert_eq!(refused(Err(CallFailed(2))), details);
    assert_eq!(refused(Ok(b"\x01\0\0\0".to_vec())), details);
    let twice = [(":method", "GET"), (":path", "/ratings/1"), (":path", "/admin/x")];
    assert_eq!(refused(Ok(pairs(&twice))), details);
}

#[test]
fn a_request_without_a_path_meets_the_deny_rules_about_paths() {
    let mut world = World::new();
    world.headers = Ok(pairs(&[(":method", "CONNECT"), (":authority", "a:80")]));
    assert_eq!(world.refused().as_deref(), Some("bookend_denied{default/bookinfo/no-admin}"));
}

#[test]
fn a_proxy_that_does_not_say_whose_it_is_refuses_every_request() {
    for name in ["NAMESPACE", "SERVICE_ACCOUNT", "LABELS"] {
        let mut world = World::new();
        world.forget(&format!("xds/node/metadata/{name}"));
        assert_eq!(world.refused(), Some(format!("bookend_fault{{xds.node.metadata.{name}}}")));
        let done = world.done.borrow();
        let (level, line) = &done.logs[0];
        assert_eq!(*level, Level::Error);
        let cause = format!("because the proxy has no attribute `xds.node.metadata.{name}`");
        assert_eq!(*line, format!("bookend: everything is refused, {cause}"));
        assert_eq!(done.decisions()[0]["fault"], format!("xds.node.metadata.{name}"));
        assert_eq!(done.totals(), [("bookend.requests.faults", 1)]);
    }
}

#[test]
fn an_older_proxy_says_whose_it_is_in_another_place() {
    let mut world = World::new();
    for name in ["NAMESPACE", "SERVICE_ACCOUNT", "LABELS"] {
        let value = world.properties.remove(&format!("xds/node/metadata/{name}")).expect("known");
        world.properties.insert(format!("node/metadata/{name}"), value);
    }
    assert_eq!(world.refused(), None);
}

#[test]
fn a_request_of_no_known_plugin_is_refused() {
    let world = World::new();
    let mut filter = Filter::new();
    assert_eq!(filter.request_headers(&world, 7), Next::Stop);
    filter.create(7, 1);
    assert_eq!(filter.request_headers(&world, 7), Next::Stop);
    assert_eq!(filter.new_connection(&world, 8), Next::Stop);
    assert_eq!(filter.downstream_data(&world, 8), Next::Stop);
    assert_eq!(world.done.borrow().closed.len(), 2);
    filter.tick(&world, 1);
    assert_eq!(
        world.done.borrow().totals(),
        [("bookend.connections.faults", 2), ("bookend.requests.faults", 2)]
    );
    let refusal = world.done.borrow().refusal.clone().expect("the request is answered");
    assert_eq!(refusal.details, "bookend_fault{configuration}");
}

#[test]
fn a_refusal_that_cannot_be_sent_resets_the_stream_and_never_lets_pass() {
    let mut world = World::new();
    world.request("POST", "/ratings/1");
    world.answers = false;
    let (next, done) = world.play();
    assert_eq!(next, Next::Stop);
    assert!(done.reset);
}

#[test]
fn a_proxy_that_keeps_no_books_changes_no_verdict() {
    let mut world = World::new();
    world.keeps_books = false;
    assert_eq!(world.refused(), None);
    world.request("POST", "/ratings/1");
    assert_eq!(world.refused().as_deref(), Some("bookend_denied{default/bookinfo/isolate[0]}"));
}
