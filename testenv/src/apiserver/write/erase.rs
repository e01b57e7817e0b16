//! Deleting, and what follows from a deletion or a change: finalizers, dependents, the contents of namespaces, kinds of CRDs.
//!
//! Real clusters need a moment for what follows; here it is done before the answer, so that tests need not wait.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::apiserver::clock;
use crate::apiserver::kind::{self, CRD, Kind};
use crate::apiserver::refusal::{Outcome, Refusal, set};
use crate::apiserver::store::Store;

/// How deep dependents of dependents are followed, so that a circle of owners ends.
const DEPTH: u32 = 8;

/// What a delete asks for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wish {
    pub(crate) dry_run: bool,
    /// Whether dependents stay, without the owner.
    pub(crate) orphan: bool,
    pub(crate) uid: Option<String>,
    pub(crate) revision: Option<String>,
    /// For how long a pod on a node is given notice, in seconds; `None` for what it says itself.
    pub(crate) notice: Option<u64>,
    /// Whether nodes take their time to end pods.
    pub(crate) gentle: bool,
}

/// DELETE. Returns the object if it is still there, or else nothing.
pub(crate) fn delete(
    store: &mut Store,
    kind: &Kind,
    place: (&str, &str),
    wish: &Wish,
) -> Outcome<Option<Arc<Value>>> {
    let (namespace, name) = place;
    let live = store.get(&kind.id(), namespace, name).ok_or_else(|| Refusal::not_found(kind, name))?;
    for (key, wanted) in [("uid", &wish.uid), ("resourceVersion", &wish.revision)] {
        let found = live.pointer(&format!("/metadata/{key}")).and_then(Value::as_str);
        if wanted.as_deref().is_some_and(|wanted| Some(wanted) != found) {
            let why = format!("Precondition failed: {key} in precondition differs from that of the object");
            return Err(Refusal::conflict(kind, name, &why));
        }
    }
    if wish.dry_run {
        return Ok(None);
    }
    let finalizers = live.pointer("/metadata/finalizers").and_then(Value::as_array);
    let held = finalizers.is_some_and(|finalizers| !finalizers.is_empty());
    let on_node = kind.id() == "pods" && live.pointer("/spec/nodeName").is_some();
    let notice = wish.notice.unwrap_or(30);
    if held || on_node && wish.gentle && notice > 0 {
        if live.pointer("/metadata/deletionTimestamp").is_some() {
            return Ok(Some(live));
        }
        let mut dying = Value::clone(&live);
        if let Some(metadata) = dying.get_mut("metadata") {
            set(metadata, "deletionTimestamp", json!(clock::now()));
            set(metadata, "deletionGracePeriodSeconds", json!(if held { 0 } else { notice }));
        }
        return Ok(Some(store.put(&kind.id(), (namespace.to_owned(), name.to_owned()), dying)));
    }
    remove(store, kind, &live, wish.orphan, DEPTH);
    Ok(None)
}

/// Takes an object away with all that falls with it.
fn remove(store: &mut Store, kind: &Kind, live: &Value, orphan: bool, depth: u32) {
    let text = |path: &str| live.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
    let place = (text("/metadata/namespace"), text("/metadata/name"));
    if kind.id() == "namespaces" {
        empty(store, &place.1);
    }
    store.remove(&kind.id(), &place);
    if kind.id() == CRD {
        let id = place.1.clone();
        for object in store.all(&id) {
            let text =
                |path: &str| object.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
            store.remove(&id, &(text("/metadata/namespace"), text("/metadata/name")));
        }
        store.kinds.remove(&id);
    }
    let uid = text("/metadata/uid");
    if depth == 0 || uid.is_empty() {
        return;
    }
    for (kind, dependent) in dependents(store, &uid) {
        let owners = dependent.pointer("/metadata/ownerReferences").and_then(Value::as_array);
        let others: Vec<_> =
            owners.into_iter().flatten().filter(|owner| !owned_by(owner, &uid)).cloned().collect();
        if others.is_empty() && !orphan {
            remove(store, &kind, &dependent, false, depth - 1);
            continue;
        }
        let mut left = Value::clone(&dependent);
        if let Some(metadata) = left.get_mut("metadata") {
            set(metadata, "ownerReferences", Value::Array(others));
        }
        let text = |path: &str| left.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
        let place = (text("/metadata/namespace"), text("/metadata/name"));
        store.put(&kind.id(), place, left);
    }
}

fn owned_by(owner: &Value, uid: &str) -> bool {
    owner.get("uid").and_then(Value::as_str) == Some(uid)
}

/// Generated objects are owned by nobody who can be deleted, so they are not looked at.
fn dependents(store: &Store, uid: &str) -> Vec<(Arc<Kind>, Arc<Value>)> {
    let mut found = Vec::new();
    for id in store.used() {
        let Some(kind) = store.kinds.get(&id) else { continue };
        for object in store.kept(&id) {
            let owners = object.pointer("/metadata/ownerReferences").and_then(Value::as_array);
            if owners.into_iter().flatten().any(|owner| owned_by(owner, uid)) {
                found.push((Arc::clone(kind), object));
            }
        }
    }
    found
}

/// Removes everything in a namespace.
fn empty(store: &mut Store, namespace: &str) {
    for id in store.used() {
        if store.kinds.get(&id).is_none_or(|kind| !kind.namespaced) {
            continue;
        }
        let places: Vec<_> = store.range(&id, namespace, None).map(|(place, _)| place.clone()).collect();
        for place in places {
            store.remove(&id, &place);
        }
    }
}

/// What follows from an object as it was just written; returns it as it is then.
pub(crate) fn follow(store: &mut Store, kind: &Kind, object: Arc<Value>) -> Arc<Value> {
    let finalizers = object.pointer("/metadata/finalizers").and_then(Value::as_array);
    let dying = object.pointer("/metadata/deletionTimestamp").is_some();
    if dying && kind.id() != "pods" && finalizers.is_none_or(Vec::is_empty) {
        remove(store, kind, &object, false, DEPTH);
        return object;
    }
    if kind.id() == CRD { define(store, &object) } else { object }
}

/// Serves the kind that a CRD defines, and says so in its status; or why not.
fn define(store: &mut Store, crd: &Arc<Value>) -> Arc<Value> {
    let name = crd.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default().to_owned();
    let defined = kind::defined(crd);
    let condition = |kind: &str, fine: bool, reason: &str, message: &str| {
        json!({
            "type": kind, "status": if fine { "True" } else { "False" }, "reason": reason, "message": message,
            "lastTransitionTime": clock::now(),
        })
    };
    let conditions = match &defined {
        Ok(_) => vec![
            condition("NamesAccepted", true, "NoConflicts", "no conflicts found"),
            condition("Established", true, "InitialNamesAccepted", "the initial names have been accepted"),
        ],
        Err(why) => vec![condition("Established", false, "Invalid", why)],
    };
    let known = crd.pointer("/status/conditions").and_then(Value::as_array);
    let kinds = |conditions: &[Value]| -> Vec<_> {
        conditions.iter().map(|one| (one.get("type").cloned(), one.get("status").cloned())).collect()
    };
    let same = known.is_some_and(|known| kinds(known) == kinds(&conditions));
    if let Ok(kind) = defined {
        store.kinds.insert(kind.id(), Arc::new(kind));
    }
    if same {
        return Arc::clone(crd);
    }
    let mut told = Value::clone(crd);
    let versions: Vec<_> = crd
        .pointer("/spec/versions")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter(|version| version.get("storage").and_then(Value::as_bool) == Some(true))
        .filter_map(|version| version.get("name").cloned())
        .collect();
    let names = crd.pointer("/spec/names").cloned().unwrap_or_default();
    set(
        &mut told,
        "status",
        json!({ "conditions": conditions, "acceptedNames": names, "storedVersions": versions }),
    );
    store.put(CRD, (String::new(), name), told)
}
