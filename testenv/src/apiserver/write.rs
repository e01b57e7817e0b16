//! Creating and changing objects, by all the ways the API has.
//!
//! Source: `k8s.io/apiserver/pkg/registry/generic` (`Store.Create`, `Store.Update`, `rest.BeforeCreate`, `rest.BeforeUpdate`).

pub(crate) mod check;
pub(crate) mod erase;
pub(crate) mod patch;

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::access::User;
use super::admission;
use super::clock;
use super::fields::Shape;
use super::kind::{Kind, Version};
use super::ownership::{self, Writer};
use super::refusal::{Outcome, Refusal, set};
use super::store::Store;

/// What is to be done about fields that nobody knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unknown {
    Ignore,
    Warn,
    Refuse,
}

/// One request to change something.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Order<'a> {
    pub(crate) kind: &'a Kind,
    pub(crate) version: &'a Version,
    pub(crate) namespace: &'a str,
    /// Empty to create what names itself.
    pub(crate) name: &'a str,
    pub(crate) subresource: &'a str,
    pub(crate) manager: &'a str,
    pub(crate) dry_run: bool,
    pub(crate) force: bool,
    pub(crate) unknown: Unknown,
    pub(crate) who: &'a User,
}

/// What became of it.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) created: bool,
    pub(crate) object: Arc<Value>,
    pub(crate) warnings: Vec<String>,
}

impl<'a> Order<'a> {
    fn writer(&self, api_version: &'a str) -> Writer<'a> {
        Writer {
            // Who does not say who they are is called so.
            manager: if self.manager.is_empty() { "unknown" } else { self.manager },
            api_version,
            subresource: self.subresource,
            apart: self.version.status,
        }
    }

    fn live(&self, store: &Store) -> Outcome<Arc<Value>> {
        let found = store.get(&self.kind.id(), self.namespace, self.name);
        found.ok_or_else(|| Refusal::not_found(self.kind, self.name))
    }
}

/// The shape of a kind's objects in one of its versions; `id` is the kind's.
pub(crate) fn shape<'a>(id: &'a str, version: &'a Version) -> Shape<'a> {
    match &version.structure {
        Some(structure) => Shape::Schema { schema: structure.schema(), root: true },
        None => Shape::Known { kind: id, name: "" },
    }
}

/// POST.
pub(crate) fn create(store: &mut Store, order: Order<'_>, mut body: Value) -> Outcome<Done> {
    let name = check::address(order, &mut body)?;
    let order = Order { name: &name, ..order };
    let warnings = check::known(order, &mut body)?;
    check::room(store, order)?;
    if store.get(&order.kind.id(), order.namespace, &name).is_some() {
        return Err(Refusal::exists(order.kind, &name));
    }
    let id = order.kind.id();
    let api_version = order.kind.api_version(&order.version.name);
    if order.version.status {
        body.as_object_mut().map(|fields| fields.remove("status"));
    }
    if let Some(structure) = &order.version.structure {
        structure.fill(&mut body);
    }
    let body = ownership::update(None, body, shape(&id, order.version), order.writer(&api_version));
    born(store, order, body, warnings)
}

/// Gives a new object what every object has, and keeps it.
fn born(store: &mut Store, order: Order<'_>, mut body: Value, warnings: Vec<String>) -> Outcome<Done> {
    let uid = store.uid();
    if let Some(metadata) = body.get_mut("metadata").and_then(Value::as_object_mut) {
        for key in
            ["resourceVersion", "selfLink", "deletionTimestamp", "deletionGracePeriodSeconds", "generation"]
        {
            metadata.remove(key);
        }
        metadata.insert("uid".to_owned(), json!(uid));
        metadata.insert("creationTimestamp".to_owned(), json!(clock::now()));
        if !order.namespace.is_empty() {
            metadata.insert("namespace".to_owned(), json!(order.namespace));
        }
        if counts(order.kind) {
            metadata.insert("generation".to_owned(), json!(1));
        }
    }
    check::begin(order.kind, &mut body);
    check::valid(order, None, &body)?;
    admission::admit(store, order, None, &body)?;
    if order.dry_run {
        return Ok(Done { created: true, object: Arc::new(body), warnings });
    }
    let place = (order.namespace.to_owned(), order.name.to_owned());
    let object = store.put(&order.kind.id(), place, body);
    let object = erase::follow(store, order.kind, object);
    Ok(Done { created: true, object, warnings })
}

/// PUT.
pub(crate) fn replace(store: &mut Store, order: Order<'_>, mut body: Value) -> Outcome<Done> {
    check::address(order, &mut body)?;
    let live = order.live(store)?;
    let given = body.pointer("/metadata/resourceVersion").and_then(Value::as_str).unwrap_or_default();
    if given.is_empty() && !order.kind.built_in {
        return Err(check::must_be_specified(order));
    }
    let warnings = check::known(order, &mut body)?;
    change(store, order, &live, body, warnings)
}

/// Takes the place of `live`, as far as this subresource writes it.
pub(crate) fn change(
    store: &mut Store,
    order: Order<'_>,
    live: &Value,
    body: Value,
    warnings: Vec<String>,
) -> Outcome<Done> {
    let mut new = check::part(order, live, body)?;
    if let Some(structure) = &order.version.structure {
        structure.fill(&mut new);
    }
    let (id, api_version) = (order.kind.id(), order.kind.api_version(&order.version.name));
    let new = ownership::update(Some(live), new, shape(&id, order.version), order.writer(&api_version));
    keep(store, order, live, new, warnings)
}

/// Checks what is to be kept in the place of `live`, counts its generation and keeps it.
fn keep(
    store: &mut Store,
    order: Order<'_>,
    live: &Value,
    mut new: Value,
    warnings: Vec<String>,
) -> Outcome<Done> {
    carry(live, &mut new);
    if counts(order.kind) && differs(live, &new, order.version.status) {
        let generation = live.pointer("/metadata/generation").and_then(Value::as_u64).unwrap_or(0);
        if let Some(metadata) = new.get_mut("metadata") {
            set(metadata, "generation", json!(generation + 1));
        }
    }
    check::valid(order, Some(live), &new)?;
    admission::admit(store, order, Some(live), &new)?;
    let done = |object| Ok(Done { created: false, object, warnings });
    if order.dry_run || new == *live {
        return done(Arc::new(new));
    }
    let place = (order.namespace.to_owned(), order.name.to_owned());
    let object = store.put(&order.kind.id(), place, new);
    let object = erase::follow(store, order.kind, object);
    done(object)
}

/// What no update changes.
fn carry(live: &Value, new: &mut Value) {
    let old = live.get("metadata");
    let Some(metadata) = new.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    for key in [
        "uid",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "generation",
        "resourceVersion",
        "generateName",
    ] {
        match old.and_then(|old| old.get(key)) {
            Some(value) => metadata.insert(key.to_owned(), value.clone()),
            None => metadata.remove(key),
        };
    }
}

/// Whether objects of this kind have a generation that counts.
pub(crate) fn counts(kind: &Kind) -> bool {
    let groups = ["apps", "batch", "networking.k8s.io", "policy", "apiextensions.k8s.io", "discovery.k8s.io"];
    !kind.built_in || groups.contains(&kind.group.as_str()) || kind.plural == "pods"
}

/// Whether more changed than the metadata, and than the status where it is written apart.
fn differs(live: &Value, new: &Value, apart: bool) -> bool {
    let part = |value: &Value| -> Map<String, Value> {
        let fields = value.as_object().into_iter().flatten();
        let rest = fields.filter(|(key, _)| *key != "metadata" && !(apart && *key == "status"));
        rest.map(|(key, value)| (key.clone(), value.clone())).collect()
    };
    part(live) != part(new)
}
