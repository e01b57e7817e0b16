//! What the filter needs of a proxy, for one stream.
//!
//! Everything about policy lies on this side, so a proxy is told in a page: the proxy-wasm host, a native module and the
//! doubles of the tests are each an implementation of [`Proxy`], and none of them decides anything.

use std::borrow::Cow;

use bookend_engine::HeaderLine;
use serde_json::{Map, Value};

use crate::{Fault, Refusal};

/// The stream that is being judged: an HTTP request, or a TCP connection.
///
/// Whatever fails is an error and never a default: the filter refuses what it cannot read. Nothing here may panic.
pub trait Proxy {
    /// What the proxy knows, or nothing if it does not have it. Bytes are handed on as they are.
    ///
    /// # Errors
    /// When the proxy has it but cannot hand it out.
    fn attribute(&self, attribute: Attribute) -> Result<Option<Cow<'_, [u8]>>, CallFailed>;

    /// A number that no other connection of this proxy ever has or had, for the connection that the request came over: what is known of
    /// a connection is then asked for once. Nothing where the proxy has no such number (a hash is none), or where asking for it costs more than
    /// asking for [`Attribute::Peer`].
    fn connection(&self) -> Option<u64> {
        None
    }

    /// Calls `read` once and returns what it returns. It gets every header line of the request, pseudo-headers first and
    /// otherwise in the proxy's order; a header that is repeated is several lines. Lines are lent, so a proxy that has them in
    /// memory copies nothing.
    ///
    /// `read` gets an error where the proxy refuses, or hands out what are no lines.
    fn request_headers<T>(&self, read: impl FnOnce(Result<&[HeaderLine<'_>], HeadersError>) -> T) -> T;

    /// What the filter `envoy.filters.http.jwt_authn` wrote into the dynamic metadata of the request; nothing if it wrote
    /// nothing. Asked for only where a policy has conditions about tokens. [`tokens`](crate::tokens) says what of it is one.
    ///
    /// # Errors
    /// Metadata that cannot be read, or makes no sense. Tokens are in doubt then.
    fn verified(&self) -> Result<Map<String, Value>, Fault>;

    /// Attaches a text to the stream, for access logs and for other filters. What was attached under the label before is
    /// replaced.
    ///
    /// # Errors
    /// When the proxy refuses. No verdict depends on it.
    fn attach(&self, label: Label, text: &str) -> Result<(), CallFailed>;

    /// Answers the request in the place of the service. Nothing of the request goes on.
    ///
    /// # Errors
    /// When the proxy refuses; the request is then [`reset`](Self::reset).
    fn respond(&self, refusal: &Refusal) -> Result<(), CallFailed>;

    /// Ends the request's stream without an answer.
    ///
    /// # Errors
    /// When the proxy refuses. The request does not go on anyway.
    fn reset(&self) -> Result<(), CallFailed>;

    /// Ends the TCP connection. Nothing that is still to come or to be read reaches either side. `details` say why, in one
    /// word, where the proxy has a place for it.
    ///
    /// # Errors
    /// When the proxy refuses. The connection does not go on anyway.
    fn close(&self, details: &str) -> Result<(), CallFailed>;

    /// The present second, counted from any beginning. The quota of the log is renewed when it changes; a proxy without a clock
    /// answers always the same, and its log ends when the quota does.
    fn second(&self) -> u64;

    /// Logs a line. There is nobody to tell when this fails.
    fn log(&self, level: Level, line: &str);
}

/// What a decision may ask for beside the headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attribute {
    /// The filter state `bookend.peer`: who is at the other end of the connection, and where it arrived; see
    /// [`Arrival`](crate::arrival::Arrival).
    Peer,
    /// `connection.uri_san_peer_certificate`: the first URI name of the peer's verified certificate. Asked for where there is
    /// no `Peer`, and never before a handshake is over: what is shown during one is not verified.
    FirstUriSan,
    /// `destination.address`: the address and port that the peer reached. Asked for where there is no `Peer`.
    Destination,
    /// `connection.tls_version`: anything at all where the connection is one of TLS, from its first moment on; nothing where
    /// it is plaintext. Only whether there is something is looked at.
    TlsVersion,
    /// `source.address`: the client's address as the proxy finds it, which may come from `x-forwarded-for`, so it proves nothing
    /// (S86). Asked for only where a policy has conditions about it.
    Client,
    /// `connection.requested_server_name`: the name that the client asked for in its handshake; empty where there was none, and
    /// where the proxy did not look (`tls_inspector`). Asked for only where a policy has conditions about it.
    ServerName,
    /// `upstream.address`: the address and port of the endpoint that was chosen for a request. Asked for at the source end only.
    Upstream,
}

impl Attribute {
    /// Its path in Envoy. Access logs and errors name it so, joined by dots.
    pub const fn path(self) -> &'static [&'static str] {
        match self {
            Self::Peer => &["filter_state", "bookend.peer"],
            Self::FirstUriSan => &["connection", "uri_san_peer_certificate"],
            Self::Destination => &["destination", "address"],
            Self::TlsVersion => &["connection", "tls_version"],
            Self::Client => &["source", "address"],
            Self::ServerName => &["connection", "requested_server_name"],
            Self::Upstream => &["upstream", "address"],
        }
    }
}

/// Where something is attached to a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Label {
    /// The id of what decided.
    Rule,
    /// The verdict of what is only audited and the id of its rule, where that differs from what is enforced (S36):
    /// `deny default/shop/strict`.
    Audit,
}

impl Label {
    /// The name: `%FILTER_STATE(wasm.bookend.rule:PLAIN)%` in an access log of Envoy. One segment, because Envoy would join several
    /// by a NUL that no log format can spell.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rule => "bookend.rule",
            Self::Audit => "bookend.audit",
        }
    }
}

/// How loud a log line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// A decision, a configuration that came into force.
    Info,
    /// Something is wrong that does not touch a verdict.
    Warn,
    /// A configuration was refused, or everything is refused for want of knowledge.
    Error,
}

/// The proxy refused a call. The number is its status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the proxy answered with status {0}")]
pub struct CallFailed(pub u32);

/// Why there are no header lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeadersError {
    /// The proxy would not hand them out.
    Unreadable(CallFailed),
    /// What it handed out are no lines.
    Malformed,
}
