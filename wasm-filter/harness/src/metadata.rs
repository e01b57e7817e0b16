//! Envoy's dynamic metadata in protobuf's binary form: the message `envoy.config.core.v3.Metadata`, whose namespaces
//! are `google.protobuf.Struct`s.

use crate::Value;

/// Writes a map of namespaces as Envoy does where a module reads the property `metadata`.
pub(crate) fn encode(namespaces: &Value) -> Vec<u8> {
    let written = entries(namespaces).map(|(name, namespace)| entry(name, &structure(namespace)));
    written.collect::<Vec<_>>().concat()
}

/// The entries of a map; anything else has none.
fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    let map = if let Value::Map(map) = value { Some(map) } else { None };
    map.into_iter().flatten()
}

/// `google.protobuf.Struct`.
fn structure(map: &Value) -> Vec<u8> {
    entries(map).map(|(key, value)| entry(key, &self::value(value))).collect::<Vec<_>>().concat()
}

/// `google.protobuf.Value`.
fn value(value: &Value) -> Vec<u8> {
    match value {
        Value::Null => vec![1 << 3, 0],
        #[expect(clippy::cast_precision_loss, reason = "every number in metadata is a double, as in Envoy")]
        Value::Int(number) => double(*number as f64),
        Value::Double(number) => double(*number),
        Value::Bytes(text) => field(3, text),
        Value::Bool(truth) => vec![4 << 3, u8::from(*truth)],
        map @ Value::Map(_) => field(5, &structure(map)),
        Value::Metadata(inner) => self::value(inner),
        Value::List(list) => {
            let elements = list.iter().map(|element| field(1, &self::value(element)));
            field(6, &elements.collect::<Vec<_>>().concat())
        }
    }
}

fn double(number: f64) -> Vec<u8> {
    [&[2 << 3 | 1], number.to_le_bytes().as_slice()].concat()
}

/// An entry of a map: a key, and a message.
fn entry(key: &str, value: &[u8]) -> Vec<u8> {
    field(1, &[field(1, key.as_bytes()), field(2, value)].concat())
}

/// A field of bytes: its number and kind, their length in groups of seven bits, the lowest first, and they.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut written = vec![number << 3 | 2];
    let mut length = bytes.len();
    while length >= 0x80 {
        written.push(length.to_le_bytes()[0] | 0x80);
        length >>= 7;
    }
    written.push(length.to_le_bytes()[0]);
    written.extend_from_slice(bytes);
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespaces_are_written_as_envoy_writes_them() {
        let claims = serde_json::json!({ "b": true, "l": ["a", null, {"k": 1}], "sub": "alice" });
        let namespace = Value::Map([("payload".to_owned(), Value::from(&claims))].into());
        let written = encode(&Value::Map([("envoy.filters.http.jwt_authn".to_owned(), namespace)].into()));
        // As Envoy 1.40 wrote it, but for the order of the keys, which it leaves to chance.
        let expected = b"\nn\n\x1cenvoy.filters.http.jwt_authn\x12N\nL\n\x07payload\x12A*?\n\x07\n\x01b\x12\x02 \x01\n\
            $\n\x01l\x12\x1f2\x1d\n\x03\x1a\x01a\n\x02\x08\x00\n\x12*\x10\n\x0e\n\x01k\x12\t\x11\x00\x00\x00\x00\x00\x00\
            \xf0?\n\x0e\n\x03sub\x12\x07\x1a\x05alice";
        assert_eq!(written.escape_ascii().to_string(), expected.escape_ascii().to_string());
    }

    #[test]
    fn lengths_of_more_than_seven_bits_are_written_in_groups() {
        assert_eq!(field(3, &[b'x'; 300])[..3], [0x1a, 0xac, 0x02]);
        assert_eq!(field(3, &[]), [0x1a, 0]);
    }
}
