//! The HTTP request that a command line asks about.

use std::net::IpAddr;

use bookend_answers::request::{self, HeaderError, Request};
use serde_json::{Map, Value};

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

/// Reads `name: value`.
fn header(text: &str) -> Result<(String, String), String> {
    const CURE: &str = "write it as `name: value`; pseudo-headers are not set this way";
    let (name, value) = text.split_once(':').ok_or(CURE)?;
    request::header(name, value).map_err(|error| match error {
        HeaderError::Nameless => CURE.to_owned(),
        HeaderError::Host => "write the host with `--host`".to_owned(),
    })
}

fn claim(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(name, _)| !name.is_empty());
    let (name, value) = pair.ok_or("write it as `name=value`, or all of them as JSON with `--claims`")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn claims(text: &str) -> Result<Tokenized, String> {
    let value = serde_json::from_str(text).map_err(|error| format!("it is not JSON: {error}"))?;
    Ok(Tokenized(request::tokens(value)?))
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
