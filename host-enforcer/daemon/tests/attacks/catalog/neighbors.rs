//! ARP and neighbor discovery in others' names, and beyond the link.

use crate::attack::Fate;
use crate::field::Role;
use crate::forge::{List, Path, patched};
use bookend_abi::craft;
use bookend_abi::table::ICMPV6;
use std::net::{IpAddr, Ipv6Addr};

const SOLICITATION: u8 = 135;
const ADVERTISEMENT: u8 = 136;

/// What a workload sends.
pub(crate) fn attacks(path: Path, list: &mut List) {
    if path.v6 { discovery(path, list) } else { arp(path, list) }
}

/// What is sent to a workload.
pub(crate) fn hearing(path: Path, list: &mut List) {
    if !path.v6 {
        list.add(
            path,
            "a question to a workload",
            vec![path.framed(craft::ARP, &question(1, path.from, path.to), Fate::Passes)],
        );
        return;
    }
    let group: IpAddr = "ff02::1".parse().unwrap();
    let from: IpAddr = "fe80::9".parse().unwrap();
    let redirect = message(from, path.destination(), 137, &[path.destination(), path.destination()]);
    list.stopped(path, "a redirect to a workload", &redirect);
    let solicitation = message(from, path.destination(), SOLICITATION, &[path.destination()]);
    list.passes(path, "a solicitation to a workload", &solicitation);
    list.stopped(path, "a solicitation to a workload through a router", &patched(solicitation, 7, &[254]));
    let advertisement = message(from, Role::Till.address(true), ADVERTISEMENT, &[from]);
    list.stopped(path, "an advertisement to somebody else", &advertisement);
    let router = message(from, group, 134, &[]);
    list.passes(path, "a router's advertisement", &router);
    list.stopped(path, "a router's advertisement from beyond it", &patched(router, 7, &[64]));
    list.stopped(path, "a router's solicitation to a workload", &message(from, path.destination(), 133, &[]));
}

fn octets(role: Role) -> [u8; 4] {
    [10, 78, 0, role.number()]
}

fn question(operation: u8, sender: Role, target: Role) -> Vec<u8> {
    craft::arp(operation, octets(sender), octets(target))[14..].to_vec()
}

fn arp(path: Path, list: &mut List) {
    let mut add = |name: &str, bytes: Vec<u8>, fate| {
        list.add(path, name, vec![path.framed(craft::ARP, &bytes, fate)]);
    };
    add("its own question", question(1, path.from, path.to), Fate::Passes);
    add("its own answer", question(2, path.from, path.to), Fate::Passes);
    add("its own announcement", question(1, path.from, path.from), Fate::Passes);
    for role in [Role::Store, Role::Till, Role::Outside] {
        let name = role.name();
        add(&format!("a question in the name of {name}"), question(1, role, path.to), Fate::Stopped);
        add(&format!("an answer in the name of {name}"), question(2, role, path.to), Fate::Stopped);
        add(&format!("an announcement of {name}"), question(1, role, role), Fate::Stopped);
        let probe = craft::arp(1, [0; 4], octets(role))[14..].to_vec();
        add(&format!("a probe for the address of {name}"), probe, Fate::Stopped);
    }
    let gateway = craft::arp(2, [10, 78, 0, 254], octets(path.to))[14..].to_vec();
    add("an answer in the name of the gateway", gateway, Fate::Stopped);
    let nobody = craft::arp(2, [0; 4], octets(path.to))[14..].to_vec();
    add("an answer in nobody's name", nobody, Fate::Stopped);
    let own = question(1, path.from, path.to);
    for (name, offset, byte) in [
        ("of another hardware", 1, 6),
        ("for another protocol", 2, 0x86),
        ("with long hardware addresses", 4, 8),
        ("with long addresses", 5, 16),
        ("with empty addresses", 5, 0),
        ("of no operation", 7, 0),
        ("of reverse ARP", 7, 3),
        ("of inverse ARP", 7, 8),
        ("of a large operation", 6, 1),
    ] {
        add(&format!("ARP {name}"), patched(own.clone(), offset, &[byte]), Fate::Stopped);
    }
    for cut in [0, 7, 27] {
        add(&format!("ARP cut after {cut} bytes"), own[..cut].to_vec(), Fate::Stopped);
    }
}

/// An ICMPv6 message of neighbor discovery: the type, four bytes, and addresses.
fn message(source: IpAddr, destination: IpAddr, kind: u8, addresses: &[IpAddr]) -> Vec<u8> {
    let mut data = Vec::new();
    for address in addresses {
        let IpAddr::V6(v6) = address else { continue };
        data.extend(v6.octets());
    }
    if kind == 134 {
        data = vec![0; 8];
    }
    craft::packet(source, destination, ICMPV6, &craft::icmp(kind, [0; 4], &data))
}

fn discovery(path: Path, list: &mut List) {
    let ip = |text: &str| text.parse::<IpAddr>().unwrap();
    let (own, local, group) = (path.source(), ip("fe80::1"), ip("ff02::1:ff00:9"));
    let (peer, nobody) = (path.destination(), IpAddr::V6(Ipv6Addr::UNSPECIFIED));
    list.passes(path, "its own solicitation", &message(own, group, SOLICITATION, &[peer]));
    list.passes(path, "its own solicitation from the link", &message(local, group, SOLICITATION, &[peer]));
    list.passes(path, "a router's solicitation", &message(local, ip("ff02::2"), 133, &[]));
    list.passes(
        path,
        "its own detection of duplicates",
        &message(nobody, ip("ff02::1:ff00:1"), SOLICITATION, &[own]),
    );
    list.passes(path, "its own advertisement", &message(own, ip("ff02::1"), ADVERTISEMENT, &[own]));
    for role in [Role::Store, Role::Till, Role::Outside] {
        let (name, address) = (role.name(), role.address(true));
        list.stopped(
            path,
            &format!("a solicitation from {name}"),
            &message(address, group, SOLICITATION, &[peer]),
        );
        list.stopped(
            path,
            &format!("an advertisement from {name}"),
            &message(address, ip("ff02::1"), ADVERTISEMENT, &[address]),
        );
        list.stopped(
            path,
            &format!("an advertisement of {name}"),
            &message(own, ip("ff02::1"), ADVERTISEMENT, &[address]),
        );
        list.stopped(
            path,
            &format!("an advertisement of {name} from the link"),
            &message(local, ip("ff02::1"), ADVERTISEMENT, &[address]),
        );
        list.stopped(
            path,
            &format!("a detection of the address of {name}"),
            &message(nobody, group, SOLICITATION, &[address]),
        );
    }
    for source in [own, local] {
        let on = if source == own { "its address" } else { "the link" };
        list.stopped(
            path,
            &format!("a router's advertisement from {on}"),
            &message(source, ip("ff02::1"), 134, &[]),
        );
        list.stopped(path, &format!("a redirect from {on}"), &message(source, peer, 137, &[peer, local]));
        list.stopped(path, &format!("inverse discovery from {on}"), &message(source, group, 141, &[]));
        list.stopped(
            path,
            &format!("a query of listeners from {on}"),
            &patched(message(source, ip("ff02::1"), 130, &[ip("::")]), 7, &[1]),
        );
        // Routers forward neighbor discovery like any other packet (RFC 4861, 7.1).
        let beyond = message(source, ip("2001:db8::7"), SOLICITATION, &[ip("2001:db8::7")]);
        list.stopped(path, &format!("a solicitation from {on} beyond the link"), &beyond);
        list.stopped(
            path,
            &format!("an advertisement from {on} beyond the link"),
            &message(source, ip("2001:db8::7"), ADVERTISEMENT, &[own]),
        );
        list.stopped(
            path,
            &format!("a solicitation from {on} to a wide group"),
            &message(source, ip("ff0e::1"), SOLICITATION, &[peer]),
        );
    }
    let honest = message(own, group, SOLICITATION, &[peer]);
    list.stopped(path, "a solicitation with a hop limit of 254", &patched(honest.clone(), 7, &[254]));
    list.stopped(path, "a solicitation of code 1", &patched(honest.clone(), 41, &[1]));
    list.stopped(path, "a solicitation that is cut", &honest[..60]);
    list.stopped(
        path,
        "listeners on a wider group",
        &patched(message(local, ip("ff05::16"), 143, &[]), 7, &[1]),
    );
    list.stopped(path, "listeners on a machine", &patched(message(local, peer, 143, &[]), 7, &[1]));
    list.passes(path, "listeners", &patched(message(local, ip("ff02::16"), 143, &[]), 7, &[1]));
    list.stopped(path, "data in a node query", &message(own, peer, 139, &[own, own, own]));
}
