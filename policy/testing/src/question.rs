//! What is asked of a vehicle.

use core::fmt;
use core::net::IpAddr;

use bookend_engine::Protocol;

/// One end of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party {
    /// The name in the case: of a workload, or an address.
    pub name: String,
    /// Its address on this connection.
    pub address: IpAddr,
}

/// A connection, and what travels on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Who opens it.
    pub source: Party,
    /// Who accepts it.
    pub destination: Party,
    /// Its protocol.
    pub protocol: Protocol,
    /// The destination's port; 0 for protocols without ports.
    pub port: u16,
    /// What travels on it.
    pub traffic: Traffic,
}

/// What travels on a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Traffic {
    /// Nothing yet: its first packet.
    Packet,
    /// Bytes that are not HTTP.
    Stream(Seen),
    /// An HTTP request.
    Request {
        /// What the destination's proxy sees of the source.
        peer: Seen,
        /// Its method.
        method: Option<Vec<u8>>,
        /// Its path, with the query.
        path: Option<Vec<u8>>,
    },
}

/// What the destination's proxy sees of the source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The URI names in its certificate; none for plaintext.
    pub uri_sans: Vec<String>,
    /// Its direct address, unless the proxy cannot tell.
    pub address: Option<IpAddr>,
}

impl Question {
    /// What the destination's proxy sees, for traffic that a proxy sees.
    pub fn seen(&self) -> Option<&Seen> {
        match &self.traffic {
            Traffic::Packet => None,
            Traffic::Stream(seen) | Traffic::Request { peer: seen, .. } => Some(seen),
        }
    }
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { source, destination, protocol, port, traffic } = self;
        write!(f, "{} to {}", source.name, destination.name)?;
        match protocol {
            Protocol::Tcp => write!(f, ":{port}")?,
            Protocol::Udp => write!(f, ":{port}/udp")?,
            other => write!(f, "/{}", other.name())?,
        }
        match traffic {
            Traffic::Packet => f.write_str(", packet"),
            Traffic::Stream(_) => f.write_str(", stream"),
            Traffic::Request { method, path, .. } => {
                let shown = |bytes: &Option<Vec<u8>>| {
                    bytes.as_ref().map_or("(none)".to_owned(), |bytes| bytes.escape_ascii().to_string())
                };
                write!(f, ", {} {}", shown(method), shown(path))
            }
        }
    }
}
