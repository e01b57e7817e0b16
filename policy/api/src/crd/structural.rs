//! Structural schemas: what an API server takes of a schema, and how the rest is said.
//!
//! The rules are those of `k8s.io/apiextensions-apiserver/pkg/apiserver/schema/validation.go` and
//! `pkg/apis/apiextensions/validation`, which `tests/structural.rs` states one by one. In short: every node has one
//! `type`; there are no references; `anyOf`, `allOf` and `not` only compare values and never introduce them.
//!
//! * References are replaced by what they mean. What contains itself (a peer in the `not` of a peer) is described once
//!   more in itself, without words; further inside it is any mapping.
//! * What may be of several types has none, and `x-kubernetes-preserve-unknown-fields` or, for ports,
//!   `x-kubernetes-int-or-string`; each keyword then speaks only of values of its own type, as it always does.
//! * `additionalProperties: false` becomes its opposite, `x-kubernetes-preserve-unknown-fields` (S120): an API server
//!   would otherwise cut away what it does not know, and a rule without a condition that somebody misspelt, or that only
//!   a newer version knows, means more than was written. What is kept is refused by whoever enforces it.
//! * `propertyNames`, `dependentRequired` and `uniqueItems` are not taken. The second is said otherwise, the third is a
//!   list type where the entries are scalars.

use serde_json::{Map, Value, json};

/// How often what contains itself is described in itself. A document may nest `not` 4 deep; but each step multiplies a
/// definition that an API server and etcd must hold (1.5 MiB), and few policies have more than one.
const DEPTH: usize = 2;

/// What becomes of fields that a schema does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unknown {
    /// They are kept, and refused by whoever reads them.
    Kept,
    /// They are cut away: only programs write there.
    Cut,
}

/// The structural schema of `schema`, whose references are into `definitions`.
pub(super) fn structural(schema: &Value, definitions: &Map<String, Value>, unknown: Unknown) -> Value {
    let walk = Walk { definitions, unknown };
    // A type that contains itself ends before the outermost of it does.
    walk.node(schema, &mut Vec::new()).unwrap_or_default()
}

struct Walk<'d> {
    definitions: &'d Map<String, Value>,
    unknown: Unknown,
}

impl<'d> Walk<'d> {
    /// What `schema` means; nothing, where it stands too deep in itself. `inside` are the definitions it stands in.
    fn node(&self, schema: &Value, inside: &mut Vec<String>) -> Option<Value> {
        let Value::Object(fields) = schema else { return Some(schema.clone()) };
        if let Some(name) = fields.get("$ref").and_then(Value::as_str) {
            let name = name.rsplit('/').next().unwrap_or_default();
            if inside.iter().filter(|outer| *outer == name).count() >= DEPTH {
                return None;
            }
            let mut meant =
                self.definitions.get(name).and_then(Value::as_object).cloned().unwrap_or_default();
            if meant.get("type").is_none_or(|word| word != "object") {
                meant.remove("description");
            }
            // What a field says of itself is more than what its type says.
            meant
                .extend(fields.iter().filter(|(key, _)| *key != "$ref").map(|(k, v)| (k.clone(), v.clone())));
            let again = inside.iter().any(|outer| outer == name);
            inside.push(name.to_owned());
            let node = self.node(&Value::Object(meant), inside);
            inside.pop();
            return node.map(|node| if again { wordless(node) } else { node });
        }
        let mut node = Map::new();
        let mut all = Vec::new();
        for (keyword, value) in fields {
            match keyword.as_str() {
                "additionalProperties" if *value == Value::Bool(false) => {
                    if self.unknown == Unknown::Kept {
                        node.insert("x-kubernetes-preserve-unknown-fields".to_owned(), true.into());
                    }
                }
                "additionalProperties" if value.is_object() => {
                    node.insert(keyword.clone(), self.node(value, inside)?);
                }
                "propertyNames" | "uniqueItems" => {}
                "dependentRequired" => all.extend(dependent(value)),
                "properties" => {
                    node.insert(keyword.clone(), self.properties(value, inside));
                }
                "items" => {
                    node.insert(keyword.clone(), self.node(value, inside)?);
                }
                "anyOf" if self.introduces(value) => self.union(value, &mut node, inside)?,
                "const" => {
                    node.insert("enum".to_owned(), json!([value]));
                }
                "allOf" => all.extend(value.as_array().into_iter().flatten().map(compared)),
                "anyOf" => {
                    let branches = value.as_array().into_iter().flatten().map(compared);
                    node.insert(keyword.clone(), branches.collect());
                }
                _ => {
                    node.insert(keyword.clone(), value.clone());
                }
            }
        }
        if !all.is_empty() {
            node.insert("allOf".to_owned(), Value::Array(all));
        }
        if node.contains_key("x-kubernetes-validations") {
            // A rule says the same with words.
            node.remove("anyOf");
            node.remove("not");
        }
        let scalars = node.get("items").and_then(|items| items.get("type")).and_then(Value::as_str);
        let scalars = scalars.is_some_and(|word| matches!(word, "string" | "integer" | "boolean"));
        if fields.get("uniqueItems") == Some(&Value::Bool(true)) && scalars {
            node.insert("x-kubernetes-list-type".to_owned(), "set".into());
        }
        Some(Value::Object(node))
    }

    /// Fields. One that is a list of what stands too deep is a list of anything.
    fn properties(&self, properties: &Value, inside: &mut Vec<String>) -> Value {
        let fields = properties.as_object().into_iter().flatten();
        fields
            .map(|(name, schema)| {
                let node = self.node(schema, inside).unwrap_or_else(|| {
                    let items = json!({ "type": "object", "minProperties": 1, "x-kubernetes-preserve-unknown-fields": true });
                    json!({ "type": "array", "minItems": 1, "maxItems": 1000, "items": items })
                });
                (name.clone(), node)
            })
            .collect()
    }

    /// The schema that a reference means, without what surrounds it.
    fn meant<'v>(&self, schema: &'v Value) -> &'v Value
    where
        'd: 'v,
    {
        let name = schema.get("$ref").and_then(Value::as_str).and_then(|name| name.rsplit('/').next());
        name.and_then(|name| self.definitions.get(name)).unwrap_or(schema)
    }

    /// Whether branches say of what type a value is, instead of only comparing it.
    fn introduces(&self, branches: &Value) -> bool {
        branches.as_array().into_iter().flatten().any(|branch| {
            let meant = self.meant(branch);
            meant.get("type").is_some() || meant.get("anyOf").is_some_and(|inner| self.introduces(inner))
        })
    }

    /// Several types in one place.
    fn union(&self, branches: &Value, node: &mut Map<String, Value>, inside: &mut Vec<String>) -> Option<()> {
        let mut types = Vec::new();
        let mut merged = Map::new();
        for branch in branches.as_array().into_iter().flatten() {
            let Value::Object(branch) = self.node(branch, inside)? else { continue };
            types.push(branch.get("type").and_then(Value::as_str).unwrap_or_default().to_owned());
            for (keyword, value) in branch {
                let about_all =
                    ["type", "description", "enum", "x-kubernetes-list-type", "x-kubernetes-map-type"];
                if !about_all.contains(&keyword.as_str()) {
                    merged.entry(keyword).or_insert(value);
                }
            }
        }
        types.sort();
        if types == ["integer", "string"] {
            node.insert("x-kubernetes-int-or-string".to_owned(), true.into());
        } else {
            merged.insert("x-kubernetes-preserve-unknown-fields".to_owned(), true.into());
        }
        for (keyword, value) in merged {
            node.entry(keyword).or_insert(value);
        }
        Some(())
    }
}

/// The same, without descriptions.
fn wordless(schema: Value) -> Value {
    match schema {
        Value::Object(fields) => Value::Object(
            fields
                .into_iter()
                .filter(|(keyword, value)| keyword != "description" || !value.is_string())
                .map(|(keyword, value)| (keyword, wordless(value)))
                .collect(),
        ),
        Value::Array(all) => all.into_iter().map(wordless).collect(),
        other => other,
    }
}

/// A branch that only compares.
fn compared(branch: &Value) -> Value {
    let Value::Object(fields) = branch else { return branch.clone() };
    let inner = |value: &Value| value.as_array().into_iter().flatten().map(compared).collect::<Value>();
    let fields = fields.iter().map(|(keyword, value)| match keyword.as_str() {
        "anyOf" | "allOf" => (keyword.clone(), inner(value)),
        _ => (keyword.clone(), value.clone()),
    });
    Value::Object(fields.collect())
}

/// Where one field is there, others are.
fn dependent(fields: &Value) -> Vec<Value> {
    let fields = fields.as_object().into_iter().flatten();
    fields
        .map(|(field, needed)| json!({ "anyOf": [{ "not": { "required": [field] } }, { "required": needed }] }))
        .collect()
}
