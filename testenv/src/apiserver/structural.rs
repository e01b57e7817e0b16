//! Structural schemas of CRDs: what they refuse, what they drop and what they fill in.
//!
//! What is evaluated: everything of OpenAPI v3 that a structural schema may hold, `x-kubernetes-int-or-string`,
//! `x-kubernetes-preserve-unknown-fields`, `x-kubernetes-embedded-resource`, `x-kubernetes-list-type`, `nullable`, `default`.
//! What is not: `x-kubernetes-validations` (CEL) and `format`.

use serde_json::{Map, Value, json};

use super::refusal::Cause;

/// The schema of one version of a kind.
#[derive(Debug)]
pub(crate) struct Structure {
    schema: Value,
    validator: jsonschema::Validator,
}

impl Structure {
    /// Reads `openAPIV3Schema`.
    ///
    /// # Errors
    /// A sentence, if it is no schema.
    pub(crate) fn new(schema: &Value) -> Result<Self, String> {
        let mut plain = translate(schema);
        // The API's own part; a CRD may say nothing of it.
        if let Some(properties) = plain.get_mut("properties").and_then(Value::as_object_mut) {
            properties.insert("metadata".to_owned(), json!({ "type": "object" }));
        }
        let validator = jsonschema::options()
            .with_draft(jsonschema::Draft::Draft4)
            .should_validate_formats(false)
            .build(&plain)
            .map_err(|error| format!("spec.versions.schema.openAPIV3Schema: Invalid value: {error}"))?;
        Ok(Self { schema: schema.clone(), validator })
    }

    /// The schema as it was given.
    pub(crate) fn schema(&self) -> &Value {
        &self.schema
    }

    /// Drops what the schema does not know, and tells the paths of it.
    pub(crate) fn prune(&self, object: &mut Value) -> Vec<String> {
        let mut unknown = Vec::new();
        let kept: Vec<_> = ["apiVersion", "kind", "metadata"]
            .iter()
            .filter_map(|&key| Some((key.to_owned(), object.as_object_mut()?.remove(key)?)))
            .collect();
        prune(object, &self.schema, "", &mut unknown);
        if let Some(fields) = object.as_object_mut() {
            fields.extend(kept);
        }
        unknown
    }

    /// Fills in what the schema has defaults for.
    pub(crate) fn fill(&self, object: &mut Value) {
        fill(object, &self.schema);
    }

    /// Everything that the schema refuses.
    pub(crate) fn refused(&self, object: &Value) -> Vec<Cause> {
        let mut causes: Vec<_> = self.validator.iter_errors(object).map(|error| cause(&error)).collect();
        doubles(object, &self.schema, "", &mut causes);
        causes
    }
}

fn flag(schema: &Value, key: &str) -> bool {
    schema.get(key).and_then(Value::as_bool).unwrap_or(false)
}

/// A structural schema as JSON schema, draft 4, of which OpenAPI v3.0 is nearly a part.
fn translate(schema: &Value) -> Value {
    let Value::Object(fields) = schema else { return schema.clone() };
    let mut plain = Map::new();
    for (key, value) in fields {
        let value = match (key.as_str(), value) {
            ("default" | "description" | "example" | "format" | "nullable" | "title" | "externalDocs", _) => {
                continue;
            }
            (key, _) if key.starts_with("x-kubernetes-") => continue,
            ("properties" | "patternProperties" | "definitions", Value::Object(named)) => {
                named.iter().map(|(name, schema)| (name.clone(), translate(schema))).collect()
            }
            ("allOf" | "anyOf" | "oneOf", Value::Array(all)) => all.iter().map(translate).collect(),
            ("items" | "additionalProperties" | "not", schema) => translate(schema),
            (_, value) => value.clone(),
        };
        plain.insert(key.clone(), value);
    }
    if flag(schema, "x-kubernetes-int-or-string") {
        plain.insert("type".to_owned(), json!(["integer", "string"]));
    }
    if flag(schema, "nullable") {
        match plain.get_mut("type") {
            Some(Value::Array(types)) => types.push(json!("null")),
            Some(one) => *one = json!([one.clone(), "null"]),
            None => {}
        }
        if let Some(Value::Array(values)) = plain.get_mut("enum") {
            values.push(Value::Null);
        }
    }
    Value::Object(plain)
}

fn prune(value: &mut Value, schema: &Value, path: &str, unknown: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            let properties = schema.get("properties").and_then(Value::as_object);
            let others = schema.get("additionalProperties");
            let keep = flag(schema, "x-kubernetes-preserve-unknown-fields");
            let embedded = flag(schema, "x-kubernetes-embedded-resource");
            fields.retain(|name, value| {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                if let Some(schema) = properties.and_then(|properties| properties.get(name)) {
                    // A null where none may be is as if nothing was there.
                    if value.is_null() && !flag(schema, "nullable") {
                        return false;
                    }
                    prune(value, schema, &path, unknown);
                    return true;
                }
                match others {
                    Some(schema @ Value::Object(_)) => {
                        prune(value, schema, &path, unknown);
                        return true;
                    }
                    Some(Value::Bool(true)) => return true,
                    _ => {}
                }
                if keep || embedded && matches!(name.as_str(), "apiVersion" | "kind" | "metadata") {
                    return true;
                }
                unknown.push(path);
                false
            });
        }
        Value::Array(items) => {
            if let Some(schema) = schema.get("items") {
                for (index, item) in items.iter_mut().enumerate() {
                    prune(item, schema, &format!("{path}[{index}]"), unknown);
                }
            }
        }
        _ => {}
    }
}

fn fill(value: &mut Value, schema: &Value) {
    match value {
        Value::Object(fields) => {
            let properties = schema.get("properties").and_then(Value::as_object);
            for (name, schema) in properties.into_iter().flatten() {
                if let Some(default) = schema.get("default")
                    && fields.get(name).is_none_or(|value| value.is_null() && !flag(schema, "nullable"))
                {
                    fields.insert(name.clone(), default.clone());
                }
                if let Some(value) = fields.get_mut(name) {
                    fill(value, schema);
                }
            }
            if let Some(schema @ Value::Object(_)) = schema.get("additionalProperties") {
                let others = fields.iter_mut();
                let others =
                    others.filter(|(name, _)| !properties.is_some_and(|known| known.contains_key(*name)));
                others.for_each(|(_, value)| fill(value, schema));
            }
        }
        Value::Array(items) => {
            if let Some(schema) = schema.get("items") {
                items.iter_mut().for_each(|item| fill(item, schema));
            }
        }
        _ => {}
    }
}

/// `x-kubernetes-list-type` `set` and `map` allow no two equal elements.
fn doubles(value: &Value, schema: &Value, path: &str, causes: &mut Vec<Cause>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let schema = schema.get("properties").and_then(|properties| properties.get(name));
                if let Some(schema) = schema {
                    let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                    doubles(value, schema, &path, causes);
                }
            }
        }
        Value::Array(items) => {
            let keys = schema.get("x-kubernetes-list-map-keys").and_then(Value::as_array);
            let kind = schema.get("x-kubernetes-list-type").and_then(Value::as_str).unwrap_or_default();
            let mut seen = Vec::new();
            for (index, item) in items.iter().enumerate() {
                let place = format!("{path}[{index}]");
                if let Some(schema) = schema.get("items") {
                    doubles(item, schema, &place, causes);
                }
                let what = match (kind, keys) {
                    ("set", _) => item.clone(),
                    ("map", Some(keys)) => keys
                        .iter()
                        .filter_map(Value::as_str)
                        .map(|key| (key.to_owned(), item.get(key).cloned().unwrap_or(Value::Null)))
                        .collect(),
                    _ => continue,
                };
                if seen.contains(&what) {
                    let message = format!("Duplicate value: {what}");
                    causes.push(Cause { reason: "FieldValueDuplicate", message, field: place });
                }
                seen.push(what);
            }
        }
        _ => {}
    }
}

fn cause(error: &jsonschema::ValidationError<'_>) -> Cause {
    use jsonschema::error::ValidationErrorKind as Wrong;
    let mut field = dotted(error.instance_path().as_str());
    let value = error.instance();
    let shown = match value.as_ref() {
        Value::Object(_) => "\"object\"".to_owned(),
        Value::Array(_) => "\"array\"".to_owned(),
        other => other.to_string(),
    };
    let (reason, message) = match error.kind() {
        Wrong::Required { property } => {
            let property = property.as_str().unwrap_or_default();
            field = if field.is_empty() { property.to_owned() } else { format!("{field}.{property}") };
            ("FieldValueRequired", "Required value".to_owned())
        }
        Wrong::Enum { options } => {
            let options: Vec<_> = options.as_array().into_iter().flatten().map(Value::to_string).collect();
            (
                "FieldValueNotSupported",
                format!("Unsupported value: {shown}: supported values: {}", options.join(", ")),
            )
        }
        Wrong::Type { .. } => {
            let named = type_of(value);
            let why = error.to_string();
            let wanted = why.rsplit("type ").next().unwrap_or_default().replace('"', "");
            (
                "FieldValueTypeInvalid",
                format!("Invalid value: \"{named}\": {field} in body must be of type {wanted}: \"{named}\""),
            )
        }
        _ => ("FieldValueInvalid", format!("Invalid value: {shown}: {field} in body: {error}")),
    };
    Cause { reason, message, field: if field.is_empty() { "<nil>".to_owned() } else { field } }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// `/spec/rules/0/to` as `spec.rules[0].to`.
fn dotted(pointer: &str) -> String {
    let mut path = String::new();
    for step in pointer.split('/').skip(1) {
        if step.bytes().all(|byte| byte.is_ascii_digit()) && !path.is_empty() {
            path.push_str(&format!("[{step}]"));
        } else {
            let dot = if path.is_empty() { "" } else { "." };
            path.push_str(&format!("{dot}{}", step.replace("~1", "/").replace("~0", "~")));
        }
    }
    path
}
