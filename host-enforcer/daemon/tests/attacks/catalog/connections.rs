//! Connections: what belongs to one passes, and what only looks like it does not.

use crate::field::Role;
use crate::forge::{FORBIDDEN_TCP, List, Path};
use bookend_abi::craft;
use bookend_abi::packet::{ACK, FIN, RST, SYN};
use bookend_abi::table::{TCP, UDP};

/// Somebody under policy who is at neither end.
fn third(path: Path) -> Path {
    Path { from: Role::Till, ..path }
}

pub(crate) fn attacks(path: Path, list: &mut List) {
    whole(path, list);
    neighbours(path, list);
    poison(path, list);
    resets(path, list);
    both_ways(path, list);
    exchanges(path, list);
}

fn whole(path: Path, list: &mut List) {
    let ports = list.allowed_tcp();
    let (back, answer) = (path.back(), (ports.1, ports.0));
    let mut shots = path.opened(ports);
    shots.extend([
        back.passes(&back.tcp(answer, ACK)),
        path.passes(&path.tcp(ports, FIN | ACK)),
        back.passes(&back.tcp(answer, ACK)),
        back.passes(&back.tcp(answer, FIN | ACK)),
        path.passes(&path.tcp(ports, ACK)),
        // Opened again with the same ports, which is what a busy client does.
        path.passes(&path.tcp(ports, SYN)),
        back.passes(&back.tcp(answer, SYN | ACK)),
    ]);
    list.add(path, "a whole connection, and another", shots);
}

/// Next to an open connection.
fn neighbours(path: Path, list: &mut List) {
    let ports = list.allowed_tcp();
    let (back, answer) = (path.back(), (ports.1, ports.0));
    let mut shots = path.opened(ports);
    shots.extend([
        path.stopped(&path.tcp((ports.0, FORBIDDEN_TCP), ACK)),
        path.stopped(&path.tcp((ports.0 ^ 0x4000, ports.1), ACK)),
        path.stopped(&path.tcp(answer, ACK)),
        back.stopped(&back.tcp(ports, ACK)),
        back.stopped(&back.tcp((answer.0, answer.1 ^ 0x4000), SYN | ACK)),
        path.stopped(&path.udp((ports.0, FORBIDDEN_TCP))),
        path.stopped(&path.tcp((ports.0, FORBIDDEN_TCP), SYN)),
        path.passes(&path.tcp(ports, ACK)),
    ]);
    list.add(path, "beside an open connection", shots);
    let (ports, other) = (list.allowed_tcp(), Path { v6: !path.v6, ..path });
    let mut shots = path.opened(ports);
    shots.push(other.stopped(&other.tcp(ports, ACK)));
    list.add(path, "an open connection in the other family", shots);
}

/// A connection belongs to one interface: nobody lends it to somebody else, or takes it away.
fn poison(path: Path, list: &mut List) {
    let ports = list.allowed_tcp();
    let (third, back) = (third(path), path.back());
    let spoofed = |from: Path, flags| {
        craft::packet(path.source(), path.destination(), TCP, &craft::tcp(ports.0, ports.1, flags))
            .pipe(|packet| from.stopped(&packet))
    };
    let mut shots = vec![spoofed(third, SYN), spoofed(third, ACK)];
    // Not even prepared by the third party: the answer to its SYN goes to who never sent one.
    shots.push(back.stopped(&back.tcp((ports.1, ports.0), SYN | ACK)));
    shots.extend(path.opened(ports));
    shots.extend([spoofed(third, ACK), spoofed(third, RST), spoofed(third, FIN | ACK), spoofed(third, SYN)]);
    let own = |flags| third.stopped(&third.tcp(ports, flags));
    shots.extend([own(ACK), own(SYN), own(RST)]);
    shots.push(path.passes(&path.tcp(ports, ACK)));
    shots.push(back.passes(&back.tcp((ports.1, ports.0), ACK)));
    list.add(path, "the same ports at another interface", shots);
}

/// Whoever resets a connection is one of its ends. (The sequence numbers are the ends' business: RFC 5961.)
fn resets(path: Path, list: &mut List) {
    let ports = list.allowed_tcp();
    let (back, answer, third) = (path.back(), (ports.1, ports.0), third(path));
    let forged = craft::packet(back.source(), back.destination(), TCP, &craft::tcp(answer.0, answer.1, RST));
    let mut shots = path.opened(ports);
    shots.push(Path { to: path.from, ..third }.stopped(&forged));
    shots.push(path.passes(&path.tcp(ports, ACK)));
    shots.push(back.passes(&back.tcp(answer, RST)));
    shots.push(back.stopped(&back.tcp(answer, SYN)));
    list.add(path, "resets", shots);
}

/// Only one end may open.
fn both_ways(path: Path, list: &mut List) {
    let ports = list.allowed_tcp();
    let (back, answer) = (path.back(), (ports.1, ports.0));
    let mut shots = vec![
        back.stopped(&back.tcp(answer, SYN)),
        path.passes(&path.tcp(ports, SYN)),
        // RFC 9293, 3.5: both ends may send a SYN at a time. The policy lets one of them open.
        back.stopped(&back.tcp(answer, SYN)),
        path.passes(&path.tcp(ports, SYN)),
        back.passes(&back.tcp(answer, SYN | ACK)),
        path.passes(&path.tcp(ports, ACK)),
        back.stopped(&back.tcp(answer, SYN)),
    ];
    shots.push(back.passes(&back.tcp(answer, ACK)));
    shots.push(path.passes(&path.tcp(ports, ACK)));
    list.add(path, "an opening from both ends", shots);
}

/// Exchanges without connections.
fn exchanges(path: Path, list: &mut List) {
    let ports = list.allowed_udp();
    let (back, answer) = (path.back(), (ports.1, ports.0));
    let shots = vec![
        back.stopped(&back.udp(answer)),
        path.passes(&path.udp(ports)),
        back.passes(&back.udp(answer)),
        back.stopped(&back.udp((answer.0 + 1, answer.1))),
        back.stopped(&back.udp((answer.0, answer.1 ^ 0x4000))),
        back.stopped(&back.tcp(answer, ACK)),
        third(path.back()).stopped(&craft::packet(
            back.source(),
            back.destination(),
            UDP,
            &craft::udp(answer.0, answer.1, b"forged"),
        )),
        path.passes(&path.udp(ports)),
    ];
    list.add(path, "a question and its answer", shots);
    let identifier = list.port();
    let (request, reply) = if path.v6 { (128, 129) } else { (8, 0) };
    let message = |path: Path, kind, identifier| path.message(kind, 0, identifier, &[1; 32]);
    let shots = vec![
        back.stopped(&message(back, reply, identifier)),
        path.passes(&message(path, request, identifier)),
        back.passes(&message(back, reply, identifier)),
        back.stopped(&message(back, reply, identifier ^ 0x4000)),
        back.stopped(&message(back, request, identifier)),
        path.stopped(&message(path, reply, identifier)),
    ];
    list.add(path, "an echo and its reply", shots);
}

/// Lets an expression end in what becomes of it.
trait Pipe: Sized {
    fn pipe<T>(self, then: impl FnOnce(Self) -> T) -> T {
        then(self)
    }
}

impl Pipe for Vec<u8> {}
