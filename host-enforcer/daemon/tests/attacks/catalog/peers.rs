//! Peers with whom nothing is allowed, whatever it is wrapped in.

use crate::field::{TCP_PORT, UDP_PORT};
use crate::forge::{List, Path, with_extensions, with_options};
use bookend_abi::craft;
use bookend_abi::packet::{ACK, FIN, RST, SYN};
use bookend_abi::table::{SCTP, UDP};

pub(crate) fn attacks(path: Path, list: &mut List) {
    for (name, flags) in [
        ("a SYN", SYN),
        ("a SYN-ACK", SYN | ACK),
        ("an ACK", ACK),
        ("a FIN", FIN),
        ("a RST", RST),
        ("no flags", 0),
    ] {
        for port in [TCP_PORT, 1, 22, 443, 65_535] {
            let ports = (list.port(), port);
            list.stopped(path, &format!("{name} to port {port}"), &path.tcp(ports, flags));
        }
    }
    for port in [UDP_PORT, 1, 123, 443, 65_535] {
        let ports = (list.port(), port);
        list.stopped(path, &format!("a datagram to port {port}"), &path.udp(ports));
        list.stopped(path, &format!("a datagram from port {port}"), &path.udp((ports.1, ports.0)));
    }
    // Data in an echo is data.
    list.stopped(path, "a short echo", &path.echo(list.port()));
    let kind = if path.v6 { 128 } else { 8 };
    list.stopped(path, "a long echo", &path.message(kind, 0, list.port(), &[0x42; 1400]));
    list.stopped(
        path,
        "an echo reply",
        &path.message(if path.v6 { 129 } else { 0 }, 0, list.port(), &[0x42; 400]),
    );
    list.stopped(path, "SCTP", &path.packet(SCTP, &craft::sctp_init(list.port(), 3868)));
    for number in [4_u8, 41, 47, 50, 97, 115, 136, 252] {
        list.stopped(path, &format!("protocol {number}"), &path.packet(number, &[0x45; 60]));
    }
    let syn = path.tcp((list.port(), TCP_PORT), SYN);
    if path.v6 {
        list.stopped(path, "a SYN behind options", &with_extensions(&syn, &[(60, &[0, 1, 4, 0, 0, 0, 0])]));
        list.stopped(path, "an atomic fragment", &with_extensions(&syn, &[(44, &[0, 0, 0, 0, 0, 0, 9])]));
        list.stopped(path, "a fragment", &with_extensions(&syn, &[(44, &[0, 0, 1, 0, 0, 0, 9])]));
    } else {
        list.stopped(path, "a SYN behind options", &with_options(&syn, &[148, 4, 0, 0]));
    }
    let ends = path.back().packet(UDP, &craft::udp(UDP_PORT, list.port(), &[0; 32]));
    for (kind, code) in if path.v6 { [(1, 4), (3, 0)] } else { [(3, 3), (11, 0)] } {
        list.stopped(path, &format!("an error {kind}"), &path.message(kind, code, 0, &ends));
    }
}
