//! Comments, which no YAML event tells of, and what they belong to.

use std::collections::BTreeMap;

use crate::yaml::{Node, Value};

/// The comments of a source, by the place of what they belong to: an entry of a mapping or a list.
pub(super) struct Comments<'t> {
    /// Lines before an entry, by its first byte.
    before: BTreeMap<usize, Vec<&'t str>>,
    /// Behind an entry on its first line, with the column in characters from 0.
    behind: BTreeMap<usize, (&'t str, usize)>,
    /// Lines after the last entry.
    last: Vec<&'t str>,
}

impl<'t> Comments<'t> {
    pub(super) fn of(text: &'t str, documents: &[Node]) -> Self {
        let mut parts = Parts { text, scalars: Vec::new(), entries: BTreeMap::new() };
        for document in documents {
            parts.entries.entry(document.span.start).or_insert(usize::MAX);
            parts.collect(document, usize::MAX);
        }
        let Parts { mut scalars, entries, .. } = parts;
        scalars.sort_unstable();
        let mut comments = Self { before: BTreeMap::new(), behind: BTreeMap::new(), last: Vec::new() };
        for (at, line_start) in found(text, &scalars) {
            let comment = text.get(at..).and_then(|rest| rest.lines().next()).unwrap_or_default().trim_end();
            // Where the line says something, the comment is about the last entry that starts on it, or about the
            // brackets around that, if they end on it too.
            let mut on_line = entries.range(line_start..at).rev().filter(|(_, closed)| **closed > at);
            match on_line.next() {
                Some((entry, _)) if !comments.behind.contains_key(entry) => {
                    let column = text.get(line_start..at).map_or(0, |line| line.chars().count());
                    comments.behind.insert(*entry, (comment, column));
                }
                _ => match entries.range(at..).next() {
                    Some((next, _)) => comments.before.entry(*next).or_default().push(comment),
                    None => comments.last.push(comment),
                },
            }
        }
        comments
    }

    /// The lines before the entry at `start`.
    pub(super) fn before(&self, start: usize) -> &[&'t str] {
        self.before.get(&start).map_or(&[], Vec::as_slice)
    }

    /// The comment behind the entry at `start`, and its column.
    pub(super) fn behind(&self, start: usize) -> Option<(&'t str, usize)> {
        self.behind.get(&start).copied()
    }

    /// The lines after everything.
    pub(super) fn last(&self) -> &[&'t str] {
        &self.last
    }

    /// Whether anything between two places has a comment.
    pub(super) fn within(&self, start: usize, end: usize) -> bool {
        self.before.range(start..end).next().is_some() || self.behind.range(start..end).next().is_some()
    }

    /// The texts of all comments, sorted.
    pub(super) fn texts(&self) -> Vec<&'t str> {
        let before = self.before.values().flatten();
        let behind = self.behind.values().map(|(comment, _)| comment);
        let mut texts: Vec<_> = before.chain(behind).chain(&self.last).copied().collect();
        texts.sort_unstable();
        texts
    }
}

/// What comments are looked for between, and what they can belong to.
struct Parts<'t> {
    text: &'t str,
    /// From first to last byte.
    scalars: Vec<(usize, usize)>,
    /// The first byte of each entry, and where the brackets around it end.
    entries: BTreeMap<usize, usize>,
}

impl Parts<'_> {
    /// Adds a node, which stands in brackets that end at `closed`.
    fn collect(&mut self, node: &Node, closed: usize) {
        let inside = if in_brackets(self.text, node) { closed.min(end(self.text, node)) } else { closed };
        match &node.value {
            Value::Scalar(_) => self.scalars.push((node.span.start, node.span.end)),
            Value::Sequence(items) => {
                for item in items {
                    self.entries.entry(item.span.start).or_insert(inside);
                    self.collect(item, inside);
                }
            }
            Value::Mapping(entries) => {
                for entry in entries {
                    self.entries.entry(entry.key_span.start).or_insert(inside);
                    self.scalars.push((entry.key_span.start, entry.key_span.end));
                    self.collect(&entry.value, inside);
                }
            }
        }
    }
}

/// Whether a collection is written in brackets.
pub(super) fn in_brackets(text: &str, node: &Node) -> bool {
    let first = match &node.value {
        Value::Scalar(_) => return false,
        Value::Sequence(items) => items.first().map(|item| item.span.start),
        Value::Mapping(entries) => entries.first().map(|entry| entry.key_span.start),
    };
    // A list that is not indented starts where its first entry does, and the bracket there is the entry's.
    first != Some(node.span.start)
        && text.get(node.span.start..).is_some_and(|text| text.starts_with(['{', '[']))
}

/// The byte behind a node: of one in brackets, behind the closing one.
pub(super) fn end(text: &str, node: &Node) -> usize {
    let last = match &node.value {
        Value::Scalar(_) => return node.span.end,
        Value::Sequence(items) => items.last(),
        Value::Mapping(entries) => entries.last().map(|entry| &entry.value),
    };
    let inner = last.map_or(node.span.start + 1, |last| end(text, last));
    if !in_brackets(text, node) {
        return inner;
    }
    let mut comment = false;
    for (at, byte) in text.bytes().enumerate().skip(inner) {
        match byte {
            b'\n' => comment = false,
            b'#' => comment = true,
            b']' | b'}' if !comment => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Where comments start, and the line that each is on: `#` at the start of a line or behind white space (YAML 1.2, 6.6),
/// and in no scalar.
fn found(text: &str, scalars: &[(usize, usize)]) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut scalars = scalars.iter().copied().peekable();
    let (mut line_start, mut comment) = (0, false);
    let mut previous = b'\n';
    for (at, byte) in text.bytes().enumerate() {
        while scalars.peek().is_some_and(|(_, end)| *end <= at) {
            scalars.next();
        }
        let inside = scalars.peek().is_some_and(|(start, _)| *start <= at);
        if !comment && !inside && byte == b'#' && previous.is_ascii_whitespace() {
            found.push((at, line_start));
            comment = true;
        }
        if byte == b'\n' {
            (line_start, comment) = (at + 1, false);
        }
        previous = byte;
    }
    found
}
