//! Bytes that may be HTTP/1. One answer, after which no further request is expected; whatever comes is written down.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::bytes::contains;
use crate::message::{Framing, Message, messages};

/// What agrees to an upgrade has this in its path.
const AGREES: &[u8] = b"/ws";

const ACCEPTED: &[u8] =
    b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
const TUNNEL: &[u8] = b"HTTP/1.1 200 OK\r\n\r\n";
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";

/// Answers, and says what was received.
pub(super) fn serve(mut received: Vec<u8>, mut requests: impl Read, mut answers: TcpStream) -> Vec<u8> {
    let mut buffer = [0; 4096];
    let mut answered = false;
    let mut tunnel = None;
    loop {
        if !answered && let Some(answer) = answer(&received) {
            answered = true;
            if answer != ANSWER {
                tunnel = Some(received.len());
            }
            if answers.write_all(answer).is_err() {
                break;
            }
        }
        match requests.read(&mut buffer) {
            Ok(0) | Err(_) => break,
            Ok(count) => received.extend(buffer.iter().take(count)),
        }
    }
    if let Some(length) = tunnel {
        received.truncate(length);
    }
    received
}

/// What a server says to the first message, once it is whole.
fn answer(received: &[u8]) -> Option<&'static [u8]> {
    let first = messages(received, Framing::Standard).into_iter().next()?;
    let upgrade = first.values(b"upgrade").next().is_some();
    if upgrade && first.target.as_deref().is_some_and(|target| contains(target, AGREES)) {
        return Some(ACCEPTED);
    }
    if first.method == b"CONNECT" {
        return Some(TUNNEL);
    }
    (upgrade || whole(&first, received)).then_some(ANSWER)
}

/// Whether as much of the body has come as the message announces.
fn whole(message: &Message, received: &[u8]) -> bool {
    if message.values(b"transfer-encoding").next().is_some() {
        return contains(received, b"0\r\n\r\n");
    }
    let length =
        message.values(b"content-length").next().and_then(|it| std::str::from_utf8(it).ok()?.parse().ok());
    length.is_none_or(|length: usize| message.body.len() >= length)
}
