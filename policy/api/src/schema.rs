//! The JSON Schema of the documents as files.

mod plain;

use schemars::JsonSchema;
use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde_json::{Map, Value, json};

use crate::kind::{
    ClusterPolicySpec, HostSpec, InventorySpec, NetworkSpec, PolicySpec, ReportingSpec, TierSpec,
};
use crate::metadata::{ClusterMetadata, HostMetadata, Metadata, TestMetadata};
use crate::test::PolicyTestSpec;
use crate::{GROUP, VERSION};

/// Schemas that refer to each other.
pub(crate) struct Schemas(SchemaGenerator);

impl Schemas {
    pub(crate) fn new() -> Self {
        Self(SchemaSettings::draft2020_12().with(|settings| settings.meta_schema = None).into_generator())
    }

    /// The schema of `T`; what it refers to is among the [`definitions`](Self::definitions).
    pub(crate) fn of<T: JsonSchema>(&mut self) -> Value {
        plain::plain(self.0.subschema_for::<T>().to_value())
    }

    /// Everything that was referred to, by name.
    pub(crate) fn definitions(&mut self) -> Map<String, Value> {
        let all = self.0.take_definitions(false).into_iter();
        all.map(|(name, schema)| (name, plain::plain(schema))).collect()
    }
}

/// The JSON Schema (draft 2020-12) of every document of Bookend's own, as `bookend schema` prints it.
///
/// It refuses less than a compiler of the documents: what several fields or documents say together only that tells.
pub fn json_schema() -> Value {
    let mut schemas = Schemas::new();
    let mut kinds = Map::new();
    let mut add = |kind: &str, description: &str, parts: [Value; 2], status: bool| {
        kinds.insert(kind.to_owned(), document(kind, description, parts, status));
    };
    let namespaced = "What ends of connections in its namespace may do.";
    add("Policy", namespaced, [schemas.of::<Metadata>(), schemas.of::<PolicySpec>()], true);
    let everywhere = "What ends of connections in every namespace may do (S38).";
    add(
        "ClusterPolicy",
        everywhere,
        [schemas.of::<ClusterMetadata>(), schemas.of::<ClusterPolicySpec>()],
        true,
    );
    let step = "A step in the order in which policies are asked (S2).";
    add("Tier", step, [schemas.of::<ClusterMetadata>(), schemas.of::<TierSpec>()], true);
    let set = "A named and labelled set of addresses (S42).";
    add("Network", set, [schemas.of::<ClusterMetadata>(), schemas.of::<NetworkSpec>()], true);
    let inventory = "Which workloads exist, and what manifests do not say about them.";
    add("Inventory", inventory, [schemas.of::<Metadata>(), schemas.of::<InventorySpec>()], true);
    let machine = "A machine whose own interfaces are policed (S75 to S77).";
    add("Host", machine, [schemas.of::<HostMetadata>(), schemas.of::<HostSpec>()], true);
    let told = "What filters tell peers, logs and metrics. At most one in a set of documents.";
    add("Reporting", told, [schemas.of::<ClusterMetadata>(), schemas.of::<ReportingSpec>()], true);
    let test = "What is expected of all policies together.";
    add("PolicyTest", test, [schemas.of::<TestMetadata>(), schemas.of::<PolicyTestSpec>()], false);
    let names: Vec<String> = kinds.keys().cloned().collect();
    let branches: Vec<Value> = names
        .iter()
        .map(|kind| {
            json!({
                "if": { "properties": { "kind": { "const": kind } } },
                "then": { "$ref": format!("#/$defs/{kind}") }
            })
        })
        .collect();
    let mut definitions = schemas.definitions();
    definitions.extend(kinds);
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Bookend documents",
        "description": "What a document of Bookend's own may hold. `bookend check` finds more than a schema can say.",
        "type": "object",
        "required": ["apiVersion", "kind"],
        "properties": { "apiVersion": { "const": format!("{GROUP}/{VERSION}") }, "kind": { "enum": names } },
        "allOf": branches,
        "$defs": plain::for_files(definitions)
    })
}

fn document(kind: &str, description: &str, [metadata, spec]: [Value; 2], status: bool) -> Value {
    let mut properties = json!({
        "apiVersion": { "const": format!("{GROUP}/{VERSION}") },
        "kind": { "const": kind },
        "metadata": metadata,
        "spec": spec
    });
    if let (true, Some(properties)) = (status, properties.as_object_mut()) {
        let added = "Added by an API server; says nothing here.";
        properties.insert("status".to_owned(), json!({ "description": added }));
    }
    json!({
        "description": description,
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
        "required": ["apiVersion", "kind", "metadata", "spec"]
    })
}
