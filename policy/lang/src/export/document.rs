//! What all documents that are written have in common.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::naming::naturally;

/// The label of what an export wrote (Kubernetes, "Recommended labels").
const MANAGED_BY: &str = "app.kubernetes.io/managed-by";

/// The annotation that names the rules a document was made of.
const RULES: &str = "bookend.dev/rules";

/// The rules that a document was made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Origins(BTreeSet<String>);

impl Origins {
    pub(super) fn add(&mut self, id: &str) {
        self.0.insert(id.to_owned());
    }

    fn text(&self) -> String {
        let mut ids: Vec<&str> = self.0.iter().map(String::as_str).collect();
        ids.sort_by(|a, b| naturally(a, b));
        ids.join(", ")
    }
}

/// A document; without a namespace it is one of the whole cluster.
pub(super) fn document(
    (api_version, kind): (&str, &str),
    namespace: Option<&str>,
    name: &str,
    origins: &Origins,
    spec: Value,
) -> Value {
    let mut metadata = Map::new();
    metadata.insert("name".to_owned(), json!(name));
    if let Some(namespace) = namespace {
        metadata.insert("namespace".to_owned(), json!(namespace));
    }
    metadata.insert("labels".to_owned(), json!({ MANAGED_BY: "bookend" }));
    metadata.insert("annotations".to_owned(), json!({ RULES: origins.text() }));
    json!({ "apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec })
}
