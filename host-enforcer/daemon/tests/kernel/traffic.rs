//! Attempts, judged at the receiver.

use crate::namespace::Namespace;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

/// How long the absence of a packet is waited for. On veths a packet arrives at once or not at all.
const SILENCE: Duration = Duration::from_millis(300);
/// How long what must come is waited for, on a machine that has other things to do.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether a connection from `from` to `to` at `address` is accepted there.
pub(crate) fn connects(from: &Namespace, to: &Namespace, address: IpAddr, port: u16) -> bool {
    accepted(from, to, address, port, PATIENCE)
}

/// Whether no connection from `from` to `to` at `address` is accepted there.
pub(crate) fn never_connects(from: &Namespace, to: &Namespace, address: IpAddr, port: u16) -> bool {
    !accepted(from, to, address, port, SILENCE)
}

fn accepted(from: &Namespace, to: &Namespace, address: IpAddr, port: u16, wait: Duration) -> bool {
    let listener = to.inside(|| TcpListener::bind((address, port)).unwrap());
    let connected =
        from.inside(|| TcpStream::connect_timeout(&SocketAddr::from((address, port)), wait).is_ok());
    listener.set_nonblocking(true).unwrap();
    let accepted = listener.accept().is_ok();
    assert!(!connected || accepted, "somebody else answered");
    accepted
}

/// Whether a datagram that `send` is to send arrives at `address` in `to`.
pub(crate) fn arrives(to: &Namespace, address: IpAddr, port: u16, send: impl FnOnce()) -> bool {
    received(to, address, port, PATIENCE, send)
}

/// Whether no datagram that `send` is to send arrives at `address` in `to`.
pub(crate) fn never_arrives(to: &Namespace, address: IpAddr, port: u16, send: impl FnOnce()) -> bool {
    !received(to, address, port, SILENCE, send)
}

fn received(to: &Namespace, address: IpAddr, port: u16, wait: Duration, send: impl FnOnce()) -> bool {
    let receiver = to.inside(|| UdpSocket::bind((address, port)).unwrap());
    receiver.set_read_timeout(Some(wait)).unwrap();
    send();
    receiver.recv(&mut [0; 2048]).is_ok()
}

/// Sends a datagram from a socket inside `from`, from `source` if there is one.
pub(crate) fn send(from: &Namespace, source: Option<IpAddr>, address: IpAddr, port: u16) {
    from.inside(|| {
        let unspecified: IpAddr = if address.is_ipv4() { [0; 4].into() } else { [0; 16].into() };
        let socket = UdpSocket::bind((source.unwrap_or(unspecified), 0)).unwrap();
        // The kernel may refuse what it knows to be denied; whether anything arrives is what counts.
        let _ = socket.send_to(b"hello", (address, port));
    });
}

/// An established connection whose far end echoes.
pub(crate) struct Echo {
    near: TcpStream,
    far: TcpStream,
}

impl Echo {
    pub(crate) fn new(from: &Namespace, to: &Namespace, address: IpAddr, port: u16) -> Self {
        let listener = to.inside(|| TcpListener::bind((address, port)).unwrap());
        let near = from.inside(|| TcpStream::connect_timeout(&SocketAddr::from((address, port)), PATIENCE));
        let near = near.unwrap();
        let (far, _) = listener.accept().unwrap();
        for end in [&near, &far] {
            end.set_read_timeout(Some(PATIENCE)).unwrap();
            end.set_nodelay(true).unwrap();
        }
        Self { near, far }
    }

    /// Whether a byte goes there and back.
    pub(crate) fn works(&mut self) -> bool {
        let mut byte = [0];
        self.near.write_all(b"x").is_ok()
            && self.far.read_exact(&mut byte).is_ok()
            && self.far.write_all(&byte).is_ok()
            && self.near.read_exact(&mut byte).is_ok()
    }

    /// Waits until nothing gets through any more.
    pub(crate) fn must_stop(&mut self) {
        self.far.set_read_timeout(Some(SILENCE)).unwrap();
        until("the live connection stops", || !self.works());
    }
}

/// Waits until `condition` holds.
pub(crate) fn until(what: &str, condition: impl FnMut() -> bool) {
    until_slowly(what, Duration::from_secs(20), condition);
}

/// Waits until `condition` holds, for so long at most.
pub(crate) fn until_slowly(what: &str, limit: Duration, mut condition: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(begin.elapsed() < limit, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
