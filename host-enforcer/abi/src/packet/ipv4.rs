//! IPv4 (RFC 791).

use super::{Packet, Payload, address, first_fragment, fragment, parse_payload};
use crate::Reason;
use crate::frame::Frame;

/// Bytes of the header without options.
const HEADER: u32 = 20;
/// Bytes of the header with as many options as its length can tell.
const LONGEST_HEADER: u32 = 60;

#[inline(always)]
pub(super) fn parse<F: Frame + ?Sized>(frame: &F, start: u32, packet: &mut Packet) -> Result<(), Reason> {
    let Some(header) = frame.load::<20>(start) else {
        return Err(Reason::TRUNCATED);
    };
    let [
        version,
        _,
        length_0,
        length_1,
        id_0,
        id_1,
        fragment_0,
        fragment_1,
        hop_limit,
        protocol,
        _,
        _,
        s0,
        s1,
        s2,
        s3,
        d0,
        d1,
        d2,
        d3,
    ] = header;
    packet.source = address::mapped([s0, s1, s2, s3]);
    packet.destination = address::mapped([d0, d1, d2, d3]);
    packet.protocol = protocol;

    let header_length = u32::from(version & 0x0f) * 4;
    let total_length = u32::from(u16::from_be_bytes([length_0, length_1]));
    if version >> 4 != 4 || header_length < HEADER || total_length < header_length {
        return Err(Reason::MALFORMED);
    }
    if start + total_length > frame.length() {
        return Err(Reason::TRUNCATED);
    }
    refuse_source_route(frame, start, header_length)?;
    // IPv6's extension headers and ICMPv6 have no meaning here.
    if matches!(protocol, 0 | 43 | 44 | 58 | 59 | 60) {
        return Err(Reason::UNKNOWN_PROTOCOL);
    }
    let mut payload = Payload { start: start + header_length, end: start + total_length, whole: true };
    // More-fragments, or an offset in units of 8 bytes.
    let fragment_field = u32::from(u16::from_be_bytes([fragment_0, fragment_1]));
    if fragment_field & 0x3fff != 0 {
        let (offset, more) = ((fragment_field & 0x1fff) * 8, fragment_field & 0x2000 != 0);
        let id = u32::from(u16::from_be_bytes([id_0, id_1]));
        fragment(packet, id, offset, payload.length(), header_length, more)?;
        if offset > 0 {
            return Ok(());
        }
        payload.whole = false;
    }
    let parsed = parse_payload(frame, payload, hop_limit, packet);
    first_fragment(parsed, packet)
}

/// Options are skipped, but for loose and strict source routes: with those, the destination is only the next stop.
///
/// Byte by byte at constant offsets, with a count of bytes to skip: a running offset has a range of its own on every
/// path, and the verifier would follow them all.
#[inline(always)]
fn refuse_source_route<F: Frame + ?Sized>(frame: &F, start: u32, header_length: u32) -> Result<(), Reason> {
    let mut skip = 0_u8;
    let mut offset = HEADER;
    while offset < LONGEST_HEADER && offset < header_length {
        let Some([kind]) = frame.load::<1>(start + offset) else {
            return Err(Reason::TRUNCATED);
        };
        offset += 1;
        if skip > 0 {
            skip -= 1;
            continue;
        }
        match kind {
            // End of options; no operation.
            0 => return Ok(()),
            1 => continue,
            131 | 137 => return Err(Reason::SOURCE_ROUTED),
            _ => {}
        }
        let Some([length]) = frame.load::<1>(start + offset) else {
            return Err(Reason::TRUNCATED);
        };
        if length < 2 {
            return Err(Reason::MALFORMED);
        }
        skip = length - 1;
    }
    if skip > 0 { Err(Reason::MALFORMED) } else { Ok(()) }
}
