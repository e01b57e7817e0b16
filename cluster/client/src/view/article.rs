//! Objects other than pods, as they arrive, and the text that is kept of each.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::pod::NOISE;
use super::text;
use crate::{Key, Kind};

/// An object as the API server tells it, without what only the server writes.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Article {
    metadata: Metadata,
    spec: Value,
    status: Option<Value>,
    // EndpointSlices have no spec.
    #[serde(rename = "addressType")]
    address_type: Option<Value>,
    endpoints: Option<Value>,
    ports: Option<Value>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Metadata {
    labels: Option<Map<String, Value>>,
    annotations: Option<Map<String, Value>>,
    generation: i64,
    creation_timestamp: Option<String>,
}

/// Which object, as people name it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, Deserialize)]
pub struct ObjectName {
    /// Its kind, such as `Policy`.
    pub kind: String,
    /// Its namespace, if its kind has them.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
}

/// An object, and its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Text {
    pub(super) uid: String,
    pub(super) generation: i64,
    /// When it was created, as the server wrote it: the same to everybody who looks.
    pub(super) created: String,
    /// The document.
    pub(super) text: String,
    /// The noise that it mentions.
    pub(super) mentions: [bool; NOISE.len()],
}

impl std::fmt::Display for ObjectName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ", self.kind.to_ascii_lowercase())?;
        match &self.namespace {
            Some(namespace) => write!(f, "{namespace}/{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

impl Article {
    /// What matters of it.
    pub(super) fn read(self, kind: &Kind, key: &Key) -> Text {
        let Self { metadata, spec, status, address_type, endpoints, ports } = self;
        let own = &*kind.group == crate::kinds::GROUP;
        let mut described = Map::from_iter([("name".to_owned(), Value::from(key.name.as_str()))]);
        described.extend(
            key.namespace.iter().map(|namespace| ("namespace".to_owned(), namespace.as_str().into())),
        );
        // What other kinds' labels say is of no account, but for those by which they are selected or refer to each other.
        let labelled = own || matches!(&*kind.kind, "Namespace" | "EndpointSlice");
        if let Some(labels) = metadata.labels.filter(|labels| labelled && !labels.is_empty()) {
            described.insert("labels".to_owned(), labels.into());
        }
        let mut annotations = metadata.annotations.unwrap_or_default();
        annotations.retain(|key, _| key != "kubectl.kubernetes.io/last-applied-configuration");
        if own && !annotations.is_empty() {
            described.insert("annotations".to_owned(), annotations.into());
        }
        let mut object = Map::from_iter([
            ("apiVersion".to_owned(), kind.api_version().into()),
            ("kind".to_owned(), kind.kind.as_ref().into()),
            ("metadata".to_owned(), described.into()),
        ]);
        match &*kind.kind {
            "Namespace" => {}
            "Node" => {
                let addresses = status.as_ref().and_then(|status| status.get("addresses")).cloned();
                object.insert(
                    "status".to_owned(),
                    json!({ "addresses": addresses.unwrap_or_else(|| json!([])) }),
                );
            }
            "Service" => {
                object.insert("spec".to_owned(), service(&spec));
            }
            "EndpointSlice" => {
                let parts =
                    [("addressType", address_type), ("endpoints", endpoints.map(trimmed)), ("ports", ports)];
                object.extend(parts.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
            }
            _ => {
                object.insert("spec".to_owned(), spec);
            }
        }
        let text = text::yaml(&object.into());
        let mentions = NOISE.map(|key| text.contains(key));
        Text {
            uid: key.uid.clone(),
            generation: metadata.generation,
            created: metadata.creation_timestamp.unwrap_or_default(),
            text,
            mentions,
        }
    }
}

/// What of a Service says who is dialled by which address.
fn service(spec: &Value) -> Value {
    let mut kept = Map::new();
    for name in ["type", "clusterIP", "clusterIPs", "selector"] {
        kept.extend(
            spec.get(name).filter(|value| !value.is_null()).map(|value| (name.to_owned(), value.clone())),
        );
    }
    if let Some(ports) = spec.get("ports").and_then(Value::as_array) {
        let ports: Vec<Value> =
            ports.iter().map(|port| only(port, &["name", "protocol", "port", "targetPort"])).collect();
        kept.insert("ports".to_owned(), ports.into());
    }
    kept.into()
}

/// What of endpoints says where they are.
fn trimmed(endpoints: Value) -> Value {
    match endpoints {
        Value::Array(endpoints) => {
            endpoints.iter().map(|one| only(one, &["addresses", "conditions"])).collect()
        }
        other => other,
    }
}

fn only(value: &Value, names: &[&str]) -> Value {
    let fields = names.iter().filter_map(|name| Some(((*name).to_owned(), value.get(*name)?.clone())));
    fields.collect::<Map<String, Value>>().into()
}
