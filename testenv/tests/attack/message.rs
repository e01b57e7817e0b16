//! Messages in what an upstream received, by the ways in which servers divide a stream of bytes into messages.

use crate::bytes::{cut, shown, trimmed};

/// A request as it arrived, nothing interpreted but where its parts are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    /// The method.
    pub(crate) method: Vec<u8>,
    /// The request target, or `:path`; nothing where it was left out.
    pub(crate) target: Option<Vec<u8>>,
    /// `:authority`; nothing over HTTP/1.
    pub(crate) authority: Option<Vec<u8>>,
    /// Names as they came, and values without white space around them.
    pub(crate) fields: Vec<(Vec<u8>, Vec<u8>)>,
    /// What it carries, as far as it arrived.
    pub(crate) body: Vec<u8>,
}

/// How a server finds the end of a message. (RFC 9112, 6; PortSwigger, "HTTP desync attacks", 2019.)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// As RFC 9112 says: lines end with CRLF, and `Transfer-Encoding: chunked` comes before `Content-Length`.
    Standard,
    /// `Content-Length` comes before `Transfer-Encoding`.
    LengthFirst,
    /// Whatever looks like `chunked` is, however the name and the value are spelled; a line ends with LF.
    Lenient,
}

impl Framing {
    pub(crate) const ALL: [Self; 3] = [Self::Standard, Self::LengthFirst, Self::Lenient];
}

/// The messages of a stream over HTTP/1, until something that is none.
pub(crate) fn messages(mut stream: &[u8], framing: Framing) -> Vec<Message> {
    let mut found = Vec::new();
    while let Some((message, rest)) = message(stream, framing) {
        found.push(message);
        stream = rest;
    }
    found
}

fn message(mut stream: &[u8], framing: Framing) -> Option<(Message, &[u8])> {
    // RFC 9112, 2.2: an empty line before the request line is passed over.
    while let Some(rest) = stream.strip_prefix(b"\r\n").or_else(|| stream.strip_prefix(b"\n")) {
        stream = rest;
    }
    let (request, rest) = line(stream, framing)?;
    let (method, behind) = cut(request, b' ');
    let behind = behind?;
    if method.is_empty() || !method.iter().all(u8::is_ascii_graphic) {
        return None;
    }
    let split = behind.iter().rposition(|byte| *byte == b' ');
    let (target, version) = match split {
        Some(place) => (behind.get(..place)?, behind.get(place + 1..)?),
        None => (behind, &b""[..]),
    };
    if !version.starts_with(b"HTTP/") {
        // HTTP/0.9 has one line and nothing else.
        let old = version.is_empty() && method == b"GET";
        return old.then(|| (Message::new(method, behind), rest));
    }
    let mut message = Message::new(method, target);
    let mut rest = rest;
    loop {
        let (field, behind) = line(rest, framing)?;
        rest = behind;
        if field.is_empty() {
            break;
        }
        if field.starts_with(b" ") || field.starts_with(b"\t") {
            // Folded lines: RFC 9112, 5.2.
            if let Some((_, value)) = message.fields.last_mut() {
                value.push(b' ');
                value.extend_from_slice(trimmed(field));
            }
            continue;
        }
        let (name, value) = cut(field, b':');
        message.fields.push((name.to_vec(), trimmed(value.unwrap_or_default()).to_vec()));
    }
    let rest = message.take_body(rest, framing);
    Some((message, rest))
}

fn line(bytes: &[u8], framing: Framing) -> Option<(&[u8], &[u8])> {
    let end = match framing {
        Framing::Lenient => bytes.iter().position(|byte| *byte == b'\n')?,
        _ => bytes.windows(2).position(|window| window == b"\r\n")? + 1,
    };
    let text = bytes.get(..end)?;
    Some((text.strip_suffix(b"\r").unwrap_or(text), bytes.get(end + 1..)?))
}

impl Message {
    fn new(method: &[u8], target: &[u8]) -> Self {
        Self {
            method: method.to_vec(),
            target: Some(target.to_vec()),
            authority: None,
            fields: Vec::new(),
            body: Vec::new(),
        }
    }

    /// What it is, for a reader.
    pub(crate) fn shown(&self) -> String {
        let text = |bytes: &Option<Vec<u8>>| bytes.as_deref().map_or("-".to_owned(), shown);
        let fields: String =
            self.fields.iter().map(|(name, value)| format!(" {}={}", shown(name), shown(value))).collect();
        format!("{} {} {}{fields}", shown(&self.method), text(&self.authority), text(&self.target))
    }

    /// The values of a field, by its name in lower case.
    pub(crate) fn values<'a>(&'a self, name: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        self.fields.iter().filter(move |(it, _)| it.eq_ignore_ascii_case(name)).map(|(_, value)| &value[..])
    }

    fn take_body<'a>(&mut self, stream: &'a [u8], framing: Framing) -> &'a [u8] {
        let length = self.values(b"content-length").next().and_then(number);
        let chunked = match framing {
            Framing::Lenient => self.fields.iter().any(|(name, value)| {
                let name: Vec<u8> =
                    trimmed(name).iter().map(|b| if *b == b'_' { b'-' } else { *b }).collect();
                name.eq_ignore_ascii_case(b"transfer-encoding")
                    && value.to_ascii_lowercase().windows(7).any(|window| window == b"chunked")
            }),
            _ => self.values(b"transfer-encoding").last().is_some_and(|value| {
                value
                    .rsplit(|byte| *byte == b',')
                    .next()
                    .is_some_and(|coding| trimmed(coding).eq_ignore_ascii_case(b"chunked"))
            }),
        };
        let (body, rest) = match (length, chunked) {
            (Some(length), chunked) if !chunked || framing == Framing::LengthFirst => {
                stream.split_at(length.min(stream.len()))
            }
            (_, true) => return self.take_chunks(stream),
            _ => return stream,
        };
        self.body = body.to_vec();
        rest
    }

    fn take_chunks<'a>(&mut self, mut stream: &'a [u8]) -> &'a [u8] {
        loop {
            let Some((size, rest)) = line(stream, Framing::Lenient) else { return &[] };
            let digits = trimmed(cut(size, b';').0);
            let size = std::str::from_utf8(digits).ok().and_then(|text| usize::from_str_radix(text, 16).ok());
            let Some(size) = size else { return &[] };
            if size == 0 {
                // Trailers, until an empty line.
                let mut rest = rest;
                while let Some((trailer, behind)) = line(rest, Framing::Lenient) {
                    rest = behind;
                    if trailer.is_empty() {
                        return rest;
                    }
                }
                return &[];
            }
            let (chunk, rest) = rest.split_at(size.min(rest.len()));
            self.body.extend_from_slice(chunk);
            stream = rest.strip_prefix(b"\r\n").or_else(|| rest.strip_prefix(b"\n")).unwrap_or(rest);
        }
    }
}

fn number(text: &[u8]) -> Option<usize> {
    std::str::from_utf8(trimmed(text)).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_server_takes_for_a_body_is_a_request_to_another() {
        let both = b"POST / HTTP/1.1\r\nContent-Length: 41\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /admin HTTP/1.1\r\nHost: shop.example\r\n\r\n";
        let targets = |framing| -> Vec<Vec<u8>> {
            messages(both, framing).into_iter().filter_map(|message| message.target).collect()
        };
        assert_eq!(targets(Framing::Standard), [b"/".to_vec(), b"/admin".to_vec()]);
        assert_eq!(targets(Framing::LengthFirst)[0], b"/");
        assert!(!targets(Framing::LengthFirst).contains(&b"/admin".to_vec()));
    }

    #[test]
    fn the_oldest_version_has_one_line() {
        let found = messages(b"GET /admin\r\n", Framing::Standard);
        assert_eq!(found[0].target.as_deref(), Some(&b"/admin"[..]));
    }
}
