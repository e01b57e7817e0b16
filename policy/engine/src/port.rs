//! Protocols and ports.

use serde::{Deserialize, Serialize};

/// A transport protocol, as far as a policy tells them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Protocol {
    /// TCP (IP protocol 6).
    Tcp,
    /// UDP (17).
    Udp,
    /// ICMP for IPv4 (1).
    Icmp,
    /// ICMP for IPv6 (58).
    Icmpv6,
    /// Any other IP protocol.
    Other,
}

impl Protocol {
    /// Every protocol, for those who enumerate.
    pub const ALL: [Self; 5] = [Self::Tcp, Self::Udp, Self::Icmp, Self::Icmpv6, Self::Other];

    /// Whether the protocol has ports that a policy can name.
    pub fn has_ports(self) -> bool {
        matches!(self, Self::Tcp | Self::Udp)
    }

    /// Its name in documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
            Self::Icmp => "ICMP",
            Self::Icmpv6 => "ICMPv6",
            Self::Other => "other",
        }
    }
}

/// A protocol and an inclusive range of destination ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "PortRange", into = "PortRange")]
pub struct PortMatch {
    protocol: Protocol,
    first: u16,
    last: u16,
}

/// The serialized form of [`PortMatch`], before its range is checked.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PortRange {
    protocol: Protocol,
    first: u16,
    last: u16,
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

impl TryFrom<PortRange> for PortMatch {
    type Error = PortRangeError;

    fn try_from(range: PortRange) -> Result<Self, PortRangeError> {
        Self::new(range.protocol, range.first, range.last)
    }
}

impl From<PortMatch> for PortRange {
    fn from(PortMatch { protocol, first, last }: PortMatch) -> Self {
        Self { protocol, first, last }
    }
}
