//! Ports of rules, as documents.

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

/// Ports worth naming.
pub(super) const PORTS: [u16; 5] = [1, 80, 443, 9080, 65535];

/// A port of TCP, without ICMP and what else has nothing to do with HTTP.
pub(super) fn tcp() -> impl Strategy<Value = Value> {
    prop_oneof![
        6 => range("TCP"),
        1 => select(vec!["http", "metrics"]).prop_map(Value::from),
        1 => Just(json!({ "protocol": "TCP" })),
    ]
}

/// Any port.
pub(super) fn any_port() -> impl Strategy<Value = Value> {
    let icmp = vec![
        json!({ "protocol": "ICMP" }),
        json!({ "protocol": "ICMP", "type": 8 }),
        json!({ "protocol": "ICMP", "type": 8, "code": 0 }),
        json!({ "protocol": "ICMP", "type": 13, "code": 0 }),
        json!({ "protocol": "ICMPv6" }),
        json!({ "protocol": "ICMPv6", "type": 128 }),
    ];
    prop_oneof![
        6 => tcp(),
        2 => range("UDP"),
        2 => range("SCTP"),
        1 => Just(json!({ "port": "http", "protocol": "UDP" })),
        1 => select(vec!["UDP", "SCTP"]).prop_map(|protocol| json!({ "protocol": protocol })),
        2 => select(icmp),
    ]
}

fn range(protocol: &'static str) -> impl Strategy<Value = Value> {
    (select(PORTS.to_vec()), select(PORTS.to_vec()))
        .prop_map(move |(a, b)| json!({ "port": a.min(b), "endPort": a.max(b), "protocol": protocol }))
}
