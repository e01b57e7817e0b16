//! Verified tokens, and what is none.

use bookend_filter::{CallFailed, Level, tokens};
use serde_json::{Value, json};

use crate::proxy::{World, pairs};

const DENIED: &str = "bookend_denied{default/bookinfo/isolate[0]}";

/// A proxy that verifies tokens, and lets `reviews` read ratings only with one of the issuer `a`.
fn world() -> World {
    let mut world = World::new();
    world.configure(|configuration| {
        let mut set = |part: &str, value: Value| {
            *configuration.pointer_mut(part).expect("the part is there") = value;
        };
        let token = json!([{ "issuer": ["a"], "subject": null, "audiences": null, "claims": [] }]);
        set("/program/rules/0/http/0/jwt", token);
        set("/inventory/workloads/1/identity/jwt", json!(true));
    });
    world
}

/// Metadata with one payload of a token of the issuer `a`, under this key.
fn payload(key: &str) -> Vec<u8> {
    let field = |number: u8, bytes: &[u8]| {
        let length = u8::try_from(bytes.len()).expect("short");
        assert!(length < 0x80, "the length is one byte");
        [&[number << 3 | 2, length], bytes].concat()
    };
    let entry = |key: &str, value: &[u8]| field(1, &[field(1, key.as_bytes()), field(2, value)].concat());
    entry(tokens::NAMESPACE, &entry(key, &field(5, &entry("iss", &field(3, b"a")))))
}

#[test]
fn a_token_that_the_proxy_verified_counts() {
    let mut world = world();
    assert_eq!(world.refused().as_deref(), Some(DENIED), "there is no token");
    for key in ["a", "payload"] {
        world.know("metadata", payload(key));
        assert_eq!(world.refused(), None, "{key}");
    }
}

#[test]
fn a_proxy_that_verifies_no_tokens_is_not_believed() {
    let mut world = world();
    world.know("metadata", payload("a"));
    let configuration =
        String::from_utf8(world.configuration.clone().expect("it is there")).expect("it is text");
    world.configuration = Ok(configuration.replace("\"jwt\":true", "\"jwt\":false").into());
    assert_eq!(world.refused().as_deref(), Some(DENIED));
}

#[test]
fn tokens_that_cannot_be_read_are_in_doubt_and_that_is_logged() {
    for wrong in [Err(CallFailed(3)), Ok(b"\xff".to_vec()), Ok(payload("header"))] {
        let mut world = world();
        world.properties.insert("metadata".to_owned(), wrong);
        let (_, done) = world.play();
        assert_eq!(done.refusal.map(|refusal| refusal.details).as_deref(), Some(DENIED));
        let doubt = |(level, line): &(Level, String)| {
            *level == Level::Warn
                && line.starts_with("bookend: the tokens of a request are in doubt, because ")
        };
        assert!(done.logs.iter().any(doubt), "{:?}", done.logs);
    }
}

#[test]
fn a_policy_without_tokens_reads_none() {
    let mut world = World::new();
    world.properties.insert("metadata".to_owned(), Err(CallFailed(3)));
    let (_, done) = world.play();
    assert!(done.refusal.is_none() && done.logs.len() == 1, "{done:?}");
}

#[test]
fn nothing_that_a_request_says_is_a_token() {
    let mut world = world();
    world.headers = Ok(pairs(&[
        (":method", "GET"),
        (":path", "/ratings/1?iss=a"),
        ("authorization", "Bearer eyJhbGciOiJub25lIn0.eyJpc3MiOiJhIn0."),
        ("metadata", "iss=a"),
        ("x-jwt-payload", "eyJpc3MiOiJhIn0"),
    ]));
    assert_eq!(world.refused().as_deref(), Some(DENIED));
}
