//! ICMP (RFC 792), ICMPv6 (RFC 4443), neighbor discovery (RFC 4861) and multicast listeners (RFC 2710, 3810).

use super::{Kind, Packet, Payload, address};
use crate::frame::Frame;
use crate::table::{ICMP, ICMPV6, TCP, UDP};
use crate::{Address, Reason};

#[inline(always)]
pub(super) fn parse_v4<F: Frame + ?Sized>(
    frame: &F,
    payload: Payload,
    packet: &mut Packet,
) -> Result<(), Reason> {
    let [kind, _, _, _, i0, i1, _, _] = payload.load::<8, F>(frame, 0)?;
    match kind {
        8 => echo(packet, Kind::EchoRequest, [i0, i1]),
        0 => echo(packet, Kind::EchoReply, [i0, i1]),
        // Destination unreachable (with it: fragmentation needed), time exceeded, parameter problem.
        3 | 11 | 12 => error_v4(frame, payload, packet),
        _ => Err(Reason::ICMP_FORBIDDEN),
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
    match kind {
        128 => echo(packet, Kind::EchoRequest, [i0, i1]),
        129 => echo(packet, Kind::EchoReply, [i0, i1]),
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
            packet.detail = kind;
            packet.kind = Kind::Neighbor;
            Ok(())
        }
        _ => Err(Reason::ICMP_FORBIDDEN),
    }
}

#[inline(always)]
fn echo(packet: &mut Packet, kind: Kind, identifier: [u8; 2]) -> Result<(), Reason> {
    packet.source_port = u16::from_be_bytes(identifier);
    packet.kind = kind;
    Ok(())
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
    packet.detail = 1;
    if source != packet.destination {
        return Err(Reason::ICMP_UNRELATED);
    }
    let protocol = packet.subject_protocol;
    if !matches!(protocol, TCP | UDP | ICMP | ICMPV6) {
        return Ok(());
    }
    let [b0, b1, b2, b3, b4, b5, _, _] = payload.load::<8, F>(frame, offset)?;
    if matches!(protocol, TCP | UDP) {
        packet.source_port = u16::from_be_bytes([b0, b1]);
        packet.destination_port = u16::from_be_bytes([b2, b3]);
        return Ok(());
    }
    packet.source_port = u16::from_be_bytes([b4, b5]);
    match (protocol, b0) {
        (ICMP, 8) | (ICMPV6, 128) => Ok(()),
        (ICMP, 0) | (ICMPV6, 129) => {
            packet.detail = 0;
            Ok(())
        }
        // Never an error about an error.
        _ => Err(Reason::ICMP_UNRELATED),
    }
}
