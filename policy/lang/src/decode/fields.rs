//! The fields of a mapping, each read once, and what is left over refused.

use crate::{
    Code, Span,
    diagnostic::Report,
    document::Spanned,
    yaml::{Entry, Node, Value},
};
use bookend_engine::Clause;

/// The fields of a mapping that is being read.
pub(super) struct Fields<'n> {
    pub(super) span: Span,
    /// What the mapping is, for messages.
    what: &'static str,
    entries: &'n [Entry],
    known: Vec<&'static str>,
}

impl<'n> Fields<'n> {
    /// The fields of `node`, which should be a mapping.
    pub(super) fn of(node: &'n Node, what: &'static str, report: &mut Report) -> Option<Self> {
        match &node.value {
            Value::Mapping(entries) => Some(Self { span: node.span, what, entries, known: Vec::new() }),
            _ => {
                wrong_type(node, what, "a mapping", report);
                None
            }
        }
    }

    /// The field `name`, if it is written.
    pub(super) fn get(&mut self, name: &'static str) -> Option<&'n Node> {
        self.known.push(name);
        self.entries.iter().find(|entry| entry.key == name).map(|entry| &entry.value)
    }

    /// The field `name`, which must be written.
    pub(super) fn required(&mut self, name: &'static str, report: &mut Report) -> Option<&'n Node> {
        let node = self.get(name);
        if node.is_none() {
            let message = format!("the {} has no `{name}`", self.what);
            report.add(Code::MissingField, self.place(), message, format!("add `{name}`"));
        }
        node
    }

    /// A place to underline when something is missing: the first key rather than the whole mapping.
    pub(super) fn place(&self) -> Span {
        self.entries.first().map_or(self.span, |entry| entry.key_span)
    }

    /// Whether there is a field that nobody asked for so far.
    pub(super) fn has_unknown(&self) -> bool {
        self.entries.iter().any(|entry| !self.known.contains(&entry.key.as_str()))
    }

    /// Refuses every field that nobody asked for.
    pub(super) fn finish(self, report: &mut Report) {
        self.finish_with(|_| None, report);
    }

    /// Refuses every field that nobody asked for, with the cure that `cure` knows for it, if it does.
    pub(super) fn finish_with(self, cure: impl Fn(&Entry) -> Option<String>, report: &mut Report) {
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
pub(super) fn wrong_type(node: &Node, what: &str, expected: &str, report: &mut Report) {
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
pub(super) fn string(node: &Node, what: &str, report: &mut Report) -> Option<Spanned<String>> {
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
pub(super) fn boolean(node: &Node, what: &str, report: &mut Report) -> Option<bool> {
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
pub(super) fn list<'n>(node: &'n Node, what: &str, report: &mut Report) -> Option<&'n [Node]> {
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
pub(super) fn clause<T>(
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
