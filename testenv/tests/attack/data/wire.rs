//! What is sent, as the data writes it.

use std::ops::Range;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::bytes::meant;
use crate::frames::{CONTINUATION, DATA, END_HEADERS, END_STREAM, Frame, HEADERS, block};

/// What is sent on one connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wire {
    /// Whether the client speaks HTTP/2, so that it has to begin and to answer as one does.
    pub(crate) streams: bool,
    /// One after the other.
    pub(crate) parts: Vec<Part>,
    /// The fields of the one request over HTTP/2, where it is no more than that.
    fields: Vec<(Vec<u8>, Vec<u8>)>,
}

/// Bytes that are sent together; those of HTTP/2 are frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part(pub(crate) Vec<u8>);

/// One text, or several.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Parts {
    One(String),
    Several(Vec<String>),
}

/// A field of the one request, as `name: value`, or a frame.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Item {
    Field(String),
    Frame(Box<Written>),
}

/// A frame.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Written {
    /// HEADERS with these fields.
    headers: Option<Vec<String>>,
    /// Split into HEADERS and CONTINUATION after so many bytes.
    split: Option<usize>,
    /// DATA.
    data: Option<String>,
    /// Any frame: its type, its flags and its payload.
    raw: Option<(u8, u8, String)>,
    /// The stream does not end here.
    #[serde(default)]
    open: bool,
    /// 1 unless it says another.
    stream: Option<u32>,
    /// Sent once an answer to what was before came.
    #[serde(default)]
    later: bool,
}

impl Wire {
    fn request(fields: Vec<(Vec<u8>, Vec<u8>)>) -> Self {
        let block = block(fields.iter().map(|(name, value)| (&name[..], &value[..])));
        let frame = Frame::new(HEADERS, END_HEADERS | END_STREAM, 1, block);
        Self { streams: true, parts: vec![Part(frame.bytes())], fields }
    }

    /// The target of a request that is no more than one, in origin form.
    pub(crate) fn target(&self) -> Option<&[u8]> {
        let target = if self.streams {
            let mut paths = self.fields.iter().filter(|(name, _)| name == b":path");
            paths.next().filter(|_| paths.next().is_none()).map(|(_, path)| &path[..])?
        } else {
            let [Part(bytes)] = &self.parts[..] else { return None };
            bytes.get(place(bytes)?)?
        };
        target.starts_with(b"/").then_some(target)
    }

    /// The same request for another target.
    pub(crate) fn aimed_at(&self, target: &[u8]) -> Self {
        if self.streams {
            let aim = |(name, value): &(Vec<u8>, Vec<u8>)| {
                (name.clone(), if name == b":path" { target.to_vec() } else { value.clone() })
            };
            return Self::request(self.fields.iter().map(aim).collect());
        }
        let mut other = self.clone();
        if let Some(Part(bytes)) = other.parts.first_mut()
            && let Some(place) = place(bytes)
        {
            bytes.splice(place, target.iter().copied());
        }
        other
    }
}

/// Where the target is in the first line of a request over HTTP/1.
fn place(bytes: &[u8]) -> Option<Range<usize>> {
    let line = bytes.windows(2).position(|window| window == b"\r\n")?;
    let line = bytes.get(..line)?;
    let begin = line.iter().position(|byte| *byte == b' ')? + 1;
    let end = line.iter().rposition(|byte| *byte == b' ')?;
    (begin < end).then_some(begin..end)
}

impl Parts {
    pub(super) fn wire(self) -> Result<Wire> {
        let texts = match self {
            Self::One(text) => vec![text],
            Self::Several(texts) => texts,
        };
        let parts = texts.iter().map(|text| Ok(Part(meant(text)?))).collect::<Result<_>>()?;
        Ok(Wire { streams: false, parts, fields: Vec::new() })
    }
}

/// The bytes of fields or frames.
pub(super) fn frames(items: &[Item]) -> Result<Wire> {
    let mut parts = vec![Part(Vec::new())];
    let fields: Vec<&str> = items
        .iter()
        .filter_map(|item| if let Item::Field(text) = item { Some(&text[..]) } else { None })
        .collect();
    if !fields.is_empty() {
        if fields.len() != items.len() {
            bail!("either fields or frames");
        }
        return Ok(Wire::request(pairs(&fields)?));
    }
    for item in items {
        let Item::Frame(frame) = item else { continue };
        let bytes = frame.bytes()?;
        match parts.last_mut() {
            Some(Part(last)) if !frame.later => last.extend(bytes),
            _ => parts.push(Part(bytes)),
        }
    }
    Ok(Wire { streams: true, parts, fields: Vec::new() })
}

impl Written {
    fn bytes(&self) -> Result<Vec<u8>> {
        let stream = self.stream.unwrap_or(1);
        let end = if self.open { 0 } else { END_STREAM };
        match (&self.headers, &self.data, &self.raw) {
            (Some(fields), None, None) => {
                let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
                let block = encoded(&fields)?;
                let Some(at) = self.split else {
                    return Ok(Frame::new(HEADERS, END_HEADERS | end, stream, block).bytes());
                };
                let (first, second) =
                    block.split_at_checked(at).context("the headers are shorter than that")?;
                let mut bytes = Frame::new(HEADERS, end, stream, first).bytes();
                bytes.extend(Frame::new(CONTINUATION, END_HEADERS, stream, second).bytes());
                Ok(bytes)
            }
            (None, Some(data), None) => Ok(Frame::new(DATA, end, stream, meant(data)?).bytes()),
            (None, None, Some((kind, flags, payload))) => {
                Ok(Frame::new(*kind, *flags, stream, meant(payload)?).bytes())
            }
            _ => bail!("a frame has one of `headers`, `data` and `raw`"),
        }
    }
}

/// A block of the fields, which are written as `name: value`.
fn encoded(fields: &[&str]) -> Result<Vec<u8>> {
    let pairs = pairs(fields)?;
    Ok(block(pairs.iter().map(|(name, value)| (&name[..], &value[..]))))
}

/// Names and values; a name may begin with a colon.
fn pairs(fields: &[&str]) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut pairs = Vec::new();
    for field in fields {
        let field = meant(field)?;
        let end = field.windows(2).skip(1).position(|window| window == b": ").map(|at| at + 1);
        let (name, value) = match end {
            Some(at) => (field.get(..at), field.get(at + 2..)),
            None => (field.strip_suffix(b":"), Some(&b""[..])),
        };
        let (name, value) = name.zip(value).context("a field is written `name: value`")?;
        pairs.push((name.to_vec(), value.to_vec()));
    }
    Ok(pairs)
}
