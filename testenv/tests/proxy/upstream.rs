//! Servers behind the proxy, which write down whatever reaches them.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use bookend_testenv::Stand;

use crate::frames::{self, Frame};

/// What the server that speaks first says.
pub(crate) const BANNER: &str = "HELLO";

/// What a server does with a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Manner {
    /// Answers requests of HTTP/1.1, and agrees to change to websocket: then it repeats what it hears.
    Web,
    /// Answers calls of gRPC over HTTP/2.
    Calls,
    /// Repeats what it hears, and says `bye` when the other side has ended.
    Echo,
    /// Speaks first, and goes on like that.
    Banner,
}

/// A server. It ends with the process.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) at: SocketAddr,
    /// By connections: what comes at once is not mixed.
    heard: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Upstream {
    pub(crate) fn new(stand: &Stand, at: &str, manner: Manner) -> Self {
        let at = at.parse().unwrap();
        let listener = stand.namespace().run(|| TcpListener::bind(at)).unwrap().unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let ear = Arc::clone(&heard);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                let heard = Arc::clone(&ear);
                let place = {
                    let mut heard = heard.lock().unwrap();
                    heard.push(b"<connection>".to_vec());
                    heard.len() - 1
                };
                thread::spawn(move || serve(manner, stream, &Ear { heard, place }));
            }
        });
        Self { at, heard }
    }

    /// What reached it since it was asked last; every connection begins with `<connection>`.
    pub(crate) fn heard(&self) -> String {
        let mut heard = self.heard.lock().unwrap();
        let all: Vec<u8> = heard.iter_mut().flat_map(std::mem::take).collect();
        String::from_utf8_lossy(&all).into_owned()
    }
}

/// Where what is heard on a connection is written down.
struct Ear {
    heard: Arc<Mutex<Vec<Vec<u8>>>>,
    place: usize,
}

impl Ear {
    fn hear(&self, bytes: &[u8]) {
        self.heard.lock().unwrap().get_mut(self.place).unwrap().extend(bytes);
    }
}

/// Goes on until the connection ends, in whatever way.
fn serve(manner: Manner, stream: TcpStream, ear: &Ear) {
    let mut line = Wire { stream, ear };
    let _ended = match manner {
        Manner::Web => line.web(),
        Manner::Calls => line.calls(),
        Manner::Echo => line.echo(),
        Manner::Banner => line.stream.write_all(BANNER.as_bytes()).and_then(|()| line.echo()),
    };
}

struct Wire<'e> {
    stream: TcpStream,
    ear: &'e Ear,
}

impl Read for Wire<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.stream.read(buffer)?;
        self.ear.hear(buffer.get(..count).unwrap_or_default());
        Ok(count)
    }
}

impl Wire<'_> {
    fn echo(&mut self) -> std::io::Result<()> {
        let mut buffer = [0; 4096];
        loop {
            let count = self.read(&mut buffer)?;
            if count == 0 {
                return self.stream.write_all(b"bye");
            }
            self.stream.write_all(buffer.get(..count).unwrap_or_default())?;
        }
    }

    fn web(&mut self) -> std::io::Result<()> {
        loop {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                self.read_exact(&mut byte)?;
                head.extend(byte);
            }
            let head = String::from_utf8_lossy(&head).to_lowercase();
            let field = |name: &str| {
                let lines = head.lines().filter_map(|line| line.split_once(": "));
                lines.filter(|(found, _)| *found == name).map(|(_, value)| value.to_owned()).next()
            };
            if field("upgrade").is_some() {
                let answer =
                    "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
                self.stream.write_all(answer.as_bytes())?;
                return self.echo();
            }
            let length = field("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
            self.read_exact(&mut vec![0; length])?;
            // A request without a length, over HTTP/1.1, ends here or with the last chunk.
            if field("transfer-encoding").is_some() {
                let mut body = Vec::new();
                while !body.ends_with(b"0\r\n\r\n") {
                    let mut byte = [0];
                    self.read_exact(&mut byte)?;
                    body.extend(byte);
                }
            }
            self.stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nserved")?;
        }
    }

    fn calls(&mut self) -> std::io::Result<()> {
        let mut preface = vec![0; frames::PREFACE.len()];
        self.read_exact(&mut preface)?;
        Frame::new(frames::SETTINGS, 0, 0, []).write(&mut self.stream)?;
        let mut decoder = loona_hpack::Decoder::new();
        loop {
            let frame = Frame::read(&mut self.stream)?;
            match frame.kind {
                frames::SETTINGS | frames::PING if !frame.has(frames::ACK) => {
                    let payload = if frame.kind == frames::PING { frame.payload.clone() } else { Vec::new() };
                    Frame::new(frame.kind, frames::ACK, 0, payload).write(&mut self.stream)?;
                }
                frames::HEADERS => {
                    let fields = decoder.decode(frame.content()).unwrap_or_default();
                    for (name, value) in fields {
                        self.ear.hear(&[&name[..], b": ", &value, b"\n"].concat());
                    }
                }
                frames::DATA => self.ear.hear(frame.content()),
                _ => {}
            }
            if matches!(frame.kind, frames::HEADERS | frames::DATA) && frame.has(frames::END_STREAM) {
                self.answer(frame.stream)?;
            }
        }
    }

    /// One message, empty, and that all is well.
    fn answer(&mut self, stream: u32) -> std::io::Result<()> {
        let field = |name: &'static str, value: &'static str| (name.as_bytes(), value.as_bytes());
        let head = frames::block([field(":status", "200"), field("content-type", "application/grpc")]);
        let trailers = frames::block([field("grpc-status", "0")]);
        Frame::new(frames::HEADERS, frames::END_HEADERS, stream, head).write(&mut self.stream)?;
        Frame::new(frames::DATA, 0, stream, [0; 5]).write(&mut self.stream)?;
        let flags = frames::END_HEADERS | frames::END_STREAM;
        Frame::new(frames::HEADERS, flags, stream, trailers).write(&mut self.stream)
    }
}
