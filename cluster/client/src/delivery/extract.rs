//! What a manager applied, read back from the object that came of it: the fields that `managedFields` says are theirs
//! (kubernetes-sigs/structured-merge-diff, `fieldpath`: `f:` names a field, `k:` an element of a list by its keys, `v:` one by its
//! value, `.` the thing itself).

use serde_json::{Map, Value};

/// The last thing that `manager` applied to `object`; nothing if it never did.
pub(super) fn extract(object: &Value, manager: &str) -> Option<Value> {
    let entries = object.pointer("/metadata/managedFields")?.as_array()?;
    let applied = entries.iter().find(|entry| {
        let is = |field: &str, value: &str| entry.get(field).is_some_and(|of| of == value);
        is("manager", manager) && is("operation", "Apply") && entry.get("subresource").is_none()
    })?;
    let mut extracted = part(object, applied.get("fieldsV1")?)?;
    let name = |field: &str| object.pointer(&format!("/metadata/{field}")).cloned();
    if let Some(fields) = extracted.as_object_mut() {
        for field in ["apiVersion", "kind"] {
            fields.insert(field.to_owned(), object.get(field).cloned()?);
        }
        let metadata = fields.entry("metadata").or_insert_with(|| Value::Object(Map::new()));
        if let Some(metadata) = metadata.as_object_mut() {
            metadata.insert("name".to_owned(), name("name")?);
            if let Some(namespace) = name("namespace") {
                metadata.insert("namespace".to_owned(), namespace);
            }
        }
    }
    Some(extracted)
}

/// The part of `value` that the set of fields names.
fn part(value: &Value, set: &Value) -> Option<Value> {
    let set = set.as_object()?;
    // A leaf: the value as a whole.
    if set.keys().all(|key| key == ".") {
        let whole = set.is_empty();
        return match value {
            Value::Object(_) if !whole => Some(Value::Object(Map::new())),
            Value::Array(_) if !whole => Some(Value::Array(Vec::new())),
            _ => Some(value.clone()),
        };
    }
    match value {
        Value::Object(fields) => {
            let own = set.iter().filter_map(|(key, inner)| {
                let name = key.strip_prefix("f:")?;
                Some((name.to_owned(), part(fields.get(name)?, inner)?))
            });
            Some(Value::Object(own.collect()))
        }
        Value::Array(items) => {
            // In the order of the list, which may mean something.
            let own = items.iter().filter_map(|item| {
                let (key, inner) = set.iter().find(|(key, _)| names(key, item))?;
                let mut own = part(item, inner)?;
                if let (Some(fields), Some(keys)) = (own.as_object_mut(), keys(key)) {
                    fields.extend(keys);
                }
                Some(own)
            });
            Some(Value::Array(own.collect()))
        }
        _ => Some(value.clone()),
    }
}

/// Whether `key` means this element.
fn names(key: &str, item: &Value) -> bool {
    if let Some(value) = key.strip_prefix("v:") {
        return serde_json::from_str::<Value>(value).is_ok_and(|value| value == *item);
    }
    // A key may be a default that the element has by now, too.
    keys(key).is_some_and(|keys| keys.iter().all(|(name, value)| item.get(name) == Some(value)))
}

fn keys(key: &str) -> Option<Map<String, Value>> {
    serde_json::from_str(key.strip_prefix("k:")?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_was_applied_is_found_again_without_defaults_and_without_what_others_manage() {
        let object = json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {
                "name": "web", "namespace": "shop", "labels": { "app": "web", "team": "a" }, "uid": "1",
                "managedFields": [
                    { "manager": "kubectl", "operation": "Update", "fieldsV1": { "f:metadata": { "f:labels": { "f:team": {} } } } },
                    { "manager": "bookend-deploy", "operation": "Apply", "fieldsV1": {
                        "f:metadata": { "f:labels": { "f:app": {} } },
                        "f:spec": {
                            "f:template": { "f:spec": {
                                "f:containers": { "k:{\"name\":\"web\"}": {
                                    ".": {}, "f:name": {}, "f:image": {}, "f:args": {},
                                    "f:ports": { "k:{\"containerPort\":80,\"protocol\":\"TCP\"}": { ".": {}, "f:containerPort": {} } },
                                } },
                            } },
                        },
                    } },
                ],
            },
            "spec": {
                "replicas": 1,
                "template": { "spec": { "containers": [
                    { "name": "side", "image": "b" },
                    { "name": "web", "image": "a", "args": ["x", "y"], "imagePullPolicy": "Always",
                      "ports": [{ "containerPort": 80, "protocol": "TCP", "name": "http" }] },
                ] } },
            },
        });
        let expected = json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": { "name": "web", "namespace": "shop", "labels": { "app": "web" } },
            "spec": { "template": { "spec": { "containers": [
                { "name": "web", "image": "a", "args": ["x", "y"], "ports": [{ "containerPort": 80, "protocol": "TCP" }] },
            ] } } },
        });
        assert_eq!(extract(&object, "bookend-deploy"), Some(expected));
        assert_eq!(extract(&object, "kubectl"), None);
    }

    #[test]
    fn elements_of_sets_are_found_by_their_value() {
        let object = json!({
            "apiVersion": "v1", "kind": "Thing",
            "metadata": { "name": "a", "managedFields": [
                { "manager": "m", "operation": "Apply", "fieldsV1": { "f:metadata": { "f:finalizers": { "v:\"b\"": {} } } } },
            ], "finalizers": ["a", "b"] },
        });
        let extracted = extract(&object, "m").unwrap();
        assert_eq!(extracted["metadata"]["finalizers"], json!(["b"]));
    }
}
