//! TCP (RFC 9293) and UDP (RFC 768): ports, flags, and lengths that agree.

use super::{FIN, Kind, Packet, Payload, RST, SYN};
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
    if header_length < 20 || header_length > payload.length() {
        return Err(Reason::MALFORMED);
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
    if length < 8 || length > payload.length() {
        return Err(Reason::MALFORMED);
    }
    Ok(())
}
