//! Segments, chunks and answers that belong to no connection.

use crate::field::{TCP_PORT, UDP_PORT};
use crate::forge::{FORBIDDEN_TCP, List, Path};
use bookend_abi::craft;
use bookend_abi::packet::{ABORT, ACK, FIN, INIT, RST, SHUTDOWN, SYN};
use bookend_abi::table::{SCTP, TCP, UDP};

const PSH: u8 = 0x08;
const URG: u8 = 0x20;
const ECE_CWR: u8 = 0xc0;

pub(crate) fn attacks(path: Path, list: &mut List) {
    let scans = [
        ("a SYN-ACK", SYN | ACK),
        ("an ACK", ACK),
        ("a FIN", FIN),
        ("a FIN-ACK", FIN | ACK),
        ("a RST", RST),
        ("a RST-ACK", RST | ACK),
        ("no flags", 0),
        ("a Christmas tree", FIN | PSH | URG),
        ("data", PSH | ACK),
        ("every flag", 0xff),
        ("SYN and FIN", SYN | FIN),
        ("SYN and RST", SYN | RST),
        ("SYN-ACK and FIN", SYN | ACK | FIN),
        ("only ECE and CWR", ECE_CWR),
        ("only URG", URG),
        ("SYN-ACK with ECE", SYN | ACK | 0x40),
    ];
    for (name, flags) in scans {
        for (what, port) in [("an allowed", TCP_PORT), ("a forbidden", FORBIDDEN_TCP)] {
            let ports = (list.port(), port);
            list.stopped(path, &format!("{name} to {what} port"), &path.tcp(ports, flags));
        }
        // As if it were an answer.
        let ports = (TCP_PORT, list.port());
        list.stopped(path, &format!("{name} from an allowed port"), &path.tcp(ports, flags));
        let ports = (list.port(), TCP_PORT);
        list.stopped(path.back(), &format!("{name} to who may not be asked"), &path.back().tcp(ports, flags));
    }
    for (name, flags) in [
        ("a SYN", SYN),
        ("a SYN with ECE and CWR", SYN | ECE_CWR),
        ("a SYN with PSH and URG", SYN | PSH | URG),
    ] {
        let ports = list.allowed_tcp();
        list.passes(path, name, &path.tcp(ports, flags));
        let ports = list.forbidden_tcp();
        list.stopped(path, &format!("{name} to a forbidden port"), &path.tcp(ports, flags));
        let ports = list.allowed_tcp();
        list.stopped(path.back(), &format!("{name} against the rule"), &path.back().tcp(ports, flags));
    }
    let (from, to) = list.forbidden_tcp();
    let early = [&craft::tcp(from, to, SYN)[..], b"GET / HTTP/1.0\r\n\r\n"].concat();
    list.stopped(path, "a SYN with data to a forbidden port", &path.packet(TCP, &early));
    for port in [0, 1, 52, 54, 5431, 5433, 5432 ^ 0x8000, 53 ^ 0x100, 65_535] {
        let (tcp, udp) = ((list.port(), port), (list.port(), port));
        list.stopped(path, &format!("a SYN to port {port}"), &path.tcp(tcp, SYN));
        list.stopped(path, &format!("a datagram to port {port}"), &path.udp(udp));
    }
    // Each protocol has ports of its own.
    let ports = (list.port(), UDP_PORT);
    list.stopped(path, "a SYN to the port of UDP", &path.tcp(ports, SYN));
    let ports = (list.port(), TCP_PORT);
    list.stopped(path, "a datagram to the port of TCP", &path.udp(ports));
    // Who answers was asked.
    let ports = (UDP_PORT, list.port());
    list.stopped(path, "a datagram from the allowed port", &path.udp(ports));
    list.stopped(path.back(), "an answer that nobody asked for", &path.back().udp(ports));
    list.stopped(path.back(), "a datagram against the rule", &path.back().udp((ports.1, ports.0)));
    let empty = path.packet(UDP, &craft::udp(list.port(), 0, b""));
    list.stopped(path, "an empty datagram to port 0", &empty);
    sctp(path, list);
}

/// No rule speaks of SCTP.
fn sctp(path: Path, list: &mut List) {
    let port = list.port();
    let init = craft::sctp_init(port, TCP_PORT);
    list.stopped(path, "an INIT", &path.packet(SCTP, &init));
    for (name, chunk) in [
        ("data", 0),
        ("an INIT ACK", 2),
        ("a heartbeat", 4),
        ("an ABORT", ABORT),
        ("a SHUTDOWN", SHUTDOWN),
        ("a cookie", 10),
        ("an ASCONF", 0xc1),
    ] {
        list.stopped(
            path,
            &format!("{name} of SCTP"),
            &path.packet(SCTP, &craft::sctp(port, TCP_PORT, 7, chunk, &[0; 16])),
        );
    }
    let bundled = [&craft::sctp(port, TCP_PORT, 7, 0, &[0; 16])[..], &init[12..]].concat();
    list.stopped(path, "an INIT behind data", &path.packet(SCTP, &bundled));
    list.stopped(
        path,
        "an INIT with a tag",
        &path.packet(SCTP, &craft::sctp(port, TCP_PORT, 7, INIT, &[1; 16])),
    );
}
