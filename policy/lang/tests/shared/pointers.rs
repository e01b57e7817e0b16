//! The places in a document, for tests that spoil each of them.

use serde_json::Value;

/// The JSON pointers (RFC 6901) of all values in a document, the document itself first.
pub(crate) fn pointers(value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    find(value, "", &mut found);
    found
}

fn find(value: &Value, here: &str, found: &mut Vec<String>) {
    found.push(here.to_owned());
    match value {
        Value::Object(entries) => {
            for (key, inner) in entries {
                find(inner, &format!("{here}/{}", key.replace('~', "~0").replace('/', "~1")), found);
            }
        }
        Value::Array(items) => {
            for (index, inner) in items.iter().enumerate() {
                find(inner, &format!("{here}/{index}"), found);
            }
        }
        _ => {}
    }
}
