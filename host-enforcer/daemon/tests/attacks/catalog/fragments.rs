//! Fragments: honest ones pass, and none brings anything past a rule.

use crate::attack::Shot;
use crate::field::{TCP_PORT, UDP_PORT};
use crate::forge::{FORBIDDEN_TCP, FORBIDDEN_UDP, List, Path, header_patched, with_extensions};
use bookend_abi::craft;
use bookend_abi::packet::SYN;
use bookend_abi::table::{TCP, UDP};

const FRAGMENT: u8 = 44;

/// The payload of an IP packet, from which fragments are cut.
struct Whole {
    path: Path,
    id: u16,
    protocol: u8,
    payload: Vec<u8>,
}

impl Whole {
    /// `packet` is an IP packet without options or extension headers.
    fn of(path: Path, id: u16, packet: &[u8]) -> Self {
        let protocol = packet[if path.v6 { 6 } else { 9 }];
        Self { path, id, protocol, payload: packet[path.header()..].to_vec() }
    }

    /// The bytes from `start` up to `end`, as a fragment that says to stand at `offset`.
    fn piece(&self, offset: usize, start: usize, end: usize, more: bool) -> Vec<u8> {
        fragment(self.path, (self.id, self.protocol), offset, more, &self.payload[start..end])
    }

    /// Cut at these places, all in order.
    fn cut(&self, at: &[usize]) -> Vec<Vec<u8>> {
        let mut places = vec![0];
        places.extend(at);
        places.push(self.payload.len());
        places.windows(2).map(|w| self.piece(w[0], w[0], w[1], w[1] != self.payload.len())).collect()
    }
}

fn fragment(path: Path, (id, protocol): (u16, u8), offset: usize, more: bool, bytes: &[u8]) -> Vec<u8> {
    assert_eq!(offset % 8, 0);
    if path.v6 {
        let place = (offset as u16) | u16::from(more);
        let [p0, p1] = place.to_be_bytes();
        let [i0, i1] = id.to_be_bytes();
        let body = [&[protocol, 0, p0, p1, 0, 0, i0, i1], bytes].concat();
        path.packet(FRAGMENT, &body)
    } else {
        let place = (offset / 8) as u16 | if more { 0x2000 } else { 0 };
        // The checksums of the transport stay those of the whole.
        let packet = path.packet(253, bytes);
        let packet = header_patched(packet, 9, &[protocol]);
        let packet = header_patched(packet, 4, &id.to_be_bytes());
        header_patched(packet, 6, &place.to_be_bytes())
    }
}

/// A datagram long enough to be cut.
fn datagram(path: Path, ports: (u16, u16), length: usize) -> Vec<u8> {
    let data: Vec<u8> = (0..length).map(|place| place as u8).collect();
    path.packet(UDP, &craft::udp(ports.0, ports.1, &data))
}

fn all(path: Path, packets: &[Vec<u8>], shot: fn(Path, &[u8]) -> Shot) -> Vec<Shot> {
    packets.iter().map(|packet| shot(path, packet)).collect()
}

pub(crate) fn attacks(path: Path, list: &mut List) {
    honest(path, list);
    forbidden(path, list);
    tiny(path, list);
    overlapping(path, list);
    strange(path, list);
    if path.v6 {
        chains(path, list);
    }
}

fn honest(path: Path, list: &mut List) {
    let long = Whole::of(path, list.port(), &datagram(path, list.allowed_udp(), 4000));
    let pieces = long.cut(&[1448, 2896]);
    list.add(path, "a long datagram", all(path, &pieces, Path::passes));
    let again = Whole::of(path, list.port(), &datagram(path, list.allowed_udp(), 4000));
    let pieces = again.cut(&[1448, 2896]);
    let shots = vec![path.passes(&pieces[0]), path.passes(&pieces[2]), path.passes(&pieces[1])];
    list.add(path, "a long datagram whose end overtakes its middle", shots);
    let identifier = list.port();
    let kind = if path.v6 { 128 } else { 8 };
    let ping = Whole::of(path, identifier, &path.message(kind, 0, identifier, &[7; 2000]));
    list.add(path, "a long ping", all(path, &ping.cut(&[1448]), Path::passes));
    let pong = path.back().message(if path.v6 { 129 } else { 0 }, 0, identifier, &[7; 2000]);
    let pong = Whole::of(path.back(), identifier, &pong).cut(&[1448]);
    let mut shots = vec![path.passes(&path.message(kind, 0, identifier, &[7; 20]))];
    shots.extend(all(path.back(), &pong, Path::passes));
    list.add(path, "a long answer to a ping", shots);
    let ports = list.allowed_udp();
    let answer = Whole::of(path.back(), list.port(), &datagram(path.back(), (ports.1, ports.0), 3000));
    let mut shots = vec![path.passes(&path.udp(ports))];
    shots.extend(all(path.back(), &answer.cut(&[1448]), Path::passes));
    list.add(path, "a long answer", shots);
}

fn forbidden(path: Path, list: &mut List) {
    let whole = Whole::of(path, list.port(), &datagram(path, list.forbidden_udp(), 3000));
    list.add(path, "a forbidden datagram in pieces", all(path, &whole.cut(&[16, 1464]), Path::stopped));
    let whole = Whole::of(path, list.port(), &datagram(path, list.forbidden_udp(), 3000));
    let mut pieces = whole.cut(&[1448]);
    pieces.reverse();
    list.add(path, "a forbidden datagram, its end first", all(path, &pieces, Path::stopped));
    let whole = Whole::of(path, list.port(), &datagram(path, list.allowed_udp(), 3000));
    let pieces = whole.cut(&[1448]);
    list.add(path, "an end without a beginning", vec![path.stopped(&pieces[1])]);
    let (id, ports) = (list.port(), list.forbidden_tcp());
    let syn =
        Whole::of(path, id, &path.packet(TCP, &[&craft::tcp(ports.0, ports.1, SYN)[..], &[0; 40]].concat()));
    list.add(path, "a forbidden SYN in pieces", all(path, &syn.cut(&[24]), Path::stopped));
    let whole = Whole::of(path, list.port(), &path.packet(47, &[0; 2000]));
    list.add(path, "a tunnel in pieces", all(path, &whole.cut(&[1448]), Path::stopped));
    // Remembered is a packet, not a number: not for another sender, receiver, protocol or direction.
    let (id, ports) = (list.port(), list.allowed_udp());
    let whole = Whole::of(path, id, &datagram(path, ports, 3000));
    let pieces = whole.cut(&[1448]);
    let back = Whole::of(path.back(), id, &datagram(path.back(), ports, 3000)).cut(&[1448]);
    // IPv6 tells packets by their number alone; the protocol is the first fragment's (RFC 8200, 4.5).
    let number = if path.v6 { (id ^ 0x4000, UDP) } else { (id, TCP) };
    let other = fragment(path, number, 1448, false, &[1; 40]);
    let shots = vec![
        path.passes(&pieces[0]),
        path.back().stopped(&back[1]),
        path.stopped(&other),
        path.passes(&pieces[1]),
    ];
    list.add(path, "an end of another packet with the same number", shots);
    let ports = list.allowed_udp();
    let denied = Whole::of(path, list.port(), &datagram(path, (ports.0, FORBIDDEN_UDP), 3000));
    let shots = vec![
        path.passes(&path.udp(ports)),
        path.stopped(&denied.cut(&[1448])[0]),
        path.stopped(&denied.cut(&[1448])[1]),
    ];
    list.add(path, "a forbidden datagram in pieces beside an allowed exchange", shots);
}

/// RFC 1858: a first fragment without the whole header.
fn tiny(path: Path, list: &mut List) {
    for (name, port) in [("allowed", TCP_PORT), ("forbidden", FORBIDDEN_TCP)] {
        for end in [8, 16] {
            let segment = [&craft::tcp(list.port(), port, SYN)[..], &[0; 20]].concat();
            let whole = Whole::of(path, list.port(), &path.packet(TCP, &segment));
            let name = format!("{end} bytes of a SYN to an {name} port, and the rest");
            list.add(path, &name, all(path, &whole.cut(&[end]), Path::stopped));
        }
    }
    let mut segment = [&craft::tcp(list.port(), TCP_PORT, SYN)[..], &[1; 40]].concat();
    segment[12] = 15 << 4;
    let whole = Whole::of(path, list.port(), &path.packet(TCP, &segment));
    list.add(
        path,
        "a first fragment that ends within the TCP options",
        all(path, &whole.cut(&[32]), Path::stopped),
    );
    let whole = Whole::of(path, list.port(), &datagram(path, list.allowed_udp(), 100));
    list.add(path, "an empty first fragment", vec![path.stopped(&whole.piece(0, 0, 0, true))]);
    let mut shots = vec![];
    for end in [0, 4] {
        shots.push(path.stopped(&whole.piece(0, 0, end, true)));
    }
    shots.push(path.stopped(&whole.piece(8, 8, 108, false)));
    list.add(path, "less than a UDP header, and the rest", shots);
}

/// RFC 3128: a later fragment that writes another header over the first one's.
fn overlapping(path: Path, list: &mut List) {
    let evil = craft::udp(1, FORBIDDEN_UDP, &[0xee; 80]);
    for offset in [8_usize, 16, 56] {
        let (id, ports) = (list.port(), list.allowed_udp());
        let whole = Whole::of(path, id, &datagram(path, ports, 200));
        let over = fragment(path, (id, UDP), offset, true, &evil);
        let shots = vec![
            path.passes(&whole.piece(0, 0, 64, true)),
            path.stopped(&over),
            path.passes(&whole.piece(64, 64, 208, false)),
        ];
        list.add(path, &format!("one over the first, from byte {offset} on"), shots);
    }
    for (name, protocol, first, second) in [
        (
            "datagram",
            UDP,
            craft::udp(list.port(), UDP_PORT, &[0; 56]),
            craft::udp(list.port(), FORBIDDEN_UDP, &[0; 56]),
        ),
        ("segment", TCP, craft::tcp(list.port(), TCP_PORT, SYN), craft::tcp(list.port(), FORBIDDEN_TCP, SYN)),
    ] {
        let id = list.port();
        let pad = |mut bytes: Vec<u8>| {
            bytes.resize(64, 0);
            bytes
        };
        let shots = vec![
            path.passes(&fragment(path, (id, protocol), 0, true, &pad(first))),
            path.stopped(&fragment(path, (id, protocol), 0, true, &pad(second))),
            path.passes(&fragment(path, (id, protocol), 64, false, &[1; 16])),
        ];
        list.add(path, &format!("a second beginning of a {name}, to a forbidden port"), shots);
    }
}

/// Lengths and places that cannot be.
fn strange(path: Path, list: &mut List) {
    let (id, ports) = (list.port(), list.allowed_udp());
    let whole = Whole::of(path, id, &datagram(path, ports, 200));
    let far = fragment(path, (id, UDP), 65_528, false, &[0xdd; 100]);
    let shots = vec![
        path.passes(&whole.piece(0, 0, 64, true)),
        path.stopped(&far),
        path.passes(&whole.piece(64, 64, 208, false)),
    ];
    list.add(path, "one that ends behind 65,535 bytes", shots);
    if path.v6 {
        return;
    }
    // Reassembled it would be a source route's beginning, or none: the header of every piece is judged.
    let long = Whole::of(path, list.port(), &datagram(path, list.allowed_udp(), 3000));
    let pieces = long.cut(&[1448]);
    let routed = crate::forge::with_options(&pieces[1], &[131, 7, 4, 10, 78, 0, 3]);
    list.add(path, "an end with a source route", vec![path.passes(&pieces[0]), path.stopped(&routed)]);
    let cut = &pieces[1][..pieces[1].len() - 9];
    let whole = Whole::of(path, list.port(), &datagram(path, list.allowed_udp(), 3000));
    list.add(path, "an end that is cut", vec![path.passes(&whole.cut(&[1448])[0]), path.stopped(cut)]);
}

/// What only IPv6 has: headers between the fragment header and the transport's.
fn chains(path: Path, list: &mut List) {
    let atomic = |packet: &[u8]| with_extensions(packet, &[(FRAGMENT, &[0, 0, 0, 0, 0, 9, 9])]);
    let allowed = path.udp(list.allowed_udp());
    list.passes(path, "an atomic fragment", &atomic(&allowed));
    let forbidden = path.udp(list.forbidden_udp());
    list.stopped(path, "a forbidden atomic fragment", &atomic(&forbidden));
    let twice =
        with_extensions(&allowed, &[(FRAGMENT, &[0, 0, 1, 0, 0, 1, 1]), (FRAGMENT, &[0, 0, 0, 0, 0, 1, 2])]);
    list.stopped(path, "a fragment within a fragment", &twice);
    let atomic_twice = with_extensions(
        &forbidden,
        &[(FRAGMENT, &[0, 0, 0, 0, 0, 1, 1]), (FRAGMENT, &[0, 0, 0, 0, 0, 1, 2])],
    );
    list.stopped(path, "a forbidden atomic fragment within another", &atomic_twice);
    // RFC 7112: the first fragment has all headers.
    let id = list.port();
    let options = [6, 0, 1, 4, 0, 0, 0, 0];
    let ports = list.allowed_tcp();
    let shots = vec![
        path.stopped(&fragment(path, (id, 60), 0, true, &options)),
        path.stopped(&fragment(path, (id, 60), 8, false, &craft::tcp(ports.0, ports.1, SYN))),
    ];
    list.add(path, "headers in the first fragment and the transport in the second", shots);
    let id = list.port();
    let hop = [17, 0, 1, 4, 0, 0, 0, 0];
    let whole = [&hop[..], &craft::udp(list.port(), UDP_PORT, &[0; 48])].concat();
    list.stopped(path, "a hop-by-hop header within a fragment", &fragment(path, (id, 0), 0, true, &whole));
    let id = list.port();
    let whole = [&[17, 0, 1, 4, 0, 0, 0, 0][..], &craft::udp(list.port(), FORBIDDEN_UDP, &[0; 48])].concat();
    let shots = vec![
        path.stopped(&fragment(path, (id, 60), 0, true, &whole)),
        path.stopped(&fragment(path, (id, 60), 64, false, &[0; 40])),
    ];
    list.add(path, "a forbidden port behind options within a fragment", shots);
    let cut = with_extensions(&allowed, &[(FRAGMENT, &[0, 0, 1, 0, 0, 3, 3])]);
    list.stopped(
        path,
        "a fragment header that is cut",
        &crate::forge::patched(cut[..44].to_vec(), 4, &[0, 4]),
    );
}
