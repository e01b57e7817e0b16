//! Bytes that are no HTTP. What may not pass is not even connected.

use crate::scene::{BANNER, BANNER_PLAIN, ECHO, ECHO_PLAIN, Scene};

#[test]
fn a_stream_in_the_clear_is_judged_when_it_begins() {
    let scene = Scene::new("tcp");
    let mut line = scene.dial_plain(ECHO_PLAIN);
    line.say("hello");
    assert_eq!(line.hear(5), "hello");
    assert_eq!(scene.echo.heard(), "<connection>hello");
    let mut line = scene.dial_plain(BANNER_PLAIN);
    assert_eq!(line.hear_out(), "", "the server that speaks first was heard");
    let mut line = scene.dial_plain(BANNER_PLAIN);
    line.say("hello");
    assert_eq!(line.hear_out(), "");
    assert_eq!(scene.banner.heard(), "");
}

#[test]
fn a_stream_over_tls_is_judged_by_who_shook_hands() {
    let scene = Scene::new("tls");
    let mut line = scene.dial(ECHO);
    line.say("hello");
    assert_eq!(line.hear(5), "hello");
    assert_eq!(scene.echo.heard(), "<connection>hello");
    let mut line = scene.dial_as_stranger(ECHO);
    line.say("hello");
    assert_eq!(line.hear_out(), "");
    let mut line = scene.dial_as_stranger(ECHO);
    assert_eq!(line.hear_out(), "");
    assert_eq!(scene.echo.heard(), "");
}

#[test]
fn a_server_that_speaks_first_is_heard_only_by_who_may() {
    let scene = Scene::new("banner");
    let mut line = scene.dial(BANNER);
    assert_eq!(line.hear(5), "HELLO");
    line.say("thanks");
    assert_eq!(line.hear(6), "thanks");
    assert_eq!(scene.banner.heard(), "<connection>thanks");
    let mut line = scene.dial_as_stranger(BANNER);
    assert_eq!(line.hear_out(), "");
    assert_eq!(scene.banner.heard(), "", "the server was connected");
}

#[test]
fn one_side_may_end_and_go_on_listening() {
    let scene = Scene::new("half");
    let mut line = scene.dial_plain(ECHO_PLAIN);
    line.say("hello");
    line.finish();
    assert_eq!(line.hear_out(), "hellobye");
    assert_eq!(scene.echo.heard(), "<connection>hello");
    // Also before anything was said.
    let mut line = scene.dial_plain(ECHO_PLAIN);
    line.finish();
    assert_eq!(line.hear_out(), "bye");
    let mut line = scene.dial_as_stranger(ECHO);
    line.finish();
    assert_eq!(line.hear_out(), "");
    assert_eq!(scene.echo.heard(), "<connection>");
}

#[test]
fn many_streams_that_wait_for_their_handshakes_do_not_mix() {
    let scene = Scene::new("many");
    let lines: Vec<_> = (0..40)
        .map(|number| match number % 2 {
            0 => (true, scene.dial(BANNER)),
            _ => (false, scene.dial_as_stranger(BANNER)),
        })
        .collect();
    for (allowed, mut line) in lines {
        let heard = line.hear(5);
        assert_eq!(heard, if allowed { "HELLO" } else { "" });
    }
    assert_eq!(scene.banner.heard().matches("<connection>").count(), 20);
}
