//! IPv6 (RFC 8200), with its extension headers.

use super::{Packet, Payload, address, first_fragment, fragment, parse_payload};
use crate::Reason;
use crate::frame::Frame;

/// Bytes of the fixed header.
const HEADER: u32 = 40;
/// Extension headers walked; nothing legitimate has more than four.
const EXTENSIONS: u32 = 6;

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const DESTINATION_OPTIONS: u8 = 60;

#[inline(always)]
pub(super) fn parse<F: Frame + ?Sized>(frame: &F, start: u32, packet: &mut Packet) -> Result<(), Reason> {
    let Some(head) = frame.load::<8>(start) else {
        return Err(Reason::TRUNCATED);
    };
    let [version, _, _, _, length_0, length_1, first, hop_limit] = head;
    let (Some(source), Some(destination)) = (frame.load::<16>(start + 8), frame.load::<16>(start + 24))
    else {
        return Err(Reason::TRUNCATED);
    };
    packet.source = source;
    packet.destination = destination;
    packet.protocol = first;

    if version >> 4 != 6 {
        return Err(Reason::MALFORMED);
    }
    // On the wire these would be mistaken for IPv4 addresses in the tables.
    if address::is_mapped(&source) || address::is_mapped(&destination) {
        return Err(Reason::MALFORMED);
    }
    let payload_length = u32::from(u16::from_be_bytes([length_0, length_1]));
    let mut payload = Payload { start: start + HEADER, end: start + HEADER + payload_length, whole: true };
    if payload.end > frame.length() {
        return Err(Reason::TRUNCATED);
    }

    let mut next = first;
    for position in 0..=EXTENSIONS {
        let unit = match next {
            HOP_BY_HOP if position > 0 => return Err(Reason::MALFORMED),
            HOP_BY_HOP | ROUTING | DESTINATION_OPTIONS => 8,
            AUTHENTICATION => 4,
            FRAGMENT if packet.fragmented => return Err(Reason::MALFORMED),
            FRAGMENT => 0,
            // ICMPv4; no next header; mobility; HIP; shim6; experiments.
            1 | 59 | 135 | 139 | 140 | 253 | 254 => return Err(Reason::UNKNOWN_PROTOCOL),
            _ => {
                packet.protocol = next;
                let parsed = parse_payload(frame, payload, hop_limit, packet);
                return first_fragment(parsed, packet);
            }
        };
        // A first fragment that ends before its headers do is a tiny one.
        let short = if packet.fragmented { Reason::FRAGMENT_TINY } else { Reason::TRUNCATED };
        if next == FRAGMENT {
            let [following, _, f0, f1, i0, i1, i2, i3] = payload.load::<8, F>(frame, 0)?;
            payload.start += 8;
            next = following;
            // An offset in units of 8 bytes, and more-fragments. With neither it is no fragment (RFC 6946).
            let field = u32::from(u16::from_be_bytes([f0, f1]));
            let (offset, more) = (field & 0xfff8, field & 1 != 0);
            if offset > 0 || more {
                let before = payload.start - start - HEADER;
                let id = u32::from_be_bytes([i0, i1, i2, i3]);
                packet.protocol = following;
                fragment(packet, id, offset, payload.length(), before, more)?;
                if offset > 0 {
                    return Ok(());
                }
                payload.whole = false;
            }
            continue;
        }
        let [following, length, _, segments_left] = payload.load::<4, F>(frame, 0).map_err(|_| short)?;
        if next == ROUTING && segments_left != 0 {
            return Err(Reason::SOURCE_ROUTED);
        }
        // It always holds a sequence number, behind the first 8 bytes (RFC 4302, 2.2).
        if next == AUTHENTICATION && length == 0 {
            return Err(Reason::MALFORMED);
        }
        // In units of 8 bytes beyond the first 8; for the authentication header of 4 bytes beyond the first 8.
        payload.start += 8 + u32::from(length) * unit;
        if payload.start > payload.end {
            return Err(short);
        }
        next = following;
    }
    Err(Reason::UNKNOWN_PROTOCOL)
}
