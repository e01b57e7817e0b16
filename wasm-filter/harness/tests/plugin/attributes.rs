//! Attributes.

use bookend_harness::{Plugin, Properties};

use crate::guest::{ask, exchange, on_request, said, started};

/// Asks for the 33 bytes of path at 16 and tells status and value.
const READ: &str = "
  (call $say (call $get_property (i32.const 16) (i32.const 33) (i32.const 0) (i32.const 4)))
  call $tell i32.const 0";
const PATH: &str = r#"(data (i32.const 16) "filter_state\00bookend.peer_address")"#;

#[test]
fn an_attribute_is_found_by_its_segments() {
    let properties = Properties::new().with(["filter_state", "bookend.peer_address"], "10.0.0.1");
    let outcome = ask(&on_request(PATH, READ), &exchange(&[], properties)).expect("the request is played");
    assert_eq!(said(&outcome), ["0", "10.0.0.1"]);
}

#[test]
fn an_absent_attribute_is_not_found() {
    let outcome =
        ask(&on_request(PATH, READ), &exchange(&[], Properties::new())).expect("the request is played");
    assert_eq!(said(&outcome), ["1", ""]);
}

#[test]
fn attributes_of_the_plugin_are_there_at_once_and_those_of_a_request_hide_them() {
    let known = |address: &str| Properties::new().with(["filter_state", "bookend.peer_address"], address);
    let body = format!(
        r#"{} (func (export "proxy_on_configure") (param i32 i32) (result i32) {READ} (drop) i32.const 1)"#,
        on_request(PATH, READ)
    );
    let plugin = Plugin { properties: known("plugin"), ..Plugin::default() };
    let mut instance = started(&body, &plugin).expect("the plugin starts");
    assert_eq!(instance.startup_logs()[1].message, "plugin");
    let outcome = instance.http_request(&exchange(&[], known("request"))).expect("the request is played");
    assert_eq!(said(&outcome), ["0", "request"]);
    let outcome = instance.http_request(&exchange(&[], Properties::new())).expect("the request is played");
    assert_eq!(said(&outcome), ["0", "plugin"]);
}

#[test]
fn a_written_attribute_is_reported_and_read_back() {
    let body = on_request(
        r#"(data (i32.const 16) "bookend.rule" "a/b/c")"#,
        "(call $say (call $set_property (i32.const 16) (i32.const 12) (i32.const 28) (i32.const 5)))
         (call $say (call $get_property (i32.const 16) (i32.const 12) (i32.const 0) (i32.const 4)))
         call $tell i32.const 0",
    );
    let outcome = ask(&body, &exchange(&[], Properties::new())).expect("the request is played");
    assert_eq!(said(&outcome), ["0", "0", "a/b/c"]);
    assert_eq!(outcome.written, [(b"bookend.rule".to_vec(), b"a/b/c".to_vec())].into());
}

#[test]
fn the_plugin_has_neither_headers_nor_a_place_to_write() {
    // 1 is the plugin's own context, 7 is nobody's.
    let body = on_request(
        PATH,
        "(call $say (call $set_context (i32.const 7)))
         (call $say (call $set_context (i32.const 1)))
         (call $say (call $set_property (i32.const 16) (i32.const 12) (i32.const 0) (i32.const 0)))
         (call $say (call $get_header (i32.const 0) (i32.const 16) (i32.const 1) (i32.const 0) (i32.const 4)))
         i32.const 0",
    );
    let outcome = ask(&body, &exchange(&[("f", "1")], Properties::new())).expect("the request is played");
    assert_eq!(said(&outcome).concat(), "2012");
}
