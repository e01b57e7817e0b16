//! Sockets that the standard library cannot make: bound before they connect, or raw.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrStorage, bind, connect, sendto, socket,
};

use crate::error::{Doing, Error, Result};

/// Opens a TCP connection from the address `from` within `limit`.
pub(super) fn tcp(from: IpAddr, to: SocketAddr, limit: Duration) -> Result<TcpStream> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(family(to.ip()), SockType::Stream, flags, None).doing("open a TCP socket")?;
    bind(socket.as_raw_fd(), &address(SocketAddr::new(from, 0))).doing(format!("use {from} as source"))?;
    match connect(socket.as_raw_fd(), &address(to)) {
        Ok(()) | Err(Errno::EINPROGRESS) => {}
        Err(error) => return Err(error).doing(format!("connect to {to}")),
    }
    await_writable(&socket, to, limit)?;
    let stream = TcpStream::from(socket);
    if let Some(error) = stream.take_error().doing("ask a socket for its error")? {
        return Err(error).doing(format!("connect to {to}"));
    }
    stream.set_nonblocking(false).doing("configure a TCP socket")?;
    Ok(stream)
}

/// Says something and hears the answer out for a while, so that the receiver has it when we leave.
pub(super) fn say(mut stream: TcpStream, what: &str, limit: Duration) {
    let mut buffer = [0; 1024];
    // Failing here is an outcome, and the receiver is asked about it anyway.
    let _ = stream.set_read_timeout(Some(limit));
    let _ = stream.write_all(what.as_bytes());
    let mut heard: Vec<u8> = Vec::new();
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        heard.extend(buffer.iter().take(count));
        if heard.windows(what.len()).any(|window| window == what.as_bytes()) {
            return;
        }
    }
}

/// Sends an ICMP echo request through the system's protocol stack.
pub(super) fn ping(from: IpAddr, to: IpAddr, mark: &str) -> Result<io::Result<()>> {
    let (protocol, kind) = if to.is_ipv4() { (SockProtocol::Icmp, 8) } else { (SockProtocol::IcmpV6, 128) };
    let socket = socket(family(to), SockType::Raw, SockFlag::SOCK_CLOEXEC, protocol)
        .doing("open a raw ICMP socket")?;
    bind(socket.as_raw_fd(), &address(SocketAddr::new(from, 0))).doing(format!("use {from} as source"))?;
    let mut message = [&[kind, 0, 0, 0, 0x42, 0x42, 0, 1], mark.as_bytes()].concat();
    if to.is_ipv4() {
        // For ICMPv6 the system computes it.
        let sum = crate::packet::checksum(&[&message]);
        if let Some(field) = message.get_mut(2..4) {
            field.copy_from_slice(&sum.to_be_bytes());
        }
    }
    let result = sendto(socket.as_raw_fd(), &message, &address(SocketAddr::new(to, 0)), MsgFlags::empty());
    Ok(result.map(drop).map_err(io::Error::from))
}

fn await_writable(socket: &OwnedFd, to: SocketAddr, limit: Duration) -> Result<()> {
    let timeout = PollTimeout::try_from(limit).doing("represent a time limit")?;
    let mut watched = [PollFd::new(socket.as_fd(), PollFlags::POLLOUT)];
    match poll(&mut watched, timeout).doing("wait for a connection")? {
        0 => Err(Error::new(format!("no answer from {to} within {limit:?}"))),
        _ => Ok(()),
    }
}

fn family(address: IpAddr) -> AddressFamily {
    if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 }
}

fn address(address: SocketAddr) -> SockaddrStorage {
    address.into()
}
