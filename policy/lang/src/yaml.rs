//! YAML text to nodes with positions: the only file that speaks `saphyr_parser`.

use saphyr_parser::{Event, Marker, Parser, ScalarStyle};

use crate::{Code, Source, Span, diagnostic::Report, source::MAX_SOURCE_BYTES};

mod node;
mod part;

pub(crate) use node::{Entry, Node, Scalar, Value};
pub(crate) use part::parts;

/// How deeply nodes may nest.
const MAX_DEPTH: usize = 64;

/// How many keys a mapping may have.
const MAX_ENTRIES: usize = 1000;

/// How many values a source may hold. A listing of 10,000 pods that fits into a source has half as many.
const MAX_NODES: usize = 2_000_000;

/// The text of a source, if it is one that is read at all.
pub(crate) fn text<'s>(index: usize, source: &'s Source, report: &mut Report) -> Option<&'s str> {
    let whole = Span::whole(index);
    if source.bytes.len() > MAX_SOURCE_BYTES {
        // Whoever reads a source may stop behind the limit, so its true size is not known here.
        let message = format!("the source has more than {} MiB", MAX_SOURCE_BYTES >> 20);
        report.add(Code::TooLarge, whole, message, "split it into several files");
        return None;
    }
    let text = match core::str::from_utf8(&source.bytes) {
        Ok(text) => text,
        Err(error) => {
            let offset = error.valid_up_to();
            let valid = source.bytes.get(..offset).unwrap_or_default();
            let line = valid.iter().filter(|byte| **byte == b'\n').count() + 1;
            let last = valid.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
            let column = String::from_utf8_lossy(last).chars().count() + 1;
            let span = Span { start: offset, end: offset, line, column, ..whole };
            report.add(Code::NotUtf8, span, "the source is not UTF-8 text", "convert it to UTF-8");
            return None;
        }
    };
    // The parser holds every token of a flow collection until it ends, so they are counted before it starts.
    let flow = source.bytes.iter().filter(|byte| matches!(byte, b',' | b':' | b'[' | b'{')).count();
    if flow > MAX_NODES {
        too_many(whole, report);
        return None;
    }
    Some(text)
}

/// Whether the parts of a source, which hold `nodes` values and `documents` documents, are one as a whole.
pub(crate) fn check_whole(index: usize, nodes: usize, documents: usize, report: &mut Report) {
    let whole = Span::whole(index);
    if nodes > MAX_NODES {
        too_many(whole, report);
    } else if documents == 0 {
        let message = "the source holds no document";
        report.add(Code::NoDocument, whole, message, "write a document, or leave the file out");
    }
}

/// What a part of a source holds.
#[derive(Default)]
pub(crate) struct Read {
    /// Its documents.
    pub(crate) documents: Vec<Node>,
    /// How many values they hold.
    pub(crate) nodes: usize,
}

/// Reads every document of a part, whose places are named by its `id`. `None` when it is not acceptable YAML, which is
/// reported.
pub(crate) fn read(id: usize, text: &str, report: &mut Report) -> Option<Read> {
    let mut reader = Reader { lines: Lines::new(id, text), report };
    reader.documents(text)
}

fn too_many(span: Span, report: &mut Report) {
    let message = format!("the source holds more than {MAX_NODES} values");
    report.add(Code::TooMany, span, message, "split it into several files");
}

/// Turns the parser's positions, which count characters, into byte offsets.
struct Lines<'t> {
    source: usize,
    text: &'t str,
    /// The byte offset of each character, where characters are not bytes.
    offsets: Option<Vec<usize>>,
}

impl<'t> Lines<'t> {
    fn new(source: usize, text: &'t str) -> Self {
        let offsets = (!text.is_ascii()).then(|| text.char_indices().map(|(at, _)| at).collect());
        Self { source, text, offsets }
    }

    fn offset(&self, marker: Marker) -> usize {
        let index = marker.index();
        let offset = self.offsets.as_ref().map_or(Some(index), |offsets| offsets.get(index).copied());
        offset.unwrap_or(self.text.len()).min(self.text.len())
    }

    fn span(&self, start: Marker, end: Marker) -> Span {
        let (from, to) = (self.offset(start), self.offset(end));
        // Block collections end where the next token starts; what is underlined ends with the content.
        let content = self.text.get(from..to).map_or(0, |text| text.trim_end().len());
        Span {
            source: self.source,
            start: from,
            end: from + content,
            line: start.line(),
            column: start.col() + 1,
        }
    }
}

impl Lines<'_> {
    /// The part of `span` up to the first white space: of an anchored value, the anchor.
    fn first_word(&self, span: Span) -> Span {
        let text = self.text.get(span.start..span.end).unwrap_or_default();
        Span { end: span.start + text.find(char::is_whitespace).unwrap_or(text.len()), ..span }
    }
}

struct Reader<'t, 'r> {
    lines: Lines<'t>,
    report: &'r mut Report,
}

/// A collection that is being read.
enum Open {
    Sequence(Span, Vec<Node>),
    Mapping(Span, Vec<Entry>, Option<Node>),
}

impl Reader<'_, '_> {
    /// All documents, or `None` when the text is not acceptable YAML.
    fn documents(&mut self, text: &str) -> Option<Read> {
        let mut documents = Vec::new();
        let mut open: Vec<Open> = Vec::new();
        let mut nodes = 0;
        for event in Parser::new_from_str(text) {
            let (event, span) = match event {
                Ok(event) => event,
                Err(error) => {
                    let at = self.lines.span(*error.marker(), *error.marker());
                    let message = format!("this is not YAML: {}", error.info());
                    self.report.add(
                        Code::NotYaml,
                        at,
                        message,
                        "check the indentation, quotes and brackets here and in the line above",
                    );
                    return None;
                }
            };
            let span = self.lines.span(span.start, span.end);
            let finished = match event {
                Event::Alias(_) => {
                    return self.refuse(Code::Anchor, span, "an alias is refused", "write the value here");
                }
                Event::Scalar(_, _, anchor, _)
                | Event::SequenceStart(anchor, _)
                | Event::MappingStart(anchor, _)
                    if anchor != 0 =>
                {
                    return self.refuse(
                        Code::Anchor,
                        self.lines.first_word(span),
                        "an anchor is refused",
                        "write the value where it is used",
                    );
                }
                Event::Scalar(_, _, _, Some(_))
                | Event::SequenceStart(_, Some(_))
                | Event::MappingStart(_, Some(_)) => {
                    return self.refuse(
                        Code::Tag,
                        span,
                        "a tag is refused",
                        "remove the tag; quote the value if it is a string",
                    );
                }
                Event::Scalar(text, style, _, _) => {
                    let scalar = Scalar { text: text.into_owned(), plain: style == ScalarStyle::Plain };
                    Some(Node { span, value: Value::Scalar(scalar) })
                }
                Event::SequenceStart(..) | Event::MappingStart(..) if open.len() >= MAX_DEPTH => {
                    let message = format!("the document is nested more than {MAX_DEPTH} levels deep");
                    return self.refuse(Code::TooDeep, span, &message, "flatten it");
                }
                Event::SequenceStart(..) => {
                    open.push(Open::Sequence(span, Vec::new()));
                    None
                }
                Event::MappingStart(..) => {
                    open.push(Open::Mapping(span, Vec::new(), None));
                    None
                }
                Event::SequenceEnd | Event::MappingEnd => {
                    open.pop().map(|collection| self.close(collection, span))
                }
                Event::Nothing
                | Event::StreamStart
                | Event::StreamEnd
                | Event::DocumentStart(_)
                | Event::DocumentEnd => None,
            };
            if let Some(node) = finished {
                nodes += 1;
                if nodes > MAX_NODES {
                    too_many(span, self.report);
                    return None;
                }
                self.attach(node, &mut open, &mut documents);
            }
        }
        Some(Read { documents, nodes })
    }

    fn refuse<T>(&mut self, code: Code, span: Span, message: &str, cure: &str) -> Option<T> {
        self.report.add(code, span, message, cure);
        None
    }

    /// Closes a collection. Of a flow collection `end` is the closing bracket; that of a block collection lies
    /// where the next token starts, and is empty.
    fn close(&mut self, collection: Open, end: Span) -> Node {
        let bracket = (end.end > end.start).then_some(end);
        match collection {
            Open::Sequence(span, items) => {
                let span = cover(span, bracket.or(items.last().map(|node| node.span)));
                Node { span, value: Value::Sequence(items) }
            }
            Open::Mapping(span, entries, _) => {
                let span = cover(span, bracket.or(entries.last().map(|entry| entry.value.span)));
                let first = entries.first().map_or(span, |entry| entry.key_span);
                let span = if span.start > first.start || span.end <= span.start {
                    cover(first, Some(span))
                } else {
                    span
                };
                Node { span, value: Value::Mapping(entries) }
            }
        }
    }

    fn attach(&mut self, node: Node, open: &mut [Open], documents: &mut Vec<Node>) {
        match open.last_mut() {
            // `---` before the first document, or after the last, gives an empty one.
            None if node.is_null() => {}
            None => documents.push(node),
            Some(Open::Sequence(_, items)) => items.push(node),
            Some(Open::Mapping(_, _, key @ None)) => *key = Some(node),
            Some(Open::Mapping(_, entries, key)) => {
                let Some(Node { span, value }) = key.take() else { return };
                let Value::Scalar(Scalar { text, .. }) = value else {
                    self.report.add(
                        Code::WrongType,
                        span,
                        "a key must be a plain string",
                        "write the key as a word",
                    );
                    return;
                };
                if entries.len() >= MAX_ENTRIES {
                    let message = format!("the mapping has more than {MAX_ENTRIES} keys");
                    self.report.add(Code::TooMany, span, message, "use a list, or split it");
                    return;
                }
                if let Some(first) = entries.iter().find(|entry| entry.key == text) {
                    let message = format!("the key `{text}` is written twice");
                    let related = (first.key_span, "first written here");
                    self.report.add_related(Code::DuplicateKey, span, message, "remove one of them", related);
                    return;
                }
                entries.push(Entry { key: text, key_span: span, value: node });
            }
        }
    }
}

/// `span`, extended to the end of `last`.
fn cover(span: Span, last: Option<Span>) -> Span {
    Span { end: last.map_or(span.end, |last| last.end.max(span.end)), ..span }
}
