//! Asking a running enforcer over HTTP: through the API server, at an address, or at a Unix socket.

use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Context, bail, ensure};
use bookend_cluster::Stream;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpStream, UnixStream};

/// Where an enforcer listens, unless it was told otherwise (`--listen`).
pub(crate) const PORT: u16 = 9466;

/// The most bytes of an answer, and of a line of one.
const MOST: usize = 64 << 20;
const MOST_OF_LINE: usize = 1 << 20;

/// An enforcer that can be asked without a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A host and a port.
    Address(String),
    /// A socket.
    Socket(PathBuf),
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.starts_with("https://") {
            return Err(
                "enforcers speak no TLS: write `http://127.0.0.1:9466`, or the path of a socket".to_owned()
            );
        }
        let address = text.strip_prefix("http://").map(|rest| rest.trim_end_matches('/'));
        match address {
            Some(address) if address.contains('/') => {
                Err(format!("write it without a path: `http://{address}`"))
            }
            Some(address)
                if address.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok()) =>
            {
                Ok(Self::Address(address.to_owned()))
            }
            Some(address) => Ok(Self::Address(format!("{address}:{PORT}"))),
            None if text.contains('/') => Ok(Self::Socket(text.strip_prefix("unix:").unwrap_or(text).into())),
            None => Err("write `http://127.0.0.1:9466`, or the path of a socket".to_owned()),
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Address(address) => write!(f, "http://{address}"),
            Self::Socket(path) => write!(f, "{}", path.display()),
        }
    }
}

impl Place {
    /// Connects to it.
    ///
    /// # Errors
    /// When nobody listens there.
    pub(crate) async fn connect(&self) -> anyhow::Result<Box<dyn Stream>> {
        let cure = || format!("cannot ask the enforcer at `{self}`; see its option `--listen`");
        Ok(match self {
            Self::Address(address) => Box::new(TcpStream::connect(address).await.with_context(cure)?),
            Self::Socket(path) => Box::new(UnixStream::connect(path).await.with_context(cure)?),
        })
    }
}

/// A page of an enforcer.
pub(crate) struct Page(Response<Incoming>);

impl Page {
    /// Asks for `path` over `stream`.
    ///
    /// # Errors
    /// When nobody answers, or not with the page.
    pub(crate) async fn open(stream: Box<dyn Stream>, path: &str) -> anyhow::Result<Self> {
        let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = handshake.context("the enforcer does not answer")?;
        // It ends with the answer; what is wrong with it is told there.
        tokio::spawn(async move { connection.await.ok() });
        // An enforcer answers only those who call it by an address or `localhost`.
        let request = Request::get(path).header("host", "localhost").body(String::new())?;
        let response = sender.send_request(request).await.context("the enforcer does not answer")?;
        let status = response.status();
        if !status.is_success() {
            let text = Self(response).text().await.unwrap_or_default();
            bail!("the enforcer answers {status}: {}", text.trim());
        }
        Ok(Self(response))
    }

    /// All of it.
    ///
    /// # Errors
    /// When it breaks off.
    pub(crate) async fn text(mut self) -> anyhow::Result<String> {
        let mut whole = Vec::new();
        while let Some(bytes) = self.next().await? {
            ensure!(whole.len() + bytes.len() <= MOST, "the enforcer's answer is too long");
            whole.extend_from_slice(&bytes);
        }
        Ok(String::from_utf8_lossy(&whole).into_owned())
    }

    /// Its lines.
    pub(crate) fn lines(self) -> Lines {
        Lines { page: self, rest: Vec::new() }
    }

    async fn next(&mut self) -> anyhow::Result<Option<hyper::body::Bytes>> {
        while let Some(frame) = self.0.body_mut().frame().await {
            if let Ok(bytes) = frame.context("the enforcer's answer breaks off")?.into_data() {
                return Ok(Some(bytes));
            }
        }
        Ok(None)
    }
}

/// The lines of a page, as they come.
pub(crate) struct Lines {
    page: Page,
    rest: Vec<u8>,
}

impl Lines {
    /// The next line, without its end; nothing after the last. Nothing is lost if the future is dropped.
    ///
    /// # Errors
    /// When the page breaks off.
    pub(crate) async fn next(&mut self) -> anyhow::Result<Option<String>> {
        loop {
            if let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=end).collect();
                return Ok(Some(String::from_utf8_lossy(&line).trim_end().to_owned()));
            }
            ensure!(self.rest.len() <= MOST_OF_LINE, "the enforcer writes a line without an end");
            match self.page.next().await? {
                Some(bytes) => self.rest.extend_from_slice(&bytes),
                None => return Ok(None),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_an_address_or_a_socket() {
        let place = |text: &str| text.parse::<Place>();
        assert_eq!(place("http://127.0.0.1:9466/"), Ok(Place::Address("127.0.0.1:9466".to_owned())));
        assert_eq!(place("http://[::1]:80"), Ok(Place::Address("[::1]:80".to_owned())));
        assert_eq!(place("http://node-7"), Ok(Place::Address("node-7:9466".to_owned())));
        assert_eq!(place("/run/b.sock"), Ok(Place::Socket("/run/b.sock".into())));
        for wrong in ["127.0.0.1:9466", "https://a:1", "http://a:1/events"] {
            assert!(place(wrong).is_err(), "{wrong}");
        }
    }

    #[tokio::test]
    async fn an_answer_is_read_line_by_line() {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (near, mut far) = tokio::io::duplex(1024);
        tokio::spawn(async move {
            let mut asked = [0; 256];
            let length = far.read(&mut asked).await.unwrap();
            assert!(asked[..length].starts_with(b"GET /events HTTP/1.1\r\nhost: localhost\r\n"));
            let answer = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n6\r\n\ntwo\nt\r\n0\r\n\r\n";
            far.write_all(answer).await.unwrap();
        });
        let page = Page::open(Box::new(near), "/events").await.unwrap();
        let (mut lines, mut told) = (page.lines(), Vec::new());
        while let Some(line) = lines.next().await.unwrap() {
            told.push(line);
        }
        assert_eq!(told, ["one", "two"]);
    }
}
