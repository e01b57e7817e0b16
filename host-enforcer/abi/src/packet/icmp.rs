//! ICMP (RFC 792), ICMPv6 (RFC 4443), neighbor discovery (RFC 4861) and multicast listeners (RFC 2710, 3810).

use super::{Kind, Packet, Payload, QUOTES_REPLY, QUOTES_TIMESTAMP, address};
use crate::frame::Frame;
use crate::table::{ICMP, ICMPV6, SCTP, TCP, UDP};
use crate::{Address, Reason};

#[inline(always)]
pub(super) fn parse_v4<F: Frame + ?Sized>(
    frame: &F,
    payload: Payload,
    packet: &mut Packet,
) -> Result<(), Reason> {
    let [kind, code, _, _, i0, i1, _, _] = payload.load::<8, F>(frame, 0)?;
    packet.destination_port = u16::from_be_bytes([kind, code]);
    match kind {
        8 => exchange(packet, Kind::EchoRequest, 8, code, [i0, i1]),
        0 => exchange(packet, Kind::EchoReply, 8, code, [i0, i1]),
        13 => exchange(packet, Kind::TimestampRequest, 13, code, [i0, i1]),
        14 => exchange(packet, Kind::TimestampReply, 13, code, [i0, i1]),
        // Destination unreachable (with it: fragmentation needed), time exceeded, parameter problem.
        3 | 11 | 12 => error_v4(frame, payload, packet),
        // Source quench, redirect: errors that nobody needs and that do harm (RFC 6633; RFC 1812, 5.3.7).
        4 | 5 => Err(Reason::ICMP_FORBIDDEN),
        _ => {
            packet.opening = packet.destination_port;
            packet.kind = Kind::Message;
            Ok(())
        }
    }
}

#[inline(always)]
pub(super) fn parse_v6<F: Frame + ?Sized>(
    frame: &F,
    payload: Payload,
    hop_limit: u8,
    packet: &mut Packet,
) -> Result<(), Reason> {
    let [kind, code, _, _, i0, i1, _, _] = payload.load::<8, F>(frame, 0)?;
    packet.destination_port = u16::from_be_bytes([kind, code]);
    match kind {
        128 => exchange(packet, Kind::EchoRequest, 128, code, [i0, i1]),
        129 => exchange(packet, Kind::EchoReply, 128, code, [i0, i1]),
        // Destination unreachable, packet too big, time exceeded, parameter problem.
        1..=4 => error_v6(frame, payload, packet),
        // Multicast listener queries, reports and leaves; neighbor discovery.
        130..=137 | 143 => {
            // Neither comes through a router: one cannot have (RFC 4861, 255), the other must not (RFC 3810, 1).
            let expected = if matches!(kind, 133..=137) { 255 } else { 1 };
            if hop_limit != expected || code != 0 {
                return Err(Reason::ND_FORBIDDEN);
            }
            if matches!(kind, 135 | 136) {
                packet.subject = payload.load::<16, F>(frame, 8)?;
            }
            packet.destination_port = 0;
            packet.detail = kind;
            packet.kind = Kind::Neighbor;
            Ok(())
        }
        // Errors that nobody knows (RFC 4443, 2.1).
        0..=127 => Err(Reason::ICMP_FORBIDDEN),
        _ => {
            packet.opening = packet.destination_port;
            packet.kind = Kind::Message;
            Ok(())
        }
    }
}

/// A request, or the reply to one of type `request`. Neither has another code than 0: with one, the exchange would be let pass by the verdict on
/// something else.
#[inline(always)]
fn exchange(
    packet: &mut Packet,
    kind: Kind,
    request: u8,
    code: u8,
    identifier: [u8; 2],
) -> Result<(), Reason> {
    packet.source_port = u16::from_be_bytes(identifier);
    packet.opening = u16::from_be_bytes([request, 0]);
    packet.kind = kind;
    if code == 0 { Ok(()) } else { Err(Reason::ICMP_FORBIDDEN) }
}

/// The IPv4 header quoted in an ICMP error, which begins 8 bytes into the message.
#[inline(always)]
fn error_v4<F: Frame + ?Sized>(frame: &F, payload: Payload, packet: &mut Packet) -> Result<(), Reason> {
    let [version, _, _, _, _, _, f0, f1, _, protocol, _, _, s0, s1, s2, s3, d0, d1, d2, d3] =
        payload.load::<20, F>(frame, 8)?;
    let header_length = u32::from(version & 0x0f) * 4;
    if version >> 4 != 4 || header_length < 20 {
        return Err(Reason::MALFORMED);
    }
    if u16::from_be_bytes([f0, f1]) & 0x3fff != 0 {
        return Err(Reason::ICMP_UNRELATED);
    }
    packet.subject_protocol = protocol;
    packet.subject = address::mapped([d0, d1, d2, d3]);
    quoted(frame, payload, 8 + header_length, address::mapped([s0, s1, s2, s3]), packet)
}

/// The IPv6 header quoted in an ICMPv6 error. Quoted extension headers are not walked: such an error is unrelated.
#[inline(always)]
fn error_v6<F: Frame + ?Sized>(frame: &F, payload: Payload, packet: &mut Packet) -> Result<(), Reason> {
    let [version, _, _, _, _, _, protocol, _] = payload.load::<8, F>(frame, 8)?;
    if version >> 4 != 6 {
        return Err(Reason::MALFORMED);
    }
    let source = payload.load::<16, F>(frame, 16)?;
    packet.subject_protocol = protocol;
    packet.subject = payload.load::<16, F>(frame, 32)?;
    if address::is_mapped(&source) || address::is_mapped(&packet.subject) {
        return Err(Reason::MALFORMED);
    }
    quoted(frame, payload, 48, source, packet)
}

/// The quoted packet's ports, at `offset` into the message. An error goes to the source of what it is about;
/// anything else would be a way to send data to third parties.
#[inline(always)]
fn quoted<F: Frame + ?Sized>(
    frame: &F,
    payload: Payload,
    offset: u32,
    source: Address,
    packet: &mut Packet,
) -> Result<(), Reason> {
    packet.kind = Kind::IcmpError;
    packet.destination_port = 0;
    if source != packet.destination {
        return Err(Reason::ICMP_UNRELATED);
    }
    let protocol = packet.subject_protocol;
    if !matches!(protocol, TCP | UDP | SCTP | ICMP | ICMPV6) {
        return Ok(());
    }
    let [b0, b1, b2, b3, b4, b5, _, _] = payload.load::<8, F>(frame, offset)?;
    if matches!(protocol, TCP | UDP | SCTP) {
        packet.source_port = u16::from_be_bytes([b0, b1]);
        packet.destination_port = u16::from_be_bytes([b2, b3]);
        return Ok(());
    }
    packet.source_port = u16::from_be_bytes([b4, b5]);
    packet.detail = match (protocol, b0) {
        (ICMP, 8) | (ICMPV6, 128) => 0,
        (ICMP, 0) | (ICMPV6, 129) => QUOTES_REPLY,
        (ICMP, 13) => QUOTES_TIMESTAMP,
        (ICMP, 14) => QUOTES_TIMESTAMP | QUOTES_REPLY,
        // Never an error about an error; and messages without replies are remembered nowhere.
        _ => return Err(Reason::ICMP_UNRELATED),
    };
    Ok(())
}
