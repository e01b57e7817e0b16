//! Packets between two stations, by hand.

use crate::attack::{Attack, Fate, Shot};
use crate::field::{Role, TCP_PORT, UDP_PORT};
use bookend_abi::craft;
use bookend_abi::packet::{ACK, SYN};
use bookend_abi::table::{ICMP, ICMPV6, TCP, UDP};
use std::cell::Cell;
use std::net::IpAddr;

/// Ports that nobody may ask for.
pub(crate) const FORBIDDEN_TCP: u16 = 80;
pub(crate) const FORBIDDEN_UDP: u16 = 54;

/// From whom, to whom, and over which family.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Path {
    pub(crate) from: Role,
    pub(crate) to: Role,
    pub(crate) v6: bool,
}

impl Path {
    pub(crate) fn source(self) -> IpAddr {
        self.from.address(self.v6)
    }

    pub(crate) fn destination(self) -> IpAddr {
        self.to.address(self.v6)
    }

    /// The other way.
    pub(crate) fn back(self) -> Self {
        Self { from: self.to, to: self.from, ..self }
    }

    /// The ethertype of its family.
    pub(crate) fn kind(self) -> u16 {
        if self.v6 { craft::IPV6 } else { craft::IPV4 }
    }

    /// Number of the family's ICMP.
    pub(crate) fn icmp(self) -> u8 {
        if self.v6 { ICMPV6 } else { ICMP }
    }

    /// Bytes of the IP header that [`Self::packet`] makes.
    pub(crate) fn header(self) -> usize {
        if self.v6 { 40 } else { 20 }
    }

    /// An IP packet along this path.
    pub(crate) fn packet(self, protocol: u8, payload: &[u8]) -> Vec<u8> {
        craft::packet(self.source(), self.destination(), protocol, payload)
    }

    pub(crate) fn tcp(self, ports: (u16, u16), flags: u8) -> Vec<u8> {
        self.packet(TCP, &craft::tcp(ports.0, ports.1, flags))
    }

    pub(crate) fn udp(self, ports: (u16, u16)) -> Vec<u8> {
        self.packet(UDP, &craft::udp(ports.0, ports.1, b"0123456789abcdef"))
    }

    /// An echo request with an identifier.
    pub(crate) fn echo(self, identifier: u16) -> Vec<u8> {
        let kind = if self.v6 { 128 } else { 8 };
        self.message(kind, 0, identifier, b"0123456789abcdef")
    }

    /// An ICMP message of its family; `rest` are bytes 4 and 5.
    pub(crate) fn message(self, kind: u8, code: u8, rest: u16, data: &[u8]) -> Vec<u8> {
        let [r0, r1] = rest.to_be_bytes();
        self.packet(self.icmp(), &craft::icmp_with_code(kind, code, [r0, r1, 0, 1], data))
    }

    /// An IP packet along this path as a frame with this fate.
    pub(crate) fn shot(self, packet: &[u8], fate: Fate) -> Shot {
        self.framed(self.kind(), packet, fate)
    }

    /// The same with a type of its own.
    pub(crate) fn framed(self, kind: u16, bytes: &[u8], fate: Fate) -> Shot {
        let body = [&kind.to_be_bytes()[..], bytes].concat();
        Shot { from: self.from, to: self.to, station: self.to.station(), body, fate }
    }

    pub(crate) fn stopped(self, packet: &[u8]) -> Shot {
        self.shot(packet, Fate::Stopped)
    }

    pub(crate) fn passes(self, packet: &[u8]) -> Shot {
        self.shot(packet, Fate::Passes)
    }

    /// A connection is opened, and passes.
    pub(crate) fn opened(self, ports: (u16, u16)) -> Vec<Shot> {
        let back = self.back();
        let answer = back.passes(&back.tcp((ports.1, ports.0), SYN | ACK));
        vec![self.passes(&self.tcp(ports, SYN)), answer, self.passes(&self.tcp(ports, ACK))]
    }

    /// It goes on in both directions.
    pub(crate) fn goes_on(self, ports: (u16, u16)) -> Vec<Shot> {
        let back = self.back();
        vec![self.passes(&self.tcp(ports, ACK)), back.passes(&back.tcp((ports.1, ports.0), ACK))]
    }
}

/// Attacks as they are added, and ports that none of them shares with another.
#[derive(Default)]
pub(crate) struct List {
    pub(crate) attacks: Vec<Attack>,
    class: &'static str,
    ports: Cell<u16>,
}

impl List {
    /// What is added from here on belongs to `class`.
    pub(crate) fn class(&mut self, class: &'static str) {
        self.class = class;
    }

    /// A source port, or identifier, that no other attack uses.
    pub(crate) fn port(&self) -> u16 {
        self.ports.set(self.ports.get() + 1);
        20_000 + self.ports.get()
    }

    /// Ports of a connection that is allowed on an allowed path.
    pub(crate) fn allowed_tcp(&self) -> (u16, u16) {
        (self.port(), TCP_PORT)
    }

    /// Likewise of UDP.
    pub(crate) fn allowed_udp(&self) -> (u16, u16) {
        (self.port(), UDP_PORT)
    }

    /// Ports of a connection that is not.
    pub(crate) fn forbidden_tcp(&self) -> (u16, u16) {
        (self.port(), FORBIDDEN_TCP)
    }

    /// Likewise of UDP.
    pub(crate) fn forbidden_udp(&self) -> (u16, u16) {
        (self.port(), FORBIDDEN_UDP)
    }

    pub(crate) fn add(&mut self, path: Path, name: &str, shots: Vec<Shot>) {
        let family = if path.v6 { "IPv6" } else { "IPv4" };
        let (from, to) = (path.from.name(), path.to.name());
        let name = format!("{}: {name} ({from} → {to}, {family})", self.class);
        assert!(self.attacks.iter().all(|attack| attack.name != name), "twice: {name}");
        self.attacks.push(Attack { name, shots });
    }

    /// One packet that must not arrive.
    pub(crate) fn stopped(&mut self, path: Path, name: &str, packet: &[u8]) {
        self.add(path, name, vec![path.stopped(packet)]);
    }

    /// One packet that must arrive.
    pub(crate) fn passes(&mut self, path: Path, name: &str, packet: &[u8]) {
        self.add(path, name, vec![path.passes(packet)]);
    }
}

/// `bytes` with others at `offset`.
pub(crate) fn patched(mut bytes: Vec<u8>, offset: usize, with: &[u8]) -> Vec<u8> {
    bytes[offset..offset + with.len()].copy_from_slice(with);
    bytes
}

/// An IPv4 packet whose header says something else at `offset`, with the right checksum for it. The checksum covers what
/// the packet's own length of the header says.
pub(crate) fn header_patched(packet: Vec<u8>, offset: usize, with: &[u8]) -> Vec<u8> {
    checksummed(patched(packet, offset, with))
}

fn checksummed(packet: Vec<u8>) -> Vec<u8> {
    let length = (usize::from(packet[0] & 0x0f) * 4).clamp(20, packet.len());
    let packet = patched(packet, 10, &[0, 0]);
    let sum: u32 = packet[..length]
        .chunks(2)
        .map(|pair| u32::from(u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)])))
        .sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    let checksum = !((folded & 0xffff) + (folded >> 16)) as u16;
    patched(packet, 10, &checksum.to_be_bytes())
}

/// An IPv4 packet with options, which are padded.
pub(crate) fn with_options(packet: &[u8], options: &[u8]) -> Vec<u8> {
    let mut options = options.to_vec();
    options.resize(options.len().next_multiple_of(4), 0);
    let header = 20 + options.len();
    let mut longer = [&packet[..20], &options, &packet[20..]].concat();
    longer[0] = 0x40 | (header / 4) as u8;
    let total = (packet.len() + options.len()) as u16;
    checksummed(patched(longer, 2, &total.to_be_bytes()))
}

/// An IPv6 packet with extension headers before its payload: of each its number, and its bytes behind the next one's.
pub(crate) fn with_extensions(packet: &[u8], chain: &[(u8, &[u8])]) -> Vec<u8> {
    let mut longer = packet[..40].to_vec();
    let last = packet[6];
    longer[6] = chain.first().map_or(last, |(number, _)| *number);
    for (position, (_, rest)) in chain.iter().enumerate() {
        longer.push(chain.get(position + 1).map_or(last, |(number, _)| *number));
        longer.extend(*rest);
    }
    longer.extend(&packet[40..]);
    let length = (longer.len() - 40) as u16;
    patched(longer, 4, &length.to_be_bytes())
}
