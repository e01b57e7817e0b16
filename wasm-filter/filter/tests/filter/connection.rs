//! TCP connections: when they are judged, and what becomes of them (S64).

use bookend_filter::{CallFailed, Desk, Fault, Gate, Moment, Next, Passage};
use serde_json::{Value, json};

use crate::proxy::{Done, PEER, PLUGIN, REVIEWS, STREAM, World};

const TLS: &str = "connection/tls_version";

/// A proxy that forwards `reviews` to port 9080, whatever it says; everybody is isolated, and nobody goes to `/admin` on port 80.
fn world() -> World {
    let mut world = requests_only();
    world.configure(|configuration| {
        *configuration.pointer_mut("/program/rules/0/http").expect("the part is there") = Value::Null;
    });
    world
}

/// The same where `reviews` may read ratings on port 9080 and do nothing else.
fn requests_only() -> World {
    let mut world = World::new();
    world.configure(|configuration| {
        *configuration.pointer_mut("/program/rules/1/ports").expect("the part is there") =
            json!([{ "range": { "protocol": "TCP", "first": 80, "last": 80 } }]);
    });
    world
}

/// A handshake that is under way.
fn pending() -> World {
    let mut world = world();
    world.forget(PEER);
    world.know(TLS, "TLSv1.2");
    world.know("destination/address", "10.0.0.1:9080");
    world
}

/// A connection that is plaintext.
fn opened(world: &World) -> (Next, Done) {
    let mut filter = world.filter();
    let next = filter.new_connection(world, STREAM);
    filter.tick(world, PLUGIN);
    (next, world.done.borrow().clone())
}

#[test]
fn plaintext_is_judged_when_it_is_accepted_and_not_again() {
    let world = world();
    let mut filter = world.filter();
    assert_eq!(filter.new_connection(&world, STREAM), Next::Continue);
    assert_eq!(filter.downstream_data(&world, STREAM), Next::Continue);
    assert_eq!(filter.downstream_data(&world, STREAM), Next::Continue);
    filter.tick(&world, PLUGIN);
    assert_eq!(world.done.borrow().totals(), [("bookend.connections.allowed", 1)]);
}

#[test]
fn what_is_denied_is_closed_and_stays_closed() {
    let mut world = world();
    world.arrive("10.0.0.7", "10.0.0.1:9081", REVIEWS);
    for answers in [true, false] {
        world.answers = answers;
        let mut filter = world.filter();
        assert_eq!(filter.new_connection(&world, STREAM), Next::Stop);
        assert_eq!(filter.downstream_data(&world, STREAM), Next::Stop);
        filter.tick(&world, PLUGIN);
        let done = world.done.borrow();
        assert_eq!(done.closed, ["bookend_denied{default/bookinfo/isolate[0]}"]);
        assert!(done.resumed.is_empty());
        assert_eq!(done.totals(), [("bookend.connections.denied", 1)]);
        assert_eq!(done.rule.as_deref(), Some("default/bookinfo/isolate[0]"));
        let expected = json!({
            "bookend": "decision", "verdict": "deny", "rule": "default/bookinfo/isolate[0]", "end": "destination",
            "revision": "r1", "layer": "tcp", "peer": { "address": "10.0.0.7", "principals": [REVIEWS] }, "port": 9081,
        });
        assert_eq!(done.decisions(), [expected]);
    }
}

#[test]
fn a_rule_about_requests_allows_no_stream_and_denies_every_one() {
    let (next, done) = opened(&requests_only());
    assert_eq!(next, Next::Stop);
    assert_eq!(done.closed, ["bookend_denied{default/bookinfo/isolate[0]}"]);
    let mut world = world();
    world.arrive("10.0.0.7", "10.0.0.1:80", REVIEWS);
    let (next, done) = opened(&world);
    assert_eq!(next, Next::Stop);
    assert_eq!(done.closed, ["bookend_denied{default/bookinfo/no-admin}"]);
}

#[test]
fn a_handshake_is_waited_for_until_the_first_bytes() {
    for (names, next) in [(REVIEWS, Next::Continue), ("spiffe://a", Next::Stop)] {
        let mut world = pending();
        let mut filter = world.filter();
        assert_eq!(filter.new_connection(&world, STREAM), Next::Stop);
        filter.tick(&world, PLUGIN);
        assert_eq!((world.done.borrow().closed.len(), world.done.borrow().resumed.len()), (0, 0));
        world.arrive("10.0.0.7", "10.0.0.1:9080", names);
        assert_eq!(filter.downstream_data(&world, STREAM), next);
        assert_eq!(filter.downstream_data(&world, STREAM), next);
        assert_eq!(world.done.borrow().closed.len(), usize::from(next == Next::Stop));
    }
}

#[test]
fn where_the_server_speaks_first_a_tick_finds_who_the_peer_is() {
    for (names, resumed, closed) in [(REVIEWS, vec![STREAM], 0), ("spiffe://a", vec![], 1)] {
        let mut world = pending();
        let mut filter = world.filter();
        assert_eq!(filter.new_connection(&world, STREAM), Next::Stop);
        filter.tick(&world, PLUGIN);
        world.arrive("10.0.0.7", "10.0.0.1:9080", names);
        filter.tick(&world, PLUGIN);
        filter.tick(&world, PLUGIN);
        let done = world.done.borrow().clone();
        assert_eq!((done.resumed.clone(), done.closed.len()), (resumed, closed));
        assert_eq!(done.context, PLUGIN, "what follows is about the plugin again");
        assert_eq!(filter.downstream_data(&world, STREAM) == Next::Continue, closed == 0);
    }
}

#[test]
fn a_name_that_is_shown_during_a_handshake_is_not_believed() {
    let mut world = pending();
    world.know("connection/uri_san_peer_certificate", REVIEWS);
    let mut filter = world.filter();
    assert_eq!(filter.new_connection(&world, STREAM), Next::Stop);
    filter.tick(&world, PLUGIN);
    assert!(world.done.borrow().resumed.is_empty());
    assert_eq!(filter.downstream_data(&world, STREAM), Next::Continue, "it is over");
}

#[test]
fn ticks_are_frequent_while_connections_wait_and_only_then() {
    let mut world = pending();
    let mut filter = world.filter();
    filter.create(3, PLUGIN);
    filter.new_connection(&world, STREAM);
    filter.new_connection(&world, 3);
    assert_eq!(world.done.borrow().paces, [1000, 10]);
    world.arrive("10.0.0.7", "10.0.0.1:9080", REVIEWS);
    filter.tick(&world, PLUGIN);
    assert_eq!(world.done.borrow().paces, [1000, 10], "a timer is not replaced while it fires");
    filter.delete(&world, 3);
    assert_eq!(world.done.borrow().paces, [1000, 10, 1000]);
}

#[test]
fn a_connection_that_says_nothing_is_closed_in_the_end() {
    let world = pending();
    let mut filter = world.filter();
    filter.new_connection(&world, STREAM);
    world.second.set(30);
    filter.tick(&world, PLUGIN);
    assert_eq!(world.done.borrow().closed.len(), 0);
    world.second.set(31);
    filter.tick(&world, PLUGIN);
    assert_eq!(world.done.borrow().closed, ["bookend_fault{peer}"]);
    assert_eq!(filter.downstream_data(&world, STREAM), Next::Stop);
}

#[test]
fn many_that_wait_are_looked_at_in_turn_a_bounded_number_at_once() {
    let mut world = pending();
    let mut filter = world.filter();
    for context in 100..400 {
        filter.create(context, PLUGIN);
        assert_eq!(filter.new_connection(&world, context), Next::Stop);
    }
    world.calls.set(0);
    filter.tick(&world, PLUGIN);
    assert!(world.calls.get() <= 64, "{} calls in a tick", world.calls.get());
    world.arrive("10.0.0.7", "10.0.0.1:9080", REVIEWS);
    for _ in 0..6 {
        filter.tick(&world, PLUGIN);
    }
    let mut resumed = world.done.borrow().resumed.clone();
    resumed.sort_unstable();
    assert_eq!(resumed, (100..400).collect::<Vec<_>>());
}

#[test]
fn connections_that_wait_are_judged_by_what_their_plugin_enforces_then() {
    let mut world = pending();
    let mut filter = world.filter();
    filter.new_connection(&world, STREAM);
    world.configure(|configuration| configuration["revision"] = "r2".into());
    assert!(filter.configure(&world, PLUGIN));
    world.arrive("10.0.0.7", "10.0.0.1:9081", REVIEWS);
    filter.tick(&world, PLUGIN);
    assert_eq!(world.done.borrow().decisions().pop().expect("a decision")["revision"], "r2");
}

#[test]
fn what_cannot_be_read_closes_the_connection() {
    for path in [PEER, TLS] {
        let mut world = pending();
        world.properties.insert(path.to_owned(), Err(CallFailed(10)));
        let (next, done) = opened(&world);
        assert_eq!(next, Next::Stop);
        assert_eq!(done.closed, [format!("bookend_fault{{{}}}", path.replace('/', "."))]);
        assert_eq!(done.totals(), [("bookend.connections.faults", 1)]);
    }
}

#[test]
fn a_gate_is_shared_by_workers_and_needs_no_contexts() {
    fn shared<T: Send + Sync>(_: &T) {}
    let world = pending();
    let bytes = world.configuration.clone().expect("it is there");
    let own = bookend_filter::own_workload(|path| bookend_filter::Host::property(&world, path));
    let gate = Gate::new(Gate::configuration(&bytes).expect("it is sound"), own);
    shared(&gate);
    let mut desk: Desk = gate.desk();
    let mut pass = |moment| gate.pass_connection(&mut desk, &world, moment);
    assert_eq!(pass(Moment::Opened), Passage::Wait);
    assert_eq!(pass(Moment::Waiting), Passage::Wait);
    assert_eq!(pass(Moment::Settled), Passage::Stop, "nobody is known");
    let mut counted = Vec::new();
    desk.drain(|place, count| counted.push((gate.counters()[place].clone(), count)));
    assert_eq!(counted.first(), Some(&("bookend.connections.denied".to_owned(), 1)));
    let refusing = Gate::refusing(Fault::NotConfigured);
    assert_eq!(refusing.pass_connection(&mut refusing.desk(), &world, Moment::Settled), Passage::Stop);
}
