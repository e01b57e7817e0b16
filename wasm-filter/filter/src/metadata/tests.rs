//! Metadata as Envoy 1.40 wrote it, and what it would never write.

use serde_json::json;

use super::*;

const NAMESPACE: &str = "envoy.filters.http.jwt_authn";

/// The property `metadata` of a request with a token, taken from Envoy 1.40.
const TAKEN: &[u8] = b"\n\xcb\x01\n\x1cenvoy.filters.http.jwt_authn\x12\xaa\x01\n\xa7\x01\n\rhttps://iss.a\x12\x95\x01*\
\x92\x01\n\x16\n\x03iss\x12\x0f\x1a\rhttps://iss.a\n\x0e\n\x03sub\x12\x07\x1a\x05alice\n\x0e\n\x05scope\x12\x05\x1a\x03\
r w\n\x07\n\x01b\x12\x02 \x01\n$\n\x01l\x12\x1f2\x1d\n\x03\x1a\x01a\n\x02\x08\x00\n\x12*\x10\n\x0e\n\x01k\x12\t\x11\x00\
\x00\x00\x00\x00\x00\xf0?\n\x10\n\x03exp\x12\t\x11\x00\x00\xc0\xcc\x89\xc0\xdaA\n\x0e\n\x01n\x12\t\x11\x00\x00\x00\x00\
\x00\x00\xf0?\n\x07\n\x01z\x12\x02\x08\x00";

/// Protobuf's form of a value.
fn written(value: &Value) -> Vec<u8> {
    match value {
        Value::Null => vec![0x08, 0],
        Value::Number(number) => [&[0x11], number.as_f64().unwrap().to_le_bytes().as_slice()].concat(),
        Value::String(text) => field(3, text.as_bytes()),
        Value::Bool(truth) => vec![0x20, u8::from(*truth)],
        Value::Object(map) => {
            let entries = map.iter().map(|(key, value)| entry(key, &written(value)));
            field(5, &entries.collect::<Vec<_>>().concat())
        }
        Value::Array(list) => {
            let elements = list.iter().map(|value| field(1, &written(value)));
            field(6, &elements.collect::<Vec<_>>().concat())
        }
    }
}

fn entry(key: &str, value: &[u8]) -> Vec<u8> {
    field(1, &[field(1, key.as_bytes()), field(2, value)].concat())
}

fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut length = bytes.len();
    let mut written = vec![number << 3 | 2];
    while length >= 0x80 {
        written.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
        length >>= 7;
    }
    written.push(u8::try_from(length).unwrap());
    written.extend_from_slice(bytes);
    written
}

fn there_and_back(value: &Value) -> Result<Value, Malformed> {
    let bytes = entry("a", &entry("v", &written(value)));
    let mut found = namespace(&bytes, "a")?;
    Ok(found.remove("v").unwrap())
}

#[test]
fn what_envoy_wrote_is_read() {
    let found = Value::Object(namespace(TAKEN, NAMESPACE).unwrap());
    let claims = json!({
        "iss": "https://iss.a", "sub": "alice", "scope": "r w", "b": true, "l": ["a", null, {"k": 1}],
        "exp": 1_795_303_219, "n": 1, "z": null,
    });
    assert_eq!(found, json!({ "https://iss.a": claims }));
    assert_eq!(namespace(TAKEN, "another"), Ok(Map::new()));
}

#[test]
fn metadata_that_is_cut_anywhere_is_malformed() {
    for end in 1..TAKEN.len() {
        assert_eq!(namespace(&TAKEN[..end], NAMESPACE), Err(Malformed), "cut at {end}");
    }
}

#[test]
fn no_byte_that_is_changed_makes_a_panic() {
    for place in 0..TAKEN.len() {
        for byte in [0, 1, 0x0a, 0x7f, 0x80, 0xff] {
            let mut bytes = TAKEN.to_vec();
            bytes[place] = byte;
            let _whatever = namespace(&bytes, NAMESPACE);
        }
    }
}

#[test]
fn values_of_every_kind_survive() {
    for value in [
        json!(null),
        json!(true),
        json!(false),
        json!(""),
        json!("\u{0}\u{e4}\u{10ffff}"),
        json!(0),
        json!(-5),
        json!(9_007_199_254_740_991_i64),
        json!(1.5),
        json!([]),
        json!({}),
        json!({"": [[], {}, "x"], "a": {"b": ["c"]}}),
    ] {
        assert_eq!(there_and_back(&value), Ok(value));
    }
}

#[test]
fn numbers_that_a_double_cannot_tell_apart_are_no_integers() {
    for number in [9_007_199_254_740_992_i64, 9_007_199_254_740_993, i64::MAX, i64::MIN] {
        let Ok(Value::Number(read)) = there_and_back(&json!(number)) else { panic!("{number} is lost") };
        assert!(read.is_f64(), "{read}");
    }
    assert!(matches!(there_and_back(&json!(-0.0)), Ok(Value::Number(zero)) if zero.is_f64()));
    let infinite = [&[0x11], f64::INFINITY.to_le_bytes().as_slice()].concat();
    assert_eq!(namespace(&entry("a", &entry("v", &infinite)), "a"), Err(Malformed));
}

#[test]
fn what_could_be_understood_in_two_ways_is_malformed() {
    let text = |text: &str| field(3, text.as_bytes());
    let value = |bytes: &[u8]| namespace(&entry("a", &entry("v", bytes)), "a");
    assert!(value(&text("x")).is_ok());
    assert_eq!(value(&[text("x"), text("y")].concat()), Err(Malformed), "a value of two kinds");
    assert_eq!(value(b""), Err(Malformed), "a value of no kind");
    assert_eq!(value(&[0x08, 1]), Err(Malformed), "another null");
    assert_eq!(value(&[0x20, 2]), Err(Malformed), "neither true nor false");
    assert_eq!(value(&[0x38, 0]), Err(Malformed), "an unknown kind");
    assert_eq!(value(&field(3, b"\xff")), Err(Malformed), "text that is none");
    let twice = [entry("v", &text("x")), entry("v", &text("y"))].concat();
    assert_eq!(namespace(&entry("a", &twice), "a"), Err(Malformed), "a key that comes twice");
    let twice = [entry("a", &entry("v", &text("x"))), entry("a", b"")].concat();
    assert_eq!(namespace(&twice, "a"), Err(Malformed), "a namespace that comes twice");
    let keys = field(1, &[field(1, b"a"), field(1, b"b"), field(2, b"")].concat());
    assert_eq!(namespace(&keys, "a"), Err(Malformed), "an entry with two keys");
}

#[test]
fn what_other_filters_write_is_passed_over() {
    let typed = field(2, b"whatever");
    let bytes = [typed, entry("other", b"whatever"), entry("a", &entry("v", &field(3, b"x")))].concat();
    assert_eq!(namespace(&bytes, "a").map(Value::Object), Ok(json!({ "v": "x" })));
}

#[test]
fn depth_and_size_are_bounded() {
    let nested = |levels: usize| (1..levels).fold(json!(1), |inner, _| json!([inner]));
    assert!(there_and_back(&nested(MOST_LEVELS)).is_ok());
    assert_eq!(there_and_back(&nested(MOST_LEVELS + 1)), Err(Malformed));
    let long = |length: usize| there_and_back(&Value::String("x".repeat(length)));
    assert!(long(MOST_BYTES - 64).is_ok());
    assert_eq!(long(MOST_BYTES), Err(Malformed));
}
