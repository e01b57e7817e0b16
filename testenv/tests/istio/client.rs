//! Asks every question of one Envoy, on as few connections as there are peers, ports and names.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use bookend_testenv::certificate::Identity;
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrStorage, bind, connect, setsockopt, socket, sockopt,
};
use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use crate::generate::{Line, Question, Request, Set};
use crate::site::DETAILS;
use crate::tls;
use crate::world::{PEERS, destination};

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(20);

/// What is said on a stream, and comes back if it may.
const WORD: &[u8] = b"hello, this is no request\n";

/// What became of a question.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    Allowed,
    Denied,
    /// Envoy answered itself, before anybody judged.
    Unjudged(u16, String),
}

/// What peers can show.
pub(crate) struct Credentials {
    identities: Vec<Option<Arc<ClientConfig>>>,
    tokens: Vec<String>,
}

impl Credentials {
    pub(crate) fn new(identities: Vec<Option<Identity>>, tokens: Vec<String>) -> Self {
        let configuration = |identity: Identity| {
            let mut configuration = tls::configuration(&identity, &[]).unwrap();
            // Every connection proves by itself who opens it.
            configuration.resumption = Resumption::disabled();
            Arc::new(configuration)
        };
        Self {
            identities: identities.into_iter().map(|identity| identity.map(configuration)).collect(),
            tokens,
        }
    }
}

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

/// Asks everything, set by set. To be called where the Envoy is.
pub(crate) fn ask(sets: &[Set], credentials: &Credentials) -> anyhow::Result<Vec<Vec<Verdict>>> {
    let of_set = |(number, set): (usize, &Set)| {
        let mut open: BTreeMap<&Line, Box<dyn Stream>> = BTreeMap::new();
        let verdict = |question| {
            ask_one(number, question, credentials, &mut open)
                .with_context(|| format!("set {number}: {question:?}"))
        };
        set.questions.iter().map(verdict).collect()
    };
    sets.iter().enumerate().map(of_set).collect()
}

fn ask_one<'q>(
    set: usize,
    question: &'q Question,
    credentials: &Credentials,
    open: &mut BTreeMap<&'q Line, Box<dyn Stream>>,
) -> anyhow::Result<Verdict> {
    let line = &question.line;
    let Some(request) = &question.request else {
        return speak(connected(set, line, credentials)?);
    };
    let mut stream = match open.remove(line) {
        Some(stream) => stream,
        None => connected(set, line, credentials)?,
    };
    stream.write_all(&bytes(request, credentials))?;
    stream.flush()?;
    let answer = Answer::read(&mut *stream, request.method == "HEAD")?;
    if !answer.closes {
        open.insert(line, stream);
    }
    answer.verdict()
}

fn connected(set: usize, line: &Line, credentials: &Credentials) -> anyhow::Result<Box<dyn Stream>> {
    let to = destination(set, line.port);
    let stream = open(SocketAddr::new(PEERS[line.peer].ip(), 0), to).with_context(|| format!("to {to}"))?;
    Ok(match &credentials.identities[line.peer] {
        None => Box::new(stream),
        Some(configuration) => {
            let name = match line.sni {
                Some(name) => ServerName::try_from(name)?,
                None => ServerName::from(to.ip()),
            };
            Box::new(StreamOwned::new(ClientConnection::new(Arc::clone(configuration), name)?, stream))
        }
    })
}

fn open(from: SocketAddr, to: SocketAddr) -> anyhow::Result<TcpStream> {
    let socket = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    setsockopt(&socket, sockopt::IpBindAddressNoPort, &true)?;
    bind(socket.as_raw_fd(), &SockaddrStorage::from(from))?;
    connect(socket.as_raw_fd(), &SockaddrStorage::from(to))?;
    let stream = TcpStream::from(socket);
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    Ok(stream)
}

/// Whether what is said comes back.
fn speak(mut stream: Box<dyn Stream>) -> anyhow::Result<Verdict> {
    let mut heard = Vec::new();
    let said = stream.write_all(WORD).and_then(|()| stream.flush());
    let over =
        |kind| matches!(kind, ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof | ErrorKind::BrokenPipe);
    match said {
        Err(error) if over(error.kind()) => return Ok(Verdict::Denied),
        other => other?,
    }
    let mut buffer = [0; 64];
    while heard.len() < WORD.len() {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => heard.extend_from_slice(&buffer[..count]),
            Err(error) if over(error.kind()) => break,
            Err(error) => return Err(error.into()),
        }
    }
    match heard.as_slice() {
        b"" => Ok(Verdict::Denied),
        WORD => Ok(Verdict::Allowed),
        other => bail!("`{}` came back", other.escape_ascii()),
    }
}

fn bytes(request: &Request, credentials: &Credentials) -> Vec<u8> {
    let Request { method, target, host, .. } = request;
    let mut text = format!("{method} {target} HTTP/1.1\r\nhost: {host}\r\n");
    for (name, value) in &request.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    if let Some(number) = request.token {
        text.push_str(&format!("authorization: Bearer {}\r\n", credentials.tokens[number]));
    }
    if matches!(method.as_str(), "POST" | "PUT" | "PATCH") {
        text.push_str("content-length: 0\r\n");
    }
    text.push_str("\r\n");
    text.into_bytes()
}

/// The head of an answer; its body is read and forgotten.
struct Answer {
    status: u16,
    details: String,
    closes: bool,
}

impl Answer {
    fn read(stream: &mut dyn Stream, without_body: bool) -> anyhow::Result<Self> {
        let mut bytes = Vec::new();
        let mut buffer = [0; 4096];
        let mut more = |bytes: &mut Vec<u8>| -> anyhow::Result<()> {
            let count = match stream.read(&mut buffer) {
                Err(error)
                    if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof) =>
                {
                    0
                }
                other => other?,
            };
            ensure!(count > 0, "the connection ends behind `{}`", bytes.escape_ascii());
            bytes.extend_from_slice(&buffer[..count]);
            Ok(())
        };
        let head = loop {
            if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                break at;
            }
            more(&mut bytes)?;
        };
        let text = String::from_utf8_lossy(&bytes[..head]).into_owned();
        let mut lines = text.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).context("a status")?.parse()?;
        let headers: BTreeMap<String, &str> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value))
            .collect();
        let length: usize = match headers.get("content-length") {
            Some(length) if !without_body => length.parse()?,
            _ => 0,
        };
        while bytes.len() < head + 4 + length {
            more(&mut bytes)?;
        }
        Ok(Self {
            status,
            details: headers.get(DETAILS).map(|text| (*text).to_owned()).unwrap_or_default(),
            closes: headers.get("connection").is_some_and(|value| *value == "close"),
        })
    }

    fn verdict(self) -> anyhow::Result<Verdict> {
        let why = self.details.split(['{', '[']).next().unwrap_or_default();
        Ok(match (self.status, why) {
            (200, "direct_response") => Verdict::Allowed,
            (403, "rbac_access_denied_matched_policy" | "bookend_denied") => Verdict::Denied,
            (400..=404, _)
                if !why.starts_with("bookend") && !why.starts_with("rbac") && self.status != 403 =>
            {
                Verdict::Unjudged(self.status, self.details)
            }
            (status, _) => bail!("status {status}, because `{}`", self.details),
        })
    }
}
