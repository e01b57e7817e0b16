//! Attributes by path, in the encodings that Envoy uses.

use std::collections::BTreeMap;

use crate::{metadata, pairs};

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Text or bytes, read as they are.
    Bytes(Vec<u8>),
    /// Read as 8 bytes, little-endian. Ports and sizes are of this kind.
    Int(i64),
    /// Read as 8 bytes, little-endian IEEE 754. Every number in node metadata is of this kind.
    Double(f64),
    /// Read as one byte, 0 or 1.
    Bool(bool),
    /// Read as pairs of key and encoded value.
    Map(BTreeMap<String, Value>),
    /// Read as pairs of encoded value and nothing.
    List(Vec<Value>),
    /// Cannot be read, nor can a map or a list that holds it: Envoy answers with `SERIALIZATION_FAILURE`.
    Null,
    /// Dynamic metadata: a map of namespaces, each a map. Read as the message `envoy.config.core.v3.Metadata` in
    /// protobuf's binary form; below the segment `filter_metadata` it is read as the map it holds.
    Metadata(Box<Value>),
}

impl Value {
    /// The bytes that a module gets, or nothing for what cannot be read.
    pub(crate) fn encode(&self) -> Option<Vec<u8>> {
        Some(match self {
            Self::Bytes(bytes) => bytes.clone(),
            Self::Int(number) => number.to_le_bytes().to_vec(),
            Self::Double(number) => number.to_le_bytes().to_vec(),
            Self::Bool(truth) => vec![u8::from(*truth)],
            Self::Map(map) => {
                let values = map.values().map(Self::encode).collect::<Option<Vec<_>>>()?;
                pairs::encode(map.keys().zip(&values).map(|(key, value)| (key.as_bytes(), value.as_slice())))
            }
            Self::List(list) => {
                let values = list.iter().map(Self::encode).collect::<Option<Vec<_>>>()?;
                pairs::encode(values.iter().map(|value| (value.as_slice(), [].as_slice())))
            }
            Self::Null => return None,
            Self::Metadata(namespaces) => metadata::encode(namespaces),
        })
    }

    fn child(&self, segment: &str) -> Option<&Self> {
        match self {
            Self::Map(map) => map.get(segment),
            Self::List(list) => list.get(segment.parse::<usize>().ok()?),
            // Of its two parts the other, `typed_filter_metadata`, does not exist here.
            Self::Metadata(namespaces) => (segment == "filter_metadata").then_some(namespaces),
            _ => None,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Bytes(text.as_bytes().to_vec())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Bytes(text.into_bytes())
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}

/// Attributes as a tree. A segment may hold dots: `["filter_state", "bookend.peer_address"]` has two segments.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Properties {
    roots: BTreeMap<String, Value>,
}

impl Properties {
    /// No attributes: every read answers "not found".
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the value at a path. A value that stood in the way of the path is replaced by a map.
    pub fn set<'a>(&mut self, path: impl IntoIterator<Item = &'a str>, value: impl Into<Value>) {
        let mut segments = path.into_iter();
        let mut map = &mut self.roots;
        let Some(mut segment) = segments.next() else { return };
        for next in segments {
            let inner = map.entry(segment.to_owned()).or_insert_with(|| Value::Map(BTreeMap::new()));
            if !matches!(inner, Value::Map(_)) {
                *inner = Value::Map(BTreeMap::new());
            }
            let Value::Map(deeper) = inner else { return };
            map = deeper;
            segment = next;
        }
        map.insert(segment.to_owned(), value.into());
    }

    /// The same attributes and one more.
    #[must_use]
    pub fn with<'a>(mut self, path: impl IntoIterator<Item = &'a str>, value: impl Into<Value>) -> Self {
        self.set(path, value);
        self
    }

    /// The value at a path whose segments are joined by NUL, the form in which a module asks.
    pub(crate) fn find(&self, path: &[u8]) -> Option<&Value> {
        let mut segments = std::str::from_utf8(path).ok()?.split('\0');
        let mut value = self.roots.get(segments.next()?)?;
        for segment in segments {
            value = value.child(segment)?;
        }
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_encoded_as_envoy_encodes_them() {
        let labels = BTreeMap::from([("app".to_owned(), Value::from("ratings"))]);
        let encoded = |value: Value| value.encode().unwrap();
        assert_eq!(encoded(Value::from("text")), b"text");
        assert_eq!(encoded(Value::from(9080)), 9080_i64.to_le_bytes());
        assert_eq!(encoded(Value::from(true)), [1]);
        assert_eq!(encoded(Value::Double(1.5)), 1.5_f64.to_le_bytes());
        assert_eq!(encoded(Value::Map(labels)), b"\x01\0\0\0\x03\0\0\0\x07\0\0\0app\0ratings\0");
        assert_eq!(encoded(Value::List(vec!["a".into()])), b"\x01\0\0\0\x01\0\0\0\0\0\0\0a\0\0");
    }

    #[test]
    fn a_null_makes_everything_around_it_unreadable() {
        assert_eq!(Value::Null.encode(), None);
        assert_eq!(Value::List(vec!["a".into(), Value::Null]).encode(), None);
    }

    #[test]
    fn a_path_is_followed_segment_by_segment() {
        let properties = Properties::new()
            .with(["filter_state", "bookend.peer_address"], "10.0.0.1")
            .with(["xds", "node", "metadata", "LABELS", "app"], "ratings")
            .with(["xds", "node", "metadata", "LABELS", "version"], "v1");
        assert_eq!(properties.find(b"filter_state\0bookend.peer_address"), Some(&"10.0.0.1".into()));
        assert_eq!(properties.find(b"xds\0node\0metadata\0LABELS\0version"), Some(&"v1".into()));
        assert!(
            matches!(properties.find(b"xds\0node\0metadata\0LABELS"), Some(Value::Map(map)) if map.len() == 2)
        );
        assert_eq!(properties.find(b"filter_state\0bookend\0peer_address"), None);
        assert_eq!(properties.find(b""), None);
        assert_eq!(properties.find(b"xds\0node\0metadata\0LABELS\0app\0x"), None);
    }
}
