//! The HTTP request a question is about.

use std::net::IpAddr;

use bookend_engine::{Head, ServerName, Tokens};
use bookend_lang::TestRequest;
use serde::Serialize;
use serde_json::Value;

/// An HTTP request.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// Such as `GET`.
    pub method: String,
    /// As it is sent, with its query.
    pub path: String,
    /// The authority; none: what the destination was called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// In the order in which they are sent; names in lower case.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    /// The claims of every JSON web token that the destination's proxy verified.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<Value>,
    /// Where the destination's proxy finds the client to be; none: that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<IpAddr>,
    /// The name that the client asked for in its TLS handshake.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sni: Option<String>,
}

impl Request {
    /// Asks the engine about this request, sent to `authority` if it names no host itself; `encrypted`: after a handshake.
    pub fn ask<T>(
        &self,
        authority: &str,
        encrypted: bool,
        ask: impl FnOnce(&bookend_engine::Request<'_>) -> T,
    ) -> T {
        let headers: Vec<(&[u8], &[u8])> =
            self.headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
        let head = Head {
            method: Some(self.method.as_bytes()),
            authority: Some(self.host.as_deref().unwrap_or(authority).as_bytes()),
            path: Some(self.path.as_bytes()),
            headers: Some(&headers),
            tokens: Tokens::Verified(self.claims.clone()),
            client: self.client,
            server_name: match &self.sni {
                Some(name) => ServerName::Name(name.as_bytes()),
                None if encrypted => ServerName::Unknown,
                None => ServerName::Absent,
            },
        };
        ask(&bookend_engine::Request::new(head))
    }
}

impl From<&TestRequest> for Request {
    fn from(request: &TestRequest) -> Self {
        let TestRequest { method, path, host, headers, claims, client, sni } = request.clone();
        Self { method, path, host, headers, claims, client, sni }
    }
}

/// A header as a proxy hands it over: its name in lower case.
///
/// # Errors
/// When there is no name, and when it is the host, which a [`Request`] has apart.
pub fn header(name: &str, value: &str) -> Result<(String, String), HeaderError> {
    let name = name.trim().to_ascii_lowercase();
    match name.as_str() {
        "" => Err(HeaderError::Nameless),
        "host" => Err(HeaderError::Host),
        _ => Ok((name, value.trim().to_owned())),
    }
}

/// Why something is no header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderError {
    /// It has no name.
    Nameless,
    /// It is the host.
    Host,
}

/// The claims of each token: one JSON object, or a list of them.
///
/// # Errors
/// When it is something else.
pub fn tokens(claims: Value) -> Result<Vec<Value>, &'static str> {
    match claims {
        token @ Value::Object(_) => Ok(vec![token]),
        Value::Array(tokens) if !tokens.is_empty() && tokens.iter().all(Value::is_object) => Ok(tokens),
        _ => Err("write a JSON object, or a list of objects"),
    }
}
