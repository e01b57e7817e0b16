//! What schemars says, in the few words that every reader of schemas knows.

use serde_json::{Map, Value, json};

/// Without what is true of Rust and not of documents: that what may be left out may be `null`, how wide a number is, and
/// what a default is.
pub(super) fn plain(schema: Value) -> Value {
    let Value::Object(mut fields) = schema else { return schema };
    for word in ["format", "default", "title"] {
        if !fields.get(word).is_some_and(Value::is_object) {
            fields.remove(word);
        }
    }
    nested(&mut fields, plain);
    without_null(&mut fields);
    words(&mut fields);
    whole_numbers(&mut fields);
    Value::Object(fields)
}

/// Applies `each` to every schema inside of a schema.
fn nested(fields: &mut Map<String, Value>, each: fn(Value) -> Value) {
    for (keyword, value) in fields.iter_mut() {
        match (keyword.as_str(), value) {
            ("properties", Value::Object(all)) => {
                all.values_mut().for_each(|schema| *schema = each(schema.take()));
            }
            ("anyOf" | "allOf" | "oneOf", Value::Array(all)) => {
                all.iter_mut().for_each(|schema| *schema = each(schema.take()));
            }
            ("items" | "additionalProperties" | "propertyNames" | "not", schema) if schema.is_object() => {
                *schema = each(schema.take());
            }
            _ => {}
        }
    }
}

/// No field may be `null`: what is left out means something, and `null` nothing.
fn without_null(fields: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = fields.get_mut("type") {
        types.retain(|word| word != "null");
        if let [one] = types.as_slice() {
            let one = one.clone();
            fields.insert("type".to_owned(), one);
        }
    }
    if let Some(Value::Array(words)) = fields.get_mut("enum") {
        words.retain(|word| !word.is_null());
    }
    let Some(Value::Array(branches)) = fields.get_mut("anyOf") else { return };
    let before = branches.len();
    branches.retain(|branch| *branch != json!({ "type": "null" }));
    if branches.len() < before && branches.len() == 1 {
        let only = branches.pop();
        fields.remove("anyOf");
        for (keyword, value) in only.as_ref().and_then(Value::as_object).into_iter().flatten() {
            // What a field says of itself is more than what its type says.
            fields.entry(keyword.clone()).or_insert_with(|| value.clone());
        }
    }
}

/// Words, of which each has a description, are words.
fn words(fields: &mut Map<String, Value>) {
    let Some(Value::Array(branches)) = fields.get("oneOf") else { return };
    let words: Option<Vec<Value>> = branches
        .iter()
        .map(|branch| match (branch.get("const"), branch.get("enum")) {
            (Some(word), _) => Some(vec![word.clone()]),
            (None, Some(Value::Array(words))) => Some(words.clone()),
            _ => None,
        })
        .collect::<Option<Vec<Vec<Value>>>>()
        .map(|all| all.concat());
    if let Some(words) = words {
        fields.remove("oneOf");
        fields.insert("type".to_owned(), "string".into());
        fields.insert("enum".to_owned(), words.into());
    }
}

/// `1`, and not `1.0`.
fn whole_numbers(fields: &mut Map<String, Value>) {
    for word in ["minimum", "maximum"] {
        let whole = fields.get(word).and_then(Value::as_f64).filter(|number| number.fract() == 0.0);
        if let Some(number) = whole.and_then(|number| format!("{number}").parse::<i64>().ok()) {
            fields.insert(word.to_owned(), number.into());
        }
    }
}

/// Definitions without what only API servers read.
pub(super) fn for_files(definitions: Map<String, Value>) -> Map<String, Value> {
    definitions.into_iter().map(|(name, schema)| (name, unextended(schema))).collect()
}

fn unextended(schema: Value) -> Value {
    let Value::Object(mut fields) = schema else { return schema };
    fields.retain(|keyword, _| !keyword.starts_with("x-kubernetes-"));
    nested(&mut fields, unextended);
    Value::Object(fields)
}
