//! What a proxy says to whom a deny rule refuses.

use alloc::{string::String, vec::Vec};
use core::ops::RangeInclusive;
use serde::Serialize;

use crate::tape::{Mismatch, Read, Value, object};

/// Headers that concern one hop or the length of the message (RFC 9110, 7.6.1 and 8.6; RFC 9112, 6.1), and those that
/// the proxy itself writes over.
const OF_THE_PROXY: [&str; 13] = [
    "connection",
    "content-encoding",
    "content-length",
    "content-range",
    "date",
    "host",
    "keep-alive",
    "proxy-connection",
    "server",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Headers by which proxies, and gRPC, tell each other what became of a request.
const RESERVED: [&str; 3] = ["grpc-", "x-envoy-", "x-istio-"];

/// The answer to a request that a deny rule refuses, in place of the usual one (S62). It changes no verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// HTTP status code, one of [`STATUSES`](Self::STATUSES).
    pub status: u16,
    /// The body.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub body: String,
    /// Further headers, names in lower case.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
}

/// Why a rule cannot answer something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerFault {
    /// The status says that the request was met, or that more is to come (RFC 9110, 15).
    #[error("a rule answers with a status from 300 to 599")]
    Status,
    /// A pseudo-header (RFC 9113, 8.3).
    #[error("pseudo-headers are the proxy's")]
    Pseudo,
    /// No token in lower case (RFC 9110, 5.6.2; RFC 9113, 8.2.1).
    #[error("the name of a header is a token in lower case")]
    Name,
    /// A header that the proxy writes itself.
    #[error("the proxy writes this header itself")]
    OfTheProxy,
    /// A header by which proxies, or gRPC, speak to each other.
    #[error("proxies and gRPC speak to each other by this header")]
    Reserved,
    /// A value with other characters than printable ASCII, spaces and tabs, or white space at its ends (RFC 9110, 5.5).
    #[error("the value of a header is printable ASCII, with spaces and tabs inside only")]
    Value,
}

impl Answer {
    /// The status of a refusal where no rule says another (RFC 9110, 15.5.4).
    pub const FORBIDDEN: u16 = 403;

    /// The body of a refusal where no rule says another. It tells nothing: which rule it was is told to the operator.
    pub const BODY: &str = "denied by policy";

    /// The status of every refusal of a gRPC request: `PERMISSION_DENIED` in `google.rpc.Code`.
    pub const PERMISSION_DENIED: u32 = 7;

    /// The statuses that a rule may answer with.
    pub const STATUSES: RangeInclusive<u16> = 300..=599;

    /// Whether a rule may answer with a header of this name, in lower case.
    ///
    /// # Errors
    /// Why not.
    pub fn check_name(name: &str) -> Result<(), AnswerFault> {
        let token = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "!#$%&'*+-.^_`|~".contains(c);
        if name.starts_with(':') {
            Err(AnswerFault::Pseudo)
        } else if name.is_empty() || !name.chars().all(token) {
            Err(AnswerFault::Name)
        } else if OF_THE_PROXY.contains(&name) {
            Err(AnswerFault::OfTheProxy)
        } else if RESERVED.iter().any(|prefix| name.starts_with(prefix)) {
            Err(AnswerFault::Reserved)
        } else {
            Ok(())
        }
    }

    /// Whether a header may have this value.
    ///
    /// # Errors
    /// If not.
    pub fn check_value(value: &str) -> Result<(), AnswerFault> {
        let plain = value.chars().all(|c| matches!(c, ' '..='~' | '\t')) && value.trim() == value;
        plain.then_some(()).ok_or(AnswerFault::Value)
    }

    fn check(&self) -> Result<(), AnswerFault> {
        if !Self::STATUSES.contains(&self.status) {
            return Err(AnswerFault::Status);
        }
        self.headers
            .iter()
            .try_for_each(|(name, value)| Self::check_name(name).and_then(|()| Self::check_value(value)))
    }
}

/// As it is written, before it is checked.
struct Written {
    status: u16,
    body: String,
    headers: Vec<(String, String)>,
}

object!(Written {
    status: "status",
    body: "body" or String::new(),
    headers: "headers" or Vec::new(),
});

impl Read for Answer {
    fn read(value: Value<'_>) -> Result<Self, Mismatch> {
        let Written { status, body, headers } = Read::read(value)?;
        let answer = Self { status, body, headers };
        answer.check().map_err(|fault| Mismatch::because(&fault))?;
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tape::deserialize;
    use alloc::string::ToString;

    #[test]
    fn what_would_break_a_response_is_refused_wherever_it_comes_from() {
        let read = |json: &str| -> Result<Answer, String> {
            deserialize(&mut serde_json::Deserializer::from_str(json)).map_err(|error| error.to_string())
        };
        let good = r#"{"status":302,"headers":[["location","https://a.example/ b"]]}"#;
        assert_eq!(read(good).unwrap().status, 302);
        for (json, part) in [
            (r#"{"status":200}"#, "status"),
            (r#"{"status":600}"#, "status"),
            (r#"{"status":403,"headers":[["content-length","0"]]}"#, "the proxy"),
            (r#"{"status":403,"headers":[["grpc-status","0"]]}"#, "gRPC"),
            (r#"{"status":403,"headers":[[":status","200"]]}"#, "pseudo"),
            (r#"{"status":403,"headers":[["X-A","b"]]}"#, "lower case"),
            (r#"{"status":403,"headers":[["x-a","b\r\nx: y"]]}"#, "printable"),
        ] {
            let told = read(json).unwrap_err();
            assert!(told.contains(part), "{json}: {told}");
        }
    }
}
