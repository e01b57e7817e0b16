//! Clients that send what no client should.

mod handshake;

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bookend_testenv::certificate::Identity;
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrStorage, bind, connect, setsockopt, socket, sockopt,
};

use crate::data::{Part, Wire};
use crate::frames::{ACK, Frame, PING, PREFACE, SETTINGS};

/// How long to wait for the first word of an answer.
const FIRST: Duration = Duration::from_secs(3);
/// How long to wait for more of it.
const MORE: Duration = Duration::from_millis(200);

/// Where a client comes from, where it goes, and who it is.
#[derive(Debug)]
pub(crate) struct Client<'a> {
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
    pub(crate) identity: Option<(&'a Identity, &'a str)>,
}

impl Client<'_> {
    /// Sends everything, and waits until nothing more comes. Says what came, and from where it was sent.
    ///
    /// # Errors
    /// When there is no connection. One that ends early is an answer.
    pub(crate) fn send(&self, wire: &Wire) -> Result<(SocketAddr, Vec<u8>)> {
        let stream = self.connect().with_context(|| format!("cannot connect to {}", self.to))?;
        let local = stream.local_addr()?;
        let answer = match self.identity {
            None => exchange(stream, wire),
            Some((identity, name)) => {
                let protocol = if wire.streams { "h2" } else { "http/1.1" };
                exchange(handshake::client(stream, identity, name, protocol)?, wire)
            }
        };
        Ok((local, answer))
    }

    fn connect(&self) -> Result<TcpStream> {
        let socket = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
        setsockopt(&socket, sockopt::ReuseAddr, &true)?;
        bind(socket.as_raw_fd(), &SockaddrStorage::from(self.from))
            .with_context(|| format!("cannot bind to {}", self.from))?;
        connect(socket.as_raw_fd(), &SockaddrStorage::from(self.to))?;
        let stream = TcpStream::from(socket);
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_millis(20)))?;
        stream.set_write_timeout(Some(FIRST))?;
        Ok(stream)
    }
}

/// A connection that ends in the middle of it has said all that it will.
fn exchange(mut stream: impl Read + Write, wire: &Wire) -> Vec<u8> {
    let mut answer = Vec::new();
    let mut settled = 0;
    let mut begin = Vec::new();
    if wire.streams {
        begin.extend_from_slice(PREFACE);
        begin.extend(Frame::new(SETTINGS, 0, 0, []).bytes());
    }
    for Part(part) in &wire.parts {
        begin.extend_from_slice(part);
        if stream.write_all(&begin).and_then(|()| stream.flush()).is_err() {
            break;
        }
        begin.clear();
        if !listen(&mut stream, wire.streams, &mut answer, &mut settled) {
            break;
        }
    }
    answer
}

/// Reads until nothing comes any more; whether the connection is still open.
fn listen(
    stream: &mut (impl Read + Write),
    streams: bool,
    answer: &mut Vec<u8>,
    settled: &mut usize,
) -> bool {
    let mut buffer = [0; 8192];
    let mut end = Instant::now() + FIRST;
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return false,
            Ok(count) => {
                answer.extend(buffer.iter().take(count));
                let spoke = if streams { acknowledged(stream, answer, settled) } else { true };
                if spoke {
                    end = Instant::now() + MORE;
                }
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => return false,
        }
        if Instant::now() >= end {
            return true;
        }
    }
}

/// Acknowledges SETTINGS and PING from `settled` on; whether there was anything else, which is an answer.
fn acknowledged(stream: &mut impl Write, answer: &[u8], settled: &mut usize) -> bool {
    let mut spoke = false;
    while let Some(mut rest) = answer.get(*settled..) {
        let length = rest.len();
        let Ok(frame) = Frame::read(&mut rest) else { break };
        *settled += length - rest.len();
        match frame.kind {
            SETTINGS | PING if frame.has(ACK) => {}
            SETTINGS => drop(Frame::new(SETTINGS, ACK, 0, []).write(stream)),
            PING => drop(Frame::new(PING, ACK, 0, frame.payload).write(stream)),
            // WINDOW_UPDATE
            8 => {}
            _ => spoke = true,
        }
    }
    spoke
}
