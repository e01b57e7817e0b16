//! What is asked of a vehicle.

use core::fmt;
use core::net::IpAddr;

use bookend_engine::{End, HeaderLine, Protocol, Request};

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
    /// The destination's port. For ICMP `type × 256 + code` of the packet that opens (S45); 0 for other protocols without
    /// ports.
    pub port: u16,
    /// What travels on it.
    pub traffic: Traffic,
    /// The end whose filter is asked about it (S60). Packets are judged at both.
    pub end: End,
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
        /// Its head.
        head: Head,
        /// What the destination's proxy verified of its tokens.
        tokens: Tokens,
    },
}

/// The head of a request, as bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// Its method.
    pub method: Option<Vec<u8>>,
    /// Its authority: the host, with or without a port.
    pub authority: Option<Vec<u8>>,
    /// Its path, with the query.
    pub path: Option<Vec<u8>>,
    /// Its other headers, names and values, in the order in which they came.
    pub headers: Vec<(Vec<u8>, Vec<u8>)>,
    /// Where the proxy finds its client to be (S86), unless that cannot be told.
    pub client: Option<IpAddr>,
    /// The name that the client asked for in its TLS handshake (S85).
    pub server_name: ServerName,
}

/// The name that a client asked for in its TLS handshake.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ServerName {
    /// It cannot be told.
    #[default]
    Unknown,
    /// It asked for none.
    Absent,
    /// This one.
    Name(String),
}

impl Head {
    /// The lines of its other headers, as the engine takes them.
    pub fn lines(&self) -> Vec<HeaderLine<'_>> {
        self.headers.iter().map(|(name, value)| (name.as_slice(), value.as_slice())).collect()
    }

    /// The request that the engine sees, with its `lines`.
    pub fn request<'h>(&'h self, lines: &'h [HeaderLine<'h>], tokens: &Tokens) -> Request<'h> {
        Request::new(bookend_engine::Head {
            method: self.method.as_deref(),
            authority: self.authority.as_deref(),
            path: self.path.as_deref(),
            headers: Some(lines),
            tokens: match tokens {
                Tokens::Unreadable => bookend_engine::Tokens::Unknown,
                Tokens::Verified(tokens) => bookend_engine::Tokens::Verified(tokens.clone()),
            },
            client: self.client,
            server_name: match &self.server_name {
                ServerName::Unknown => bookend_engine::ServerName::Unknown,
                ServerName::Absent => bookend_engine::ServerName::Absent,
                ServerName::Name(name) => bookend_engine::ServerName::Name(name.as_bytes()),
            },
        })
    }
}

/// What a proxy that verifies JSON web tokens found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tokens {
    /// Something that cannot be read.
    Unreadable,
    /// The claims of every token that it verified.
    Verified(Vec<serde_json::Value>),
}

impl Default for Tokens {
    /// There was no token.
    fn default() -> Self {
        Self::Verified(Vec::new())
    }
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
        let Self { source, destination, protocol, port, traffic, end } = self;
        write!(f, "{} to {}", source.name, destination.name)?;
        match protocol {
            Protocol::Tcp => write!(f, ":{port}")?,
            Protocol::Udp => write!(f, ":{port}/udp")?,
            Protocol::Sctp => write!(f, ":{port}/sctp")?,
            Protocol::Icmp | Protocol::Icmpv6 => {
                write!(f, "/{}:{}.{}", protocol.name(), port / 256, port % 256)?;
            }
            Protocol::Other => f.write_str("/gre")?,
        }
        match traffic {
            Traffic::Packet => f.write_str(", packet"),
            Traffic::Stream(_) => f.write_str(", stream"),
            Traffic::Request { head, tokens, .. } => write!(f, ", {head}{tokens}"),
        }?;
        match end {
            End::Source => f.write_str(", at the source"),
            End::Destination => Ok(()),
        }
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |bytes: &Option<Vec<u8>>| {
            bytes.as_ref().map_or("(none)".to_owned(), |bytes| bytes.escape_ascii().to_string())
        };
        write!(f, "{} {} | host: {}", shown(&self.method), shown(&self.path), shown(&self.authority))?;
        for (name, value) in &self.headers {
            write!(f, " | {}: {}", name.escape_ascii(), value.escape_ascii())?;
        }
        if let Some(client) = self.client {
            write!(f, " from {client}")?;
        }
        match &self.server_name {
            ServerName::Unknown => Ok(()),
            ServerName::Absent => f.write_str(" to no name"),
            ServerName::Name(name) => write!(f, " to `{name}`"),
        }
    }
}

impl fmt::Display for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable => f.write_str(" with unreadable tokens"),
            Self::Verified(tokens) => tokens.iter().try_for_each(|token| write!(f, " with {token}")),
        }
    }
}
