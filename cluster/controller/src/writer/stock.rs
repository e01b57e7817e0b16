//! What there is on the cluster.

use std::collections::{BTreeMap, BTreeSet};

use bookend_cluster::{Cluster, Event, Kind, Scope, Trouble, kinds};
use bookend_objects::install::{INSTALL, Part};
use bookend_objects::mesh::REVISION;
use serde_json::Value;

use super::at;
use crate::Istio;

/// The kinds of what is written for filters.
pub(crate) const KINDS: [&Kind; 3] = [&kinds::WASM_PLUGIN, &kinds::TRAFFIC_EXTENSION, &kinds::ENVOY_FILTER];

/// Which object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Id {
    pub(super) namespace: String,
    pub(super) kind: &'static Kind,
    pub(super) name: String,
}

impl Id {
    pub(super) fn of(object: &Value) -> Option<Self> {
        let kind = Kind::of(object)?;
        let (namespace, name) = (at(object, "/metadata/namespace")?, at(object, "/metadata/name")?);
        Some(Self { namespace: namespace.to_owned(), kind, name: name.to_owned() })
    }
}

/// What an object says that matters; the revision of the policies that it came from does not.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Essence {
    spec: Value,
    /// The same without what changes all the time.
    shape: Value,
    revision: Option<String>,
    install: Option<String>,
}

impl Essence {
    fn of(object: &Value) -> Self {
        let text = |field: &str, key: &str| {
            let found = object.get("metadata").and_then(|metadata| metadata.get(field)?.get(key)?.as_str());
            found.map(str::to_owned)
        };
        Self {
            spec: object.get("spec").cloned().unwrap_or_default(),
            shape: object.get("spec").map(shape).unwrap_or_default(),
            revision: text("annotations", REVISION),
            install: text("labels", INSTALL),
        }
    }
}

/// What of a `spec` changes with policies and with versions of the filter: proxies keep what they have until they have the new.
const CHANGING: [&str; 5] = ["pluginConfig", "configuration", "url", "uri", "sha256"];

/// All of a `spec` but that.
fn shape(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields.iter().filter(|(name, _)| !CHANGING.contains(&name.as_str()));
            Value::Object(kept.map(|(name, field)| (name.clone(), shape(field))).collect())
        }
        Value::Array(items) => items.iter().map(shape).collect(),
        other => other.clone(),
    }
}

/// What there is on the cluster, as far as it is ours.
#[derive(Debug, Default)]
pub(super) struct Stock {
    objects: BTreeMap<Id, Essence>,
    /// What a list that is being read has not told yet, by kind.
    unlisted: BTreeMap<&'static str, BTreeSet<Id>>,
}

/// The objects that are the installation's own.
pub(crate) fn scope(install: &str) -> Scope {
    Scope::all()
        .with_labels(format!("{INSTALL}={install},app.kubernetes.io/component={}", Part::Filter.name()))
}

impl Stock {
    /// Looks what there is.
    ///
    /// # Errors
    /// When that cannot be told. A kind that is not served has no objects.
    pub(super) async fn take(cluster: &Cluster, install: &str, istio: Istio) -> Result<Self, Trouble> {
        let scope = scope(install);
        let mut objects = BTreeMap::new();
        for kind in KINDS.into_iter().filter(|kind| istio.may_write(kind)) {
            let listed: Vec<Value> = match cluster.list(kind, &scope).await {
                Ok(listed) => listed,
                Err(trouble) if trouble.is_absent() => continue,
                Err(trouble) => return Err(trouble),
            };
            for object in &listed {
                let named = (at(object, "/metadata/namespace"), at(object, "/metadata/name"));
                if let (Some(namespace), Some(name)) = named {
                    let id = Id { namespace: namespace.to_owned(), kind, name: name.to_owned() };
                    objects.insert(id, Essence::of(object));
                }
            }
        }
        Ok(Self { objects, unlisted: BTreeMap::new() })
    }

    /// Takes in what was told of the objects of a kind. The namespaces in which it is not what was known: somebody else was there.
    pub(super) fn hear(&mut self, kind: &'static Kind, event: Event<Value>) -> BTreeSet<String> {
        let id = |key: bookend_cluster::Key| Id {
            namespace: key.namespace.unwrap_or_default(),
            kind,
            name: key.name,
        };
        let mut lost = BTreeSet::new();
        match event {
            Event::Listing => {
                let all = self.objects.keys().filter(|id| id.kind == kind).cloned().collect();
                self.unlisted.insert(&*kind.plural, all);
            }
            Event::Put(key, object) => {
                let (id, essence) = (id(key), Essence::of(&object));
                if let Some(unlisted) = self.unlisted.get_mut(&*kind.plural) {
                    unlisted.remove(&id);
                }
                if self.objects.get(&id) != Some(&essence) {
                    lost.insert(id.namespace.clone());
                    self.objects.insert(id, essence);
                }
            }
            Event::Gone(key) | Event::Unread(key, _) => lost.extend(self.take_out(&id(key))),
            Event::Synced => {
                let unlisted = self.unlisted.remove(&*kind.plural).unwrap_or_default();
                lost.extend(unlisted.iter().filter_map(|id| self.take_out(id)));
            }
            Event::Alive | Event::Trouble(_) => {}
        }
        lost
    }

    fn take_out(&mut self, id: &Id) -> Option<String> {
        self.objects.remove(id).map(|_| id.namespace.clone())
    }

    /// Whether an object is there, as it should be or not.
    pub(super) fn knows(&self, id: &Id) -> bool {
        self.objects.contains_key(id)
    }

    /// Whether an object is as it should be.
    pub(super) fn is(&self, id: &Id, object: &Value) -> bool {
        self.objects.get(id).is_some_and(|known| *known == Essence::of(object))
    }

    /// Whether an object is as it should be, but for the configuration and the version of the filter.
    pub(super) fn resembles(&self, id: &Id, object: &Value) -> bool {
        let wanted = object.get("spec").map(shape).unwrap_or_default();
        self.objects.get(id).is_some_and(|known| known.shape == wanted)
    }

    pub(super) fn put(&mut self, id: Id, object: &Value) {
        self.objects.insert(id, Essence::of(object));
    }

    pub(super) fn remove(&mut self, id: &Id) {
        self.objects.remove(id);
    }

    /// Whether there is anything in a namespace.
    pub(super) fn has(&self, namespace: &str) -> bool {
        self.objects.keys().any(|id| id.namespace == namespace)
    }

    /// The namespaces in which there is something.
    pub(super) fn namespaces(&self) -> BTreeSet<String> {
        self.objects.keys().map(|id| id.namespace.clone()).collect()
    }

    /// What there is in a namespace besides.
    pub(super) fn others(&self, namespace: &str, kept: &BTreeSet<Id>) -> Vec<Id> {
        let here = self.objects.keys().filter(|id| id.namespace == namespace && !kept.contains(*id));
        // What says who the peer is goes last: it came first.
        here.rev().cloned().collect()
    }
}

/// Who else manages something in the `spec` of an object.
pub(super) fn stranger(object: &Value) -> Option<String> {
    let entries = object.pointer("/metadata/managedFields")?.as_array()?;
    let of_spec = entries.iter().filter(|entry| entry.pointer("/fieldsV1/f:spec").is_some());
    let mut managers = of_spec.filter_map(|entry| entry.get("manager")?.as_str());
    managers.find(|manager| *manager != super::MANAGER).map(str::to_owned)
}
