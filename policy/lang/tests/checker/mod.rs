//! JSON Schema, as far as Bookend's own schema uses it. A keyword that is not known here is a panic, so nothing is passed over.

use std::{cell::RefCell, collections::BTreeMap};

use regex::Regex;
use serde_json::Value;

/// Whether `value` satisfies `schema`, a part of `root`.
pub(crate) fn valid(root: &Value, schema: &Value, value: &Value) -> bool {
    let Some(keywords) = schema.as_object() else { return schema != &Value::Bool(false) };
    keywords.iter().all(|(keyword, wanted)| holds(root, schema, keyword, wanted, value))
}

fn holds(root: &Value, schema: &Value, keyword: &str, wanted: &Value, value: &Value) -> bool {
    let sub = |schema: &Value| valid(root, schema, value);
    let number = || wanted.as_f64().unwrap();
    let size = || usize::try_from(wanted.as_u64().unwrap()).unwrap();
    let all = || wanted.as_array().unwrap().iter();
    match keyword {
        "$schema" | "$defs" | "title" | "description" | "then" => true,
        "$ref" => sub(root.pointer(wanted.as_str().unwrap().strip_prefix('#').unwrap()).unwrap()),
        "type" => match (wanted.as_str().unwrap(), value) {
            ("integer", Value::Number(number)) => number.as_f64().unwrap().fract() == 0.0,
            ("string", Value::String(_))
            | ("boolean", Value::Bool(_))
            | ("array", Value::Array(_))
            | ("object", Value::Object(_)) => true,
            ("integer" | "string" | "boolean" | "array" | "object", _) => false,
            (other, _) => panic!("type {other}"),
        },
        "const" => wanted == value,
        "enum" => all().any(|word| word == value),
        "allOf" => all().all(sub),
        "anyOf" => all().any(sub),
        "not" => !sub(wanted),
        "if" => !sub(wanted) || sub(&schema["then"]),
        _ => match value {
            Value::Number(given) => match keyword {
                "minimum" => given.as_f64().unwrap() >= number(),
                "maximum" => given.as_f64().unwrap() <= number(),
                _ => elsewhere(keyword),
            },
            Value::String(text) => match keyword {
                "minLength" => text.chars().count() >= size(),
                "maxLength" => text.chars().count() <= size(),
                "pattern" => matches(wanted.as_str().unwrap(), text),
                _ => elsewhere(keyword),
            },
            Value::Array(items) => match keyword {
                "minItems" => items.len() >= size(),
                "maxItems" => items.len() <= size(),
                "uniqueItems" => items.iter().enumerate().all(|(at, item)| !items[..at].contains(item)),
                "items" => items.iter().all(|item| valid(root, wanted, item)),
                _ => elsewhere(keyword),
            },
            Value::Object(fields) => match keyword {
                "minProperties" => fields.len() >= size(),
                "maxProperties" => fields.len() <= size(),
                "required" => all().all(|key| fields.contains_key(key.as_str().unwrap())),
                "properties" => fields
                    .iter()
                    .all(|(key, field)| wanted.get(key).is_none_or(|schema| valid(root, schema, field))),
                "additionalProperties" => fields.iter().all(|(key, field)| {
                    schema.get("properties").is_some_and(|known| known.get(key).is_some())
                        || valid(root, wanted, field)
                }),
                "propertyNames" => fields.keys().all(|key| valid(root, wanted, &Value::String(key.clone()))),
                "dependentRequired" => wanted.as_object().unwrap().iter().all(|(key, needed)| {
                    !fields.contains_key(key)
                        || needed.as_array().unwrap().iter().all(|n| fields.contains_key(n.as_str().unwrap()))
                }),
                _ => elsewhere(keyword),
            },
            Value::Null | Value::Bool(_) => elsewhere(keyword),
        },
    }
}

fn matches(pattern: &str, text: &str) -> bool {
    thread_local! { static READ: RefCell<BTreeMap<String, Regex>> = const { RefCell::new(BTreeMap::new()) } }
    READ.with_borrow_mut(|read| {
        let regex = read.entry(pattern.to_owned()).or_insert_with(|| Regex::new(pattern).unwrap());
        regex.is_match(text)
    })
}

/// A keyword about values of another type holds.
fn elsewhere(keyword: &str) -> bool {
    const KNOWN: [&str; 16] = [
        "minimum",
        "maximum",
        "minLength",
        "maxLength",
        "pattern",
        "minItems",
        "maxItems",
        "uniqueItems",
        "items",
        "minProperties",
        "maxProperties",
        "required",
        "properties",
        "additionalProperties",
        "propertyNames",
        "dependentRequired",
    ];
    assert!(KNOWN.contains(&keyword), "{keyword}");
    true
}
