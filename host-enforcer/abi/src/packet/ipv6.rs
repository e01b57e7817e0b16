//! IPv6 (RFC 8200), with its extension headers.

use super::{ETHERNET, Packet, Payload, address, parse_payload};
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
pub(super) fn parse<F: Frame + ?Sized>(frame: &F, packet: &mut Packet) -> Result<(), Reason> {
    let Some(head) = frame.load::<8>(ETHERNET) else {
        return Err(Reason::TRUNCATED);
    };
    let [version, _, _, _, length_0, length_1, first, hop_limit] = head;
    let (Some(source), Some(destination)) = (frame.load::<16>(ETHERNET + 8), frame.load::<16>(ETHERNET + 24))
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
    let mut payload = Payload { start: ETHERNET + HEADER, end: ETHERNET + HEADER + payload_length };
    if payload.end > frame.length() {
        return Err(Reason::TRUNCATED);
    }

    let mut next = first;
    for position in 0..=EXTENSIONS {
        let unit = match next {
            HOP_BY_HOP if position > 0 => return Err(Reason::MALFORMED),
            HOP_BY_HOP | ROUTING | DESTINATION_OPTIONS => 8,
            AUTHENTICATION => 4,
            FRAGMENT => return Err(Reason::FRAGMENT),
            // ICMPv4; no next header; mobility; HIP; shim6; experiments.
            1 | 59 | 135 | 139 | 140 | 253 | 254 => return Err(Reason::UNKNOWN_PROTOCOL),
            _ => {
                packet.protocol = next;
                return parse_payload(frame, payload, hop_limit, packet);
            }
        };
        let [following, length, _, segments_left] = payload.load::<4, F>(frame, 0)?;
        if next == ROUTING && segments_left != 0 {
            return Err(Reason::SOURCE_ROUTED);
        }
        // In units of 8 bytes beyond the first 8; for the authentication header of 4 bytes beyond the first 8.
        payload.start += 8 + u32::from(length) * unit;
        if payload.start > payload.end {
            return Err(Reason::TRUNCATED);
        }
        next = following;
    }
    Err(Reason::UNKNOWN_PROTOCOL)
}
