//! A plain HTTP/1.1 exchange, byte for byte as the caller wants it.
//!
//! Attackers do not use well-behaved clients, so the request target and the headers go out unchanged.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::error::{Doing, Error, Result};

/// More than any answer in this world.
const BODY_LIMIT: usize = 1 << 20;

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: String,
    /// The request target, unchanged.
    pub target: String,
    /// Every header but `content-length`.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// The headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Request {
    /// A request without a body.
    pub fn new(method: &str, host: &str, target: &str) -> Self {
        Self {
            method: method.to_owned(),
            target: target.to_owned(),
            headers: vec![("host".to_owned(), host.to_owned())],
            body: Vec::new(),
        }
    }

    /// A GET.
    pub fn get(host: &str, target: &str) -> Self {
        Self::new("GET", host, target)
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let mut text = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        if !self.body.is_empty() || matches!(self.method.as_str(), "POST" | "PUT" | "PATCH") {
            text.push_str(&format!("content-length: {}\r\n", self.body.len()));
        }
        text.push_str("\r\n");
        let mut bytes = text.into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

impl Response {
    /// The first value of a header; `name` in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A connection that stays open from one request to the next.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    to: SocketAddr,
}

impl Connection {
    /// Speaks HTTP on an open connection to `to`.
    pub fn new(stream: TcpStream, to: SocketAddr) -> Self {
        Self { stream, to }
    }

    /// Connects within `limit`.
    ///
    /// # Errors
    /// If the connection is refused or time runs out.
    pub fn open(to: SocketAddr, limit: Duration) -> Result<Self> {
        let stream = TcpStream::connect_timeout(&to, limit).doing(format!("connect to {to}"))?;
        Ok(Self::new(stream, to))
    }

    /// Asks and reads the answer within `limit`.
    ///
    /// # Errors
    /// If the connection is reset or ends early, or time runs out; it is of no use afterwards.
    pub fn ask(&mut self, request: &Request, limit: Duration) -> Result<Response> {
        let (to, end) = (self.to, Instant::now() + limit);
        self.stream.set_write_timeout(Some(limit)).doing("limit the time to write")?;
        self.stream.write_all(&request.bytes()).doing(format!("write to {to}"))?;
        let mut bytes = Vec::new();
        let mut buffer = [0; 16 * 1024];
        loop {
            if let Some(response) = parse(&bytes, false) {
                return Ok(response);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Error::new(format!("{to} did not answer within {limit:?}")));
            }
            self.stream.set_read_timeout(Some(left)).doing("limit the time to read")?;
            match self.stream.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => bytes.extend(buffer.iter().take(count)),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(error) => return Err(error).doing(format!("read from {to}")),
            }
            if bytes.len() > BODY_LIMIT {
                return Err(Error::new(format!("{to} answered with more than {BODY_LIMIT} bytes")));
            }
        }
        let nothing = || Error::new(format!("{to} closed the connection without an answer"));
        parse(&bytes, true).ok_or_else(nothing)
    }
}

/// Connects, asks once, and reads the answer; each step within `limit`.
///
/// # Errors
/// If the connection is refused, reset or ends early, or time runs out.
pub fn exchange(to: SocketAddr, request: &Request, limit: Duration) -> Result<Response> {
    let request = request.clone().header("connection", "close");
    Connection::open(to, limit)?.ask(&request, limit)
}

/// Reads a response; `None` while it is incomplete. `ended` says that no more will come.
fn parse(bytes: &[u8], ended: bool) -> Option<Response> {
    let head = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let text = String::from_utf8_lossy(bytes.get(..head)?);
    let mut lines = text.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let rest = bytes.get(head + 4..)?;
    let find =
        |wanted: &str| headers.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
    let body = if let Some(length) = find("content-length").and_then(|value| value.parse::<usize>().ok()) {
        rest.get(..length)?.to_vec()
    } else if find("transfer-encoding") == Some("chunked") {
        chunks(rest)?
    } else if ended {
        rest.to_vec()
    } else {
        return None;
    };
    Some(Response { status, headers, body })
}

fn chunks(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = rest.windows(2).position(|window| window == b"\r\n")?;
        let size = std::str::from_utf8(rest.get(..line)?).ok()?.split(';').next()?;
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        let start = line + 2;
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(rest.get(start..start.checked_add(size)?)?);
        rest = rest.get(start + size + 2..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_whole_or_not_at_all() {
        let plain = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\nX-Rule: a\r\n\r\nnope";
        let response = parse(plain, false).unwrap();
        assert_eq!((response.status, response.text().as_str()), (403, "nope"));
        assert_eq!(response.header("x-rule"), Some("a"));
        assert_eq!(parse(&plain[..plain.len() - 1], true), None);
    }

    #[test]
    fn chunked_bodies_are_joined() {
        let chunked =
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n";
        assert_eq!(parse(chunked, false).unwrap().body, b"abcde");
        assert_eq!(parse(&chunked[..chunked.len() - 8], false), None);
    }
}
