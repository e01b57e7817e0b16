//! What a proxy hands to the filter, in its binary forms.

use serde_json::{Value, json};

use crate::attributes::DIVIDER;

/// Pairs as a proxy serializes them: their number, all lengths, all strings with a NUL behind each.
///
/// # Panics
/// When there are more than 4 GiB of them.
pub fn pairs<T: AsRef<[u8]>>(pairs: &[(T, T)]) -> Vec<u8> {
    let number = |length: usize| u32::try_from(length).expect("short").to_le_bytes();
    let mut bytes = number(pairs.len()).to_vec();
    for (name, value) in pairs {
        bytes.extend([number(name.as_ref().len()), number(value.as_ref().len())].concat());
    }
    for (name, value) in pairs {
        bytes.extend([name.as_ref(), b"\0", value.as_ref(), b"\0"].concat());
    }
    bytes
}

/// Protobuf's form of a `google.protobuf.Value`.
///
/// # Panics
/// Never for a value without numbers beyond a double.
pub fn written(value: &Value) -> Vec<u8> {
    match value {
        Value::Null => vec![0x08, 0],
        Value::Number(number) => {
            [&[0x11], number.as_f64().expect("a double").to_le_bytes().as_slice()].concat()
        }
        Value::String(text) => field(3, text.as_bytes()),
        Value::Bool(truth) => vec![0x20, u8::from(*truth)],
        Value::Object(map) => {
            let entries: Vec<u8> = map.iter().flat_map(|(key, value)| entry(key, &written(value))).collect();
            field(5, &entries)
        }
        Value::Array(list) => {
            let elements: Vec<u8> = list.iter().flat_map(|value| field(1, &written(value))).collect();
            field(6, &elements)
        }
    }
}

/// Protobuf's form of an entry of a map.
pub fn entry(key: &str, value: &[u8]) -> Vec<u8> {
    field(1, &[field(1, key.as_bytes()), field(2, value)].concat())
}

fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut length = bytes.len();
    let mut written = vec![number << 3 | 2];
    while length >= 0x80 {
        written.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    written.push(length as u8);
    written.extend_from_slice(bytes);
    written
}

/// Metadata with a token of `alice`.
pub(super) fn metadata() -> Vec<Vec<u8>> {
    let claims = json!({
        "iss": "https://iss.test", "sub": "alice", "admin": true, "none": null, "level": 7, "half": -7.5,
        "groups": ["dev", 7, ["x"]], "realm": { "roles": ["editor"], "": {} },
    });
    let of = |key: &str, claims: &Value| entry("envoy.filters.http.jwt_authn", &entry(key, &written(claims)));
    vec![
        Vec::new(),
        of("payload", &claims),
        of("https://iss.test", &claims),
        of("payload", &json!({ "sub": "alice" })),
        [of("payload", &json!({ "sub": "alice" })), entry("other", &[]), vec![0x12, 0]].concat(),
        of("header", &json!("x")),
    ]
}

/// A request that passes, and others.
pub(super) fn attributes() -> Vec<Vec<u8>> {
    let web = "spiffe://cluster.local/ns/default/sa/web";
    let request = |path| {
        let lines = [
            (":method", "GET"),
            (":authority", "shop.test"),
            (":path", path),
            (":scheme", "http"),
            ("x-role", "admin"),
        ];
        pairs(&lines)
    };
    let mut seeds = Vec::new();
    for metadata in metadata() {
        let told = |names: &str| format!("10.0.0.2 10.0.0.1:8080 {names}");
        for (path, peer) in [
            ("/open/a?b", told(web)),
            ("/open/%61", told("")),
            ("/open/../a", told(&format!("{web},{web}x"))),
            ("/open/b", String::new()),
        ] {
            let (labels, request) = (pairs(&[("app", "shop"), ("version", "v1")]), request(path));
            let rest: [&[u8]; 5] = [b"default", b"shop", peer.as_bytes(), web.as_bytes(), b"10.0.0.1:8080"];
            let parts = [&[request.as_slice(), &metadata, &labels], &rest[..]].concat();
            seeds.push(parts.join(DIVIDER));
        }
    }
    seeds
}
