//! The log of decisions: one JSON object on each line, for people and for machines.
//!
//! ```json
//! {"bookend":"decision","verdict":"deny","rule":"default/shop/isolate[0]","end":"destination","revision":"r1","layer":"http",
//!  "method":"GET","host":"shop","path":"/cart","peer":{"address":"10.0.0.7","principals":["spiffe://..."]},"port":8080}
//! ```
//!
//! What is not known is left out. A stream that could not be judged has `fault` in the place of `rule`, and the reason. The query
//! of a path is never told, because it may hold secrets. Bytes from a peer other than printable ASCII are written as
//! `\xff`, a backslash as two, and what is longer than 256 bytes ends in `...`, so a line is short and cannot be broken.

use bookend_engine::{Decision, DecisionLog, End};

use crate::Fault;
use crate::arrival::Arrival;
use crate::headers::RequestHead;
use crate::proxy::{Level, Proxy};
use crate::tally::Layer;

/// The most bytes of a text that are told.
const MOST_BYTES: usize = 256;

/// The most names of a certificate that are told.
const MOST_NAMES: usize = 8;

/// What there is to tell of a decision.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry<'a> {
    pub(crate) revision: &'a str,
    pub(crate) end: End,
    pub(crate) layer: Layer,
    pub(crate) decided: Result<Decision<'a>, &'a Fault>,
    pub(crate) audit: Option<Decision<'a>>,
    pub(crate) head: Option<&'a RequestHead<'a>>,
    pub(crate) arrival: Option<&'a Arrival>,
    /// Where a request goes that leaves the workload.
    pub(crate) upstream: Option<std::net::SocketAddr>,
}

/// Which decisions were told, and how many lines a moment had.
#[derive(Debug, Clone, Default)]
pub(crate) struct Journal {
    second: u64,
    /// Lines in that second.
    lines: u32,
    /// Lines that were too many, since that was last told.
    suppressed: u64,
    allowed: Sample,
    denied: Sample,
    audited: Sample,
}

/// One in so many.
#[derive(Debug, Clone, Copy, Default)]
struct Sample {
    met: u32,
}

impl Sample {
    /// Whether this one is taken: the first, and then every `one_in`th; none if that is 0.
    fn takes(&mut self, one_in: u32) -> bool {
        let Some(last) = one_in.checked_sub(1) else { return false };
        let taken = self.met == 0;
        self.met = if self.met >= last { 0 } else { self.met.saturating_add(1) };
        taken
    }
}

impl Journal {
    /// Whether a decision is to be told.
    pub(crate) fn wants(&mut self, log: &DecisionLog, allowed: bool, audited: bool) -> bool {
        let by_verdict =
            if allowed { self.allowed.takes(log.allowed) } else { self.denied.takes(log.denied) };
        let by_audit = audited && self.audited.takes(log.audited);
        by_verdict || by_audit
    }

    /// Writes a line, unless this second had enough of them. False if it had; the line is not even made then.
    pub(crate) fn write(
        &mut self,
        proxy: &impl Proxy,
        log: &DecisionLog,
        level: Level,
        line: impl FnOnce() -> String,
    ) -> bool {
        let second = proxy.second();
        if second != self.second {
            (self.second, self.lines) = (second, 0);
        }
        if self.lines >= log.per_second {
            self.suppressed = self.suppressed.saturating_add(1);
            return false;
        }
        self.lines = self.lines.saturating_add(1);
        let suppressed = std::mem::take(&mut self.suppressed);
        if suppressed > 0 {
            let mut line = Line::new("suppressed");
            line.number("lines", suppressed);
            proxy.log(Level::Info, &line.end());
        }
        proxy.log(level, &line());
        true
    }
}

impl Entry<'_> {
    /// The line.
    pub(crate) fn line(&self) -> String {
        let mut line = Line::new("decision");
        match &self.decided {
            Ok(decision) => {
                line.text("verdict", decision.verdict.name());
                line.text("rule", decision.cause.id());
            }
            Err(fault) => {
                line.text("verdict", "deny");
                line.text("fault", fault.code());
                line.text("reason", &fault.to_string());
            }
        }
        line.text("end", self.end.name());
        line.text("revision", self.revision);
        line.text("layer", self.layer.name());
        if let Some(head) = self.head {
            line.bytes("method", head.method);
            line.bytes("host", head.authority);
            line.bytes("path", head.path.and_then(|path| path.split(|byte| *byte == b'?').next()));
        }
        let known = |arrival: &&Arrival| arrival.address.is_some() || !arrival.uri_sans.is_empty();
        if let Some(Arrival { uri_sans, address, .. }) = self.arrival.filter(known) {
            line.open("peer");
            if let Some(address) = address {
                line.text("address", &address.to_string());
            }
            if !uri_sans.is_empty() {
                line.list("principals", uri_sans.iter().take(MOST_NAMES).map(String::as_str));
            }
            line.close();
        }
        let destination = self.upstream.or_else(|| self.arrival.map(|arrival| arrival.destination));
        if let Some(destination) = destination {
            if self.end == End::Source {
                line.text("destination", &destination.ip().to_string());
            }
            line.number("port", destination.port().into());
        }
        if let Some(audit) = self.audit {
            line.open("audit");
            line.text("verdict", audit.verdict.name());
            line.text("rule", audit.cause.id());
            line.close();
        }
        line.end()
    }
}

/// A JSON object on one line.
struct Line {
    text: String,
}

impl Line {
    fn new(kind: &str) -> Self {
        let mut line = Self { text: String::with_capacity(512) };
        line.text.push('{');
        line.text("bookend", kind);
        line
    }

    fn end(mut self) -> String {
        self.text.push('}');
        self.text
    }

    fn name(&mut self, name: &str) {
        if !self.text.ends_with('{') {
            self.text.push(',');
        }
        self.text.push('"');
        self.text.push_str(name);
        self.text.push_str("\":");
    }

    fn text(&mut self, name: &str, value: &str) {
        self.bytes(name, Some(value.as_bytes()));
    }

    fn bytes(&mut self, name: &str, value: Option<&[u8]>) {
        if let Some(value) = value {
            self.name(name);
            self.quoted(value);
        }
    }

    fn number(&mut self, name: &str, value: u64) {
        self.name(name);
        self.text.push_str(&value.to_string());
    }

    fn list<'v>(&mut self, name: &str, values: impl Iterator<Item = &'v str>) {
        self.name(name);
        self.text.push('[');
        for value in values {
            if !self.text.ends_with('[') {
                self.text.push(',');
            }
            self.quoted(value.as_bytes());
        }
        self.text.push(']');
    }

    fn open(&mut self, name: &str) {
        self.name(name);
        self.text.push('{');
    }

    fn close(&mut self) {
        self.text.push('}');
    }

    /// A string that is harmless and short.
    fn quoted(&mut self, bytes: &[u8]) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digit = |nibble: u8| char::from(*DIGITS.get(usize::from(nibble & 15)).unwrap_or(&b'0'));
        self.text.push('"');
        for byte in bytes.iter().take(MOST_BYTES) {
            match byte {
                b'"' => self.text.push_str("\\\""),
                // Once for us, once for JSON.
                b'\\' => self.text.push_str("\\\\\\\\"),
                0x20..=0x7e => self.text.push(char::from(*byte)),
                _ => {
                    self.text.push_str("\\\\x");
                    self.text.push(digit(byte >> 4));
                    self.text.push(digit(*byte));
                }
            }
        }
        if bytes.len() > MOST_BYTES {
            self.text.push_str("...");
        }
        self.text.push('"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn quoted(bytes: &[u8]) -> String {
        let mut line = Line { text: String::new() };
        line.quoted(bytes);
        let value: Value = serde_json::from_str(&line.text).unwrap();
        value.as_str().unwrap().to_owned()
    }

    #[test]
    fn bytes_of_a_peer_are_harmless_and_can_be_told_apart() {
        assert_eq!(quoted(b"/a?b c~"), "/a?b c~");
        assert_eq!(quoted(b"\"\\\n\x7f\xff\0"), "\"\\\\\\x0a\\x7f\\xff\\x00");
        assert_ne!(quoted(b"\\xff"), quoted(b"\xff"));
        assert_eq!(quoted("\u{e9}".as_bytes()), "\\xc3\\xa9");
        for byte in 0..=u8::MAX {
            assert!(quoted(&[byte]).bytes().all(|shown| (0x20..0x7f).contains(&shown)), "{byte}");
        }
    }

    #[test]
    fn what_is_long_is_cut_and_says_so() {
        assert_eq!(quoted(&[b'a'; MOST_BYTES]).len(), MOST_BYTES);
        assert_eq!(quoted(&[b'a'; MOST_BYTES + 1]), format!("{}...", "a".repeat(MOST_BYTES)));
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let fault = Fault::HeadersMalformed;
        let entry = Entry {
            revision: "r1",
            end: End::Destination,
            layer: Layer::Http,
            decided: Err(&fault),
            audit: None,
            head: None,
            arrival: None,
            upstream: None,
        };
        let expected = r#"{"bookend":"decision","verdict":"deny","fault":"request.headers","reason":"the request's headers make no sense","end":"destination","revision":"r1","layer":"http"}"#;
        assert_eq!(entry.line(), expected);
    }

    #[test]
    fn a_sample_is_the_first_and_then_one_in_so_many() {
        let taken = |one_in| {
            let mut sample = Sample::default();
            (0..7).map(|_| u8::from(sample.takes(one_in))).collect::<Vec<_>>()
        };
        assert_eq!(taken(0), [0; 7]);
        assert_eq!(taken(1), [1; 7]);
        assert_eq!(taken(3), [1, 0, 0, 1, 0, 0, 1]);
        assert_eq!(taken(u32::MAX), [1, 0, 0, 0, 0, 0, 0]);
    }
}
