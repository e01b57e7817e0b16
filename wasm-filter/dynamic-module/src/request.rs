//! A request, as the filter's crate wants to see it.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use bookend_engine::{Answer, HeaderLine};
use bookend_filter::{Attribute, CallFailed, Fault, HeadersError, Label, Level, Proxy, Refusal};
use serde_json::{Map, Value};

use crate::abi::{self, LogLevel, Stream, log};
use crate::tokens;

/// Where the proxy keeps who the peer is.
const PEER: &str = "bookend.peer";

/// Whose metadata ours is, in access logs.
pub(crate) const NAMESPACE: &str = "bookend";

/// Envoy did not do what it was asked for. It does not say why; the number is `Internal failure` of proxy-wasm.
pub(crate) const REFUSED: CallFailed = CallFailed(10);

/// The content types of gRPC all begin so.
const GRPC: &[u8] = b"application/grpc";

impl Proxy for Stream<'_> {
    fn attribute(&self, attribute: Attribute) -> Result<Option<Cow<'_, [u8]>>, CallFailed> {
        let of_envoy = |attribute| Ok(self.attribute(attribute).map(Cow::Borrowed));
        match attribute {
            Attribute::Peer => Ok(match self.filter_state(PEER) {
                Some(peer) => Some(Cow::Borrowed(peer)),
                None => plaintext_peer(self).map(Cow::Owned),
            }),
            Attribute::FirstUriSan => of_envoy(abi::Attribute::UriSanPeerCertificate),
            Attribute::Destination => of_envoy(abi::Attribute::DestinationAddress),
            Attribute::TlsVersion => of_envoy(abi::Attribute::TlsVersion),
            Attribute::Client => of_envoy(abi::Attribute::SourceAddress),
            Attribute::ServerName => of_envoy(abi::Attribute::RequestedServerName),
            Attribute::Upstream => of_envoy(abi::Attribute::UpstreamAddress),
        }
    }

    fn request_headers<T>(&self, read: impl FnOnce(Result<&[HeaderLine<'_>], HeadersError>) -> T) -> T {
        self.headers(|lines| read(lines.ok_or(HeadersError::Unreadable(REFUSED))))
    }

    fn verified(&self) -> Result<Map<String, Value>, Fault> {
        let count = self.metadata_count(bookend_filter::tokens::NAMESPACE);
        tokens::verified(self.filter_state(tokens::KEY), count)
    }

    fn attach(&self, label: Label, text: &str) -> Result<(), CallFailed> {
        self.set_metadata(NAMESPACE, key(label), text);
        self.set_filter_state(label.name(), text).then_some(()).ok_or(REFUSED)
    }

    fn respond(&self, refusal: &Refusal<'_>) -> Result<(), CallFailed> {
        // Envoy turns the answer into one of gRPC, but with the status `OK`, if none is given.
        let denied = Answer::PERMISSION_DENIED.to_string();
        let status = is_grpc(self).then_some(("grpc-status", denied.as_str()));
        let headers = refusal.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        self.respond(refusal.status.into(), headers.chain(status), refusal.body, refusal.details)
            .then_some(())
            .ok_or(REFUSED)
    }

    fn reset(&self) -> Result<(), CallFailed> {
        self.reset("bookend_reset").then_some(()).ok_or(REFUSED)
    }

    fn close(&self, _details: &str) -> Result<(), CallFailed> {
        Err(REFUSED)
    }

    fn second(&self) -> u64 {
        second()
    }

    fn log(&self, level: Level, line: &str) {
        log(level.into(), line);
    }
}

/// Refuses a request whose judgement panicked, if it was not answered before that.
pub(crate) fn refuse_for_a_panic(stream: &Stream<'_>) {
    let refusal = Refusal {
        status: 403,
        body: "denied by policy",
        headers: &[],
        details: "bookend_fault{panic}",
        grpc_status: Answer::PERMISSION_DENIED,
    };
    let _answered_before = Proxy::respond(stream, &refusal);
}

/// Who the peer is where no filter in front says so, and nothing but addresses is to be told: of a certificate, Envoy
/// shows a stream one name only, which may not be all.
fn plaintext_peer(stream: &Stream<'_>) -> Option<Vec<u8>> {
    if stream.attribute(abi::Attribute::TlsVersion).is_some() {
        return None;
    }
    let remote: SocketAddr = str::from_utf8(stream.direct_remote_address()?).ok()?.parse().ok()?;
    let local = stream.attribute(abi::Attribute::DestinationAddress)?;
    Some([remote.ip().to_string().as_bytes(), b" ", local, b" "].concat())
}

fn is_grpc(stream: &Stream<'_>) -> bool {
    stream.headers(|lines| {
        let mut lines = lines.unwrap_or_default().iter();
        lines.any(|(name, value)| *name == b"content-type" && value.starts_with(GRPC))
    })
}

/// The key of a label in [`NAMESPACE`].
pub(crate) fn key(label: Label) -> &'static str {
    match label {
        Label::Rule => "rule",
        Label::Audit => "audit",
    }
}

/// The present second.
pub(crate) fn second() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

impl From<Level> for LogLevel {
    fn from(level: Level) -> Self {
        match level {
            Level::Info => Self::Info,
            Level::Warn => Self::Warn,
            Level::Error => Self::Error,
        }
    }
}
