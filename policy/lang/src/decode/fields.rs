//! The fields of a mapping, each read once, and what is left over refused.

use core::ops::RangeInclusive;
use std::collections::BTreeMap;

use crate::{
    Code, Span,
    diagnostic::Report,
    document::Spanned,
    yaml::{Entry, Node, Value},
};
use bookend_engine::Clause;

/// The fields of a mapping that is being read.
pub(crate) struct Fields<'n> {
    pub(crate) span: Span,
    /// What the mapping is, for messages.
    what: &'static str,
    entries: &'n [Entry],
    known: Vec<&'static str>,
}

impl<'n> Fields<'n> {
    /// The fields of `node`, which should be a mapping.
    pub(crate) fn of(node: &'n Node, what: &'static str, report: &mut Report) -> Option<Self> {
        match &node.value {
            Value::Mapping(entries) => Some(Self { span: node.span, what, entries, known: Vec::new() }),
            _ => {
                wrong_type(node, what, "a mapping", report);
                None
            }
        }
    }

    /// The field `name`, if it is written.
    pub(crate) fn get(&mut self, name: &'static str) -> Option<&'n Node> {
        self.known.push(name);
        self.entries.iter().find(|entry| entry.key == name).map(|entry| &entry.value)
    }

    /// The field `name`, if it is written, without having asked for it.
    pub(crate) fn peek(&self, name: &str) -> Option<&'n Node> {
        self.entries.iter().find(|entry| entry.key == name).map(|entry| &entry.value)
    }

    /// The field `name`, which must be written.
    pub(crate) fn required(&mut self, name: &'static str, report: &mut Report) -> Option<&'n Node> {
        let node = self.get(name);
        if node.is_none() {
            let message = format!("the {} has no `{name}`", self.what);
            report.add(Code::MissingField, self.place(), message, format!("add `{name}`"));
        }
        node
    }

    /// A place to underline when something is missing: the first key rather than the whole mapping.
    pub(crate) fn place(&self) -> Span {
        self.entries.first().map_or(self.span, |entry| entry.key_span)
    }

    /// Where the key `name` is written.
    pub(crate) fn key(&self, name: &str) -> Span {
        self.entries.iter().find(|entry| entry.key == name).map_or(self.span, |entry| entry.key_span)
    }

    /// Whether there is a field that nobody asked for so far.
    pub(crate) fn has_unknown(&self) -> bool {
        self.has_unknown_except(&[])
    }

    /// The same, when `others` are still to be asked for.
    pub(crate) fn has_unknown_except(&self, others: &[&str]) -> bool {
        let known = |key: &str| self.known.contains(&key) || others.contains(&key);
        self.entries.iter().any(|entry| !known(&entry.key))
    }

    /// Refuses every field that nobody asked for.
    pub(crate) fn finish(self, report: &mut Report) {
        self.finish_with(|_| None, report);
    }

    /// Refuses every field that nobody asked for, with the cure that `cure` knows for it, if it does.
    pub(crate) fn finish_with(self, cure: impl Fn(&Entry) -> Option<String>, report: &mut Report) {
        for entry in self.entries.iter().filter(|entry| !self.known.contains(&entry.key.as_str())) {
            let message = format!("the {} has no field `{}`", self.what, entry.key);
            let similar = self
                .known
                .iter()
                // Comparing costs the product of both lengths, and keys may be long.
                .filter(|known| known.len().abs_diff(entry.key.len()) <= 2)
                .map(|known| (strsim::damerau_levenshtein(known, &entry.key), *known))
                // Of a short key at least half must be right: two changes make any two letters of any other.
                .filter(|(distance, _)| *distance <= 2 && distance * 2 <= entry.key.chars().count())
                .min();
            let cure = match similar {
                Some((_, known)) => format!("did you mean `{known}`?"),
                None => cure(entry).unwrap_or_else(|| match self.known.as_slice() {
                    [] => "remove it".to_owned(),
                    known => format!("its fields are `{}`", known.join("`, `")),
                }),
            };
            report.add(Code::UnknownField, entry.key_span, message, cure);
        }
    }
}

/// Reports a value of the wrong type.
pub(crate) fn wrong_type(node: &Node, what: &str, expected: &str, report: &mut Report) {
    let message = match &node.value {
        _ if node.is_null() => format!("`{what}` should be {expected}, and it is empty"),
        // YAML 1.1 knows more booleans than 1.2, so the word itself says more than its type.
        Value::Scalar(scalar) if node.kind() == "boolean" => {
            format!("`{what}` should be {expected}, not `{}`", scalar.text)
        }
        _ => format!("`{what}` should be {expected}, not a {}", node.kind()),
    };
    let cure = match (node.kind(), expected) {
        ("number" | "boolean", "a string") => "put it in quotes".to_owned(),
        ("string", "a number") if is_quoted_number(node) => "remove the quotes".to_owned(),
        ("null", _) => format!("write {expected}, or leave the field out"),
        ("mapping" | "string" | "number", "a list") => "put it in a list: `- …`".to_owned(),
        _ => format!("write {expected}"),
    };
    // A whole collection underlined says less than its first line.
    report.add(Code::WrongType, node.span, message, cure);
}

fn is_quoted_number(node: &Node) -> bool {
    matches!(&node.value, Value::Scalar(scalar) if scalar.text.parse::<u64>().is_ok())
}

/// A string.
pub(crate) fn string(node: &Node, what: &str, report: &mut Report) -> Option<Spanned<String>> {
    match &node.value {
        Value::Scalar(scalar) if scalar.kind() == "string" => {
            Some(Spanned { value: scalar.text.clone(), span: node.span })
        }
        _ => {
            wrong_type(node, what, "a string", report);
            None
        }
    }
}

/// `true` or `false`.
pub(crate) fn boolean(node: &Node, what: &str, report: &mut Report) -> Option<bool> {
    let value = match &node.value {
        Value::Scalar(scalar) => scalar.boolean(),
        _ => None,
    };
    if value.is_none() {
        wrong_type(node, what, "`true` or `false`", report);
    }
    value
}

/// A list, which may not be empty.
pub(crate) fn list<'n>(node: &'n Node, what: &str, report: &mut Report) -> Option<&'n [Node]> {
    match &node.value {
        Value::Sequence(items) if items.is_empty() => {
            let message = format!("`{what}` is an empty list");
            report.add(
                Code::EmptyList,
                node.span,
                message,
                format!("leave `{what}` out to mean everything, or remove what it belongs to"),
            );
            None
        }
        Value::Sequence(items) => Some(items),
        _ => {
            wrong_type(node, what, "a list", report);
            None
        }
    }
}

/// A clause: absent, or a list whose every element is read by `element`. `None` when anything is wrong.
pub(crate) fn clause<T>(
    node: Option<&Node>,
    what: &str,
    report: &mut Report,
    mut element: impl FnMut(&Node, &mut Report) -> Option<T>,
) -> Option<Clause<T>> {
    let Some(node) = node else { return Some(Clause::Any) };
    let items = list(node, what, report)?;
    // Every element is read, so that all that is wrong is said at once.
    let read: Vec<Option<T>> = items.iter().map(|item| element(item, report)).collect();
    let values: Option<Vec<T>> = read.into_iter().collect();
    Clause::one_of(values?).ok()
}

/// Like [`clause`], of at most `most` elements, which all say something different.
pub(crate) fn distinct<T>(
    node: Option<&Node>,
    what: &str,
    most: usize,
    report: &mut Report,
    element: impl FnMut(&Node, &mut Report) -> Option<T>,
) -> Option<Clause<T>> {
    let mut sound = true;
    if let Some(Node { value: Value::Sequence(items), span }) = node {
        if items.len() > most {
            let message = format!("`{what}` has {} entries, and {most} are the most", items.len());
            report.add(Code::TooMany, *span, message, "split it");
            return None;
        }
        sound = repeated(items, what, report);
    }
    clause(node, what, report, element).filter(|_| sound)
}

/// Refuses what is written twice in a list. Nobody writes the same thing twice on purpose: one of the two should
/// have said something else.
fn repeated(items: &[Node], what: &str, report: &mut Report) -> bool {
    let mut sound = true;
    if items.len() > 1 {
        let mut seen: BTreeMap<String, Span> = BTreeMap::new();
        for item in items {
            let mut said = String::new();
            item.say(&mut said);
            if let Some(first) = seen.get(&said) {
                let message = format!("`{what}` says the same twice");
                let related = (*first, "said first here");
                report.add_related(Code::DuplicateEntry, item.span, message, "remove one of them", related);
                sound = false;
            } else {
                seen.insert(said, item.span);
            }
        }
    }
    sound
}

/// The alternatives; none where the field is left out.
pub(crate) fn into_list<T: Clone>(clause: Clause<T>) -> Vec<T> {
    clause.alternatives().unwrap_or_default().to_vec()
}

/// A value, or a list of alternatives for it.
pub(crate) fn one_or_more<T: Clone>(
    node: &Node,
    what: &str,
    most: usize,
    report: &mut Report,
    mut element: impl FnMut(&Node, &mut Report) -> Option<T>,
) -> Option<Vec<T>> {
    match &node.value {
        Value::Sequence(_) => {
            let clause = distinct(Some(node), what, most, report, element)?;
            Some(into_list(clause))
        }
        _ => element(node, report).map(|value| vec![value]),
    }
}

/// One of a few words.
pub(crate) fn word<T: Copy>(node: &Node, what: &str, words: &[(&str, T)], report: &mut Report) -> Option<T> {
    let text = string(node, what, report)?;
    if let Some((_, value)) = words.iter().find(|(word, _)| *word == text.value) {
        return Some(*value);
    }
    let known = |(word, _): &&(&str, T)| word.eq_ignore_ascii_case(&text.value);
    let cure = match words.iter().find(known) {
        Some((word, _)) => format!("write `{word}`"),
        None => {
            let words: Vec<String> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
            match words.split_last() {
                Some((last, rest)) if !rest.is_empty() => format!("write {} or {last}", rest.join(", ")),
                _ => format!("write {}", words.join("")),
            }
        }
    };
    let message = format!("`{}` is not a value of `{what}`", quoted(&text.value));
    report.add(Code::UnknownWord, text.span, message, cure);
    None
}

/// A whole number in a range.
pub(crate) fn integer(
    node: &Node,
    what: &str,
    range: RangeInclusive<i64>,
    report: &mut Report,
) -> Option<i64> {
    let scalar = match &node.value {
        Value::Scalar(scalar) if scalar.kind() == "number" => scalar,
        _ => {
            wrong_type(node, what, "a number", report);
            return None;
        }
    };
    let number = scalar.integer().filter(|number| range.contains(number));
    if number.is_none() {
        let message = format!("`{}` is not a value of `{what}`", quoted(&scalar.text));
        let cure = format!(
            "write a whole number from {} to {}, in decimal digits without a leading zero",
            range.start(),
            range.end()
        );
        report.add(Code::OutOfRange, node.span, message, cure);
    }
    number
}

/// A string of at most `longest` bytes, and at least one.
pub(crate) fn text(node: &Node, what: &str, longest: usize, report: &mut Report) -> Option<Spanned<String>> {
    let text = string(node, what, report)?;
    if text.value.is_empty() {
        let message = format!("`{what}` is empty");
        report.add(Code::BadLength, text.span, message, format!("write 1 to {longest} characters"));
        return None;
    }
    if text.value.len() > longest {
        let message = format!("`{what}` has {} bytes, and {longest} are the most", text.value.len());
        report.add(Code::BadLength, text.span, message, "shorten it");
        return None;
    }
    Some(text)
}

/// A field that may be left out, but must be sound where it is written.
pub(crate) fn optional<T>(field: Option<Option<T>>) -> Option<Option<T>> {
    match field {
        None => Some(None),
        Some(read) => read.map(Some),
    }
}

/// What a message repeats of a user's text.
pub(crate) fn quoted(text: &str) -> String {
    const LONGEST: usize = 100;
    match text.char_indices().nth(LONGEST) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
    }
}
