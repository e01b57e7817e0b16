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
    assert_eq!(filter.request_headers(&world, 2), Next::Stop);
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
    filter.delete(1);
    assert_eq!(filter.request_headers(&world, 3), Next::Stop, "the plugin is gone");
}
