//! Headers that lie about lengths or versions, and frames that end too soon.

use crate::forge::{List, Path, header_patched, patched, with_extensions};
use bookend_abi::craft;
use bookend_abi::packet::SYN;
use bookend_abi::table::{SCTP, TCP, UDP};

pub(crate) fn attacks(path: Path, list: &mut List) {
    let (tcp, udp) = (list.allowed_tcp(), list.allowed_udp());
    let (syn, datagram) = (path.tcp(tcp, SYN), path.udp(udp));
    let header = path.header();
    for cut in [0, 1, header - 1, header, header + 3, header + 8, header + 13, syn.len() - 1] {
        list.stopped(path, &format!("a SYN cut after {cut} bytes"), &syn[..cut]);
    }
    for cut in [header + 2, header + 7, datagram.len() - 1] {
        list.stopped(path, &format!("a datagram cut after {cut} bytes"), &datagram[..cut]);
    }
    // The header says where the packet ends, and the rest of the TCP header lies behind it, as padding.
    let short = path.packet(TCP, &craft::tcp(tcp.0, tcp.1, SYN)[..8]);
    list.stopped(
        path,
        "a TCP header that goes on in the padding",
        &[&short[..], &syn[header + 8..]].concat(),
    );
    let tiny = path.packet(UDP, &craft::udp(udp.0, udp.1, b"")[..4]);
    list.stopped(path, "a UDP header that goes on in the padding", &[&tiny[..], &[0; 32]].concat());
    for offset in [0_u8, 1, 4, 6, 15] {
        let lying = patched(syn.clone(), header + 12, &[offset << 4]);
        list.stopped(path, &format!("a TCP header of {offset} words, of which there are five"), &lying);
    }
    for length in [0_u16, 7, 25, 65_535] {
        let lying = patched(datagram.clone(), header + 4, &length.to_be_bytes());
        list.stopped(path, &format!("a datagram of {length} bytes, of which there are 24"), &lying);
    }
    let init = path.packet(SCTP, &craft::sctp_init(udp.0, 3868));
    for length in [0_u16, 3, 400] {
        let lying = patched(init.clone(), header + 14, &length.to_be_bytes());
        list.stopped(path, &format!("a chunk of {length} bytes"), &lying);
    }
    let padded = [&datagram[..], &[0xff; 20]].concat();
    list.passes(path, "a datagram with padding behind it", &padded);
    if path.v6 { six(path, list, &syn) } else { four(path, list, &syn) }
}

fn four(path: Path, list: &mut List, syn: &[u8]) {
    for words in [0_u8, 1, 4, 15] {
        let lying = header_patched(syn.to_vec(), 0, &[0x40 | words]);
        list.stopped(path, &format!("a header of {words} words"), &lying);
    }
    for total in [0_u16, 19, 41, 65_535] {
        let lying = header_patched(syn.to_vec(), 2, &total.to_be_bytes());
        list.stopped(path, &format!("a packet of {total} bytes, of which there are 40"), &lying);
    }
    for version in [0_u8, 1, 5, 6, 15] {
        let lying = header_patched(syn.to_vec(), 0, &[version << 4 | 5]);
        list.stopped(path, &format!("version {version}"), &lying);
    }
    // The allowed ports where a reader looks who takes the header to have five words, and others where they are.
    let (allowed, forbidden) = (list.allowed_tcp(), list.forbidden_tcp());
    let decoy = craft::tcp(allowed.0, allowed.1, SYN);
    let real = craft::tcp(forbidden.0, forbidden.1, SYN);
    let packet = path.packet(TCP, &[&decoy[..4], &real[..]].concat());
    let lying = header_patched(packet, 0, &[0x46]);
    list.stopped(path, "allowed ports in a sixth word of the header", &lying);
    list.add(
        path,
        "IPv4 under the type of IPv6",
        vec![path.framed(craft::IPV6, syn, crate::attack::Fate::Stopped)],
    );
}

fn six(path: Path, list: &mut List, syn: &[u8]) {
    for length in [0_u16, 4, 19, 21, 65_535] {
        let lying = patched(syn.to_vec(), 4, &length.to_be_bytes());
        list.stopped(path, &format!("a payload of {length} bytes, of which there are 20"), &lying);
    }
    for version in [0_u8, 4, 5, 7, 15] {
        let lying = patched(syn.to_vec(), 0, &[version << 4]);
        list.stopped(path, &format!("version {version}"), &lying);
    }
    // RFC 2675: the length is in an option, and that of the header is 0.
    let jumbo: (u8, &[u8]) = (0, &[0, 0xc2, 4, 0, 1, 0, 40]);
    let packet = with_extensions(syn, &[jumbo]);
    list.stopped(path, "a jumbogram", &patched(packet.clone(), 4, &[0, 0]));
    list.add(
        path,
        "IPv6 under the type of IPv4",
        vec![path.framed(craft::IPV4, syn, crate::attack::Fate::Stopped)],
    );
}
