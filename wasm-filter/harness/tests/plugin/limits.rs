//! A module that misbehaves is an error, never a panic and never an endless wait.

use bookend_harness::{Error, Limits, Plugin, Properties};

use crate::guest::{ask, exchange, on_request, started};

#[test]
fn a_trap_is_an_error_with_its_reason_and_the_last_words() {
    let body = on_request(
        r#"(data (i32.const 16) "index out of range")"#,
        "(drop (call $log (i32.const 5) (i32.const 16) (i32.const 18))) unreachable",
    );
    let error = ask(&body, &exchange(&[], Properties::new())).expect_err("the plugin crashes");
    assert_eq!(
        error.to_string(),
        "the module crashed in `proxy_on_request_headers`: wasm trap: wasm `unreachable` instruction executed: \
         index out of range"
    );
}

#[test]
fn a_module_that_failed_is_not_asked_again() {
    let body = on_request("", "unreachable");
    let mut instance = started(&body, &Plugin::default()).expect("the plugin starts");
    let request = exchange(&[], Properties::new());
    assert!(matches!(instance.http_request(&request), Err(Error::Trap { .. })));
    assert_eq!(instance.http_request(&request), Err(Error::Failed));
}

#[test]
fn an_endless_loop_runs_out_of_fuel() {
    let plugin = Plugin { limits: Limits { fuel: 10_000, ..Limits::default() }, ..Plugin::default() };
    let body = on_request("", "(loop $again (br $again)) i32.const 0");
    let mut instance = started(&body, &plugin).expect("the plugin starts");
    let error = instance.http_request(&exchange(&[], Properties::new())).expect_err("the plugin loops");
    let callback = "proxy_on_request_headers".to_owned();
    assert_eq!(error, Error::OutOfFuel { callback, fuel: 10_000 });
}

#[test]
fn endless_recursion_is_an_error() {
    let body = on_request("(func $deep (call $deep))", "call $deep i32.const 0");
    let error = ask(&body, &exchange(&[], Properties::new())).expect_err("the plugin recurses");
    assert!(error.to_string().contains("call stack exhausted"), "{error}");
}

#[test]
fn memory_does_not_grow_beyond_the_limit() {
    let plugin = Plugin { limits: Limits { memory: 2 << 16, ..Limits::default() }, ..Plugin::default() };
    let grow = |pages: u32| {
        let check = format!(
            "(if (i32.eq (memory.grow (i32.const {pages})) (i32.const -1)) (then unreachable)) i32.const 0"
        );
        let mut instance = started(&on_request("", &check), &plugin).expect("the plugin starts");
        instance.http_request(&exchange(&[], Properties::new()))
    };
    assert!(grow(1).is_ok());
    let callback = "proxy_on_request_headers".to_owned();
    assert_eq!(grow(2), Err(Error::OutOfMemory { callback, wanted: 3 << 16, limit: 2 << 16 }));
}

#[test]
fn a_hostcall_with_a_wild_address_answers_invalid_memory() {
    // Reading a path beyond the end of memory, and writing a result there, are both status 6.
    let body = on_request(
        "",
        "(call $say (call $get_property (i32.const -16) (i32.const 32) (i32.const 0) (i32.const 4)))
         (call $say (call $get_pairs (i32.const 0) (i32.const -2) (i32.const 4)))
         i32.const 0",
    );
    let outcome = ask(&body, &exchange(&[("a", "b")], Properties::new())).expect("the request is played");
    assert_eq!(crate::guest::said(&outcome), ["6", "6"]);
}
