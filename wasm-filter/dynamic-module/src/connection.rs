//! A connection, as the filter's crate wants to see it.
//!
//! Envoy's interface tells a network filter all there is to know, so no filter in front has to say who the peer is.

use std::borrow::Cow;
use std::net::SocketAddr;

use bookend_engine::HeaderLine;
use bookend_filter::{Attribute, CallFailed, Fault, HeadersError, Label, Level, Proxy, Refusal};
use serde_json::{Map, Value};

use crate::abi::{Connection, log};
use crate::request::{NAMESPACE, REFUSED, key, second};

/// Only for connections whose handshake is over, or that have none.
impl Proxy for Connection<'_> {
    fn attribute(&self, attribute: Attribute) -> Result<Option<Cow<'_, [u8]>>, CallFailed> {
        match attribute {
            Attribute::Peer => peer(self).map(|peer| Some(Cow::Owned(peer))).ok_or(REFUSED),
            // Asked for where the above is not there, or before.
            Attribute::FirstUriSan | Attribute::Destination | Attribute::TlsVersion => Err(REFUSED),
            // Of requests only; nothing is chosen yet.
            Attribute::Client | Attribute::ServerName | Attribute::Upstream => Ok(None),
        }
    }

    fn request_headers<T>(&self, read: impl FnOnce(Result<&[HeaderLine<'_>], HeadersError>) -> T) -> T {
        read(Err(HeadersError::Unreadable(REFUSED)))
    }

    fn verified(&self) -> Result<Map<String, Value>, Fault> {
        Ok(Map::new())
    }

    fn attach(&self, label: Label, text: &str) -> Result<(), CallFailed> {
        self.set_metadata(NAMESPACE, key(label), text);
        self.set_filter_state(label.name(), text).then_some(()).ok_or(REFUSED)
    }

    fn respond(&self, _refusal: &Refusal<'_>) -> Result<(), CallFailed> {
        Err(REFUSED)
    }

    fn reset(&self) -> Result<(), CallFailed> {
        Err(REFUSED)
    }

    fn close(&self, details: &str) -> Result<(), CallFailed> {
        self.close(details).then_some(()).ok_or(REFUSED)
    }

    fn second(&self) -> u64 {
        second()
    }

    fn log(&self, level: Level, line: &str) {
        log(level.into(), line);
    }
}

/// Ends a connection whose judgement panicked, if it was not ended before that.
pub(crate) fn close_for_a_panic(connection: &Connection<'_>) {
    connection.close("bookend_fault{panic}");
}

/// What `set_filter_state` would write; see `Arrival` in the filter's crate. Nothing if Envoy does not tell, or tells what cannot
/// be written so: a comma in a name would make two of it.
fn peer(connection: &Connection<'_>) -> Option<Vec<u8>> {
    let remote = connection.direct_remote_address()?;
    let (local, port) = connection.local_address()?;
    let local = str::from_utf8(local).ok()?.parse().ok()?;
    let local = SocketAddr::new(local, u16::try_from(port).ok()?).to_string();
    connection.uri_sans(|names| {
        let names = names?;
        if names.iter().any(|name| name.contains(&b',')) {
            return None;
        }
        Some([remote, b" ", local.as_bytes(), b" ", &names.join(&b","[..])].concat())
    })
}
