//! What Envoy's filter `envoy.filters.http.jwt_authn` leaves of the tokens that it verified.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::{Properties, Value};

/// The namespace of the filter in the dynamic metadata.
const NAMESPACE: &str = "envoy.filters.http.jwt_authn";

/// The key of a token that names no issuer: Istio's for every token.
const PAYLOAD: &str = "payload";

impl Properties {
    /// Sets the dynamic metadata to what is there when the proxy verified tokens with these claims, in a proxy that
    /// writes each payload under the name of its issuer. None are none: what was there before is gone.
    ///
    /// False, and nothing is changed, where Envoy could not keep all of them: claims that are no object, and
    /// two tokens of one issuer.
    #[must_use]
    pub fn set_verified_tokens(&mut self, tokens: &[Json]) -> bool {
        let mut payloads = BTreeMap::new();
        for claims in tokens {
            let Json::Object(object) = claims else { return false };
            let key = object.get("iss").and_then(Json::as_str).unwrap_or(PAYLOAD);
            if payloads.insert(key.to_owned(), Value::from(claims)).is_some() {
                return false;
            }
        }
        // The filter writes nothing where there is no token.
        let namespace = (!payloads.is_empty()).then(|| (NAMESPACE.to_owned(), Value::Map(payloads)));
        self.set(["metadata"], Value::Metadata(Box::new(Value::Map(namespace.into_iter().collect()))));
        true
    }
}

impl From<&Json> for Value {
    fn from(json: &Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(truth) => Self::Bool(*truth),
            // Whatever JSON writes becomes a double in Envoy.
            Json::Number(number) => Self::Double(number.as_f64().unwrap_or(f64::NAN)),
            Json::String(text) => Self::from(text.as_str()),
            Json::Array(list) => Self::List(list.iter().map(Self::from).collect()),
            Json::Object(map) => {
                Self::Map(map.iter().map(|(key, value)| (key.clone(), Self::from(value))).collect())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_kept_under_its_issuers_name() {
        let mut properties = Properties::new();
        let tokens = [serde_json::json!({"iss": "a", "sub": "b"}), serde_json::json!({"sub": "c"})];
        assert!(properties.set_verified_tokens(&tokens));
        let found = |path: &[u8]| properties.find(path).cloned();
        let below = b"metadata\0filter_metadata\0envoy.filters.http.jwt_authn\0".as_slice();
        assert_eq!(found(&[below, b"a\0sub"].concat()), Some("b".into()));
        assert_eq!(found(&[below, b"payload\0sub"].concat()), Some("c".into()));
        assert_eq!(found(b"metadata\0filter_metadata\0another"), None);
    }

    #[test]
    fn no_tokens_are_empty_metadata() {
        let mut properties = Properties::new();
        assert!(properties.set_verified_tokens(&[]));
        assert_eq!(properties.find(b"metadata").and_then(Value::encode), Some(Vec::new()));
    }

    #[test]
    fn what_envoy_would_not_keep_is_not_pretended() {
        let mut properties = Properties::new();
        assert!(!properties.set_verified_tokens(&[serde_json::json!("claims")]));
        let twice = [serde_json::json!({"iss": "a", "n": 1}), serde_json::json!({"iss": "a", "n": 2})];
        assert!(!properties.set_verified_tokens(&twice));
        assert_eq!(properties, Properties::new());
    }
}
