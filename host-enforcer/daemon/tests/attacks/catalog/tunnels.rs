//! Packets within packets.

use crate::forge::{FORBIDDEN_UDP, List, Path};
use bookend_abi::craft;
use bookend_abi::packet::SYN;
use bookend_abi::table::UDP;

pub(crate) fn attacks(path: Path, list: &mut List) {
    let allowed = path.tcp(list.allowed_tcp(), SYN);
    let forbidden = path.tcp(list.forbidden_tcp(), SYN);
    let frame = craft::ethernet(path.kind(), &forbidden);
    for (what, inner) in [("an allowed", &allowed), ("a forbidden", &forbidden)] {
        let number = if path.v6 { 41 } else { 4 };
        list.stopped(path, &format!("{what} SYN in IP in IP"), &path.packet(number, inner));
        let kind = path.kind().to_be_bytes();
        let gre = [&[0, 0][..], &kind, inner].concat();
        list.stopped(path, &format!("{what} SYN in GRE"), &path.packet(47, &gre));
        let keyed = [&[0x20, 0][..], &kind, &[0, 0, 0, 1], inner].concat();
        list.stopped(path, &format!("{what} SYN in GRE with a key"), &path.packet(47, &keyed));
        list.stopped(
            path,
            &format!("{what} SYN behind ESP"),
            &path.packet(50, &[&[0, 0, 0, 1, 0, 0, 0, 1][..], inner].concat()),
        );
    }
    list.stopped(path, "a frame in EtherIP", &path.packet(97, &[&[0x30, 0][..], &frame].concat()));
    list.stopped(path, "a frame in L2TP version 3", &path.packet(115, &[&[0, 0, 0, 1][..], &frame].concat()));
    list.stopped(path, "the other family in IP", &path.packet(if path.v6 { 4 } else { 41 }, &forbidden));
    list.stopped(path, "MPLS in IP", &path.packet(137, &[&[0, 0, 1, 64][..], &forbidden].concat()));
    for (name, number) in [
        ("ESP", 50),
        ("IGMP", 2),
        ("DCCP", 33),
        ("UDP-Lite", 136),
        ("OSPF", 89),
        ("VRRP", 112),
        ("PIM", 103),
        ("IPComp", 108),
        ("RSVP", 46),
        ("EGP", 8),
        ("protocol 255", 255),
        ("protocol 252", 252),
    ] {
        list.stopped(path, name, &path.packet(number, &[0x45; 40]));
    }
    if !path.v6 {
        for number in [0_u8, 43, 44, 58, 59, 60] {
            list.stopped(path, &format!("IPv6's header {number} in IPv4"), &path.packet(number, &[0; 40]));
        }
    }
    let from = list.port();
    for (name, port, head) in [
        ("VXLAN", 4789, &[8, 0, 0, 0, 0, 0, 1, 0][..]),
        ("Linux' VXLAN", 8472, &[8, 0, 0, 0, 0, 0, 1, 0]),
        ("Geneve", 6081, &[0, 0, 0x65, 0x58, 0, 0, 1, 0]),
        ("GTP-U", 2152, &[0x30, 255, 0, 60, 0, 0, 0, 1]),
        ("L2TP", 1701, &[0, 2, 0, 1, 0, 1]),
        ("IPsec behind NAT", 4500, &[0, 0, 0, 1, 0, 0, 0, 1]),
        ("WireGuard", 51820, &[4, 0, 0, 0]),
        ("a plain datagram", FORBIDDEN_UDP, &[]),
        ("Teredo", 3544, &[]),
    ] {
        let data = [head, &frame].concat();
        list.stopped(path, &format!("a frame in {name}"), &path.packet(UDP, &craft::udp(from, port, &data)));
    }
}
