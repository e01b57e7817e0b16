//! What Envoy has to be told besides the filter: who the peer is, and not to connect before it was judged.

use serde_json::{Map, Value, json};

/// The filter state in which the filter finds who is at the other end of a connection (S63).
pub const PEER: &str = "bookend.peer";

/// What it holds: the direct peer's address, where the peer arrived, and every URI name of its verified certificate. By what the
/// connection says, and not what a header says.
pub const PEER_FORMAT: &str =
    "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT% %DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_PEER_URI_SAN%";

/// The type of the configuration of `tcp_proxy`.
pub const TCP_PROXY: &str = "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy";

/// The network filter that records who the peer is, once for a connection: when the handshake is done, or when a connection
/// without one begins (Envoy 1.37 and newer). Never two writers for one connection, [`facts_of_requests`] included: Envoy takes that for
/// a bug of its own, and writes a stack trace at every request.
pub fn facts() -> Value {
    writer("network", "on_downstream_tls_handshake")
}

/// The filter among HTTP filters that records it at every request.
pub fn facts_of_requests() -> Value {
    writer("http", "on_request_headers")
}

fn writer(layer: &str, moment: &str) -> Value {
    json!({
        "name": "bookend.facts",
        "typed_config": {
            "@type": format!("type.googleapis.com/envoy.extensions.filters.{layer}.set_filter_state.v3.Config"),
            moment: [state(PEER, &json!({
                "text_format_source": { "inline_string": PEER_FORMAT },
                "omit_empty_values": true,
            }))],
        },
    })
}

/// An entry of a filter that writes filter state: a text under a key.
pub fn state(key: &str, format: &Value) -> Value {
    json!({
        "object_key": key,
        "factory_key": "envoy.string",
        "format_string": format,
        "skip_if_empty": true,
    })
}

/// What makes `tcp_proxy` go on reading while a filter before it waits for the handshake, and connect to nobody until then (S64).
pub fn judged_before_connecting() -> Map<String, Value> {
    Map::from_iter([
        ("upstream_connect_mode".to_owned(), json!("IMMEDIATE")),
        ("max_early_data_bytes".to_owned(), json!(0)),
    ])
}
