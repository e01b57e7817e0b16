//! Places as an editor in a browser counts: in UTF-16 code units.

use bookend_lang::{Diagnostic, Source, Span};
use serde::Serialize;

/// A part of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Part {
    /// Which source, by its index.
    source: usize,
    /// The first code unit.
    from: usize,
    /// The code unit after the last.
    to: usize,
    /// The line of the first, from 1.
    line: usize,
}

/// The parts of a diagnostic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Mark {
    #[serde(flatten)]
    part: Part,
    related: Option<Part>,
}

/// Counts code units in sources.
pub(crate) struct Ruler<'s> {
    sources: Vec<Measured<'s>>,
}

/// A source, and how many bytes and code units come before each of its lines.
struct Measured<'s> {
    bytes: &'s [u8],
    /// None where every byte is a code unit.
    lines: Option<Vec<(usize, usize)>>,
}

impl<'s> Ruler<'s> {
    /// A ruler for these sources.
    pub(crate) fn new(sources: &'s [Source]) -> Self {
        Self { sources: sources.iter().map(|source| Measured::new(&source.bytes)).collect() }
    }

    /// The part that a span covers.
    pub(crate) fn part(&self, span: Span) -> Part {
        let units = |offset| self.sources.get(span.source).map_or(0, |source| source.units(offset));
        Part { source: span.source, from: units(span.start), to: units(span.end), line: span.line }
    }

    /// The parts of a diagnostic.
    pub(crate) fn mark(&self, diagnostic: &Diagnostic) -> Mark {
        let related = diagnostic.related.as_ref().map(|(span, _)| self.part(*span));
        Mark { part: self.part(diagnostic.span), related }
    }
}

impl<'s> Measured<'s> {
    fn new(bytes: &'s [u8]) -> Self {
        if bytes.is_ascii() {
            return Self { bytes, lines: None };
        }
        let mut lines = vec![(0, 0)];
        let (mut passed, mut counted) = (0, 0);
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            passed += line.len();
            counted += units(line);
            lines.push((passed, counted));
        }
        Self { bytes, lines: Some(lines) }
    }

    /// The code units before a byte.
    fn units(&self, offset: usize) -> usize {
        let offset = offset.min(self.bytes.len());
        let Some(lines) = &self.lines else { return offset };
        let line = lines.partition_point(|(passed, _)| *passed <= offset).saturating_sub(1);
        let (passed, counted) = lines.get(line).copied().unwrap_or_default();
        counted + self.bytes.get(passed..offset).map_or(0, units)
    }
}

/// The code units of UTF-8: two for what takes four bytes, one for all else.
fn units(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .map(|byte| match byte {
            0x80..=0xbf => 0,
            0xf0..=0xff => 2,
            _ => 1,
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_units_are_those_of_utf_16() {
        let text = "aä€😀\nb😀c\n\nẍ";
        let sources = [Source::new("x", text)];
        let ruler = Ruler::new(&sources);
        for (start, _) in text.char_indices().chain([(text.len(), ' ')]) {
            let expected = text[..start].encode_utf16().count();
            let part = ruler.part(Span { source: 0, start, end: text.len() + 9, line: 1, column: 1 });
            assert_eq!((part.from, part.to), (expected, text.encode_utf16().count()), "{start}");
        }
    }
}
