//! ICMP as a way around: tunnels, invented errors, other people's routers.

use crate::field::{Role, TCP_PORT, UDP_PORT};
use crate::forge::{List, Path, patched};
use bookend_abi::craft;
use bookend_abi::packet::SYN;
use bookend_abi::table::{ICMP, ICMPV6, UDP};

pub(crate) fn attacks(path: Path, list: &mut List) {
    let data = [0x5a; 600];
    let (request, reply) = if path.v6 { (128, 129) } else { (8, 0) };
    let identifier = list.port();
    list.passes(path, "an echo request", &path.echo(identifier));
    let identifier = list.port();
    list.stopped(path, "an echo reply that nobody asked for", &path.message(reply, 0, identifier, &data));
    list.stopped(path.back(), "an echo request against the rule", &path.back().echo(identifier));
    let identifier = list.port();
    list.stopped(
        path.back(),
        "an answer to a request that was not sent",
        &path.back().message(reply, 0, identifier, &data),
    );
    for code in [1, 7, 255] {
        list.stopped(
            path,
            &format!("an echo request of code {code}"),
            &path.message(request, code, list.port(), &data),
        );
    }
    let forbidden: &[u8] = if path.v6 {
        &[0, 5, 100, 127, 138, 139, 140, 144, 146, 154, 200, 255]
    } else {
        &[1, 2, 4, 5, 6, 9, 10, 13, 15, 16, 17, 18, 30, 37, 40, 42, 253, 255]
    };
    for kind in forbidden {
        list.stopped(path, &format!("a message of type {kind}"), &path.message(*kind, 0, 0, &data));
    }
    let other = path.packet(if path.v6 { ICMP } else { ICMPV6 }, &craft::icmp(request, [0; 4], &data));
    list.stopped(path, "the other family's ICMP", &other);
    let family = path.packet(
        if path.v6 { ICMP } else { ICMPV6 },
        &craft::icmp(if path.v6 { 8 } else { 128 }, [0; 4], &data),
    );
    list.stopped(path, "an echo request of the other family", &family);
    let echo = path.echo(list.port());
    list.stopped(path, "an echo request that is cut", &echo[..path.header() + 7]);
    errors(path, list);
    related(path, list);
}

/// Types of errors, with a code each.
fn kinds(path: Path) -> &'static [(u8, u8)] {
    if path.v6 { &[(1, 4), (2, 0), (3, 0), (4, 1)] } else { &[(3, 3), (3, 4), (11, 0), (12, 0)] }
}

/// Errors about what never was.
fn errors(path: Path, list: &mut List) {
    for (kind, code) in kinds(path) {
        let quoted = path.back().udp((list.port(), UDP_PORT));
        let error = |inner: &[u8]| path.message(*kind, *code, 0, inner);
        list.stopped(
            path,
            &format!("an error {kind}.{code} about a datagram that never was"),
            &error(&quoted),
        );
        let quoted = path.back().tcp((list.port(), TCP_PORT), SYN);
        list.stopped(path, &format!("an error {kind}.{code} about a SYN that never was"), &error(&quoted));
        list.stopped(path, &format!("an error {kind}.{code} about nothing"), &error(b""));
        list.stopped(path, &format!("an error {kind}.{code} about noise"), &error(&[0x99; 60]));
        list.stopped(
            path,
            &format!("an error {kind}.{code} about an error"),
            &error(&path.back().message(*kind, *code, 0, &quoted)),
        );
        // It carries data to whom it is sent, who never sent what it quotes.
        let third = Path { from: Role::Till, ..path }.udp((list.port(), UDP_PORT));
        list.stopped(path, &format!("an error {kind}.{code} about somebody else's datagram"), &error(&third));
    }
}

/// Errors about an allowed exchange reach who is in it, and nobody else; and they say nothing that it did not.
fn related(path: Path, list: &mut List) {
    for (kind, code) in kinds(path) {
        let (kind, code) = (*kind, *code);
        let ports = list.allowed_udp();
        let datagram = path.udp(ports);
        let error = |from: Path, inner: &[u8]| from.message(kind, code, 0, inner);
        let back = path.back();
        let shots = vec![
            path.passes(&datagram),
            back.passes(&error(back, &datagram)),
            back.stopped(&error(back, &path.udp((ports.0, ports.1 + 1)))),
            back.stopped(&error(back, &path.udp((ports.0 ^ 0x4000, ports.1)))),
            back.stopped(&error(back, &path.tcp(ports, SYN))),
            back.stopped(&error(back, &datagram[..datagram.len() - 20])),
            // It did not send the quoted packet itself, and so has nothing to complain about.
            path.stopped(&error(path, &datagram)),
        ];
        list.add(path, &format!("errors {kind}.{code} about an allowed datagram"), shots);
    }
    let (ports, back) = (list.allowed_udp(), path.back());
    let datagram = path.udp(ports);
    let (kind, code) = kinds(path)[0];
    let other = Path { to: Role::Till, ..path };
    let third = if path.from == Role::Till { Role::Web } else { Role::Till };
    let routed = Path { from: third, to: path.from, v6: path.v6 };
    let mut shots = vec![
        path.passes(&datagram),
        // Whose error it is does not matter, only that it is sent to who sent what it quotes.
        other.stopped(&other.message(
            kind,
            code,
            0,
            &craft::packet(other.destination(), other.source(), UDP, &datagram[path.header()..]),
        )),
        back.stopped(&patched(back.message(kind, code, 0, &datagram), back.header() + 8, &[0x75])),
    ];
    if path.from == Role::Outside {
        // The till is under policy and was never asked anything.
        shots.push(routed.stopped(&routed.message(kind, code, 0, &datagram)));
    }
    list.add(path, "errors of third parties about an allowed datagram", shots);
}
