//! An HTTP request as the policy sees it.

mod header;
mod query;
mod reading;

use alloc::vec::Vec;
use core::{cell::OnceCell, net::IpAddr};
use serde_json::Value;

use crate::{CanonicalPath, Host, HostDoubt, PathDoubt};
use query::Query;
pub(crate) use reading::{MAX_READINGS, Reading};

/// The name and the value of one header line.
pub type HeaderLine<'a> = (&'a [u8], &'a [u8]);

/// What an observer knows of the head of a request.
#[derive(Clone, Debug, Default)]
pub struct Head<'a> {
    /// `:method`, absent where it has none.
    pub method: Option<&'a [u8]>,
    /// `:authority`, which is `Host` over HTTP/1.
    pub authority: Option<&'a [u8]>,
    /// `:path` with its query; a CONNECT request has none.
    pub path: Option<&'a [u8]>,
    /// Every header line, in order; the empty list when there are none. `None` when they are not known: every
    /// condition on a header is then in doubt.
    pub headers: Option<&'a [HeaderLine<'a>]>,
    /// What is known of its tokens.
    pub tokens: Tokens,
    /// The client's address as the proxy finds it, which may come from `x-forwarded-for` (S86): never who somebody is. `None`
    /// where it cannot be told.
    pub client: Option<IpAddr>,
    /// The name that the client asked for when its TLS connection began.
    pub server_name: ServerName<'a>,
}

/// The name of the server that a client asked for in its TLS handshake: SNI, RFC 6066, 3 (S85).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ServerName<'a> {
    /// It cannot be told.
    #[default]
    Unknown,
    /// It asked for none.
    Absent,
    /// This one, in any case.
    Name(&'a [u8]),
}

/// The JSON web tokens of a request, as whoever verified them tells (S54). What a request says itself is not this.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Tokens {
    /// It cannot be told which tokens were verified.
    #[default]
    Unknown,
    /// The claims of every verified token; none when the request carries none.
    Verified(Vec<Value>),
}

/// An HTTP request. Its path is canonicalized at once, and its end looked for; everything else is read when it is asked for, and its host and its query then kept.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    head: Head<'a>,
    /// Whether servers agree about where it ends.
    bounded: bool,
    path: Result<CanonicalPath, PathDoubt>,
    host: OnceCell<Result<Host, HostDoubt>>,
    query: OnceCell<Option<Query>>,
}

impl<'a> Request<'a> {
    /// The request with this head.
    pub fn new(head: Head<'a>) -> Self {
        let bounded = !head.headers.unwrap_or_default().iter().any(|(name, _)| header::may_end_it(name));
        let path = match bounded {
            true => head.path.ok_or(PathDoubt::Absent).and_then(CanonicalPath::new),
            false => Err(PathDoubt::Unbounded),
        };
        Self { head, bounded, path, host: OnceCell::new(), query: OnceCell::new() }
    }

    /// Whether servers agree about where it ends. Nothing certain can be said of one of which they do not: what one takes for its
    /// body is a request to another (S65).
    pub fn is_bounded(&self) -> bool {
        self.bounded
    }

    /// The method, or `None` when it is absent or not UTF-8.
    pub fn method(&self) -> Option<&'a str> {
        self.head.method.and_then(|bytes| core::str::from_utf8(bytes).ok())
    }

    /// The canonical path, or why there is none.
    pub fn path(&self) -> Result<&CanonicalPath, PathDoubt> {
        self.path.as_ref().map_err(|doubt| *doubt)
    }

    /// The host, or why it is in doubt.
    ///
    /// # Errors
    /// When there is none, or servers may read it differently.
    pub fn host(&self) -> Result<&Host, HostDoubt> {
        self.host.get_or_init(|| self.read_host()).as_ref().map_err(|doubt| *doubt)
    }

    /// The authority as it was sent, where servers agree about what it says.
    pub(crate) fn authority(&self) -> Option<&'a [u8]> {
        self.host().ok().and(self.head.authority)
    }

    /// The client's address as the proxy finds it, if it can be told.
    pub fn client(&self) -> Option<IpAddr> {
        self.head.client
    }

    /// The name that the client asked for when its TLS connection began.
    pub fn server_name(&self) -> ServerName<'a> {
        self.head.server_name
    }

    fn read_host(&self) -> Result<Host, HostDoubt> {
        let authority = self.head.authority.ok_or(HostDoubt::Absent)?;
        let mut lines = self.head.headers.unwrap_or_default().iter();
        if lines.any(|(name, value)| name.eq_ignore_ascii_case(b"host") && *value != authority) {
            return Err(HostDoubt::Contradicted);
        }
        Host::new(authority)
    }

    /// What the header `name` says; the name in lower case.
    pub(crate) fn header(&self, name: &str) -> Reading<'a> {
        self.head.headers.map_or(Reading::Doubt, |lines| header::read(lines, name))
    }

    /// What the query parameter `name` says. The query of a path in doubt is in doubt: who reads the one differently may
    /// find the other's start somewhere else.
    pub(crate) fn parameter(&self, name: &str) -> Reading<'_> {
        let query = self.query.get_or_init(|| {
            self.path.as_ref().ok()?;
            Query::new(self.head.path?)
        });
        query.as_ref().map_or(Reading::Doubt, |query| query.parameter(name))
    }

    /// What is known of its tokens.
    pub fn tokens(&self) -> &Tokens {
        &self.head.tokens
    }
}
