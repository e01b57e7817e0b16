//! Header maps.

use bookend_harness::{Ending, Properties};

use crate::guest::{ask, exchange, on_request, said};

const DATA: &str = r#"(data (i32.const 16) "x-one" "2" ":path")"#;

fn headers_after(body: &str) -> (Vec<String>, String) {
    let request =
        exchange(&[(":path", "/"), ("x-one", "1"), ("x-two", "2"), ("x-one", "3")], Properties::new());
    let outcome = ask(&on_request(DATA, body), &request).expect("the request is played");
    let log = said(&outcome).concat();
    let Ending::Continue(headers) = outcome.ending else { panic!("the request goes on") };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (headers.iter().map(|(name, value)| format!("{}={}", text(name), text(value))).collect(), log)
}

#[test]
fn all_headers_arrive_in_one_call_with_every_byte() {
    let body = on_request(
        "",
        "(call $say (call $get_pairs (i32.const 0) (i32.const 0) (i32.const 4)))
        call $tell i32.const 0",
    );
    let mut request = exchange(&[(":path", "/")], Properties::new());
    request.headers.push((b"x".to_vec(), b"\xf0\x28".to_vec()));
    let outcome = ask(&body, &request).expect("the request is played");
    let pairs = b"\x02\0\0\0\x05\0\0\0\x01\0\0\0\x01\0\0\0\x02\0\0\0:path\0/\0x\0\xf0\x28\0";
    assert_eq!(said(&outcome), ["0", &String::from_utf8_lossy(pairs)]);
}

#[test]
fn an_absent_map_has_no_pairs_but_cannot_be_changed() {
    let body = on_request(
        DATA,
        "
        (call $say (call $get_pairs (i32.const 2) (i32.const 0) (i32.const 4)))
        (call $say (i32.load (i32.const 4)))
        (call $say (call $add_header (i32.const 2) (i32.const 16) (i32.const 5) (i32.const 21) (i32.const 1)))
        (call $say (call $get_pairs (i32.const 8) (i32.const 0) (i32.const 4)))
        i32.const 0",
    );
    let outcome = ask(&body, &exchange(&[], Properties::new())).expect("the request is played");
    assert_eq!(said(&outcome).concat(), "0022");
}

#[test]
fn reading_one_header_gives_the_first_of_its_name() {
    let (_, log) = headers_after(
        "
        (call $say (call $get_header (i32.const 0) (i32.const 16) (i32.const 5) (i32.const 0) (i32.const 4)))
        call $tell
        (call $say (call $get_header (i32.const 0) (i32.const 16) (i32.const 4) (i32.const 0) (i32.const 4)))
        i32.const 0",
    );
    assert_eq!(log, "011");
}

#[test]
fn headers_are_added_at_the_end() {
    let (headers, _) = headers_after(
        "
        (call $add_header (i32.const 0) (i32.const 16) (i32.const 5) (i32.const 21) (i32.const 1))",
    );
    assert_eq!(headers, [":path=/", "x-one=1", "x-two=2", "x-one=3", "x-one=2"]);
}

#[test]
fn replacing_and_removing_reach_every_header_of_the_name() {
    let (replaced, _) = headers_after(
        "
        (call $replace_header (i32.const 0) (i32.const 16) (i32.const 5) (i32.const 21) (i32.const 1))",
    );
    assert_eq!(replaced, [":path=/", "x-two=2", "x-one=2"]);
    let (removed, _) = headers_after("(call $remove_header (i32.const 0) (i32.const 16) (i32.const 5))");
    assert_eq!(removed, [":path=/", "x-two=2"]);
    let (path, _) = headers_after(
        "
        (call $replace_header (i32.const 0) (i32.const 22) (i32.const 5) (i32.const 21) (i32.const 1))",
    );
    assert_eq!(path, [":path=2", "x-one=1", "x-two=2", "x-one=3"]);
}

#[test]
fn all_headers_can_be_replaced_in_one_call() {
    let (headers, _) = headers_after(
        "
        (i32.store (i32.const 100) (i32.const 1))
        (i32.store (i32.const 104) (i32.const 1))
        (i32.store (i32.const 108) (i32.const 1))
        (i32.store (i32.const 112) (i32.const 0x42004100)) ;; NUL A NUL B: not a pair
        (drop (call $set_pairs (i32.const 0) (i32.const 100) (i32.const 16)))
        (i32.store (i32.const 112) (i32.const 0x00420041)) ;; A NUL B NUL
        (call $set_pairs (i32.const 0) (i32.const 100) (i32.const 16))",
    );
    assert_eq!(headers, ["a=B"]);
}
