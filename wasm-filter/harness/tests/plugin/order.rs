//! The order in which a plugin is called, as Envoy 1.40 was seen to call it.

use std::time::Duration;

use bookend_harness::{Course, Plugin, Properties};

use crate::guest::started;

/// A plugin that says one letter in each callback, and then does this.
fn telling(acts: &[(&str, &str)]) -> String {
    const CALLBACKS: [(&str, usize, bool, char); 15] = [
        ("proxy_on_context_create", 2, false, 'c'),
        ("proxy_on_tick", 1, false, 't'),
        ("proxy_on_new_connection", 1, true, 'n'),
        ("proxy_on_downstream_data", 3, true, 'd'),
        ("proxy_on_upstream_data", 3, true, 'u'),
        ("proxy_on_downstream_connection_close", 2, false, 'D'),
        ("proxy_on_upstream_connection_close", 2, false, 'U'),
        ("proxy_on_request_headers", 3, true, 'h'),
        ("proxy_on_request_body", 3, true, 'b'),
        ("proxy_on_request_trailers", 2, true, 'r'),
        ("proxy_on_response_headers", 3, true, 'H'),
        ("proxy_on_response_body", 3, true, 'B'),
        ("proxy_on_done", 1, true, 'e'),
        ("proxy_on_log", 1, false, 'l'),
        ("proxy_on_delete", 1, false, 'x'),
    ];
    let texts = CALLBACKS.map(|(name, parameters, answers, letter)| {
        let own = acts.iter().find(|(other, _)| *other == name).map_or("", |(_, act)| *act);
        let own = if answers && own.is_empty() { "i32.const 0" } else { own };
        let result = if answers { "(result i32)" } else { "" };
        let code = i64::from(u32::from(letter)) - 48;
        format!(
            "(func (export \"{name}\") (param{}) {result} (call $say (i32.const {code})) {own})",
            " i32".repeat(parameters)
        )
    });
    texts.concat()
}

fn letters(logs: &[bookend_harness::LogLine]) -> String {
    logs.iter().map(|line| line.message.as_str()).collect()
}

#[test]
fn a_connection_is_told_from_its_beginning_to_its_end() {
    let mut instance = started(&telling(&[]), &Plugin::default()).expect("the plugin starts");
    let (it, course) = instance.open_tcp(Properties::new()).expect("the plugin lives");
    assert_eq!(course, Course::Running);
    instance.downstream_data(it, b"a", false).expect("the plugin lives");
    instance.upstream_data(it, b"b", true).expect("the plugin lives");
    let delivery = instance.finish_tcp(it).expect("the plugin lives");
    assert_eq!(letters(&delivery.logs), "cnduUDelx");
    assert_eq!((delivery.to_service, delivery.to_peer), (b"a".to_vec(), b"b".to_vec()));
}

#[test]
fn a_connection_that_the_module_closes_ends_at_once() {
    let close = "(drop (call $close (i32.const 2))) i32.const 1";
    let body = telling(&[("proxy_on_new_connection", close)]);
    let mut instance = started(&body, &Plugin::default()).expect("the plugin starts");
    let (it, course) = instance.open_tcp(Properties::new()).expect("the plugin lives");
    assert_eq!((course, instance.is_open(it)), (Course::Reset, false));
    let delivery = instance.finish_tcp(it).expect("the plugin lives");
    assert_eq!((delivery.refused, letters(&delivery.logs).as_str()), (true, "cnDelx"));
}

#[test]
fn a_request_that_is_answered_passes_the_callbacks_for_responses() {
    let answer =
        "(drop (call $respond (i32.const 403) (i32.const 0) (i32.const 0) (i32.const 4096) (i32.const 1)
        (i32.const 0) (i32.const 0) (i32.const -1))) i32.const 0";
    let body = telling(&[("proxy_on_request_headers", answer)]);
    let mut instance = started(&body, &Plugin::default()).expect("the plugin starts");
    let it = instance.open_http(Properties::new()).expect("the plugin lives");
    assert_eq!(instance.request_headers(it, Vec::new(), false), Ok(Course::Answered));
    assert_eq!(instance.request_body(it, b"late", true), Ok(Course::Answered));
    assert_eq!(letters(&instance.finish(it).expect("the plugin lives").logs), "chHBlex");
}

#[test]
fn what_comes_while_a_request_is_stopped_is_shown_when_it_goes_on() {
    let body = telling(&[
        ("proxy_on_request_headers", "i32.const 1"),
        ("proxy_on_tick", "(drop (call $set_context (i32.const 2))) (drop (call $continue (i32.const 0)))"),
    ]);
    let tick = "(func (export \"proxy_on_configure\") (param i32 i32) (result i32)
        (drop (call $set_tick (i32.const 20))) i32.const 1)";
    let mut instance = started(&format!("{body}{tick}"), &Plugin::default()).expect("the plugin starts");
    let it = instance.open_http(Properties::new()).expect("the plugin lives");
    assert_eq!(instance.request_headers(it, Vec::new(), false), Ok(Course::Stopped));
    assert_eq!(instance.request_body(it, b"body", false), Ok(Course::Stopped));
    assert_eq!(instance.request_trailers(it, Vec::new()), Ok(Course::Stopped));
    instance.advance(Duration::from_millis(20)).expect("the plugin lives");
    assert_eq!(instance.courses(it), Ok((Course::Running, Course::Running)));
    let outcome = instance.finish(it).expect("the plugin lives");
    assert_eq!(
        (letters(&outcome.logs).as_str(), outcome.request.body.as_slice()),
        ("chtbrlex", b"body".as_slice())
    );
    assert!(outcome.request.complete);
}
