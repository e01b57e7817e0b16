//! What an API server refuses by a definition: by its schema, by its kinds of lists, and by its rules.

use std::collections::BTreeMap;

use kube_cel::Validator;
use serde_json::Value;

/// The definitions, as an API server has them.
pub(crate) struct Server(BTreeMap<&'static str, (Value, jsonschema::Validator)>);

impl Server {
    pub(crate) fn new() -> Self {
        let all = bookend_api::definitions().into_iter().map(|definition| {
            let schema =
                definition.object.pointer("/spec/versions/0/schema/openAPIV3Schema").unwrap().clone();
            let validator = jsonschema::validator_for(&schema).unwrap();
            (definition.kind, (schema, validator))
        });
        Self(all.collect())
    }

    /// Why an object is refused, if it is. What no definition is of is none of its business.
    pub(crate) fn refusal(&self, object: &Value) -> Option<String> {
        let (schema, validator) = self.0.get(object["kind"].as_str()?)?;
        if object.pointer("/metadata/name").is_none_or(|name| !name.is_string()) {
            return None;
        }
        let errors: Vec<String> = validator
            .iter_errors(object)
            .map(|error| format!("{error} at {}", error.instance_path()))
            .collect();
        let first = (!errors.is_empty()).then(|| errors.join("; "));
        first.or_else(|| twice(schema, object)).or_else(|| {
            Validator::new().validate(schema, object, None).err().map(|errors| errors.to_string())
        })
    }
}

/// What stands twice in a list of a kind in which nothing does (`schema/listtype`).
fn twice(schema: &Value, value: &Value) -> Option<String> {
    match value {
        Value::Object(fields) => fields.iter().find_map(|(name, field)| {
            let inner = schema.get("properties").and_then(|all| all.get(name));
            twice(inner.or_else(|| schema.get("additionalProperties"))?, field)
        }),
        Value::Array(items) => {
            let keys = schema.get("x-kubernetes-list-map-keys").and_then(Value::as_array);
            let key = |item: &Value| match schema.get("x-kubernetes-list-type").and_then(Value::as_str) {
                Some("set") => Some(item.clone()),
                Some("map") => {
                    Some(keys.into_iter().flatten().map(|key| item[key.as_str().unwrap()].clone()).collect())
                }
                _ => None,
            };
            let seen: Vec<Value> = items.iter().filter_map(key).collect();
            let again = seen.iter().enumerate().find(|(index, value)| seen[..*index].contains(value));
            again
                .map(|(_, value)| format!("{value} stands twice"))
                .or_else(|| items.iter().find_map(|item| twice(schema.get("items")?, item)))
        }
        _ => None,
    }
}
