//! Envoy's filter that verifies JSON web tokens, as Istio's `RequestAuthentication` sets it up: a token that is there
//! must be good, and none need be there.

use serde_json::{Map, Value, json};

/// Istio's key of a payload in the dynamic metadata.
const PAYLOAD: &str = "payload";

/// The issuers whose tokens a proxy verifies, with one key set for all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verifier {
    key_set: Value,
    issuers: Vec<Option<String>>,
    tolerant: bool,
}

impl Verifier {
    /// A verifier of tokens of these issuers, `None` being tokens that name none. The payload of an issuer's token is
    /// written under the issuer's name, so that tokens of several issuers are told apart; one without an issuer under Istio's
    /// key.
    pub fn new(key_set: Value, issuers: impl IntoIterator<Item = Option<String>>) -> Self {
        let mut issuers: Vec<_> = issuers.into_iter().collect();
        issuers.sort_unstable();
        issuers.dedup();
        Self { key_set, issuers, tolerant: false }
    }

    /// The same, but it lets requests go on whose tokens are bad; Istio never does.
    #[must_use]
    pub fn tolerant(self) -> Self {
        Self { tolerant: true, ..self }
    }

    /// The request header that carries the token of an issuer, if the verifier knows it. The filter takes it away.
    pub fn header(&self, issuer: Option<&str>) -> Option<String> {
        let place = self.issuers.iter().position(|known| known.as_deref() == issuer)?;
        Some(header(place))
    }

    /// The HTTP filter, which must stand before Bookend's.
    pub fn filter(&self) -> Value {
        let mut providers = Map::new();
        let mut requirements = Vec::new();
        let otherwise = if self.tolerant { "allow_missing_or_failed" } else { "allow_missing" };
        for (place, issuer) in self.issuers.iter().enumerate() {
            let name = format!("issuer-{place}");
            let mut provider = json!({
                "local_jwks": { "inline_string": self.key_set.to_string() },
                "from_headers": [{ "name": header(place) }],
                "payload_in_metadata": issuer.as_deref().unwrap_or(PAYLOAD),
            });
            if let (Some(provider), Some(issuer)) = (provider.as_object_mut(), issuer) {
                provider.insert("issuer".to_owned(), json!(issuer));
            }
            providers.insert(name.clone(), provider);
            requirements.push(json!({
                "requires_any": { "requirements": [{ "provider_name": name }, { (otherwise): {} }] },
            }));
        }
        // Envoy wants at least two of what all must hold.
        let rules = match requirements.as_slice() {
            [] => Vec::new(),
            [only] => vec![json!({ "match": { "prefix": "" }, "requires": only })],
            all => vec![json!({
                "match": { "prefix": "" },
                "requires": { "requires_all": { "requirements": all } },
            })],
        };
        json!({
            "name": "envoy.filters.http.jwt_authn",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
                "providers": providers,
                "rules": rules,
            },
        })
    }
}

fn header(place: usize) -> String {
    format!("x-token-{place}")
}
