//! Protocols and ports.

use alloc::string::String;
use serde::Serialize;

use crate::{
    Connection, Endpoint, Identity, Truth,
    tape::{Mismatch, Read, Value, named, object},
};

/// A transport protocol, as far as a policy tells them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Protocol {
    /// TCP (IP protocol 6).
    Tcp,
    /// UDP (17).
    Udp,
    /// SCTP (132).
    Sctp,
    /// ICMP for IPv4 (1).
    Icmp,
    /// ICMP for IPv6 (58).
    Icmpv6,
    /// Any other IP protocol.
    Other,
}

impl Protocol {
    /// Every protocol, for those who enumerate.
    pub const ALL: [Self; 6] = [Self::Tcp, Self::Udp, Self::Sctp, Self::Icmp, Self::Icmpv6, Self::Other];

    /// Whether the protocol has ports.
    pub fn has_ports(self) -> bool {
        matches!(self, Self::Tcp | Self::Udp | Self::Sctp)
    }

    /// Whether it is ICMP, whose type and code stand in the place of a port (S45).
    pub fn is_icmp(self) -> bool {
        matches!(self, Self::Icmp | Self::Icmpv6)
    }

    /// Its name in documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
            Self::Sctp => "SCTP",
            Self::Icmp => "ICMP",
            Self::Icmpv6 => "ICMPv6",
            Self::Other => "other",
        }
    }
}

/// Destination ports that a rule means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum PortMatch {
    /// By number.
    Range(PortRange),
    /// By the name that the destination gives one of its own ports (S44).
    Named(NamedPortMatch),
}

/// A protocol and an inclusive range of destination ports; for ICMP, of `type × 256 + code`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct PortRange {
    protocol: Protocol,
    first: u16,
    last: u16,
}

/// A port by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NamedPortMatch {
    /// The protocol, which must agree too.
    pub protocol: Protocol,
    /// The name.
    pub name: String,
}

/// A port that a workload gives a name (Kubernetes `containerPort`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NamedPort {
    /// The name.
    pub name: String,
    /// The protocol.
    pub protocol: Protocol,
    /// The number, 1–65535.
    pub port: u16,
}

/// A port range that cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PortRangeError {
    /// Port 0 is reserved (RFC 6335, section 6) and no connection can be made to it.
    #[error("port 0 is not a port")]
    Zero,
    /// The range ends before it starts.
    #[error("the range ends before it starts")]
    Reversed,
    /// The protocol has no ports.
    #[error("the protocol has no ports")]
    NoPorts,
}

impl PortMatch {
    /// Ports `first` to `last`, both included.
    ///
    /// # Errors
    /// When a bound is 0, the range is reversed, or the protocol has no ports.
    pub fn range(protocol: Protocol, first: u16, last: u16) -> Result<Self, PortRangeError> {
        PortRange::new(protocol, first, last).map(Self::Range)
    }

    /// The port that the destination calls `name`.
    pub fn named(protocol: Protocol, name: impl Into<String>) -> Self {
        Self::Named(NamedPortMatch { protocol, name: name.into() })
    }

    /// The protocol.
    pub fn protocol(&self) -> Protocol {
        match self {
            Self::Range(range) => range.protocol,
            Self::Named(named) => named.protocol,
        }
    }

    /// Whether the port of `connection` is meant.
    pub fn holds(&self, connection: &Connection<'_>) -> Truth {
        match self {
            Self::Range(range) => range.contains(connection.protocol, connection.port).into(),
            Self::Named(named) if named.protocol != connection.protocol => Truth::No,
            Self::Named(named) => named.holds(&connection.destination, connection.port),
        }
    }
}

impl NamedPortMatch {
    /// Whether `destination` calls its `port` by the name (S44).
    fn holds(&self, destination: &Endpoint<'_>, port: u16) -> Truth {
        let calls = |ports: &Option<alloc::vec::Vec<NamedPort>>| match ports {
            Some(ports) => ports.iter().any(|p| self.means(p) && p.port == port).into(),
            None => Truth::Unknown,
        };
        match &destination.identity {
            Identity::Outside => Truth::No,
            Identity::Workload(workload) => calls(&workload.ports),
            Identity::Candidates(list) => Truth::agreed(list.iter().map(|w| calls(&w.ports))),
            Identity::Account { .. } | Identity::Anonymous | Identity::Claimed(_) => Truth::Unknown,
        }
    }

    /// Whether `port` has the name and the protocol.
    pub fn means(&self, port: &NamedPort) -> bool {
        self.protocol == port.protocol && self.name == port.name
    }
}

impl PortRange {
    /// Ports `first` to `last`, both included.
    ///
    /// # Errors
    /// When a bound is 0, the range is reversed, or the protocol has no ports.
    pub fn new(protocol: Protocol, first: u16, last: u16) -> Result<Self, PortRangeError> {
        if !protocol.has_ports() {
            Err(PortRangeError::NoPorts)
        } else if first == 0 {
            Err(PortRangeError::Zero)
        } else if last < first {
            Err(PortRangeError::Reversed)
        } else {
            Ok(Self { protocol, first, last })
        }
    }

    /// Everything over a protocol.
    pub const fn all(protocol: Protocol) -> Self {
        Self { protocol, first: 0, last: u16::MAX }
    }

    /// ICMP packets of a type, and of a code where one is given; IPv4 or, with `v6`, IPv6.
    pub fn icmp(v6: bool, kind: u8, code: Option<u8>) -> Self {
        let protocol = if v6 { Protocol::Icmpv6 } else { Protocol::Icmp };
        let (first, last) = (code.unwrap_or(0), code.unwrap_or(u8::MAX));
        Self { protocol, first: u16::from_be_bytes([kind, first]), last: u16::from_be_bytes([kind, last]) }
    }

    /// The protocol.
    pub fn protocol(self) -> Protocol {
        self.protocol
    }

    /// The first port of the range.
    pub fn first(self) -> u16 {
        self.first
    }

    /// The last port of the range.
    pub fn last(self) -> u16 {
        self.last
    }

    /// Whether a connection to `port` over `protocol` is meant.
    pub fn contains(self, protocol: Protocol, port: u16) -> bool {
        self.protocol == protocol && (self.first..=self.last).contains(&port)
    }
}

named!(Protocol {
    "TCP" => Protocol::Tcp,
    "UDP" => Protocol::Udp,
    "SCTP" => Protocol::Sctp,
    "ICMP" => Protocol::Icmp,
    "ICMPV6" => Protocol::Icmpv6,
    "OTHER" => Protocol::Other,
});

impl Read for PortMatch {
    fn read(value: Value<'_>) -> Result<Self, Mismatch> {
        match value.variant()? {
            ("range", range) => range.read().map(Self::Range),
            ("named", named) => named.read().map(Self::Named),
            (other, _) => Err(Mismatch::unknown(other)),
        }
    }
}

impl Read for PortRange {
    fn read(value: Value<'_>) -> Result<Self, Mismatch> {
        let [protocol, first, last] = value.members(["protocol", "first", "last"])?;
        let (protocol, first, last) = (protocol.read()?, first.read()?, last.read()?);
        let range = match protocol {
            _ if (first, last) == (0, u16::MAX) => Ok(Self::all(protocol)),
            Protocol::Icmp | Protocol::Icmpv6 if first <= last => Ok(Self { protocol, first, last }),
            Protocol::Icmp | Protocol::Icmpv6 => Err(PortRangeError::Reversed),
            _ => Self::new(protocol, first, last),
        };
        range.map_err(|error| Mismatch::because(&error))
    }
}

object!(NamedPortMatch { protocol: "protocol", name: "name" });

object!(NamedPort { name: "name", protocol: "protocol", port: "port" });
