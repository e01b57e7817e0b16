//! Who there is on the cluster, for checking policies against it.

use bookend_cluster::{Cluster, Kind, Scope, Trouble, delivery::clean, kinds};
use bookend_lang::Source;
use serde_json::{Value, json};

/// What says who there is. Pods that something owns are told by that.
const KINDS: [&Kind; 6] = [
    &kinds::NAMESPACE,
    &kinds::SERVICE,
    &kinds::DEPLOYMENT,
    &kinds::STATEFUL_SET,
    &kinds::DAEMON_SET,
    &kinds::POD,
];

/// Namespaces, Services and workloads, as sources.
///
/// # Errors
/// See [`Trouble`].
pub(super) async fn workloads(cluster: &Cluster) -> Result<Vec<Source>, Trouble> {
    let mut sources = Vec::new();
    for kind in KINDS {
        let owned = |object: &Value| object.pointer("/metadata/ownerReferences").is_some();
        let objects = of_kind(cluster, kind).await?;
        let text = text(objects.iter().filter(|object| *kind != kinds::POD || !owned(object)));
        if !text.is_empty() {
            sources.push(Source::new(format!("<{} of the cluster>", kind.plural), text));
        }
    }
    Ok(sources)
}

/// The policies that the cluster has, and what they refer to.
///
/// # Errors
/// See [`Trouble`].
pub(super) async fn policies(cluster: &Cluster) -> Result<Vec<Value>, Trouble> {
    let mut all = Vec::new();
    for kind in kinds::DOCUMENTS {
        all.extend(of_kind(cluster, kind).await?);
    }
    Ok(all)
}

/// Policies as a source, without the labels that deploying gives them: a `Host` document has none.
pub(super) fn source<'o>(name: &str, objects: impl Iterator<Item = &'o Value>) -> Source {
    let plain: Vec<Value> = objects.cloned().map(unlabelled).collect();
    Source::new(name, text(plain.iter()))
}

fn unlabelled(mut object: Value) -> Value {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        let own = |label: &str| label.starts_with("app.kubernetes.io/") || label.starts_with("bookend.dev/");
        if let Some(labels) = metadata.get_mut("labels").and_then(Value::as_object_mut) {
            labels.retain(|label, _| !own(label));
        }
        if metadata.get("labels").and_then(Value::as_object).is_some_and(serde_json::Map::is_empty) {
            metadata.remove("labels");
        }
    }
    object
}

async fn of_kind(cluster: &Cluster, kind: &Kind) -> Result<Vec<Value>, Trouble> {
    let mut objects: Vec<Value> = match cluster.list(kind, &Scope::all()).await {
        Err(Trouble::NoSuchKind { .. }) => return Ok(Vec::new()),
        listed => listed?,
    };
    // A list's objects do not say their kind.
    for object in &mut objects {
        *object = clean(object);
        if let Some(fields) = object.as_object_mut() {
            fields.insert("apiVersion".to_owned(), json!(kind.api_version()));
            fields.insert("kind".to_owned(), json!(kind.kind));
        }
    }
    Ok(objects)
}

/// JSON is YAML, too.
fn text<'o>(objects: impl Iterator<Item = &'o Value>) -> String {
    objects.map(|object| format!("---\n{object}\n")).collect()
}
