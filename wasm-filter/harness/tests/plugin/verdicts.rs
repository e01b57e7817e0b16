//! What becomes of a request.

use bookend_harness::{Ending, LocalResponse, Properties};

use crate::guest::{ask, exchange, on_request};

fn ending(data: &str, body: &str) -> Ending {
    let request = exchange(&[(":path", "/")], Properties::new());
    ask(&on_request(data, body), &request).expect("the request is played").ending
}

#[test]
fn a_local_response_carries_everything_the_module_said() {
    // 403, details `why`, body `denied`, one header, no gRPC status; the action does not matter.
    let data = r#"(data (i32.const 16) "why" "denied" "\01\00\00\00\01\00\00\00\01\00\00\00a\00b\00")"#;
    let respond = |grpc: i32| {
        format!(
            "(drop (call $respond (i32.const 403) (i32.const 16) (i32.const 3) (i32.const 19) (i32.const 6)
               (i32.const 25) (i32.const 16) (i32.const {grpc}))) i32.const 0"
        )
    };
    let mut expected = LocalResponse {
        status: 403,
        headers: vec![(b"a".to_vec(), b"b".to_vec())],
        body: b"denied".to_vec(),
        details: b"why".to_vec(),
        grpc_status: None,
    };
    assert_eq!(ending(data, &respond(-1)), Ending::LocalResponse(expected.clone()));
    expected.grpc_status = Some(7);
    assert_eq!(ending(data, &respond(7)), Ending::LocalResponse(expected));
}

#[test]
fn a_module_without_callbacks_lets_requests_pass() {
    let outcome = ask("", &exchange(&[("x", "y")], Properties::new())).expect("the request is played");
    assert_eq!(outcome.ending, Ending::Continue(vec![(b"x".to_vec(), b"y".to_vec())]));
}

#[test]
fn a_module_may_hold_or_reset_a_request() {
    assert_eq!(ending("", "i32.const 1"), Ending::Paused);
    assert_eq!(ending("", "(drop (call $close (i32.const 0))) i32.const 1"), Ending::Closed);
}
