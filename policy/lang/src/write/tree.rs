//! What a document says, as it is laid out.

use crate::yaml::{Node, Scalar, Value};

/// How wide a line in brackets may be, in characters; the formatter of documents keeps such lines as they are.
const WIDTH: usize = 106;

/// A value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tree {
    /// A number, `true`, `false` or `null`.
    Plain(String),
    Text(String),
    List(Vec<Tree>),
    Map(Vec<(String, Tree)>),
}

impl Tree {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub(crate) fn number(number: impl ToString) -> Self {
        Self::Plain(number.to_string())
    }

    /// What a node says.
    pub(crate) fn of(node: &Node) -> Self {
        match &node.value {
            Value::Scalar(Scalar { text, plain: true }) if node_kind(text) != "string" => {
                Self::Plain(text.clone())
            }
            Value::Scalar(scalar) => Self::Text(scalar.text.clone()),
            Value::Sequence(items) => Self::List(items.iter().map(Self::of).collect()),
            Value::Mapping(entries) => {
                Self::Map(entries.iter().map(|entry| (entry.key.clone(), Self::of(&entry.value))).collect())
            }
        }
    }

    /// As a document of its own.
    pub(crate) fn document(&self) -> String {
        let mut out = String::new();
        match self {
            Self::Map(list) if !list.is_empty() => entries(&mut out, 0, list),
            other => {
                out.push_str(&other.flow());
                out.push('\n');
            }
        }
        out
    }

    fn is_scalar(&self) -> bool {
        matches!(self, Self::Plain(_) | Self::Text(_))
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::Plain(_) | Self::Text(_) => true,
            Self::List(items) => items.is_empty(),
            Self::Map(entries) => entries.is_empty(),
        }
    }

    /// On one line.
    fn flow(&self) -> String {
        match self {
            Self::Plain(text) if text.is_empty() => "null".to_owned(),
            Self::Plain(text) => text.clone(),
            Self::Text(text) => scalar(text),
            Self::List(items) => {
                format!("[{}]", items.iter().map(Self::flow).collect::<Vec<_>>().join(", "))
            }
            Self::Map(entries) if entries.is_empty() => "{}".to_owned(),
            Self::Map(entries) => {
                let entry = |(name, value): &(String, Self)| format!("{}: {}", key(name), value.flow());
                format!("{{ {} }}", entries.iter().map(entry).collect::<Vec<_>>().join(", "))
            }
        }
    }

    /// Whether it is a mapping that reads well on one line: several entries without a mapping among them.
    fn is_row(&self) -> bool {
        let flat = |tree: &Self| match tree {
            Self::List(items) => items.iter().all(Self::is_scalar),
            other => other.is_scalar(),
        };
        matches!(self, Self::Map(entries) if entries.len() > 1 && entries.iter().all(|(_, value)| flat(value)))
    }
}

/// The entries of a mapping, each on lines of its own.
pub(crate) fn entries(out: &mut String, indent: usize, entries: &[(String, Tree)]) {
    for (name, value) in entries {
        out.extend(core::iter::repeat_n(' ', indent));
        entry(out, indent, name, value);
    }
}

/// The item of a list, with comments before it; a mapping goes on over several lines.
pub(crate) fn item(out: &mut String, indent: usize, comments: &[String], value: &Tree) {
    for comment in comments {
        out.extend(core::iter::repeat_n(' ', indent));
        out.push_str(comment);
        out.push('\n');
    }
    out.extend(core::iter::repeat_n(' ', indent));
    out.push_str("- ");
    match value {
        Tree::Map(list) if !list.is_empty() => {
            let (first, rest) = list.split_at(1);
            for (name, value) in first {
                entry(out, indent + 2, name, value);
            }
            entries(out, indent + 2, rest);
        }
        other => {
            out.push_str(&other.flow());
            out.push('\n');
        }
    }
}

/// `name: value`, from where the line already stands.
fn entry(out: &mut String, indent: usize, name: &str, value: &Tree) {
    let name = key(name);
    out.push_str(&name);
    out.push(':');
    let flow = value.flow();
    if value.is_empty() || indent + name.chars().count() + 3 + flow.chars().count() <= WIDTH {
        out.push(' ');
        out.push_str(&flow);
        out.push('\n');
        return;
    }
    out.push('\n');
    match value {
        Tree::Map(list) => entries(out, indent + 2, list),
        Tree::List(items) => {
            for value in items {
                let flow = value.flow();
                if value.is_row() && indent + 4 + flow.chars().count() <= WIDTH {
                    out.extend(core::iter::repeat_n(' ', indent));
                    out.push_str(&format!("- {flow}\n"));
                } else {
                    item(out, indent, &[], value);
                }
            }
        }
        Tree::Plain(_) | Tree::Text(_) => {}
    }
}

/// A key, in quotes where it needs them: label keys and names of headers are the author's.
fn key(name: &str) -> String {
    if name.len() > 3 && is_word(name) || KEYS.contains(&name) { name.to_owned() } else { quoted(name) }
}

/// The short keys of documents: other short words may be booleans to some reader (`on`, `no`, `y`).
const KEYS: [&str; 6] = ["at", "to", "key", "app", "jwt", "not"];

/// A text, in quotes where it could be taken for something else.
fn scalar(text: &str) -> String {
    if is_word(text) && node_kind(text) == "string" { text.to_owned() } else { quoted(text) }
}

/// Whether every reader takes it for a text: letters, digits, and a few characters that mean nothing inside one.
fn is_word(text: &str) -> bool {
    let inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
    let block = || {
        // `10.0.0.0/8`, `10.0.0.1` and `100/s` are numbers to nobody; `2001:db8::/32` may be one in base 60.
        let dots = text.matches('.').count();
        text.starts_with(|c: char| c.is_ascii_digit()) && (text.contains('/') || dots == 3)
    };
    // Of one letter `y` and `n` are booleans to some.
    (text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.len() > 1 || block())
        && text.chars().all(inside)
}

fn node_kind(text: &str) -> &'static str {
    Scalar { text: text.to_owned(), plain: true }.kind()
}

/// A text in double quotes, as JSON and YAML both read it.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_another_reader_takes_for_something_else_are_quoted() {
        for text in
            ["", "1", "1e3", "true", "on", "y", "null", "~", "*", "a: b", "a b", "0x1", "-", "12:30", "::1"]
        {
            assert!(scalar(text).starts_with('"'), "{text}");
        }
        for text in ["web", "a-b.c/d_e", "10.0.0.0/8", "10.0.0.1", "100/s", "v1", "ab"] {
            assert_eq!(scalar(text), text);
        }
        assert_eq!(key("app"), "app");
        assert_eq!(key("yes"), "\"yes\"");
        assert_eq!(key("on"), "\"on\"");
    }
}
