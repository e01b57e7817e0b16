//! A connection of a client, plain or over TLS, and what is said on it byte by byte.

use std::io::{ErrorKind, Read, Result, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;

use bookend_testenv::Stand;
use bookend_testenv::certificate::Identity;
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrStorage, bind, connect, setsockopt, socket, sockopt,
};
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};

use crate::tls;

/// Longer than anything here takes.
const LIMIT: Duration = Duration::from_secs(10);

/// Who connects.
#[derive(Clone, Copy)]
pub(crate) struct Caller<'c> {
    pub(crate) from: IpAddr,
    /// What it shows in a handshake; plaintext without one.
    pub(crate) identity: Option<&'c Identity>,
    /// The application protocols that it offers.
    pub(crate) protocols: &'c [&'c str],
}

/// An open connection.
pub(crate) enum Line {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

/// What a server of HTTP/1 answers.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// The head as it came.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Caller<'_> {
    /// Connects, and shakes hands where an identity is shown.
    pub(crate) fn dial(&self, stand: &Stand, to: SocketAddr) -> Line {
        let stream = stand.namespace().run(|| self.connect(to)).unwrap();
        let Some(identity) = self.identity else { return Line::Plain(stream) };
        let configuration = Arc::new(tls::configuration(identity, self.protocols).unwrap());
        let connection = ClientConnection::new(configuration, ServerName::from(to.ip())).unwrap();
        let mut stream = StreamOwned::new(connection, stream);
        // Nothing says so if it fails here: the first read or write will.
        let _ = stream.conn.complete_io(&mut stream.sock);
        Line::Tls(Box::new(stream))
    }

    fn connect(&self, to: SocketAddr) -> TcpStream {
        let family = if self.from.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
        let socket = socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).unwrap();
        setsockopt(&socket, sockopt::ReuseAddr, &true).unwrap();
        bind(socket.as_raw_fd(), &SockaddrStorage::from(SocketAddr::new(self.from, 0))).unwrap();
        connect(socket.as_raw_fd(), &SockaddrStorage::from(to)).unwrap();
        let stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream.set_write_timeout(Some(LIMIT)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }
}

impl Line {
    /// Says this, if anybody listens.
    pub(crate) fn say(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.write_all(bytes.as_ref()).and_then(|()| self.flush());
    }

    /// Says that nothing more will be said, and goes on listening.
    pub(crate) fn finish(&mut self) {
        match self {
            Self::Plain(stream) => drop(stream.shutdown(Shutdown::Write)),
            Self::Tls(stream) => {
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        }
    }

    /// Listens until so much was heard, or the end.
    pub(crate) fn hear(&mut self, count: usize) -> String {
        let mut heard = vec![0; count];
        let mut length = 0;
        while let Some(rest) = heard.get_mut(length..).filter(|rest| !rest.is_empty()) {
            match self.read(rest) {
                Ok(0) | Err(_) => break,
                Ok(more) => length += more,
            }
        }
        String::from_utf8_lossy(heard.get(..length).unwrap_or_default()).into_owned()
    }

    /// Listens until the end.
    pub(crate) fn hear_out(&mut self) -> String {
        let mut heard = Vec::new();
        match self.read_to_end(&mut heard) {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                panic!("nothing more is said, and it does not end: {}", heard.escape_ascii())
            }
            _ => String::from_utf8_lossy(&heard).into_owned(),
        }
    }

    /// Listens for the head of an answer, and its body if it says how long that is.
    pub(crate) fn reply(&mut self) -> Reply {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            let next = self.hear(1);
            assert!(!next.is_empty(), "the connection ended in the head of an answer: {head:?}");
            head.push_str(&next);
        }
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap();
        let reply = Reply { status, head, body: String::new() };
        let length = reply.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        let body = self.hear(length);
        Reply { body, ..reply }
    }

    /// Sends a request of HTTP/1.1, and listens for the answer.
    pub(crate) fn ask(&mut self, request: &str) -> Reply {
        self.say(request);
        self.reply()
    }

    /// Asks for a path, with further header lines.
    pub(crate) fn get(&mut self, path: &str, headers: &[(&str, &str)]) -> Reply {
        let lines: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        self.ask(&format!("GET {path} HTTP/1.1\r\nhost: server\r\n{lines}\r\n"))
    }
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(found, _)| *found == name)
            .map(|it| it.1)
    }
}

impl Read for Line {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Line {
    fn write(&mut self, buffer: &[u8]) -> Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(buffer),
            Self::Tls(stream) => stream.write(buffer),
        }
    }

    fn flush(&mut self) -> Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}
