//! What a proxy finds of its client beside who it is: the address behind other proxies, and the name asked for in a handshake (S85, S86).

use bookend_filter::CallFailed;
use serde_json::json;

use crate::proxy::World;

const DENIED: &str = "bookend_denied{default/bookinfo/isolate[0]}";
const CLIENT: &str = "source/address";
const SERVER_NAME: &str = "connection/requested_server_name";
const TLS_VERSION: &str = "connection/tls_version";

/// Lets `reviews` read ratings for clients in one block only.
fn by_client() -> World {
    let mut world = World::new();
    world.configure(|configuration| {
        let block = json!([{ "cidr": "203.0.113.0/24", "except": ["203.0.113.9/32"] }]);
        *configuration.pointer_mut("/program/rules/0/http/0/clients").expect("the part is there") = block;
    });
    world
}

/// Lets `reviews` read ratings where `when` holds.
fn by_name(when: &str) -> World {
    let mut world = World::new();
    world.configure(|configuration| {
        *configuration.pointer_mut("/program/rules/0/http/0/when").expect("the part is there") = json!(when);
    });
    world
}

#[test]
fn a_client_is_where_the_proxy_finds_it() {
    let mut world = by_client();
    for (told, passes) in [
        ("203.0.113.5:0", true),
        ("203.0.113.5:40000", true),
        ("203.0.113.5", true),
        ("[::ffff:203.0.113.5]:0", true),
        ("203.0.113.9:0", false),
        ("10.0.0.7:40000", false),
        ("[2001:db8::1]:0", false),
        // Nobody can tell where these are.
        ("/run/envoy.sock", false),
        ("\u{ff}", false),
        ("", false),
    ] {
        world.know(CLIENT, told);
        assert_eq!(world.refused().as_deref(), (!passes).then_some(DENIED), "{told}");
    }
    world.properties.insert(CLIENT.to_owned(), Err(CallFailed(10)));
    assert_eq!(world.refused().as_deref(), Some(DENIED), "what cannot be read is not known");
    world.forget(CLIENT);
    assert_eq!(world.refused().as_deref(), Some(DENIED), "nothing is known");
}

#[test]
fn no_header_says_where_a_client_is() {
    let mut world = by_client();
    world.know(CLIENT, "10.0.0.7:40000");
    world.headers = Ok(crate::proxy::pairs(&[
        (":method", "GET"),
        (":path", "/ratings/1"),
        ("x-forwarded-for", "203.0.113.5"),
        ("x-envoy-external-address", "203.0.113.5"),
    ]));
    assert_eq!(world.refused().as_deref(), Some(DENIED));
}

#[test]
fn a_name_is_the_one_that_the_handshake_asked_for() {
    let mut world = by_name("connection.sni == 'ratings.test'");
    world.know(TLS_VERSION, "TLSv1.3");
    for (told, passes) in [("ratings.test", true), ("Ratings.TEST", true), ("other.test", false), ("", false)]
    {
        world.know(SERVER_NAME, told);
        assert_eq!(world.refused().as_deref(), (!passes).then_some(DENIED), "{told}");
    }
}

#[test]
fn only_plaintext_asks_for_no_name_for_certain() {
    let mut world = by_name("!has(connection.sni)");
    world.know(SERVER_NAME, "");
    assert_eq!(world.refused(), None, "plaintext has no handshake");
    world.know(TLS_VERSION, "TLSv1.3");
    assert_eq!(world.refused().as_deref(), Some(DENIED), "the proxy may not have looked");
    world.know(SERVER_NAME, "ratings.test");
    assert_eq!(world.refused().as_deref(), Some(DENIED));
}

#[test]
fn a_policy_that_does_not_ask_reads_neither() {
    let mut world = World::new();
    let (_, before) = (world.refused(), world.calls.get());
    world.properties.insert(CLIENT.to_owned(), Err(CallFailed(3)));
    world.properties.insert(SERVER_NAME.to_owned(), Err(CallFailed(3)));
    assert_eq!((world.refused(), world.calls.get()), (None, before));
}
