//! A filter at the source's end: it judges that end only, by the endpoint that was chosen (S60, S61).

use bookend_filter::Next;
use serde_json::{Value, json};

use crate::proxy::{PLUGIN, STREAM, World, pairs};

const UPSTREAM: &str = "upstream/address";

/// The proxy of `reviews`, which wants `GET /ratings/1` of `ratings`.
fn world() -> World {
    let mut world = World::with_settings(&json!({ "end": "source" }));
    world.configure(|configuration| {
        let workloads = configuration.pointer_mut("/inventory/workloads").and_then(Value::as_array_mut);
        for (workload, address) in workloads.into_iter().flatten().zip(["10.0.0.7", "10.0.0.1"]) {
            let workload = workload.as_object_mut().expect("an object");
            workload.insert("instances".to_owned(), json!([{ "addresses": [address] }]));
        }
    });
    world.know("xds/node/metadata/SERVICE_ACCOUNT", "reviews");
    world.know("xds/node/metadata/LABELS", pairs(&[("app", "reviews")]));
    world.arrive("10.0.0.7", "10.96.0.1:80", "");
    world.know(UPSTREAM, "10.0.0.1:9080");
    world
}

#[test]
fn a_request_is_judged_by_the_endpoint_that_was_chosen() {
    let mut world = world();
    assert_eq!(world.refused(), None);
    world.know(UPSTREAM, "10.0.0.1:9081");
    assert_eq!(world.refused().as_deref(), Some("bookend_denied{default/bookinfo/isolate[0]}"));
    world.know(UPSTREAM, "10.0.0.1:9080");
    world.request("POST", "/ratings/1");
    let (next, done) = world.play();
    assert_eq!(next, Next::Stop);
    let [decision] = done.decisions().try_into().expect("one line");
    assert_eq!((&decision["end"], &decision["destination"]), (&json!("source"), &json!("10.0.0.1")));
    assert_eq!(decision["port"], json!(9080));
}

#[test]
fn a_request_whose_endpoint_no_address_tells_is_left_to_the_kernel() {
    let mut world = world();
    world.request("POST", "/ratings/1");
    world.forget(UPSTREAM);
    let (next, done) = world.play();
    assert_eq!((next, done.totals()), (Next::Continue, vec![("bookend.requests.left", 1)]));
    world.know(UPSTREAM, "/run/socket");
    assert_eq!(world.refused().as_deref(), Some("bookend_fault{upstream.address}"));
}

#[test]
fn a_stream_to_an_address_of_no_workload_is_left_to_the_kernel() {
    let mut world = world();
    let mut play = |destination: &str| {
        world.arrive("10.0.0.7", destination, "");
        let mut filter = world.filter();
        let next = filter.new_connection(&world, STREAM);
        filter.tick(&world, PLUGIN);
        let done = world.done.borrow();
        (next, done.totals().first().map(|(name, _)| (*name).to_owned()))
    };
    let counted = |name: &str| Some(format!("bookend.connections.{name}"));
    assert_eq!(play("10.96.0.1:80"), (Next::Continue, counted("left")));
    assert_eq!(play("10.0.0.1:9080"), (Next::Stop, counted("denied")), "rules with HTTP conditions only");
}

#[test]
fn the_destinations_own_rules_are_not_judged_there() {
    let mut world = world();
    world.configure(|configuration| {
        // Nothing isolates the source; `no-admin` governs the destination's end only.
        configuration["program"]["isolations"][0]["egress"] = false.into();
        configuration["program"]["rules"][1]["at"]["source"] = false.into();
    });
    world.request("GET", "/admin/x");
    assert_eq!(world.refused(), None);
}
