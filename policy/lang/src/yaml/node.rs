//! A YAML node and where it stands.

use crate::Span;

/// A value in a document, with its place.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) span: Span,
    pub(crate) value: Value,
}

#[derive(Clone, Debug)]
pub(crate) enum Value {
    Scalar(Scalar),
    Sequence(Vec<Node>),
    Mapping(Vec<Entry>),
}

#[derive(Clone, Debug)]
pub(crate) struct Scalar {
    pub(crate) text: String,
    /// Not quoted, so that `80` is a number and `true` a boolean.
    pub(crate) plain: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_span: Span,
    pub(crate) value: Node,
}

impl Node {
    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar(scalar) if scalar.kind() == "null")
    }

    /// Appends what the node says, so that two that say the same append the same: the order of keys and the way a
    /// string is quoted say nothing.
    pub(crate) fn say(&self, said: &mut String) {
        match &self.value {
            Value::Scalar(scalar) => {
                said.push_str(scalar.kind());
                said.push_str(&format!("{:?}", scalar.text));
            }
            Value::Sequence(items) => {
                said.push('[');
                for item in items {
                    item.say(said);
                    said.push(',');
                }
                said.push(']');
            }
            Value::Mapping(entries) => {
                let mut sorted: Vec<&Entry> = entries.iter().collect();
                sorted.sort_by(|a, b| a.key.cmp(&b.key));
                said.push('{');
                for entry in sorted {
                    said.push_str(&format!("{:?}:", entry.key));
                    entry.value.say(said);
                    said.push(',');
                }
                said.push('}');
            }
        }
    }

    /// What kind of value it is, for messages.
    pub(crate) fn kind(&self) -> &'static str {
        match &self.value {
            Value::Scalar(scalar) => scalar.kind(),
            Value::Sequence(_) => "list",
            Value::Mapping(_) => "mapping",
        }
    }
}

impl Scalar {
    /// The type of the YAML 1.2 core schema, with the booleans of YAML 1.1 that Kubernetes' reader still
    /// knows, so that `yes` is not taken for a string by one reader and for a boolean by the other.
    pub(crate) fn kind(&self) -> &'static str {
        if !self.plain {
            return "string";
        }
        let text = self.text.as_str();
        match text {
            "" | "~" | "null" | "Null" | "NULL" => "null",
            "true" | "True" | "TRUE" | "false" | "False" | "FALSE" | "yes" | "Yes" | "YES" | "no" | "No"
            | "NO" | "on" | "On" | "ON" | "off" | "Off" | "OFF" => "boolean",
            _ if is_number(text) => "number",
            _ => "string",
        }
    }

    /// The value of a whole number written in decimal digits. One with a leading zero has none: to YAML 1.1, which
    /// Kubernetes reads, it is octal.
    pub(crate) fn integer(&self) -> Option<i64> {
        let digits = self.text.trim_start_matches(['+', '-']);
        let octal = digits.len() > 1 && digits.starts_with('0');
        (self.kind() == "number" && !octal).then(|| self.text.parse().ok()).flatten()
    }

    pub(crate) fn boolean(&self) -> Option<bool> {
        match (self.plain, self.text.as_str()) {
            (true, "true") => Some(true),
            (true, "false") => Some(false),
            _ => None,
        }
    }
}

fn is_number(text: &str) -> bool {
    let digits = text.trim_start_matches(['+', '-']);
    let radix = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0o"));
    match radix {
        Some(rest) => !rest.is_empty() && rest.chars().all(|c| c.is_ascii_hexdigit()),
        None => {
            digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') && text.parse::<f64>().is_ok()
                || matches!(digits, ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN")
        }
    }
}
