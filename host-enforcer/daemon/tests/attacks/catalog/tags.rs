//! Tags, labels and frames of other kinds around a packet, allowed or not.

use crate::attack::Fate;
use crate::forge::{List, Path};
use bookend_abi::packet::SYN;

pub(crate) fn attacks(path: Path, list: &mut List) {
    let allowed = path.tcp(list.allowed_tcp(), SYN);
    let forbidden = path.tcp(list.forbidden_tcp(), SYN);
    let kind = path.kind().to_be_bytes();
    for (what, packet) in [("an allowed", &allowed), ("a forbidden", &forbidden)] {
        let mut add = |name: &str, kind: u16, before: &[u8]| {
            let bytes = [before, packet].concat();
            list.add(
                path,
                &format!("{name} around {what} SYN"),
                vec![path.framed(kind, &bytes, Fate::Stopped)],
            );
        };
        let tagged = |first: u16, inner: &[u8]| [&first.to_be_bytes()[..], inner].concat();
        add("a VLAN tag", 0x8100, &tagged(7, &kind));
        add("a tag of VLAN 0", 0x8100, &tagged(0, &kind));
        add("a priority tag", 0x8100, &tagged(0xe000, &kind));
        add("a tag of VLAN 4095", 0x8100, &tagged(0xffff, &kind));
        add("a service tag", 0x88a8, &tagged(7, &kind));
        add("two tags", 0x88a8, &[&tagged(7, &[0x81, 0])[..], &tagged(8, &kind)].concat());
        add("two tags of one kind", 0x8100, &[&tagged(7, &[0x81, 0])[..], &tagged(8, &kind)].concat());
        add(
            "three tags",
            0x8100,
            &[&tagged(0, &[0x81, 0])[..], &tagged(0, &[0x81, 0]), &tagged(0, &kind)].concat(),
        );
        add("an old double tag", 0x9100, &tagged(7, &kind));
        add("an MPLS label", 0x8847, &[0, 0, 1, 64]);
        add("two MPLS labels", 0x8847, &[0, 0, 0x10, 64, 0, 0, 1, 64]);
        add("a multicast MPLS label", 0x8848, &[0, 0, 1, 64]);
        let point = if path.v6 { 0x57 } else { 0x21 };
        let length = (packet.len() as u16 + 2).to_be_bytes();
        add("a PPPoE session", 0x8864, &[0x11, 0, 0, 1, length[0], length[1], 0, point]);
        add("a PPPoE discovery", 0x8863, &[0x11, 9, 0, 0, length[0], length[1]]);
        let snap = [0xaa, 0xaa, 3, 0, 0, 0, kind[0], kind[1]];
        add("802.3 and SNAP", packet.len() as u16 + 8, &snap);
        add("802.3 with a lying length", 0x0100, &snap);
        add("802.3 of length 0", 0, &[]);
        for (name, kind) in [
            ("MACsec", 0x88e5),
            ("802.1X", 0x888e),
            ("LLDP", 0x88cc),
            ("RARP", 0x8035),
            ("loopback", 0x9000),
            ("Ethernet over Ethernet", 0x6558),
            ("NSH", 0x894f),
            ("802.1ah", 0x88e7),
            ("an experiment", 0x88b5),
            ("raw frames", 0x0003),
            ("nothing known", 0xffff),
        ] {
            add(name, kind, &[]);
        }
    }
}
