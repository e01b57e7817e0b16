//! The claims of JSON web tokens, as they are written in tests.

use super::super::fields::wrong_type;
use crate::{
    Code,
    diagnostic::Report,
    yaml::{Node, Scalar, Value},
};
use serde_json::{Map, Number, Value as Json};

/// The claims of one token, or a list with those of several.
pub(super) fn tokens(node: &Node, report: &mut Report) -> Option<Vec<Json>> {
    match &node.value {
        Value::Mapping(_) => Some(vec![json(node, report)?]),
        Value::Sequence(items) if !items.is_empty() => {
            let read: Vec<Option<Json>> = items.iter().map(|item| token(item, report)).collect();
            read.into_iter().collect()
        }
        _ => {
            wrong_type(node, "claims", "a mapping, or a list of them for several tokens", report);
            None
        }
    }
}

fn token(node: &Node, report: &mut Report) -> Option<Json> {
    if !matches!(node.value, Value::Mapping(_)) {
        wrong_type(node, "claims", "a mapping", report);
        return None;
    }
    json(node, report)
}

fn json(node: &Node, report: &mut Report) -> Option<Json> {
    match &node.value {
        Value::Mapping(entries) => {
            let mut map = Map::new();
            for entry in entries {
                map.insert(entry.key.clone(), json(&entry.value, report)?);
            }
            Some(Json::Object(map))
        }
        Value::Sequence(items) => {
            let read: Vec<Option<Json>> = items.iter().map(|item| json(item, report)).collect();
            Some(Json::Array(read.into_iter().collect::<Option<_>>()?))
        }
        Value::Scalar(scalar) => {
            let value = match scalar.kind() {
                "null" => Some(Json::Null),
                "boolean" => scalar.boolean().map(Json::Bool),
                "number" => number(scalar).map(Json::Number),
                _ => Some(Json::String(scalar.text.clone())),
            };
            if value.is_none() {
                let message = format!("`{}` is written as no JSON value is", scalar.text);
                let cure = "write it as JSON does, or put it in quotes to mean a string";
                report.add(Code::BadTest, node.span, message, cure);
            }
            value
        }
    }
}

/// A number that JSON writes in the same way.
fn number(scalar: &Scalar) -> Option<Number> {
    serde_json::from_str(&scalar.text).ok()
}
