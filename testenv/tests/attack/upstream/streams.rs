//! HTTP/2: every stream is answered, and what it asked for is written down.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;

use loona_hpack::Decoder;

use crate::frames::{
    ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, Frame, GOAWAY, HEADERS, PING, SETTINGS, block,
};
use crate::message::Message;

/// SETTINGS_ENABLE_CONNECT_PROTOCOL = 1. (RFC 8441, 3.)
const SETTLED: [u8; 6] = [0, 8, 0, 0, 0, 1];

/// Answers, and says what was asked for.
pub(super) fn serve(mut requests: impl Read, mut answers: TcpStream) -> Vec<Message> {
    let mut decoder = Decoder::new();
    let mut messages: BTreeMap<u32, Message> = BTreeMap::new();
    let mut head = Vec::new();
    let mut ends = false;
    if Frame::new(SETTINGS, 0, 0, SETTLED).write(&mut answers).is_err() {
        return Vec::new();
    }
    while let Ok(frame) = Frame::read(&mut requests) {
        let outcome = match frame.kind {
            SETTINGS if !frame.has(ACK) => Frame::new(SETTINGS, ACK, 0, []).write(&mut answers),
            PING if !frame.has(ACK) => Frame::new(PING, ACK, 0, frame.payload).write(&mut answers),
            GOAWAY => break,
            HEADERS | CONTINUATION => {
                if frame.kind == HEADERS {
                    head.clear();
                    ends = frame.has(END_STREAM);
                }
                head.extend_from_slice(frame.content());
                if !frame.has(END_HEADERS) {
                    continue;
                }
                // Both ends share a table; whoever cannot follow it understands nothing any more.
                let Ok(fields) = decoder.decode(&head) else { break };
                let tunnel = fields.iter().any(|(name, value)| name == b":method" && value == b"CONNECT");
                // What comes later on the same stream are trailers.
                messages.entry(frame.stream).or_insert_with(|| message(fields));
                if ends || tunnel { respond(&mut answers, frame.stream, !tunnel) } else { Ok(()) }
            }
            DATA => {
                if let Some(message) = messages.get_mut(&frame.stream) {
                    message.body.extend_from_slice(frame.content());
                }
                if frame.has(END_STREAM) { respond(&mut answers, frame.stream, true) } else { Ok(()) }
            }
            _ => Ok(()),
        };
        if outcome.is_err() {
            break;
        }
    }
    messages.into_values().collect()
}

fn respond(answers: &mut impl Write, stream: u32, ends: bool) -> std::io::Result<()> {
    let flags = END_HEADERS | if ends { END_STREAM } else { 0 };
    let status: [(&[u8], &[u8]); 1] = [(b":status", b"200")];
    Frame::new(HEADERS, flags, stream, block(status)).write(answers)
}

fn message(fields: Vec<(Vec<u8>, Vec<u8>)>) -> Message {
    let (special, fields): (Vec<_>, Vec<_>) =
        fields.into_iter().partition(|(name, _)| name.starts_with(b":"));
    let mut special: BTreeMap<_, _> = special.into_iter().collect();
    let method = special.remove(&b":method"[..]).unwrap_or_default();
    Message {
        // RFC 8441, 5: to whoever serves the path it is the GET of a websocket.
        method: if special.contains_key(&b":protocol"[..]) { b"GET".to_vec() } else { method },
        target: special.remove(&b":path"[..]),
        authority: special.remove(&b":authority"[..]),
        fields,
        body: Vec::new(),
    }
}
