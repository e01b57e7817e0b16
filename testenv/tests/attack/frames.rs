//! Frames of HTTP/2, written byte by byte so that what is forbidden can be sent too, and read. (RFC 9113, RFC 7541.)

use std::io::{Read, Result, Write};

/// What a client says first.
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const CONTINUATION: u8 = 9;

/// Flag of DATA and HEADERS: the stream ends here.
pub(crate) const END_STREAM: u8 = 0x1;
/// Flag of SETTINGS and PING: an acknowledgement.
pub(crate) const ACK: u8 = 0x1;
/// Flag of HEADERS and CONTINUATION: the headers end here.
pub(crate) const END_HEADERS: u8 = 0x4;
const PADDED: u8 = 0x8;
const PRIORITY: u8 = 0x20;

/// More than any frame that was agreed on.
const LARGEST: usize = 1 << 20;

/// A frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    pub(crate) fn new(kind: u8, flags: u8, stream: u32, payload: impl Into<Vec<u8>>) -> Self {
        Self { kind, flags, stream, payload: payload.into() }
    }

    /// The bytes on the wire.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let length = u32::try_from(self.payload.len()).unwrap_or(u32::MAX).to_be_bytes();
        let mut bytes = length[1..].to_vec();
        bytes.extend([self.kind, self.flags]);
        bytes.extend(self.stream.to_be_bytes());
        bytes.extend(&self.payload);
        bytes
    }

    /// Writes it.
    pub(crate) fn write(&self, to: &mut impl Write) -> Result<()> {
        to.write_all(&self.bytes())
    }

    /// Reads the next one.
    pub(crate) fn read(from: &mut impl Read) -> Result<Self> {
        let mut head = [0; 9];
        from.read_exact(&mut head)?;
        let [a, b, c, kind, flags, stream @ ..] = head;
        let length = usize::try_from(u32::from_be_bytes([0, a, b, c])).unwrap_or(LARGEST);
        if length > LARGEST {
            return Err(std::io::ErrorKind::InvalidData.into());
        }
        let mut payload = vec![0; length];
        from.read_exact(&mut payload)?;
        Ok(Self { kind, flags, stream: u32::from_be_bytes(stream) & 0x7fff_ffff, payload })
    }

    pub(crate) fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// The payload of DATA or HEADERS without padding and priority.
    pub(crate) fn content(&self) -> &[u8] {
        let mut content = &self.payload[..];
        if self.has(PADDED) {
            let Some((padding, rest)) = content.split_first() else { return &[] };
            content = rest.get(..rest.len().saturating_sub(usize::from(*padding))).unwrap_or_default();
        }
        if self.kind == HEADERS && self.has(PRIORITY) {
            content = content.get(5..).unwrap_or_default();
        }
        content
    }
}

/// A block of literal fields that are never indexed and not compressed: any bytes can be in it. (RFC 7541, 6.2.2.)
pub(crate) fn block<'a>(fields: impl IntoIterator<Item = (&'a [u8], &'a [u8])>) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            length(text.len(), &mut block);
            block.extend_from_slice(text);
        }
    }
    block
}

/// An integer with a prefix of 7 bits. (RFC 7541, 5.1.)
fn length(mut value: usize, block: &mut Vec<u8>) {
    let low = |value: usize| u8::try_from(value & 0x7f).unwrap_or_default();
    if value < 0x7f {
        block.push(low(value));
        return;
    }
    block.push(0x7f);
    value -= 0x7f;
    while value >= 0x80 {
        block.push(low(value) | 0x80);
        value >>= 7;
    }
    block.push(low(value));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_read_back_as_it_was_written() {
        let long = vec![b'a'; 300];
        let fields: [(&[u8], &[u8]); 3] = [(b":path", b"/a\r\nb"), (b"X-Upper", b"\xff"), (b"long", &long)];
        let read = loona_hpack::Decoder::new().decode(&block(fields)).unwrap();
        let expected: Vec<_> = fields.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
        assert_eq!(read, expected);
    }

    #[test]
    fn a_frame_is_read_back_as_it_was_written() {
        let frame = Frame::new(HEADERS, END_HEADERS | PADDED, 3, [1, b'x', 0]);
        let read = Frame::read(&mut frame.bytes().as_slice()).unwrap();
        assert_eq!((&read, read.content()), (&frame, &b"x"[..]));
    }
}
