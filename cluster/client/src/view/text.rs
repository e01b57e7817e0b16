//! Objects as text that people can be shown places in.

use serde_json::Value;

/// The most bytes of a text. What is nested deeply has many times as many as in JSON, all of them blanks.
pub(super) const LONGEST: usize = 8 << 20;

/// What an object says, as YAML: mappings and lists on lines of their own, and every string as JSON writes it. Nothing if that is longer than
/// [`LONGEST`].
pub(super) fn yaml(value: &Value) -> Option<String> {
    let mut text = String::new();
    match value {
        Value::Object(fields) if !fields.is_empty() => block(value, 0, &mut text),
        Value::Array(items) if !items.is_empty() => block(value, 0, &mut text),
        scalar => {
            text.push_str(&scalar.to_string());
            text.push('\n');
        }
    }
    text.shrink_to_fit();
    (text.len() <= LONGEST).then_some(text)
}

fn block(value: &Value, depth: usize, text: &mut String) {
    if text.len() > LONGEST {
        return;
    }
    match value {
        Value::Object(fields) => {
            let mut names: Vec<&String> = fields.keys().collect();
            // Whether the parser kept the order of a text or not.
            names.sort_unstable();
            for name in names {
                let Some(field) = fields.get(name) else { continue };
                indent(depth, text);
                key(name, text);
                text.push(':');
                inner(field, depth + 1, text);
            }
        }
        Value::Array(items) => {
            for item in items {
                indent(depth, text);
                text.push('-');
                inner(item, depth + 1, text);
            }
        }
        scalar => text.push_str(&scalar.to_string()),
    }
}

/// What stands behind a `:` or a `-`.
fn inner(value: &Value, depth: usize, text: &mut String) {
    let is_block = match value {
        Value::Object(fields) => !fields.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    };
    if is_block {
        text.push('\n');
        block(value, depth, text);
    } else {
        text.push(' ');
        text.push_str(&value.to_string());
        text.push('\n');
    }
}

fn indent(depth: usize, text: &mut String) {
    (0..depth).for_each(|_| text.push_str("  "));
}

/// A plain name where nobody could read it as anything else.
fn key(name: &str, text: &mut String) {
    let plain = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/'))
        && !matches!(
            name.to_ascii_lowercase().as_str(),
            "y" | "n" | "yes" | "no" | "on" | "off" | "true" | "false" | "null"
        );
    match plain {
        true => text.push_str(name),
        false => text.push_str(&Value::from(name).to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_text_says_what_the_object_said() {
        let object = json!({
            "kind": "Policy", "n": 1, "empty": {}, "none": null, "list": [1, [2, {"a": "b: c"}], {}], "no": "on",
            "a b": "\u{1}\"'#\n é", "deep": { "er": [{ "x": true, "y": [] }] }
        });
        insta_like(&yaml(&object).unwrap());
    }

    #[test]
    fn a_text_does_not_grow_without_end() {
        let deep = |leaves: Vec<Value>| (0..120).fold(Value::from(leaves), |value, _| json!([value]));
        assert!(yaml(&deep(vec![json!(1); 10])).is_some());
        assert_eq!(yaml(&deep(vec![json!(1); 100_000])), None);
    }

    fn insta_like(text: &str) {
        assert_eq!(
            text,
            "\"a b\": \"\\u0001\\\"'#\\n é\"\ndeep:\n  er:\n    -\n      x: true\n      \"y\": []\nempty: {}\nkind: \"Policy\"\n\
             list:\n  - 1\n  -\n    - 2\n    -\n      a: \"b: c\"\n  - {}\n\"n\": 1\n\"no\": \"on\"\nnone: null\n"
        );
    }
}
