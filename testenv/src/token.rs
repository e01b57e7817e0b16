//! JSON web tokens, as an issuer signs them and as an attacker makes them up (RFC 7519, RFC 7515).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};

use crate::error::{Doing, Result};

/// A key that signs tokens with ES256, for as many issuers as like.
#[derive(Debug)]
pub struct Signer {
    key: EcdsaKeyPair,
    random: SystemRandom,
}

impl Signer {
    /// A signer with a new key.
    pub fn new() -> Result<Self> {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)
            .doing("make a key for tokens")?;
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random)
            .doing("read the key for tokens")?;
        Ok(Self { key, random })
    }

    /// The public key, as the JSON web key set that verifiers ask for (RFC 7517).
    pub fn key_set(&self) -> Value {
        // An uncompressed point: a byte that says so, and both coordinates of 32 bytes.
        let point = self.key.public_key().as_ref();
        let (x, y) = point.get(1..).and_then(|both| both.split_at_checked(32)).unwrap_or_default();
        json!({ "keys": [{
            "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig",
            "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y),
        }] })
    }

    /// A token with these claims.
    pub fn sign(&self, claims: &Value) -> Result<String> {
        let content = content("ES256", claims);
        let signature = self.key.sign(&self.random, content.as_bytes()).doing("sign a token")?;
        Ok(format!("{content}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

/// A token with these claims that nobody signed.
pub fn unsigned(claims: &Value) -> String {
    format!("{}.", content("none", claims))
}

/// The same token with other claims under the old signature.
pub fn tampered(token: &str, claims: &Value) -> String {
    let signature = token.rsplit('.').next().unwrap_or_default();
    format!("{}.{signature}", content("ES256", claims))
}

/// What is signed: header and claims.
fn content(algorithm: &str, claims: &Value) -> String {
    let header = json!({ "alg": algorithm, "typ": "JWT" });
    let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
    format!("{}.{}", encode(&header), encode(claims))
}
