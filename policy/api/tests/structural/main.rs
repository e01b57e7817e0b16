//! An API server takes the definitions: they keep its rules for structural schemas.
//!
//! Each rule is quoted with its place in `k8s.io/apiextensions-apiserver`, short: `schema` is
//! `pkg/apiserver/schema/validation.go`, `complete` is `pkg/apiserver/schema/complete.go`, `crd` is
//! `pkg/apis/apiextensions/validation/validation.go`, `cost` is `pkg/apiserver/schema/cel` with `celconfig`.
#![expect(clippy::unwrap_used, reason = "functions shared by tests fail as tests do")]

mod cost;

use bookend_api::{Definition, definitions};
use regex::Regex;
use serde_json::{Map, Value};

/// What a schema of `apiextensions.k8s.io/v1` may say (`JSONSchemaProps`), without what `crd` forbids there:
/// `$ref`, `definitions`, `dependencies`, `patternProperties`, `additionalItems`, `id`, and `uniqueItems: true`.
const KEYWORDS: [&str; 31] = [
    "additionalProperties",
    "allOf",
    "anyOf",
    "default",
    "description",
    "enum",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "format",
    "items",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
    "not",
    "nullable",
    "oneOf",
    "pattern",
    "properties",
    "required",
    "title",
    "type",
    "x-kubernetes-int-or-string",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-list-type",
    "x-kubernetes-map-type",
];
const ALSO: [&str; 2] = ["x-kubernetes-preserve-unknown-fields", "x-kubernetes-validations"];

/// What a comparison may say: nothing that introduces a value (`schema`, validateNestedValueValidation).
const COMPARING: [&str; 18] = [
    "allOf",
    "anyOf",
    "enum",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "format",
    "items",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "not",
    "pattern",
    "properties",
];

#[derive(Clone, Copy, PartialEq)]
enum Place {
    Root,
    Inside,
}

/// Everything that is wrong with a schema.
fn faults(schema: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    node(schema, Place::Root, "", &mut faults);
    faults
}

fn fields(schema: &Value) -> &Map<String, Value> {
    schema.as_object().unwrap()
}

fn flag(fields: &Map<String, Value>, keyword: &str) -> bool {
    fields.get(keyword) == Some(&Value::Bool(true))
}

fn node(schema: &Value, place: Place, path: &str, faults: &mut Vec<String>) {
    let fields = fields(schema);
    let mut fault = |what: &str| faults.push(format!("{path}: {what}"));
    for keyword in fields.keys().filter(|k| !KEYWORDS.contains(&k.as_str()) && !ALSO.contains(&k.as_str())) {
        fault(&format!("`{keyword}` is not taken (crd)"));
    }
    let kind = fields.get("type").and_then(Value::as_str);
    let (either, kept) =
        (flag(fields, "x-kubernetes-int-or-string"), flag(fields, "x-kubernetes-preserve-unknown-fields"));
    match (kind, place) {
        (None, Place::Root) => fault("type must not be empty at the root (schema)"),
        (Some(kind), Place::Root) if kind != "object" => fault("type must be object at the root (schema)"),
        (None, _) if !either && !kept => fault("type must not be empty for fields and items (schema)"),
        (Some(kind), _) if !["object", "array", "string", "integer", "number", "boolean"].contains(&kind) => {
            fault("there is no such type (crd)");
        }
        _ => {}
    }
    if kind == Some("array") && fields.get("items").is_none() {
        fault("items must be specified (schema)");
    }
    if either && (kept || kind.is_some()) {
        fault("int-or-string stands alone (schema, crd)");
    }
    if fields.contains_key("properties") && fields.contains_key("additionalProperties") {
        fault("additionalProperties and properties are mutual exclusive (crd)");
    }
    if let Some(additional) = fields.get("additionalProperties") {
        if place == Place::Root {
            fault("additionalProperties must not be used at the root (schema)");
        }
        if additional.is_boolean() {
            fault("additionalProperties cannot be set to false (crd)");
        }
    }
    lists(fields, kind, &mut fault);
    rules(fields, kind, &mut fault);
    if let Some(pattern) = fields.get("pattern").and_then(Value::as_str)
        && Regex::new(pattern).is_err()
    {
        // RE2 and this crate know the same: no look-around, no references back.
        fault("pattern must be a valid regular expression (schema)");
    }
    comparisons(schema, schema, path, faults);
    for (name, inner) in fields.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let path = format!("{path}.{name}");
        match (place, name.as_str()) {
            // `metadata` at the root: nothing but name and generateName (schema, validateStructuralMetadataInvariants).
            (Place::Root, "metadata") => {
                for keyword in self::fields(inner).keys() {
                    if !["type", "properties"].contains(&keyword.as_str()) {
                        faults.push(format!("{path}: must not specify `{keyword}` (schema)"));
                    }
                }
                for name in inner.get("properties").and_then(Value::as_object).into_iter().flatten() {
                    if !["name", "generateName"].contains(&name.0.as_str()) {
                        faults.push(format!("{path}: only name and generateName, not `{}` (schema)", name.0));
                    }
                }
            }
            (Place::Root, "apiVersion" | "kind") => assert_eq!(inner["type"], "string"),
            _ => node(inner, Place::Inside, &path, faults),
        }
    }
    if let Some(items) = fields.get("items") {
        node(items, Place::Inside, &format!("{path}[]"), faults);
    }
    if let Some(additional) = fields.get("additionalProperties").filter(|schema| schema.is_object()) {
        node(additional, Place::Inside, &format!("{path}{{}}"), faults);
    }
}

/// `x-kubernetes-list-type`, `x-kubernetes-list-map-keys`, `x-kubernetes-map-type` (crd, ValidateCustomResourceDefinitionOpenAPISchema).
fn lists(fields: &Map<String, Value>, kind: Option<&str>, fault: &mut impl FnMut(&str)) {
    let keys = fields.get("x-kubernetes-list-map-keys").and_then(Value::as_array);
    let list = fields.get("x-kubernetes-list-type").and_then(Value::as_str);
    if list.is_some() && kind != Some("array") {
        fault("only arrays have a list type");
    }
    if keys.is_some() != (list == Some("map")) {
        fault("list-map-keys belong to a list type `map`");
    }
    if let Some(word) = fields.get("x-kubernetes-map-type")
        && (kind != Some("object") || !["atomic", "granular"].contains(&word.as_str().unwrap()))
    {
        fault("only objects have a map type");
    }
    let items = fields.get("items").map(self::fields);
    let of = |items: &Map<String, Value>| items.get("type").and_then(Value::as_str).map(str::to_owned);
    match (list, items) {
        (Some("set"), Some(items)) => {
            let atomic = items.get("x-kubernetes-map-type").is_some_and(|word| word == "atomic");
            if of(items).is_none_or(|kind| kind == "array" || kind == "object" && !atomic) {
                fault("the items of a set are scalars, or atomic");
            }
        }
        (Some("map"), Some(items)) => {
            let required = items.get("required").and_then(Value::as_array);
            let declared = items.get("properties").and_then(Value::as_object);
            for key in keys.into_iter().flatten() {
                if !required.is_some_and(|required| required.contains(key)) {
                    fault("a key of a list of maps is required, or has a default");
                }
                let kind = declared.and_then(|all| all.get(key.as_str()?)?.get("type")?.as_str());
                if !matches!(kind, Some("string" | "integer" | "boolean")) {
                    fault("a key of a list of maps is a scalar");
                }
            }
        }
        _ => {}
    }
}

/// `x-kubernetes-validations` (crd, and what `cost` can see of a schema: `SchemaDeclType` knows no node without a type).
fn rules(fields: &Map<String, Value>, kind: Option<&str>, fault: &mut impl FnMut(&str)) {
    let Some(rules) = fields.get("x-kubernetes-validations") else { return };
    if kind.is_none() {
        fault("a rule about what has no type sees nothing");
    }
    let named = Regex::new(r"\bself\.([A-Za-z_]+)").unwrap();
    for rule in rules.as_array().unwrap() {
        let text = rule["rule"].as_str().unwrap();
        let message = rule["message"].as_str().unwrap();
        if text.trim().is_empty() || text.contains('\n') || message.contains('\n') || message.len() > 2048 {
            fault("a rule has an expression and a message, each on one line");
        }
        for found in named.captures_iter(text) {
            let name = &found[1];
            let declared = fields.get("properties").and_then(|all| all.get(name));
            let seen = declared.is_some_and(|schema| {
                schema.get("type").is_some() || schema.get("x-kubernetes-int-or-string").is_some()
            });
            if !seen && name != "metadata" {
                fault(&format!("`{name}` cannot be seen by a rule"));
            }
        }
    }
}

/// `anyOf`, `allOf`, `oneOf` and `not` of `schema`, which only compare what `outside` introduces.
fn comparisons(schema: &Value, outside: &Value, path: &str, faults: &mut Vec<String>) {
    for keyword in ["anyOf", "allOf", "oneOf"] {
        for branch in schema.get(keyword).and_then(Value::as_array).into_iter().flatten() {
            compares(branch, outside, path, faults);
        }
    }
    if let Some(branch) = schema.get("not") {
        compares(branch, outside, path, faults);
    }
}

fn compares(branch: &Value, outside: &Value, path: &str, faults: &mut Vec<String>) {
    for keyword in fields(branch)
        .keys()
        .filter(|k| !COMPARING.contains(&k.as_str()) && *k != "required" && *k != "oneOf")
    {
        faults.push(format!("{path}: `{keyword}` must be empty in a comparison (schema)"));
    }
    comparisons(branch, outside, path, faults);
    // Whatever is compared is introduced outside of it (complete).
    for (name, inner) in branch.get("properties").and_then(Value::as_object).into_iter().flatten() {
        match outside.get("properties").and_then(|all| all.get(name)) {
            Some(outside) => compares(inner, outside, &format!("{path}.{name}"), faults),
            None => faults.push(format!("{path}: `{name}` is compared and not introduced (complete)")),
        }
    }
    if let Some(inner) = branch.get("items") {
        match outside.get("items") {
            Some(outside) => compares(inner, outside, &format!("{path}[]"), faults),
            None => faults.push(format!("{path}: items are compared and not introduced (complete)")),
        }
    }
}

fn schema(definition: &Definition) -> &Value {
    definition.object.pointer("/spec/versions/0/schema/openAPIV3Schema").unwrap()
}

#[test]
fn every_schema_is_structural() {
    for definition in definitions() {
        assert_eq!(faults(schema(&definition)), Vec::<String>::new(), "{}", definition.kind);
    }
}

#[test]
fn a_schema_that_is_not_structural_is_noticed() {
    use serde_json::json;
    let object = |inner: Value| json!({ "type": "object", "properties": { "a": inner } });
    for (broken, about) in [
        (json!({ "properties": {} }), "type must not be empty at the root"),
        (object(json!({})), "type must not be empty for fields"),
        (object(json!({ "type": "array" })), "items must be specified"),
        (object(json!({ "$ref": "#/x", "type": "object" })), "`$ref`"),
        (
            object(json!({ "type": "array", "uniqueItems": true, "items": { "type": "string" } })),
            "`uniqueItems`",
        ),
        (object(json!({ "type": "string", "anyOf": [{ "type": "string" }] })), "`type` must be empty"),
        (object(json!({ "type": "object", "anyOf": [{ "properties": { "b": {} } }] })), "not introduced"),
        (object(json!({ "type": "object", "additionalProperties": false })), "cannot be set to false"),
        (object(json!({ "type": "string", "pattern": "(?=a)" })), "regular expression"),
        (
            object(
                json!({ "type": "array", "items": { "type": "object" }, "x-kubernetes-list-type": "set" }),
            ),
            "of a set",
        ),
        (
            json!({ "type": "object", "properties": { "metadata": { "type": "object", "properties": { "labels": {} } } } }),
            "only name",
        ),
    ] {
        let found = faults(&broken);
        assert!(found.iter().any(|fault| fault.contains(about)), "{broken}: {found:?}");
    }
}

#[test]
fn rules_cost_what_an_api_server_allows() {
    for definition in definitions() {
        assert_eq!(cost::excess(schema(&definition)), None, "{}", definition.kind);
    }
}

#[test]
fn a_definition_is_whole_and_fits_into_etcd() {
    for Definition { kind, object } in definitions() {
        let spec = &object["spec"];
        let plural = spec["names"]["plural"].as_str().unwrap();
        assert_eq!(object["apiVersion"], "apiextensions.k8s.io/v1", "{kind}");
        assert_eq!(object["kind"], "CustomResourceDefinition", "{kind}");
        assert_eq!(object["metadata"]["name"], format!("{plural}.bookend.dev"), "{kind}");
        assert_eq!((&spec["names"]["kind"], &spec["group"]), (&kind.into(), &"bookend.dev".into()));
        assert_eq!(spec["names"]["categories"], serde_json::json!(["bookend"]));
        let [version] = spec["versions"].as_array().unwrap().as_slice() else { unreachable!("one version") };
        assert_eq!(version["name"], "v1alpha1");
        assert_eq!(version["subresources"], serde_json::json!({ "status": {} }), "{kind}");
        let mut seen = Vec::new();
        for column in version["additionalPrinterColumns"].as_array().unwrap() {
            assert!(column["jsonPath"].as_str().unwrap().starts_with('.'), "{column}");
            assert!(
                ["integer", "number", "string", "boolean", "date"]
                    .contains(&column["type"].as_str().unwrap())
            );
            assert!(!seen.contains(&&column["name"]), "{column}");
            seen.push(&column["name"]);
        }
        // etcd takes 1.5 MiB, and a release of Helm, which holds all of them compressed, 1 MiB.
        let size = object.to_string().len();
        assert!(size < 256 << 10, "{kind}: {size} bytes");
    }
}
