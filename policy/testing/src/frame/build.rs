//! Frames, built byte by byte. Transport checksums are left zero: they are the receiver's business.

use core::net::IpAddr;

use bookend_abi::craft::{icmp_with_code, sctp, sctp_init};
use bookend_abi::packet::INIT;
use bookend_abi::table::SCTP;

use super::Frame;

/// An IP packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// Where it claims to come from.
    pub source: IpAddr,
    /// Where it goes; of the same family.
    pub destination: IpAddr,
    /// What it carries.
    pub payload: Payload,
}

/// What an IP packet carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// A TCP segment without data.
    Tcp {
        /// The sender's port.
        source: u16,
        /// The receiver's port.
        destination: u16,
        /// The flags, as in RFC 9293, 3.1.
        flags: u8,
    },
    /// A UDP datagram without data.
    Udp {
        /// The sender's port.
        source: u16,
        /// The receiver's port.
        destination: u16,
    },
    /// An SCTP packet with one chunk.
    Sctp {
        /// The sender's port.
        source: u16,
        /// The receiver's port.
        destination: u16,
        /// The chunk's type, as in RFC 9260, 3.2.
        chunk: u8,
    },
    /// An ICMP or ICMPv6 message with an identifier, if its type has one.
    Icmp {
        /// Its type.
        kind: u8,
        /// Its code.
        code: u8,
        /// Its identifier.
        identifier: u16,
    },
    /// An ICMP or ICMPv6 "destination unreachable" about a packet.
    Unreachable(Box<Datagram>),
    /// Neighbor discovery (RFC 4861): a solicitation of, or an advertisement for, the destination or source.
    Neighbor {
        /// Whether it is an advertisement.
        advertisement: bool,
        /// Whom it is about.
        target: IpAddr,
    },
    /// Another protocol, with 8 bytes of zeros.
    Other(u8),
}

/// The hop limit that only a neighbor's packet can have.
const HOPS: u8 = 255;

impl Datagram {
    /// The packet in an Ethernet frame.
    pub fn frame(&self) -> Frame {
        let ethertype = if self.source.is_ipv4() { 0x0800 } else { 0x86dd };
        Frame { bytes: [ethernet(ethertype), self.bytes()].concat() }
    }

    /// The packet, from its IP header on.
    pub fn bytes(&self) -> Vec<u8> {
        let v4 = self.source.is_ipv4();
        let (protocol, payload) = self.payload.bytes(v4);
        let length = u16::try_from(payload.len()).unwrap_or(u16::MAX);
        let mut bytes = Vec::new();
        if v4 {
            bytes.extend([0x45, 0]);
            bytes.extend((20 + length).to_be_bytes());
            bytes.extend([0, 0, 0, 0, HOPS, protocol, 0, 0]);
        } else {
            bytes.extend([0x60, 0, 0, 0]);
            bytes.extend(length.to_be_bytes());
            bytes.extend([protocol, HOPS]);
        }
        bytes.extend(octets(self.source));
        bytes.extend(octets(self.destination));
        if v4 {
            let sum = checksum(&bytes);
            bytes.splice(10..12, sum);
        }
        bytes.extend(payload);
        bytes
    }
}

impl Payload {
    fn bytes(&self, v4: bool) -> (u8, Vec<u8>) {
        const ICMP: u8 = 1;
        const TCP: u8 = 6;
        const UDP: u8 = 17;
        const ICMPV6: u8 = 58;
        let icmp = if v4 { ICMP } else { ICMPV6 };
        match self {
            Self::Tcp { source, destination, flags } => {
                let ports = [source.to_be_bytes(), destination.to_be_bytes()].concat();
                let rest = [0, 0, 0, 1, 0, 0, 0, 1, 0x50, *flags, 0xff, 0xff, 0, 0, 0, 0];
                (TCP, [ports, rest.to_vec()].concat())
            }
            Self::Udp { source, destination } => {
                (UDP, [source.to_be_bytes(), destination.to_be_bytes(), [0, 8], [0, 0]].concat())
            }
            Self::Sctp { source, destination, chunk: INIT } => (SCTP, sctp_init(*source, *destination)),
            Self::Sctp { source, destination, chunk } => {
                // Any tag of an association.
                const TAG: u32 = 1;
                (SCTP, sctp(*source, *destination, TAG, *chunk, &[0; 4]))
            }
            Self::Icmp { kind, code, identifier } => {
                let [high, low] = identifier.to_be_bytes();
                // A timestamp message has three times more (RFC 792).
                let data: &[u8] = if v4 && matches!(kind, 13 | 14) { &[0; 12] } else { &[] };
                (icmp, icmp_with_code(*kind, *code, [high, low, 0, 1], data))
            }
            Self::Unreachable(about) => {
                let kind = if v4 { 3 } else { 1 };
                (icmp, [vec![kind, 1, 0, 0, 0, 0, 0, 0], about.bytes()].concat())
            }
            Self::Neighbor { advertisement, target } => {
                let kind = if *advertisement { 136 } else { 135 };
                (icmp, [vec![kind, 0, 0, 0, 0, 0, 0, 0], octets(*target)].concat())
            }
            Self::Other(protocol) => (*protocol, vec![0; 8]),
        }
    }
}

/// An ARP message (RFC 826) in which `sender` asks who has `target`, or tells it.
pub(super) fn arp(reply: bool, sender: [u8; 4], target: [u8; 4]) -> Frame {
    let mut bytes = ethernet(0x0806);
    bytes.extend([0, 1, 0x08, 0, 6, 4, 0, if reply { 2 } else { 1 }]);
    bytes.extend(PEER);
    bytes.extend(sender);
    bytes.extend([0; 6]);
    bytes.extend(target);
    Frame { bytes }
}

/// The hardware address of the receiver; locally administered.
const OWN: [u8; 6] = [0x02, 0, 0, 0, 0, 1];
/// The hardware address of the sender.
const PEER: [u8; 6] = [0x02, 0, 0, 0, 0, 2];

fn ethernet(ethertype: u16) -> Vec<u8> {
    [OWN.as_slice(), &PEER, &ethertype.to_be_bytes()].concat()
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    }
}

/// The Internet checksum (RFC 1071) of bytes in which it is still zero.
pub(super) fn checksum(bytes: &[u8]) -> [u8; 2] {
    let words = bytes.chunks(2).map(|pair| match pair {
        [high, low] => u32::from(u16::from_be_bytes([*high, *low])),
        [high] => u32::from(*high) << 8,
        _ => 0,
    });
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    u16::try_from(!sum & 0xffff).unwrap_or_default().to_be_bytes()
}
