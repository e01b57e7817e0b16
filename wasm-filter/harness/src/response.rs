//! Answers of a module in the place of the service, and what Envoy makes of them.

use crate::exchange::Header;
use crate::headers::{Kind, add, value};

/// The answer of a module in the place of the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalResponse {
    /// HTTP status code.
    pub status: u32,
    /// Headers beside those the proxy adds.
    pub headers: Vec<Header>,
    /// The body.
    pub body: Vec<u8>,
    /// `%RESPONSE_CODE_DETAILS%` in access logs, where every white space has become `_`; never sent to the peer.
    pub details: Vec<u8>,
    /// The status for a gRPC request; without one the proxy derives it from `status`.
    pub grpc_status: Option<i32>,
}

impl LocalResponse {
    /// Headers and body that Envoy makes of the answer to a request with these headers. A gRPC request is answered
    /// by headers alone, a HEAD request without a body.
    pub(crate) fn reply(&self, request: &[Header]) -> (Vec<Header>, Vec<u8>) {
        let mut headers = vec![(b":status".to_vec(), self.status.to_string().into_bytes())];
        for (name, value) in &self.headers {
            add(Kind::Response, &mut headers, name, value);
        }
        let head = value(request, b":method") == Some(b"HEAD");
        if is_grpc(request) {
            set(&mut headers, b":status", b"200".to_vec());
            set(&mut headers, b"content-type", b"application/grpc".to_vec());
            if value(&headers, b"grpc-status").is_none_or(<[u8]>::is_empty) {
                let status = self.grpc_status.unwrap_or_else(|| grpc_of_http(self.status));
                set(&mut headers, b"grpc-status", status.to_string().into_bytes());
            }
            if !self.body.is_empty() && !head {
                set(&mut headers, b"grpc-message", percent_encoded(&self.body));
            }
            headers.retain(|(name, _)| name != b"content-length");
            return (headers, Vec::new());
        }
        if self.body.is_empty() {
            headers.retain(|(name, _)| name != b"content-length" && name != b"content-type");
        } else {
            set(&mut headers, b"content-length", self.body.len().to_string().into_bytes());
            if value(&headers, b"content-type").is_none() {
                add(Kind::Response, &mut headers, b"content-type", b"text/plain");
            }
        }
        (headers, if head { Vec::new() } else { self.body.clone() })
    }
}

fn set(headers: &mut Vec<Header>, name: &[u8], value: Vec<u8>) {
    match headers.iter_mut().find(|(other, _)| other == name) {
        Some((_, present)) => *present = value,
        None => headers.push((name.to_vec(), value)),
    }
}

/// Whether Envoy takes a request for one of gRPC: by its content type.
fn is_grpc(request: &[Header]) -> bool {
    let Some(rest) = value(request, b"content-type").and_then(|it| it.strip_prefix(b"application/grpc"))
    else {
        return false;
    };
    value(request, b":path").is_some() && (rest.is_empty() || rest.starts_with(b"+"))
}

/// The status of gRPC for one of HTTP, by gRPC's own table.
pub(crate) fn grpc_of_http(status: u32) -> i32 {
    match status {
        400 => 13,
        401 => 16,
        403 => 7,
        404 => 12,
        429 | 502 | 503 | 504 => 14,
        _ => 2,
    }
}

fn percent_encoded(text: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::with_capacity(text.len());
    for &byte in text {
        if !(b' '..b'~').contains(&byte) || byte == b'%' {
            encoded.extend_from_slice(format!("%{byte:02X}").as_bytes());
        } else {
            encoded.push(byte);
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(name: &str, value: &str) -> Header {
        (name.into(), value.into())
    }

    fn denied() -> LocalResponse {
        LocalResponse {
            status: 403,
            headers: vec![header("X-Why", "rule")],
            body: b"denied: 100%".to_vec(),
            details: Vec::new(),
            grpc_status: None,
        }
    }

    #[test]
    fn an_answer_gets_its_length_and_a_type() {
        let (headers, body) = denied().reply(&[header(":method", "GET")]);
        let expected = [
            header(":status", "403"),
            header("x-why", "rule"),
            header("content-length", "12"),
            header("content-type", "text/plain"),
        ];
        assert_eq!((headers, body), (expected.to_vec(), b"denied: 100%".to_vec()));
    }

    #[test]
    fn an_answer_to_head_has_a_length_and_no_body() {
        let (headers, body) = denied().reply(&[header(":method", "HEAD")]);
        assert_eq!((value(&headers, b"content-length"), body.len()), (Some(b"12".as_slice()), 0));
    }

    #[test]
    fn an_answer_to_grpc_is_headers_alone() {
        let request = [header(":path", "/a.B/C"), header("content-type", "application/grpc+proto")];
        let (headers, body) = denied().reply(&request);
        let expected = [
            header(":status", "200"),
            header("x-why", "rule"),
            header("content-type", "application/grpc"),
            header("grpc-status", "7"),
            header("grpc-message", "denied: 100%25"),
        ];
        assert_eq!((headers, body), (expected.to_vec(), Vec::new()));
        assert!(!is_grpc(&[header(":path", "/"), header("content-type", "application/grpc-web")]));
    }
}
