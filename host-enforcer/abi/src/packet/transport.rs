//! TCP (RFC 9293), UDP (RFC 768) and SCTP (RFC 9260): ports, flags, and lengths that agree.

use super::{FIN, INIT, Kind, Packet, Payload, RST, SYN};
use crate::Reason;
use crate::frame::Frame;

#[inline(always)]
pub(super) fn parse_tcp<F: Frame + ?Sized>(
    frame: &F,
    payload: Payload,
    packet: &mut Packet,
) -> Result<(), Reason> {
    let [s0, s1, d0, d1, _, _, _, _, _, _, _, _, data_offset, flags, _, _, _, _, _, _] =
        payload.load::<20, F>(frame, 0)?;
    packet.source_port = u16::from_be_bytes([s0, s1]);
    packet.destination_port = u16::from_be_bytes([d0, d1]);
    packet.detail = flags;
    packet.kind = Kind::Tcp;
    let header_length = u32::from(data_offset >> 4) * 4;
    if header_length < 20 {
        return Err(Reason::MALFORMED);
    }
    if header_length > payload.length() {
        return Err(if payload.whole { Reason::MALFORMED } else { Reason::TRUNCATED });
    }
    if flags & SYN != 0 && flags & (FIN | RST) != 0 {
        return Err(Reason::MALFORMED);
    }
    Ok(())
}

#[inline(always)]
pub(super) fn parse_udp<F: Frame + ?Sized>(
    frame: &F,
    payload: Payload,
    packet: &mut Packet,
) -> Result<(), Reason> {
    let [s0, s1, d0, d1, l0, l1, _, _] = payload.load::<8, F>(frame, 0)?;
    packet.source_port = u16::from_be_bytes([s0, s1]);
    packet.destination_port = u16::from_be_bytes([d0, d1]);
    packet.kind = Kind::Datagram;
    let length = u32::from(u16::from_be_bytes([l0, l1]));
    if length < 8 || (payload.whole && length > payload.length()) {
        return Err(Reason::MALFORMED);
    }
    Ok(())
}

/// Bytes of the SCTP common header.
const SCTP_HEADER: u32 = 12;
/// Bytes of an INIT chunk without parameters.
const SHORTEST_INIT: u32 = 20;

#[inline(always)]
pub(super) fn parse_sctp<F: Frame + ?Sized>(
    frame: &F,
    payload: Payload,
    packet: &mut Packet,
) -> Result<(), Reason> {
    let [s0, s1, d0, d1, t0, t1, t2, t3, _, _, _, _, chunk, _, l0, l1] = payload.load::<16, F>(frame, 0)?;
    packet.source_port = u16::from_be_bytes([s0, s1]);
    packet.destination_port = u16::from_be_bytes([d0, d1]);
    packet.detail = chunk;
    packet.kind = Kind::Sctp;
    let length = u32::from(u16::from_be_bytes([l0, l1]));
    let room = payload.length() - SCTP_HEADER;
    if length < 4 || (payload.whole && length > room) {
        return Err(Reason::MALFORMED);
    }
    // INIT comes alone and without a verification tag, and nothing else does (RFC 9260, 3.1, 6.10, 8.5.1). So no INIT
    // hides behind another chunk.
    let is_init = chunk == INIT;
    if is_init != (u32::from_be_bytes([t0, t1, t2, t3]) == 0) {
        return Err(Reason::MALFORMED);
    }
    if is_init && (length < SHORTEST_INIT || (length + 3) & !3 != room) {
        return Err(Reason::MALFORMED);
    }
    Ok(())
}
