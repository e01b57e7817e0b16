//! ARP for IPv4 over Ethernet (RFC 826).

use super::{Kind, Packet, address};
use crate::Reason;
use crate::frame::Frame;

#[inline(always)]
pub(super) fn parse<F: Frame + ?Sized>(frame: &F, start: u32, packet: &mut Packet) -> Result<(), Reason> {
    let Some(header) = frame.load::<8>(start) else {
        return Err(Reason::TRUNCATED);
    };
    // Hardware type 1 (Ethernet), protocol type 0x0800 (IPv4), lengths 6 and 4, operation request or reply.
    let [0, 1, 0x08, 0x00, 6, 4, 0, operation @ (1 | 2)] = header else {
        return Err(Reason::ARP_FORBIDDEN);
    };
    let (Some(sender), Some(target)) = (frame.load::<4>(start + 14), frame.load::<4>(start + 24)) else {
        return Err(Reason::TRUNCATED);
    };
    packet.source = address::mapped(sender);
    packet.destination = address::mapped(target);
    packet.detail = operation;
    packet.kind = Kind::Arp;
    Ok(())
}
