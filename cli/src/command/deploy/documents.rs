//! The documents that are deployed: Bookend's own, as objects of the cluster.

use anyhow::anyhow;
use bookend_lang::{Object, Source, objects};
use bookend_objects::install::{Part, labels};
use serde_json::{Value, json};

use crate::output::Format;
use crate::sources::refused;

/// What is said of the namespace of a document that names none.
const DEFAULT: &str = "default";

/// Kinds that lie in namespaces.
const NAMESPACED: [&str; 3] = ["Policy", "Host", "Inventory"];

/// Groups whose documents say who there is, and allow nothing.
const FACTS: [&str; 5] = ["v1", "apps/v1", "batch/v1", "discovery.k8s.io/v1", "extensions/v1beta1"];

/// What files hold, as far as it is deployed.
#[derive(Debug, Default)]
pub(in crate::command) struct Policies {
    /// The objects, what others refer to first.
    pub(in crate::command) objects: Vec<Value>,
    /// What is not deployed, for a reason that the user should know.
    pub(in crate::command) notes: Vec<String>,
}

impl Policies {
    /// Reads the documents of sources, for an installation of this name.
    ///
    /// # Errors
    /// When a source is not YAML, or holds a policy of another system.
    pub(in crate::command) fn read(sources: &[Source], install: &str, audit: bool) -> anyhow::Result<Self> {
        let read = objects(sources).map_err(|error| refused(&error.diagnostics, sources, Format::Text))?;
        let (mut policies, mut facts, mut tests) = (Self::default(), 0, 0);
        for object in read {
            match object.kind() {
                "PolicyTest" if object.is_own() => tests += 1,
                _ if object.is_own() => policies.objects.push(prepare(object, install, audit)),
                _ if FACTS.contains(&object.api_version()) => facts += 1,
                kind => return Err(foreign(kind, &object, sources)),
            }
        }
        policies.objects.sort_by_key(|object| order(object.get("kind").and_then(Value::as_str)));
        if facts > 0 {
            policies
                .notes
                .push(format!("{facts} manifests are read, and not applied: `kubectl apply` is for those"));
        }
        if tests > 0 {
            policies.notes.push(format!("{tests} PolicyTests are not applied: `bookend test` runs them"));
        }
        Ok(policies)
    }
}

fn foreign(kind: &str, object: &Object, sources: &[Source]) -> anyhow::Error {
    let name = sources.get(object.span.source).map_or("?", |source| source.name.as_str());
    anyhow!(
        "{name}:{}: a `{kind}` of another system is not deployed; translate it with `bookend import`, or apply it with `kubectl`",
        object.span.line
    )
}

/// What policies refer to comes before them.
fn order(kind: Option<&str>) -> u8 {
    match kind {
        Some("Tier") => 0,
        Some("Network" | "Inventory") => 1,
        Some("Host") => 2,
        Some("Reporting") => 3,
        Some("ClusterPolicy") => 4,
        _ => 5,
    }
}

/// The object with its namespace, with labels, and in audit mode if that is wanted.
fn prepare(object: Object, install: &str, audit: bool) -> Value {
    let Object { mut value, .. } = object;
    let kind = value.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned();
    if let Some(fields) = value.as_object_mut() {
        fields.remove("status");
    }
    if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
        if NAMESPACED.contains(&&*kind) {
            metadata.entry("namespace").or_insert_with(|| json!(DEFAULT));
        }
        let own = metadata.entry("labels").or_insert_with(|| json!({}));
        if !own.is_object() {
            *own = json!({});
        }
        if let Some(own) = own.as_object_mut() {
            own.extend(labels(install, Part::Policy));
        }
        // Of what a cluster printed, what belongs to the server.
        for field in ["managedFields", "resourceVersion", "uid", "generation", "creationTimestamp"] {
            metadata.remove(field);
        }
    }
    if audit
        && matches!(&*kind, "Policy" | "ClusterPolicy")
        && let Some(spec) = value.get_mut("spec").and_then(Value::as_object_mut)
    {
        spec.insert("mode".to_owned(), json!("audit"));
        for list in spec.values_mut().filter_map(Value::as_array_mut) {
            for rule in list.iter_mut().filter_map(Value::as_object_mut) {
                rule.remove("mode");
            }
        }
    }
    value
}
