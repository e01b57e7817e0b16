//! What a proxy knows of a request that is neither in its head nor proof of anything (S85, S86). What cannot be read is not known.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use bookend_engine::ServerName;

use crate::proxy::{Attribute, Proxy};

/// Where the proxy finds the client to be.
pub(super) fn client(proxy: &impl Proxy) -> Option<IpAddr> {
    let bytes = proxy.attribute(Attribute::Client).ok()??;
    let text = str::from_utf8(&bytes).ok()?;
    text.parse().map(|address: SocketAddr| address.ip()).or_else(|_| text.parse()).ok()
}

/// What is known of the name that the client asked for.
pub(super) struct Asked<'p> {
    name: Option<Cow<'p, [u8]>>,
    /// Whether there was a handshake to ask in, as far as is known.
    tls: bool,
}

/// Asks which name the client asked for.
pub(super) fn asked(proxy: &impl Proxy) -> Asked<'_> {
    let name = proxy.attribute(Attribute::ServerName).ok().flatten().filter(|name| !name.is_empty());
    let tls = name.is_some() || !matches!(proxy.attribute(Attribute::TlsVersion), Ok(None));
    Asked { name, tls }
}

impl Asked<'_> {
    /// The name. An empty one may be one that the proxy did not look for.
    pub(super) fn name(&self) -> ServerName<'_> {
        match &self.name {
            Some(name) => ServerName::Name(name),
            None if self.tls => ServerName::Unknown,
            None => ServerName::Absent,
        }
    }
}
