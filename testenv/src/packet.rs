//! Frames in bytes: what attackers send and what witnesses see.

mod craft;
mod read;

use std::net::IpAddr;

pub(crate) use craft::checksum;
pub use craft::{Forgery, Payload};
pub use read::read;

/// EtherType of IPv4 and IPv6.
const ETHERTYPE: [u16; 2] = [0x0800, 0x86dd];
/// Protocol numbers (IANA).
const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMPV6: u8 = 58;

/// The transport of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// TCP.
    Tcp {
        /// Whether this opens a connection: SYN without ACK.
        opens: bool,
        /// Whether this ends one: RST.
        resets: bool,
    },
    /// UDP.
    Udp,
    /// ICMP or ICMPv6, with its type.
    Icmp(u8),
    /// A fragment that is not the first, or another protocol, with its number.
    Other(u8),
}

/// A packet that arrived somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// Source address.
    pub source: IpAddr,
    /// Destination address.
    pub destination: IpAddr,
    /// What it carries.
    pub transport: Transport,
    /// Source port; 0 where there is none.
    pub source_port: u16,
    /// Destination port; 0 where there is none.
    pub destination_port: u16,
    /// The bytes after the IP header, at most 160 of them.
    pub data: Vec<u8>,
}

impl Arrival {
    /// Whether the data holds this mark.
    pub fn bears(&self, mark: &str) -> bool {
        self.data.windows(mark.len()).any(|window| window == mark.as_bytes())
    }

    /// Whether it opens a TCP connection.
    pub fn opens(&self) -> bool {
        matches!(self.transport, Transport::Tcp { opens: true, .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::SocketAddr;

    fn round(source: &str, to: &str, payload: Payload) -> Arrival {
        let forgery = Forgery {
            source: source.parse().unwrap(),
            source_port: 4444,
            to: to.parse::<SocketAddr>().unwrap(),
            payload,
        };
        read(&forgery.frame([2; 6], [4; 6], "mark-1").unwrap()).unwrap()
    }

    #[test]
    fn what_is_crafted_is_read_back() {
        for (source, to) in [("10.0.0.1", "10.0.0.2:80"), ("fd00::1", "[fd00::2]:80")] {
            let syn = round(source, to, Payload::Syn);
            assert!(syn.opens() && syn.bears("mark-1"));
            assert_eq!((syn.source_port, syn.destination_port), (4444, 80));
            assert_eq!(syn.source, source.parse::<IpAddr>().unwrap());
            let datagram = round(source, to, Payload::Datagram);
            assert_eq!(datagram.transport, Transport::Udp);
            assert!(datagram.bears("mark-1"));
            let echo = round(source, to, Payload::Echo);
            assert!(matches!(echo.transport, Transport::Icmp(8 | 128)) && echo.bears("mark-1"));
        }
    }

    #[test]
    fn mixed_families_cannot_be_crafted() {
        let to = "[fd00::2]:80".parse().unwrap();
        let source = "10.0.0.1".parse().unwrap();
        let forgery = Forgery { source, source_port: 1, to, payload: Payload::Syn };
        assert!(forgery.frame([2; 6], [4; 6], "m").is_err());
    }

    #[test]
    fn a_truncated_frame_is_not_read() {
        let forgery = Forgery {
            source: "10.0.0.1".parse().unwrap(),
            source_port: 1,
            to: "10.0.0.2:80".parse().unwrap(),
            payload: Payload::Syn,
        };
        let frame = forgery.frame([2; 6], [4; 6], "m").unwrap();
        for length in 0..34 {
            assert_eq!(read(&frame[..length]), None);
        }
    }
}
