//! Packets in somebody else's name, and to nobody in particular.

use crate::field::{Role, UDP_PORT};
use crate::forge::{List, Path, patched};
use bookend_abi::craft;
use bookend_abi::packet::SYN;
use bookend_abi::table::{TCP, UDP};
use std::net::IpAddr;

/// Sources that nobody here may have.
const V4: [&str; 12] = [
    "0.0.0.0",
    "255.255.255.255",
    "127.0.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "169.254.1.1",
    "10.78.0.0",
    "10.78.0.255",
    "10.78.0.254",
    "192.0.2.7",
    "10.87.0.1",
    "0.0.0.1",
];
const V6: [&str; 14] = [
    "::",
    "::1",
    "::ffff:10.78.0.1",
    "::10.78.0.1",
    "ff02::1",
    "fe80::1",
    "fd78::ff",
    "64:ff9b::10.78.0.1",
    "2002:a4e:1::1",
    "2001:db8::7",
    "fd79::1",
    "fec0::1",
    "ff0e::1",
    "fd78:0:0:1::1",
];
/// Destinations that mean many, or whoever listens.
const MANY_V4: [&str; 8] = [
    "255.255.255.255",
    "10.78.0.255",
    "224.0.0.1",
    "224.0.0.251",
    "239.1.1.1",
    "0.0.0.0",
    "127.0.0.1",
    "169.254.169.254",
];
const MANY_V6: [&str; 9] =
    ["ff02::1", "ff02::2", "ff02::fb", "ff01::1", "ff05::1", "ff0e::1", "::1", "::", "fe80::2"];

pub(crate) fn attacks(path: Path, list: &mut List) {
    let ip = |text: &&str| text.parse::<IpAddr>().unwrap();
    let (sources, many): (Vec<IpAddr>, Vec<IpAddr>) = if path.v6 {
        (V6.iter().map(ip).collect(), MANY_V6.iter().map(ip).collect())
    } else {
        (V4.iter().map(ip).collect(), MANY_V4.iter().map(ip).collect())
    };
    let others = Role::ALL.into_iter().filter(|role| *role != path.from).map(|role| role.address(path.v6));
    let from_outside = path.from == Role::Outside;
    for source in sources.into_iter().chain(others) {
        // From outside come many addresses, but not those of who is asked; policy decides about the others.
        let udp =
            craft::packet(source, path.destination(), UDP, &craft::udp(list.port(), UDP_PORT, b"forged"));
        let denied = !from_outside || source != Role::Web.address(path.v6);
        if denied {
            list.stopped(path, &format!("a datagram from {source}"), &udp);
        }
        let ports = list.allowed_tcp();
        let syn = craft::packet(source, path.destination(), TCP, &craft::tcp(ports.0, ports.1, SYN));
        if denied {
            list.stopped(path, &format!("a SYN from {source}"), &syn);
        }
    }
    for destination in many {
        let ports = list.allowed_udp();
        let packet =
            craft::packet(path.source(), destination, UDP, &craft::udp(ports.0, ports.1, b"anybody"));
        list.stopped(path, &format!("a datagram to {destination}"), &packet);
        let shot = path.stopped(&packet);
        let everybody = crate::attack::Shot { station: [0xff; 6], ..shot };
        list.add(path, &format!("a broadcast to {destination}"), vec![everybody]);
    }
    for (name, port) in [
        ("DHCP", 67),
        ("DHCPv6", 547),
        ("multicast DNS", 5353),
        ("LLMNR", 5355),
        ("SSDP", 1900),
        ("NetBIOS", 137),
    ] {
        let ports = (if port == 67 { 68 } else { list.port() }, port);
        list.stopped(path, name, &path.udp(ports));
    }
    if !path.v6 {
        let nobody: IpAddr = [0; 4].into();
        let everybody: IpAddr = [255; 4].into();
        let discover = craft::packet(nobody, everybody, UDP, &craft::udp(68, 67, &[1; 240]));
        list.stopped(path, "a DHCP discovery", &discover);
    }
    // An IPv4 address in an IPv6 header would be found in the tables.
    if path.v6 {
        let packet = path.udp(list.allowed_udp());
        let mapped = |number: u8| [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 78, 0, number];
        let source = patched(packet.clone(), 8, &mapped(path.from.number()));
        list.stopped(path, "a mapped source", &source);
        list.stopped(path, "a mapped destination", &patched(packet, 24, &mapped(path.to.number())));
        list.stopped(path, "mapped ends", &patched(source, 24, &mapped(path.to.number())));
    }
}
