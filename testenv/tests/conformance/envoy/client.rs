//! A client that sends requests byte for byte, over mTLS or plaintext, from an address of its choice.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use bookend_testenv::certificate::Identity;
use bookend_testenv::http::Response;
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrStorage, bind, connect, setsockopt, socket, sockopt,
};
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};

use super::tls;

const LIMIT: Duration = Duration::from_secs(10);

/// Who asks whom.
pub(super) struct Client<'c> {
    /// The source address; any port if it is 0.
    pub(super) from: SocketAddr,
    /// The destination.
    pub(super) to: SocketAddr,
    /// The certificate; plaintext without one.
    pub(super) identity: Option<&'c Identity>,
    /// The name that it asks for in a handshake, if it asks for one.
    pub(super) server_name: Option<&'c str>,
}

/// A request of HTTP/1, byte for byte.
pub(super) struct Message<'m> {
    pub(super) method: &'m [u8],
    /// A request without a path is for its authority as a whole, as CONNECT is.
    pub(super) path: Option<&'m [u8]>,
    pub(super) authority: Option<&'m [u8]>,
    pub(super) headers: Vec<(&'m [u8], &'m [u8])>,
}

impl Message<'_> {
    fn bytes(&self) -> anyhow::Result<Vec<u8>> {
        let target = self.path.or(self.authority).context("a request without a target")?;
        let mut bytes = [self.method, b" ", target, b" HTTP/1.1\r\n"].concat();
        let host = self.authority.map(|authority| (b"host".as_slice(), authority));
        let close = (b"connection".as_slice(), b"close".as_slice());
        for (name, value) in host.into_iter().chain(self.headers.iter().copied()).chain([close]) {
            bytes.extend([name, b": ", value, b"\r\n"].concat());
        }
        bytes.extend(b"\r\n");
        Ok(bytes)
    }
}

impl Client<'_> {
    /// Sends one request and reads the answer; nothing if the connection is closed instead. Says where it came from.
    pub(super) fn ask(&self, message: &Message<'_>) -> anyhow::Result<(SocketAddr, Option<Response>)> {
        let (from, answer) = self.exchange(&message.bytes()?)?;
        if answer.is_empty() {
            return Ok((from, None));
        }
        Ok((from, Some(parse(&answer).context("an answer that is not HTTP")?)))
    }

    /// Opens a connection that is no HTTP, and listens until it ends. Says where it came from.
    pub(super) fn listen(&self) -> anyhow::Result<(SocketAddr, Vec<u8>)> {
        // Envoy waits for what tells plaintext from a handshake: a record's head.
        self.exchange(if self.identity.is_some() { b"" } else { b"no handshake\n" })
    }

    fn exchange(&self, request: &[u8]) -> anyhow::Result<(SocketAddr, Vec<u8>)> {
        let stream = self.connect().with_context(|| format!("cannot connect to {}", self.to))?;
        let from = stream.local_addr()?;
        let answer = match self.identity {
            None => exchange(stream, request)?,
            Some(identity) => {
                let name = match self.server_name {
                    Some(name) => ServerName::try_from(name.to_owned())?,
                    // An address is asked for by no name.
                    None => ServerName::from(self.to.ip()),
                };
                let connection = ClientConnection::new(Arc::new(tls::configuration(identity, &[])?), name)?;
                exchange(StreamOwned::new(connection, stream), request)?
            }
        };
        Ok((from, answer))
    }

    fn connect(&self) -> anyhow::Result<TcpStream> {
        let family = if self.from.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
        let socket = socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
        setsockopt(&socket, sockopt::ReuseAddr, &true)?;
        bind(socket.as_raw_fd(), &SockaddrStorage::from(self.from))
            .with_context(|| format!("cannot bind to {}", self.from))?;
        connect(socket.as_raw_fd(), &SockaddrStorage::from(self.to))?;
        let stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(LIMIT))?;
        stream.set_write_timeout(Some(LIMIT))?;
        Ok(stream)
    }
}

/// Writes everything and reads until the end.
fn exchange(mut stream: impl Read + Write, request: &[u8]) -> anyhow::Result<Vec<u8>> {
    stream.write_all(request)?;
    stream.flush()?;
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        // Envoy does not always say goodbye.
        Err(error) if matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset) => {}
        other => drop(other?),
    }
    Ok(answer)
}

/// Status, headers and body of an answer that ended.
fn parse(bytes: &[u8]) -> Option<Response> {
    let head = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let text = String::from_utf8_lossy(bytes.get(..head)?);
    let mut lines = text.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    Some(Response { status, headers, body: bytes.get(head + 4..)?.to_vec() })
}
