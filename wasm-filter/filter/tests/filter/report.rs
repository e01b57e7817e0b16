//! What is told about decisions, to whom, and what it costs.

use bookend_filter::Next;
use serde_json::json;

use crate::proxy::{PEER, PLUGIN, REVIEWS, World};

/// Plays several requests in one filter and answers what was decided.
fn play(world: &World, requests: u32) -> Vec<Next> {
    let mut filter = world.filter();
    let mut next = Vec::new();
    for context in 100..100 + requests {
        filter.create(context, PLUGIN);
        next.push(filter.request_headers(world, context));
        filter.delete(world, context);
    }
    filter.tick(world, PLUGIN);
    next
}

#[test]
fn an_allowed_request_costs_two_calls() {
    let world = World::new();
    world.connection.set(Some(1));
    let mut filter = world.filter();
    let mut cost = |requests: u32| {
        world.calls.set(0);
        for context in 100..100 + requests {
            filter.create(context, PLUGIN);
            assert_eq!(filter.request_headers(&world, context), Next::Continue);
            filter.delete(&world, context);
        }
        world.calls.get()
    };
    assert_eq!(cost(1), 3, "the first of a connection");
    assert_eq!(cost(100), 200);
    world.connection.set(Some(2));
    assert_eq!(cost(100), 201);
    let done = world.done.borrow();
    assert_eq!(
        (done.rule.as_deref(), done.decisions().len(), done.counted.len()),
        (None, 0, 0),
        "nothing is told yet"
    );
}

#[test]
fn connections_are_never_taken_for_one_another() {
    let mut world = World::new();
    let mut filter = world.filter();
    for round in 0..3 {
        for connection in 0..2000_u64 {
            world.connection.set(Some(connection));
            // What the proxy says in later rounds does not matter where it is remembered, and is right where it is not.
            let names = if connection % 2 == 0 { REVIEWS } else { "" };
            world.arrive("10.0.0.7", "10.0.0.1:9080", names);
            filter.create(100, PLUGIN);
            let next = filter.request_headers(&world, 100);
            assert_eq!(next == Next::Continue, connection % 2 == 0, "connection {connection}, round {round}");
        }
    }
}

#[test]
fn a_connection_of_which_nothing_is_told_is_asked_about_again() {
    let mut world = World::new();
    world.connection.set(Some(1));
    world.forget(PEER);
    world.know("destination/address", "10.0.0.1:9080");
    let mut filter = world.filter();
    let mut request = |world: &World| {
        filter.create(100, PLUGIN);
        filter.request_headers(world, 100)
    };
    assert_eq!(request(&world), Next::Stop);
    world.know("connection/uri_san_peer_certificate", REVIEWS);
    assert_eq!(request(&world), Next::Continue);
    world.arrive("10.0.0.7", "10.0.0.1:9080", "");
    assert_eq!(request(&world), Next::Stop);
}

#[test]
fn access_logs_can_have_the_rule_that_allowed() {
    let world = World::with_settings(&json!({ "accessLog": { "allowed": true } }));
    let (_, done) = world.play();
    assert_eq!(done.rule.as_deref(), Some("default/bookinfo/reviews-reads-ratings"));
}

#[test]
fn a_peer_is_told_the_rule_only_if_it_should() {
    let mut world = World::with_settings(&json!({ "answers": { "rule": true } }));
    world.request("POST", "/ratings/1");
    let (_, done) = world.play();
    let refusal = done.refusal.expect("the request is answered");
    assert_eq!(refusal.body, "denied by policy: default/bookinfo/isolate[0]");
}

#[test]
fn a_rule_answers_in_its_own_words() {
    let mut world = World::new();
    world.configure(|configuration| {
        configuration["program"]["rules"][1]["answer"] =
            json!({ "status": 451, "body": "no", "headers": [["link", "<https://a.test>"]] });
    });
    world.request("GET", "/admin/x");
    let (next, done) = world.play();
    let refusal = done.refusal.expect("the request is answered");
    assert_eq!(next, Next::Stop);
    assert_eq!((refusal.status, refusal.body.as_str(), refusal.grpc_status), (451, "no", 7));
    assert_eq!(refusal.headers, [("link".to_owned(), "<https://a.test>".to_owned())]);
    assert_eq!(refusal.details, "bookend_denied{default/bookinfo/no-admin}");
}

#[test]
fn one_in_so_many_decisions_is_logged() {
    let told = |settings| {
        let world = World::with_settings(&json!({ "decisionLog": settings }));
        play(&world, 10);
        world.done.borrow().decisions().len()
    };
    assert_eq!(told(json!({ "allowed": 0 })), 0);
    assert_eq!(told(json!({ "allowed": 1 })), 10);
    assert_eq!(told(json!({ "allowed": 3 })), 4, "the first, the fourth, the seventh and the tenth");
    assert_eq!(told(json!({ "allowed": 1, "perSecond": 0 })), 0);
}

#[test]
fn lines_that_are_too_many_are_counted_and_their_number_is_told() {
    let mut world = World::with_settings(&json!({ "decisionLog": { "perSecond": 3 } }));
    world.request("POST", "/ratings/1");
    let mut filter = world.filter();
    let mut request = |context| {
        filter.create(context, PLUGIN);
        assert_eq!(filter.request_headers(&world, context), Next::Stop);
    };
    (100..110).for_each(&mut request);
    assert_eq!(world.done.borrow().decisions().len(), 3);
    world.second.set(2);
    request(110);
    filter.tick(&world, PLUGIN);
    let done = world.done.borrow();
    let lines = done.decisions();
    assert_eq!(lines[3], json!({ "bookend": "suppressed", "lines": 7 }));
    assert_eq!((lines.len(), &lines[4]["verdict"]), (5, &json!("deny")));
    assert_eq!(done.counted.get("bookend.log.suppressed"), Some(&7));
    assert_eq!(done.counted.get("bookend.requests.denied"), Some(&11));
}

#[test]
fn rules_beyond_the_bound_are_counted_together() {
    let world = World::with_settings(&json!({ "metrics": { "rules": 1 } }));
    play(&world, 2);
    let done = world.done.borrow().clone();
    assert_eq!(done.counted.get("bookend.rule.other.allowed"), Some(&2), "deny rules are the first");
    let of_rules = done.metrics.iter().filter(|name| name.starts_with("bookend.rule.")).count();
    assert_eq!(of_rules, 4 * 3, "a rule, an isolation, the default and the rest");
}

#[test]
fn sums_are_told_when_a_plugin_goes() {
    let world = World::new();
    let mut filter = world.filter();
    filter.create(100, PLUGIN);
    assert_eq!(filter.request_headers(&world, 100), Next::Continue);
    filter.delete(&world, PLUGIN);
    assert_eq!(world.done.borrow().totals(), [("bookend.requests.allowed", 1)]);
}

#[test]
fn configurations_that_come_and_go_define_no_metric_twice() {
    let world = World::new();
    let mut filter = world.filter();
    let defined = world.done.borrow().metrics.len();
    for plugin in 10..20 {
        assert!(filter.configure(&world, plugin));
        filter.delete(&world, plugin);
    }
    assert_eq!(world.done.borrow().metrics.len(), defined);
}

#[test]
fn more_streams_than_there_is_room_for_are_refused_and_room_is_given_back() {
    let world = World::new();
    let mut filter = world.filter();
    let first = 1000;
    for context in first..first + (1 << 18) + 1 {
        filter.create(context, PLUGIN);
    }
    assert_eq!(filter.request_headers(&world, first + (1 << 18)), Next::Stop);
    assert_eq!(filter.request_headers(&world, first), Next::Continue);
    filter.create(5, PLUGIN);
    assert_eq!(filter.request_headers(&world, 5), Next::Continue);
}
