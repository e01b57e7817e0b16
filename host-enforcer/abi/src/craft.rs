//! Frames made to order, with right checksums: for tests, benchmarks and whoever asks the decision about a packet
//! that was never sent.

extern crate alloc;

use crate::packet::INIT;
use crate::table::{ICMPV6, SCTP, TCP, UDP};
use alloc::vec::Vec;
use core::net::IpAddr;

/// Ethertype of IPv4.
pub const IPV4: u16 = 0x0800;
/// Ethertype of ARP.
pub const ARP: u16 = 0x0806;
/// Ethertype of IPv6.
pub const IPV6: u16 = 0x86dd;

/// An Ethernet frame between two made-up stations.
#[must_use]
pub fn ethernet(ethertype: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::from([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1]);
    frame.extend(ethertype.to_be_bytes());
    frame.extend(payload);
    frame
}

/// A frame with the IP packet [`packet`] makes of the same arguments.
#[must_use]
pub fn frame(source: IpAddr, destination: IpAddr, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let ethertype = if source.is_ipv4() { IPV4 } else { IPV6 };
    ethernet(ethertype, &packet(source, destination, protocol, payload))
}

/// An IP packet without options; the checksums of TCP, UDP, SCTP and ICMPv6 payloads are filled in. Both addresses must be
/// of one family: if not, the packet is IPv6 with a mapped address, which nothing lets pass.
#[must_use]
pub fn packet(source: IpAddr, destination: IpAddr, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap_or(u16::MAX);
    let mut packet = Vec::new();
    let mut pseudo = Vec::new();
    if let (IpAddr::V4(source), IpAddr::V4(destination)) = (source, destination) {
        let [t0, t1] = length.saturating_add(20).to_be_bytes();
        packet.extend([0x45, 0, t0, t1, 0, 0, 0x40, 0, 64, protocol, 0, 0]);
        packet.extend(source.octets());
        packet.extend(destination.octets());
        put_checksum(&mut packet, 10, &[]);
        pseudo.extend(source.octets());
        pseudo.extend(destination.octets());
    } else {
        let octets = |ip: IpAddr| match ip {
            IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
            IpAddr::V6(v6) => v6.octets(),
        };
        let [l0, l1] = length.to_be_bytes();
        let hop_limit = if protocol == ICMPV6 { 255 } else { 64 };
        packet.extend([0x60, 0, 0, 0, l0, l1, protocol, hop_limit]);
        packet.extend(octets(source));
        packet.extend(octets(destination));
        pseudo.extend(octets(source));
        pseudo.extend(octets(destination));
    }
    pseudo.extend([0, protocol]);
    pseudo.extend(length.to_be_bytes());
    let mut payload = Vec::from(payload);
    match protocol {
        TCP => put_checksum(&mut payload, 16, &pseudo),
        UDP => put_checksum(&mut payload, 6, &pseudo),
        ICMPV6 => put_checksum(&mut payload, 2, &pseudo),
        SCTP => put_crc32c(&mut payload),
        _ => {}
    }
    packet.extend(payload);
    packet
}

/// A TCP segment without options or data; `flags` as in [`crate::packet`].
#[must_use]
pub fn tcp(source_port: u16, destination_port: u16, flags: u8) -> Vec<u8> {
    let mut segment = Vec::new();
    segment.extend(source_port.to_be_bytes());
    segment.extend(destination_port.to_be_bytes());
    segment.extend([0, 0, 0, 1, 0, 0, 0, 0, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    segment
}

/// A UDP datagram.
#[must_use]
pub fn udp(source_port: u16, destination_port: u16, data: &[u8]) -> Vec<u8> {
    let mut datagram = Vec::new();
    datagram.extend(source_port.to_be_bytes());
    datagram.extend(destination_port.to_be_bytes());
    datagram.extend(u16::try_from(data.len() + 8).unwrap_or(u16::MAX).to_be_bytes());
    datagram.extend([0, 0]);
    datagram.extend(data);
    datagram
}

/// An SCTP packet with one chunk (RFC 9260, 3). `tag` is the verification tag, `value` what follows the head of the chunk;
/// it is padded.
#[must_use]
pub fn sctp(source_port: u16, destination_port: u16, tag: u32, chunk: u8, value: &[u8]) -> Vec<u8> {
    let mut packet = Vec::new();
    packet.extend(source_port.to_be_bytes());
    packet.extend(destination_port.to_be_bytes());
    packet.extend(tag.to_be_bytes());
    packet.extend([0, 0, 0, 0, chunk, 0]);
    packet.extend(u16::try_from(value.len() + 4).unwrap_or(u16::MAX).to_be_bytes());
    packet.extend(value);
    packet.resize(packet.len().next_multiple_of(4), 0);
    packet
}

/// The SCTP packet that opens an association: INIT with the initiate tag 1.
#[must_use]
pub fn sctp_init(source_port: u16, destination_port: u16) -> Vec<u8> {
    // Initiate tag, window, outbound and inbound streams, initial sequence number.
    let value = [0, 0, 0, 1, 0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1];
    sctp(source_port, destination_port, 0, INIT, &value)
}

/// An ICMP or ICMPv6 message with code 0; `rest` are bytes 4 to 7 (of echo: identifier and sequence number).
#[must_use]
pub fn icmp(kind: u8, rest: [u8; 4], data: &[u8]) -> Vec<u8> {
    icmp_with_code(kind, 0, rest, data)
}

/// The same with another code.
#[must_use]
pub fn icmp_with_code(kind: u8, code: u8, rest: [u8; 4], data: &[u8]) -> Vec<u8> {
    let mut message = Vec::from([kind, code, 0, 0]);
    message.extend(rest);
    message.extend(data);
    put_checksum(&mut message, 2, &[]);
    message
}

/// An ARP frame; `operation` is 1 for a request and 2 for a reply.
#[must_use]
pub fn arp(operation: u8, sender: [u8; 4], target: [u8; 4]) -> Vec<u8> {
    let mut message = Vec::from([0, 1, 8, 0, 6, 4, 0, operation, 2, 0, 0, 0, 0, 1]);
    message.extend(sender);
    message.extend([0; 6]);
    message.extend(target);
    ethernet(ARP, &message)
}

/// Writes the internet checksum (RFC 1071) over `pseudo` and `bytes` to `bytes` at `offset`.
fn put_checksum(bytes: &mut [u8], offset: usize, pseudo: &[u8]) {
    if let Some(field) = bytes.get_mut(offset..offset + 2) {
        field.fill(0);
    }
    let sum: u32 = [pseudo, bytes]
        .into_iter()
        .flat_map(|part| part.chunks(2))
        .map(|pair| match *pair {
            [high, low] => u32::from(u16::from_be_bytes([high, low])),
            [high] => u32::from(high) << 8,
            _ => 0,
        })
        .sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    let checksum = !((folded & 0xffff) + (folded >> 16)) as u16;
    if let Some(field) = bytes.get_mut(offset..offset + 2) {
        field.copy_from_slice(&checksum.to_be_bytes());
    }
}

/// Writes SCTP's checksum, CRC-32C in little-endian order (RFC 9260, appendix A), over `packet` into its bytes 8 to 11.
fn put_crc32c(packet: &mut [u8]) {
    if let Some(field) = packet.get_mut(8..12) {
        field.fill(0);
    }
    let crc = !packet.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0x82f6_3b78 & 0_u32.wrapping_sub(crc & 1)))
    });
    if let Some(field) = packet.get_mut(8..12) {
        field.copy_from_slice(&crc.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_of_sctp_is_crc32c() {
        // RFC 3720, B.4: thirty-two bytes of zeroes; here the field itself is among them.
        let mut zeroes = [0; 32];
        put_crc32c(&mut zeroes);
        assert_eq!(zeroes[8..12], [0xaa, 0x36, 0x91, 0x8a]);
    }
}
