//! Objects other than pods, as they arrive, and the text that is kept of each.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::pod::{self, NOISE};
use super::text;
use crate::{Key, Kind, Unread};

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
    pub(super) text: Arc<str>,
    /// What is wrong with it before anybody looks at what it says: it has no text then.
    pub(super) unread: Option<String>,
    /// What was left out of the text because it makes no sense.
    pub(super) flaw: Option<String>,
}

/// What becomes of an object that is invalid and never was anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fallback {
    /// Its namespace is isolated: nobody knows what it closes.
    Isolate,
    /// Every policy stays as it was: it is about all of them.
    Hold,
    /// It is left out: it says who somebody is, and that is not known then.
    LeaveOut,
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

impl ObjectName {
    /// What becomes of it if it is invalid and never was anything else.
    pub(super) fn fallback(&self) -> Fallback {
        match self.kind.as_str() {
            "Policy" if self.namespace.is_some() => Fallback::Isolate,
            // People of one namespace write some of these. They must not stop everybody else.
            "Namespace" | "Node" | "Service" | "EndpointSlice" | "Host" | "RequestAuthentication" => {
                Fallback::LeaveOut
            }
            _ => Fallback::Hold,
        }
    }

    /// Whether it is no policy, and nothing that people write to say something about policies.
    pub(super) fn is_world(&self) -> bool {
        matches!(self.kind.as_str(), "Namespace" | "Node" | "Service" | "EndpointSlice")
    }
}

impl Text {
    /// Whether another version of it says the same.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        (&self.uid, &self.text, &self.unread, &self.flaw)
            == (&other.uid, &other.text, &other.unread, &other.flaw)
    }

    /// Of an object that cannot be read.
    pub(super) fn unread(key: &Key, unread: Unread) -> Self {
        let Unread { reason, generation, created } = unread;
        let (unread, text) = (Some(reason), "".into());
        Self { uid: key.uid.clone(), generation, created, text, unread, flaw: None }
    }
}

/// The noise that is mentioned in a text.
pub(super) fn mentions(text: &str) -> [bool; NOISE.len()] {
    NOISE.map(|key| text.contains(key))
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
        // Those of a Host say nothing about the machine (`spec.labels` does): who deploys it, for example.
        let labelled = own && kind.kind != "Host" || matches!(&*kind.kind, "Namespace" | "EndpointSlice");
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
        let mut flaw = None;
        match &*kind.kind {
            "Namespace" => {}
            "Node" => {
                let (addresses, odd) = addresses(status.as_ref());
                flaw = odd;
                object.insert("status".to_owned(), json!({ "addresses": addresses }));
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
        let unread = text.is_none().then(|| format!("it has more than {} MiB", text::LONGEST >> 20));
        Text {
            uid: key.uid.clone(),
            generation: metadata.generation,
            created: metadata.creation_timestamp.unwrap_or_default(),
            text: text.unwrap_or_default().into(),
            unread,
            flaw,
        }
    }
}

/// The addresses of a node: what its kubelet says, as far as it makes sense, and what of it does not.
fn addresses(status: Option<&Value>) -> (Vec<Value>, Option<String>) {
    let said = status.and_then(|status| status.get("addresses")).and_then(Value::as_array);
    let (mut sound, mut odd) = (Vec::new(), None);
    for entry in said.into_iter().flatten() {
        let text = |name: &str| entry.get(name).and_then(Value::as_str);
        // The others are names.
        let Some(kind) = text("type").filter(|kind| matches!(*kind, "InternalIP" | "ExternalIP")) else {
            continue;
        };
        match text("address").and_then(pod::address) {
            Some(address) => sound.push(json!({ "type": kind, "address": address.to_string() })),
            None => {
                let said = text("address").unwrap_or_default();
                odd.get_or_insert_with(|| format!("{said:?} is not the address of a node, and left out"));
            }
        }
    }
    (sound, odd)
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
