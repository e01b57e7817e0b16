//! Making frames by hand.

use std::net::{IpAddr, SocketAddr};

use super::{ETHERTYPE, ICMP, ICMPV6, TCP, UDP};
use crate::error::{Doing, Error, Result};

/// What a forged packet carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payload {
    /// A TCP segment that opens a connection.
    Syn,
    /// A UDP datagram.
    Datagram,
    /// An ICMP echo request; the ports mean nothing.
    Echo,
}

/// A packet made by hand, with whatever source it likes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forgery {
    /// The source address it claims.
    pub source: IpAddr,
    /// The source port.
    pub source_port: u16,
    /// Where it goes.
    pub to: SocketAddr,
    /// What it carries.
    pub payload: Payload,
}

impl Forgery {
    /// The frame, checksums included; `mark` is the data it carries.
    ///
    /// # Errors
    /// If the addresses are of different families.
    pub fn frame(&self, from_mac: [u8; 6], to_mac: [u8; 6], mark: &str) -> Result<Vec<u8>> {
        let [v4, v6] = ETHERTYPE;
        let (addresses, ethertype) = match (self.source, self.to.ip()) {
            (IpAddr::V4(source), IpAddr::V4(to)) => ([source.octets(), to.octets()].concat(), v4),
            (IpAddr::V6(source), IpAddr::V6(to)) => ([source.octets(), to.octets()].concat(), v6),
            _ => return Err(Error::new("the addresses of a packet must be of one family")),
        };
        let is_v4 = ethertype == v4;
        let (protocol, segment) = self.segment(&addresses, is_v4, mark.as_bytes())?;
        let length = u16::try_from(segment.len()).doing("represent the length of a packet")?;
        let mut frame = [to_mac, from_mac].concat();
        frame.extend(ethertype.to_be_bytes());
        if is_v4 {
            let mut header = vec![0x45, 0];
            header.extend((length + 20).to_be_bytes());
            // Identification, no fragment, time to live 64.
            header.extend([0x42, 0x42, 0x40, 0, 64, protocol]);
            let sum = checksum(&[&header, &addresses]);
            header.extend(sum.to_be_bytes());
            frame.extend(header);
        } else {
            frame.extend([0x60, 0, 0, 0]);
            frame.extend(length.to_be_bytes());
            frame.extend([protocol, 64]);
        }
        frame.extend(addresses);
        frame.extend(segment);
        Ok(frame)
    }

    fn segment(&self, addresses: &[u8], is_v4: bool, data: &[u8]) -> Result<(u8, Vec<u8>)> {
        let ports = [self.source_port.to_be_bytes(), self.to.port().to_be_bytes()].concat();
        let (protocol, before, after) = match self.payload {
            Payload::Syn => {
                // Sequence 1, acknowledgement 0, five words of header, SYN, the largest window.
                let header = [0, 0, 0, 1, 0, 0, 0, 0, 0x50, 0x02, 0xff, 0xff];
                (TCP, [ports.as_slice(), &header].concat(), [&[0, 0], data].concat())
            }
            Payload::Datagram => {
                let length = u16::try_from(data.len() + 8).doing("represent the length of a datagram")?;
                (UDP, [ports.as_slice(), &length.to_be_bytes()].concat(), data.to_vec())
            }
            Payload::Echo => {
                let (protocol, kind) = if is_v4 { (ICMP, 8) } else { (ICMPV6, 128) };
                (protocol, vec![kind, 0], [&[0x42, 0x42, 0, 1], data].concat())
            }
        };
        let length = u32::try_from(before.len() + 2 + after.len()).doing("represent a length")?;
        let pseudo = [addresses, &length.to_be_bytes(), &[0, 0, 0, protocol]].concat();
        // ICMP for IPv4 alone has no pseudo header (RFC 792).
        let pseudo: &[u8] = if protocol == ICMP { &[] } else { &pseudo };
        let sum = checksum(&[pseudo, &before, &after]);
        Ok((protocol, [before.as_slice(), &sum.to_be_bytes(), &after].concat()))
    }
}

/// The Internet checksum (RFC 1071) of the parts, each of which but the last has even length.
pub(crate) fn checksum(parts: &[&[u8]]) -> u16 {
    let mut sum: u32 = 0;
    for part in parts {
        for pair in part.chunks(2) {
            let high = pair.first().copied().unwrap_or_default();
            let low = pair.get(1).copied().unwrap_or_default();
            sum += u32::from(u16::from_be_bytes([high, low]));
        }
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or_default()
}
