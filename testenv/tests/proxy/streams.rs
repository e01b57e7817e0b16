//! A client of HTTP/2 that sends what it is told.

use crate::frames::{self, Frame};
use crate::line::Line;

/// The frame that ends a stream at once.
const RESET: u8 = 3;

/// A connection of HTTP/2.
pub(crate) struct Streams {
    line: Line,
    decoder: loona_hpack::Decoder<'static>,
    next: u32,
}

/// What came back on a stream.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// Of all blocks, trailers included, in their order.
    pub(crate) fields: Vec<(String, String)>,
    /// How many blocks there were: a second one has the trailers.
    pub(crate) blocks: usize,
    pub(crate) data: Vec<u8>,
    /// The stream was reset.
    pub(crate) reset: bool,
}

impl Answer {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn status(&self) -> u16 {
        self.field(":status").and_then(|status| status.parse().ok()).unwrap_or_default()
    }
}

impl Streams {
    pub(crate) fn new(mut line: Line) -> Self {
        line.say(frames::PREFACE);
        line.say(Frame::new(frames::SETTINGS, 0, 0, []).bytes());
        Self { line, decoder: loona_hpack::Decoder::new(), next: 1 }
    }

    /// Opens a stream with these fields; it stays open.
    pub(crate) fn open(&mut self, fields: &[(&str, &str)]) -> u32 {
        self.headers(fields, 0)
    }

    /// Sends a whole request and listens for the whole answer.
    pub(crate) fn ask(&mut self, fields: &[(&str, &str)], body: &[u8]) -> Answer {
        let stream = self.headers(fields, if body.is_empty() { frames::END_STREAM } else { 0 });
        if !body.is_empty() {
            self.send(stream, body, true);
        }
        self.listen(stream, |_| false)
    }

    /// A call of gRPC of this method, with an empty message.
    pub(crate) fn call(&mut self, path: &str) -> Answer {
        let fields = [
            (":method", "POST"),
            (":scheme", "https"),
            (":authority", "server"),
            (":path", path),
            ("content-type", "application/grpc"),
            ("te", "trailers"),
        ];
        self.ask(&fields, &[0; 5])
    }

    /// A GET of this path.
    pub(crate) fn get(&mut self, path: &str) -> Answer {
        self.ask(&[(":method", "GET"), (":scheme", "https"), (":authority", "server"), (":path", path)], b"")
    }

    pub(crate) fn send(&mut self, stream: u32, data: &[u8], last: bool) {
        let flags = if last { frames::END_STREAM } else { 0 };
        self.line.say(Frame::new(frames::DATA, flags, stream, data).bytes());
    }

    /// Listens until the stream ends, or what was heard is enough.
    pub(crate) fn listen(&mut self, stream: u32, enough: impl Fn(&Answer) -> bool) -> Answer {
        let mut answer = Answer::default();
        while !enough(&answer) {
            let frame = Frame::read(&mut self.line).unwrap();
            match frame.kind {
                frames::SETTINGS | frames::PING if !frame.has(frames::ACK) => {
                    let payload = if frame.kind == frames::PING { frame.payload.clone() } else { Vec::new() };
                    self.line.say(Frame::new(frame.kind, frames::ACK, 0, payload).bytes());
                }
                frames::HEADERS => {
                    let fields = self.decoder.decode(frame.content()).unwrap();
                    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
                    answer.fields.extend(fields.into_iter().map(|(name, value)| (text(name), text(value))));
                    answer.blocks += 1;
                }
                frames::DATA => answer.data.extend(frame.content()),
                RESET if frame.stream == stream => answer.reset = true,
                frames::GOAWAY => panic!("the proxy goes away: {frame:?}"),
                _ => {}
            }
            let ended = matches!(frame.kind, frames::HEADERS | frames::DATA) && frame.has(frames::END_STREAM);
            if frame.stream == stream && (ended || frame.kind == RESET) {
                break;
            }
        }
        answer
    }

    fn headers(&mut self, fields: &[(&str, &str)], flags: u8) -> u32 {
        let stream = self.next;
        self.next += 2;
        let block = frames::block(fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())));
        let flags = flags | frames::END_HEADERS;
        self.line.say(Frame::new(frames::HEADERS, flags, stream, block).bytes());
        stream
    }
}
