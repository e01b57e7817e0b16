//! The tokens that the proxy verified.
//!
//! Envoy's filter `envoy.filters.http.jwt_authn` writes the payload of every token that it verified into the dynamic
//! metadata, under the key that its configuration calls `payload_in_metadata`. Nothing that a request says of itself
//! gets there: tokens that fail leave nothing, and neither header nor query can write metadata.
//!
//! Istio's key is `payload`; formerly, and wherever several tokens should be told apart, it is the issuer. Other entries
//! are no payloads, or cannot be told from those (`header_in_metadata`, `failed_status_in_metadata`), and who counted
//! them would let a header of a token, or the news of its failure, stand for claims. So they leave in doubt what
//! tokens there are.

use serde_json::{Map, Value};

use crate::proxy::CallFailed;
use crate::{Fault, metadata};

/// Where Envoy keeps the dynamic metadata of a request.
pub const METADATA: &str = "metadata";

/// The namespace of the filter that verifies tokens.
pub const NAMESPACE: &str = "envoy.filters.http.jwt_authn";

/// Istio's key of the one payload.
const PAYLOAD: &str = "payload";

/// What that filter wrote, in what the property [`METADATA`] holds: the message `envoy.config.core.v3.Metadata`.
///
/// # Errors
/// Bytes that are no metadata, or that the proxy would not hand out.
pub fn entries(metadata: Result<Option<Vec<u8>>, CallFailed>) -> Result<Map<String, Value>, Fault> {
    let attribute = || METADATA.to_owned();
    let bytes = metadata.map_err(|cause| Fault::Unreadable { attribute: attribute(), cause })?;
    metadata::namespace(&bytes.unwrap_or_default(), NAMESPACE)
        .map_err(|_| Fault::Malformed { attribute: attribute(), expected: "metadata of a proxy" })
}

/// The claims of every token that the proxy verified, by the order of their keys.
///
/// # Errors
/// An entry that may or may not be a payload.
pub fn payloads(entries: Map<String, Value>) -> Result<Vec<Value>, Fault> {
    let expected = "payloads of tokens, under the key `payload` or the name of the issuer, and nothing else";
    let payload = |(key, value): (String, Value)| match value {
        Value::Object(claims) if is_payload(&key, &claims) => Ok(Value::Object(claims)),
        _ => Err(Fault::Malformed { attribute: METADATA.to_owned(), expected }),
    };
    entries.into_iter().map(payload).collect()
}

fn is_payload(key: &str, claims: &Map<String, Value>) -> bool {
    key == PAYLOAD || claims.get("iss").and_then(Value::as_str) == Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One entry of a map.
    fn entry(key: &str, value: &[u8]) -> Vec<u8> {
        let inner = [field(1, key.as_bytes()), field(2, value)].concat();
        field(1, &inner)
    }

    fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
        let length = u8::try_from(bytes.len()).unwrap();
        assert!(length < 0x80, "the length is one byte");
        [&[number << 3 | 2, length], bytes].concat()
    }

    fn payload(issuer: &str) -> Vec<u8> {
        field(5, &entry("iss", &field(3, issuer.as_bytes())))
    }

    fn of(namespace: &str, entries: &[Vec<u8>]) -> Vec<u8> {
        entry(namespace, &entries.concat())
    }

    fn verified(bytes: &[u8]) -> Result<Vec<Value>, Fault> {
        entries(Ok(Some(bytes.to_vec()))).and_then(payloads)
    }

    #[test]
    fn a_token_is_found_under_istios_key_and_under_its_issuers_name() {
        let found = verified(&of(NAMESPACE, &[entry("payload", &payload("a")), entry("b", &payload("b"))]));
        assert_eq!(found, Ok(vec![serde_json::json!({"iss": "b"}), serde_json::json!({"iss": "a"})]));
    }

    #[test]
    fn where_nothing_is_written_there_are_no_tokens() {
        assert_eq!(verified(b""), Ok(vec![]));
        assert_eq!(verified(&of(NAMESPACE, &[])), Ok(vec![]));
        assert_eq!(verified(&of("another.filter", &[entry("payload", &payload("a"))])), Ok(vec![]));
    }

    #[test]
    fn what_may_not_be_a_payload_leaves_in_doubt_which_there_are() {
        let good = entry("payload", &payload("a"));
        for other in [
            entry("failed", &payload("a")),
            entry("header", &field(5, b"")),
            entry("payload", &field(3, b"a")),
        ] {
            assert!(
                verified(&of(NAMESPACE, &[good.clone(), other.clone()])).is_err(),
                "{}",
                other.escape_ascii()
            );
        }
        assert!(verified(b"\xff").is_err());
    }
}
