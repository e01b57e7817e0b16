//! Frames → packets: a strict parse. What is not understood to the last bit is refused with a reason, because a
//! header that two readers read differently is a way around the policy.
//!
//! Nothing here knows a direction, a workload or a policy.

mod arp;
mod icmp;
mod ipv4;
mod ipv6;
mod transport;

use crate::frame::Frame;
use crate::{Address, Reason, address};

/// What a packet is to the connection table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Not parsed (yet); denied.
    #[default]
    Unparsed,
    /// ARP request or reply; `source` and `destination` are the protocol addresses, `detail` the operation.
    Arp,
    /// ICMPv6 neighbor discovery or multicast listener discovery; `detail` is the ICMPv6 type, `subject` the target.
    Neighbor,
    /// TCP; `detail` holds the flags.
    Tcp,
    /// SCTP; `detail` is the type of the first chunk.
    Sctp,
    /// UDP, and every protocol whose ports are not known.
    Datagram,
    /// ICMP or ICMPv6 echo request; `source_port` is the identifier, `destination_port` type × 256 + code.
    EchoRequest,
    /// ICMP or ICMPv6 echo reply; the ports as for the request.
    EchoReply,
    /// ICMP timestamp request; the ports as for an echo request.
    TimestampRequest,
    /// ICMP timestamp reply; the ports as for an echo request.
    TimestampReply,
    /// Any other ICMP or ICMPv6 message that is judged by policy; `destination_port` is type × 256 + code.
    Message,
    /// An ICMP or ICMPv6 error. `subject` is the destination of the packet it is about (whose source is this
    /// packet's destination), `subject_protocol` its protocol, the ports are its ports, and `detail` has the bits
    /// [`QUOTES_REPLY`] and [`QUOTES_TIMESTAMP`].
    IcmpError,
    /// A fragment behind the first. `fragment_offset` is not 0.
    Fragment,
}

/// In [`Packet::detail`] of an [error](Kind::IcmpError): it is about an echo reply or a timestamp reply.
pub const QUOTES_REPLY: u8 = 1;
/// In [`Packet::detail`] of an [error](Kind::IcmpError): it is about a timestamp or its reply.
pub const QUOTES_TIMESTAMP: u8 = 2;

/// TCP flag FIN.
pub const FIN: u8 = 0x01;
/// TCP flag SYN.
pub const SYN: u8 = 0x02;
/// TCP flag RST.
pub const RST: u8 = 0x04;
/// TCP flag ACK.
pub const ACK: u8 = 0x10;

/// SCTP chunk INIT, which opens an association.
pub const INIT: u8 = 1;
/// SCTP chunk INIT ACK, which answers it.
pub const INIT_ACK: u8 = 2;
/// SCTP chunk ABORT.
pub const ABORT: u8 = 6;
/// SCTP chunk SHUTDOWN.
pub const SHUTDOWN: u8 = 7;
/// SCTP chunk SHUTDOWN ACK.
pub const SHUTDOWN_ACK: u8 = 8;
/// SCTP chunk SHUTDOWN COMPLETE.
pub const SHUTDOWN_COMPLETE: u8 = 14;

/// A parsed packet. Fields that its [`Kind`] does not name are zero.
///
/// The order and alignment of the fields let addresses be written by words: BPF has no unaligned access, and what is
/// not known to be aligned is copied byte by byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C, align(8))]
pub struct Packet {
    /// Where it claims to come from.
    pub source: Address,
    /// Where it goes.
    pub destination: Address,
    /// See [`Kind`].
    pub subject: Address,
    /// Source port, host byte order.
    pub source_port: u16,
    /// Destination port, host byte order.
    pub destination_port: u16,
    /// For ICMP and ICMPv6, type × 256 + code of the message that opens what this one belongs to: its own, or that of the
    /// request which it answers.
    pub opening: u16,
    /// The protocol in the key of a verdict: [`protocol`](Self::protocol), or
    /// [`OTHER_PROTOCOL`](crate::table::OTHER_PROTOCOL).
    pub class: u8,
    /// IP protocol number; 0 for ARP.
    pub protocol: u8,
    /// See [`Kind`].
    pub subject_protocol: u8,
    /// See [`Kind`].
    pub detail: u8,
    /// What it is.
    pub kind: Kind,
    /// VLAN tags before it.
    pub tags: u8,
    /// Whether it is a fragment: the first, or a [later one](Kind::Fragment).
    pub fragmented: bool,
    /// Of a fragment: the identification.
    pub fragment_id: u32,
    /// Of a fragment: where in the payload of its packet it begins, in bytes.
    pub fragment_offset: u32,
    /// Of a fragment: where in the payload of its packet it ends, in bytes.
    pub fragment_end: u32,
}

impl Packet {
    /// Whether this is the first packet of a TCP connection, SYN without ACK, or of an SCTP association, INIT.
    #[inline(always)]
    #[must_use]
    pub fn is_syn(&self) -> bool {
        match self.kind {
            Kind::Tcp => self.detail & (SYN | ACK) == SYN,
            Kind::Sctp => self.detail == INIT,
            _ => false,
        }
    }

    /// Whether this packet may open a connection.
    #[inline(always)]
    #[must_use]
    pub fn opens(&self) -> bool {
        self.is_syn()
            || matches!(
                self.kind,
                Kind::Datagram | Kind::EchoRequest | Kind::TimestampRequest | Kind::Message
            )
    }
}

/// Bytes of an Ethernet header without VLAN tags.
const ETHERNET: u32 = 14;
/// VLAN tags that are read over.
const MOST_TAGS: u8 = 2;
/// Bytes of the longest IP packet.
const LONGEST: u32 = 65_535;

/// Fills `packet` from `frame`. On refusal the addresses read so far stay in `packet`, for the report.
///
/// # Errors
/// The [`Reason`] to drop the frame.
#[inline(always)]
pub fn parse<F: Frame + ?Sized>(frame: &F, packet: &mut Packet) -> Result<(), Reason> {
    let Some([mut high, mut low]) = frame.load::<2>(ETHERNET - 2) else {
        return Err(Reason::TRUNCATED);
    };
    packet.tags = frame.tags_beside();
    let mut start = ETHERNET;
    // 802.1Q, 802.1ad.
    while matches!([high, low], [0x81, 0x00] | [0x88, 0xa8]) {
        if packet.tags >= MOST_TAGS {
            return Err(Reason::VLAN);
        }
        packet.tags += 1;
        start += 4;
        [high, low] = frame.load::<2>(start - 2).ok_or(Reason::TRUNCATED)?;
    }
    // What is not known is one value: the verifier follows what comes once, not for each number of tags.
    let start = core::hint::black_box(start);
    match u16::from_be_bytes([high, low]) {
        0x0800 => ipv4::parse(frame, start, packet),
        0x86dd => ipv6::parse(frame, start, packet),
        0x0806 => arp::parse(frame, start, packet),
        _ => Err(Reason::UNKNOWN_ETHERTYPE),
    }
}

/// A fragment of `length` bytes at `offset` of its packet's payload, behind `before` bytes of headers. What overlaps or
/// reaches too far has no other use than to be read differently by two readers.
#[inline(always)]
fn fragment(
    packet: &mut Packet,
    id: u32,
    offset: u32,
    length: u32,
    before: u32,
    more: bool,
) -> Result<(), Reason> {
    packet.fragmented = true;
    packet.fragment_id = id;
    packet.fragment_offset = offset;
    packet.fragment_end = offset + length;
    if length == 0 || (more && length & 7 != 0) {
        return Err(Reason::MALFORMED);
    }
    if before + offset + length > LONGEST {
        return Err(Reason::FRAGMENT_OVERLAP);
    }
    if offset > 0 {
        packet.kind = Kind::Fragment;
    }
    Ok(())
}

/// The first fragment of a packet, whose transport header must be whole (RFC 1858, 3; RFC 7112, 5). Errors and neighbor
/// discovery never come in fragments (RFC 6980).
#[inline(always)]
fn first_fragment(parsed: Result<(), Reason>, packet: &Packet) -> Result<(), Reason> {
    if !packet.fragmented {
        return parsed;
    }
    match (parsed, packet.kind) {
        (Err(Reason::TRUNCATED), _) => Err(Reason::FRAGMENT_TINY),
        (Ok(()), Kind::IcmpError) => Err(Reason::ICMP_FORBIDDEN),
        (Ok(()), Kind::Neighbor) => Err(Reason::ND_FORBIDDEN),
        (parsed, _) => parsed,
    }
}

/// Where the payload of an IP packet lies in the frame: `start` up to, not including, `end`.
#[derive(Clone, Copy)]
struct Payload {
    start: u32,
    end: u32,
    /// Whether it is all of the packet's payload: a first fragment is not.
    whole: bool,
}

impl Payload {
    /// `N` bytes at `offset` from the start of the payload, if they lie inside it.
    #[inline(always)]
    fn load<const N: usize, F: Frame + ?Sized>(self, frame: &F, offset: u32) -> Result<[u8; N], Reason> {
        let start = self.start + offset;
        if start + N as u32 > self.end {
            return Err(Reason::TRUNCATED);
        }
        frame.load::<N>(start).ok_or(Reason::TRUNCATED)
    }

    #[inline(always)]
    fn length(self) -> u32 {
        self.end.saturating_sub(self.start)
    }
}

/// The packet behind the IP header, by its protocol number.
#[inline(always)]
fn parse_payload<F: Frame + ?Sized>(
    frame: &F,
    payload: Payload,
    hop_limit: u8,
    packet: &mut Packet,
) -> Result<(), Reason> {
    use crate::table::{ICMP, ICMPV6, OTHER_PROTOCOL, SCTP, TCP, UDP};
    packet.class = packet.protocol;
    match packet.protocol {
        TCP => transport::parse_tcp(frame, payload, packet),
        SCTP => transport::parse_sctp(frame, payload, packet),
        UDP => transport::parse_udp(frame, payload, packet),
        ICMP => icmp::parse_v4(frame, payload, packet),
        ICMPV6 => icmp::parse_v6(frame, payload, hop_limit, packet),
        _ => {
            packet.class = OTHER_PROTOCOL;
            packet.kind = Kind::Datagram;
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests;
