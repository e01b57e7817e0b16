//! The HTTP request a question is about.

use std::net::IpAddr;

use bookend_engine::{Head, ServerName, Tokens};
use bookend_lang::TestRequest;
use serde::Serialize;
use serde_json::{Map, Value};

/// An HTTP request.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    pub(crate) method: String,
    /// As it is sent, with its query.
    pub(crate) path: String,
    /// The authority; none: what the destination was called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) host: Option<String>,
    /// In the order in which they are sent; names in lower case.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) headers: Vec<(String, String)>,
    /// The claims of every JSON web token that the destination's proxy verified.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) claims: Vec<Value>,
    /// Where the destination's proxy finds the client to be; none: that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client: Option<IpAddr>,
    /// The name that the client asked for in its TLS handshake.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sni: Option<String>,
}

/// What to ask for.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct RequestOptions {
    /// The method of the HTTP request; GET if only a path is given
    #[arg(long, requires = "path")]
    method: Option<String>,

    /// The path of an HTTP request with its query, as it is sent
    #[arg(long)]
    path: Option<String>,

    /// The host it is for, with its port unless that is the scheme's; else what the destination is called, and the port
    #[arg(long, requires = "path")]
    host: Option<String>,

    /// A header of the request; may be given several times
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = header, requires = "path")]
    headers: Vec<(String, String)>,

    /// A claim, with a text for its value, of a JSON web token that the destination's proxy verified; may be given several
    /// times
    #[arg(long = "claim", value_name = "NAME=VALUE", value_parser = claim, requires = "path", conflicts_with = "claims")]
    claim: Vec<(String, String)>,

    /// All claims of a verified token as a JSON object, or of several tokens as a list of objects
    #[arg(long, value_name = "JSON", value_parser = claims, requires = "path")]
    claims: Option<Tokenized>,

    /// Where the destination's proxy finds the client to be, from `x-forwarded-for` for instance; in doubt if left out
    #[arg(long, value_name = "ADDRESS", requires = "path")]
    client: Option<IpAddr>,

    /// The name that the client asked for in its TLS handshake
    #[arg(long, value_name = "NAME", requires = "path")]
    sni: Option<String>,
}

/// The claims of each token.
#[derive(Clone, Debug)]
struct Tokenized(Vec<Value>);

/// Reads `name: value`. Proxies hand over names in lower case.
fn header(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once(':').filter(|(name, _)| !name.trim().is_empty());
    let (name, value) = pair.ok_or("write it as `name: value`; pseudo-headers are not set this way")?;
    let name = name.trim().to_ascii_lowercase();
    if name == "host" {
        return Err("write the host with `--host`".to_owned());
    }
    Ok((name, value.trim().to_owned()))
}

fn claim(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(name, _)| !name.is_empty());
    let (name, value) = pair.ok_or("write it as `name=value`, or all of them as JSON with `--claims`")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn claims(text: &str) -> Result<Tokenized, String> {
    match serde_json::from_str(text) {
        Ok(token @ Value::Object(_)) => Ok(Tokenized(vec![token])),
        Ok(Value::Array(tokens)) if !tokens.is_empty() && tokens.iter().all(Value::is_object) => {
            Ok(Tokenized(tokens))
        }
        Ok(_) => Err("write a JSON object, or a list of objects".to_owned()),
        Err(error) => Err(format!("it is not JSON: {error}")),
    }
}

impl RequestOptions {
    /// The request, if one is asked about.
    pub(crate) fn request(&self) -> Option<Request> {
        let path = self.path.clone()?;
        let single = || {
            let token: Map<String, Value> =
                self.claim.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect();
            if token.is_empty() { Vec::new() } else { vec![Value::Object(token)] }
        };
        Some(Request {
            method: self.method.clone().unwrap_or_else(|| "GET".to_owned()),
            path,
            host: self.host.clone(),
            headers: self.headers.clone(),
            claims: self.claims.as_ref().map_or_else(single, |Tokenized(tokens)| tokens.clone()),
            client: self.client,
            sni: self.sni.clone(),
        })
    }
}

impl Request {
    /// Asks the engine about this request, sent to `authority` if it names no host itself; `encrypted`: after a handshake.
    pub(crate) fn ask<T>(
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
