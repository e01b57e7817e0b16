//! The same engine as a dynamic module, where it differs from the sandbox: how it answers, and when it judges streams.

use bookend_testenv::envoy::plugin::{Dynamic, Layer};

use crate::scene::{BANNER, ECHO, ECHO_PLAIN, Plan, Scene, WEB, usual};

fn scene(name: &str) -> Scene {
    let mut plan = Plan::new(name);
    let module = plan.stand.module("libbookend_filter.so").unwrap();
    let filter = Dynamic { module, name: "bookend".to_owned(), configuration: usual() };
    (plan.requests, plan.streams) = (filter.filter(Layer::Http), filter.filter(Layer::Network));
    plan.start()
}

/// The value of a counter by its full name, as docs/dynamic-module.md says it.
fn counted(scene: &Scene, name: &str) -> Option<u64> {
    scene.envoy.statistics(name).unwrap().into_iter().find(|(it, _)| it == name).map(|(_, value)| value)
}

#[test]
fn a_dynamic_module_answers_requests_and_calls_in_their_own_way() {
    let scene = scene("native");
    let mut line = scene.dial(WEB);
    assert_eq!(line.get("/open/1", &[]).status, 200);
    let denied = line.get("/closed", &[]);
    assert_eq!((denied.status, denied.body.as_str()), (403, "denied by policy"));
    assert_eq!(scene.logged("/closed")["details"], "bookend_denied{default/p/isolate[0]}");
    assert_eq!(scene.dial_as_stranger(WEB).get("/open/2", &[("x-forwarded-for", "10.0.0.1")]).status, 403);
    let denied = || Ok(counted(&scene, "dynamicmodulescustom.bookend.requests.denied") == Some(2));
    scene.envoy.await_that("a counter of what was denied", denied).unwrap();
    let mut streams = scene.streams();
    assert_eq!(streams.call("/shop.Cart/Get").field("grpc-status"), Some("0"));
    let denied = streams.call("/shop.Cart/Empty");
    assert_eq!((denied.status(), denied.field("grpc-status")), (200, Some("7")));
    let heard = scene.web.heard() + &scene.calls.heard();
    assert!(!heard.contains("closed") && !heard.contains("/open/2") && !heard.contains("Empty"), "{heard}");
}

#[test]
fn a_dynamic_module_holds_streams_until_their_handshake_is_done() {
    let scene = scene("native-tcp");
    assert_eq!(scene.dial(BANNER).hear(5), "HELLO");
    scene.banner.heard();
    assert_eq!(scene.dial_as_stranger(BANNER).hear_out(), "");
    assert_eq!(scene.banner.heard(), "", "the server was connected");
    let mut line = scene.dial(ECHO);
    line.say("hello");
    assert_eq!(line.hear(5), "hello");
    let mut line = scene.dial_plain(ECHO_PLAIN);
    line.say("hello");
    line.finish();
    assert_eq!(line.hear_out(), "hellobye");
    scene.echo.heard();
    let mut line = scene.dial_as_stranger(ECHO);
    line.say("hello");
    assert_eq!((line.hear_out(), scene.echo.heard()), (String::new(), String::new()));
}
