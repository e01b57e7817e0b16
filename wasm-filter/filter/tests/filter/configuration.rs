//! Configurations come, are refused, and go.

use bookend_filter::{CallFailed, Filter, Level, Next};

use crate::proxy::{CONFIGURATION, World};

/// Why a configuration is refused.
fn refused(configuration: Result<Vec<u8>, CallFailed>) -> String {
    let mut world = World::new();
    world.configuration = configuration;
    assert!(!Filter::new().configure(&world, 1), "the configuration is refused");
    let done = world.done.borrow();
    let [(Level::Error, line)] = done.logs.as_slice() else { unreachable!("one error: {:?}", done.logs) };
    assert_eq!(done.counted.get("bookend.configuration.refused"), Some(&1));
    line.clone()
}

#[test]
fn a_bad_configuration_is_refused_with_its_reason() {
    let cure = "bookend: the configuration is not a JSON object; give it as a `google.protobuf.StringValue`";
    assert_eq!(refused(Ok(Vec::new())), cure);
    assert_eq!(refused(Ok(b"\n\x10\n\x08revision".to_vec())), cure);
    assert_eq!(
        refused(Err(CallFailed(1))),
        "bookend: the configuration cannot be read: the proxy answered with status 1"
    );
    let line = refused(Ok(CONFIGURATION.replace("revision", "version").into()));
    assert!(line.starts_with("bookend: the configuration is refused: unknown field `version`"), "{line}");
    let line = refused(Ok(CONFIGURATION.replace("\"GET\"", "").into()));
    assert!(line.contains("empty list"), "{line}");
}

#[test]
fn no_prefix_of_a_configuration_is_a_configuration() {
    for end in 0..CONFIGURATION.len() {
        let mut world = World::new();
        world.configuration = Ok(CONFIGURATION.as_bytes()[..end].to_vec());
        assert!(!Filter::new().configure(&world, 1), "cut at {end}");
    }
}

#[test]
fn a_refused_configuration_leaves_the_one_before_in_force() {
    let mut world = World::new();
    let mut filter = Filter::new();
    assert!(filter.configure(&world, 1));
    world.configuration = Ok(b"{}".to_vec());
    assert!(!filter.configure(&world, 1));
    filter.create(2, 1);
    assert_eq!(filter.request_headers(&world, 2), Next::Continue);
    world.request("POST", "/ratings/1");
    filter.create(3, 1);
    assert_eq!(filter.request_headers(&world, 3), Next::Stop);
}

#[test]
fn plugins_that_share_a_module_have_gates_of_their_own() {
    let mut world = World::new();
    let mut filter = Filter::new();
    assert!(filter.configure(&world, 1));
    world.configuration = Ok(CONFIGURATION.replace("\"GET\"", "\"PUT\"").into());
    assert!(filter.configure(&world, 2));
    filter.create(3, 1);
    filter.create(4, 2);
    assert_eq!(filter.request_headers(&world, 3), Next::Continue);
    assert_eq!(filter.request_headers(&world, 4), Next::Stop);
    filter.create(5, 1);
    filter.delete(&world, 1);
    assert_eq!(filter.request_headers(&world, 5), Next::Stop, "the plugin is gone");
}

#[test]
fn a_stream_is_judged_by_the_configuration_it_began_under() {
    let mut world = World::new();
    let mut filter = Filter::new();
    assert!(filter.configure(&world, 1));
    filter.create(2, 1);
    // What a proxy does with a new configuration: a new plugin, and the old one stays as long as it has streams.
    world.configuration = Ok(CONFIGURATION.replace("\"GET\"", "\"PUT\"").replace("\"r1\"", "\"r2\"").into());
    assert!(filter.configure(&world, 3));
    filter.create(4, 3);
    assert_eq!(filter.request_headers(&world, 2), Next::Continue);
    assert_eq!(filter.request_headers(&world, 4), Next::Stop);
    let decisions = world.done.borrow().decisions();
    assert_eq!(decisions[0]["revision"], "r2");
}

#[test]
fn what_is_in_force_is_a_number_to_watch() {
    let mut world = World::new();
    world.configure(|configuration| configuration["revision"] = "00000000abcdef".into());
    let mut filter = world.filter();
    let gauges = |world: &World| world.done.borrow().gauges.clone().into_iter().collect::<Vec<_>>();
    let gauge = |name: &str, value| (name.to_owned(), value);
    let expected = |faulty, rules| {
        [
            gauge("bookend.configuration.faulty", faulty),
            gauge("bookend.policy.revision", 0xabcd),
            gauge("bookend.policy.rules", rules),
        ]
    };
    assert_eq!(gauges(&world), expected(0, 2));
    world.forget("xds/node/metadata/LABELS");
    assert!(filter.configure(&world, 7));
    assert_eq!(gauges(&world), expected(1, 0));
    assert_eq!(world.done.borrow().paces, [1000, 1000]);
    world.know("xds/node/metadata/LABELS", crate::proxy::pairs(&[("app", "ratings")]));
    assert!(filter.configure(&world, 8));
    assert_eq!(gauges(&world), expected(1, 2), "one that works hides none that does not");
    filter.delete(&world, 7);
    assert_eq!(gauges(&world), expected(0, 2));
}
