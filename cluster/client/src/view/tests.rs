//! What a view is of a cluster, whatever was told in which order.

mod history;
mod hostile;
mod objects;
mod pods;
mod rivals;

use super::*;
use serde_json::{Value, json};

/// A view of an empty cluster, with a node of its own.
fn empty() -> View {
    known(&Outlook { node: Some("here".to_owned()), ..Outlook::default() })
}

/// A view of an empty cluster.
fn known(outlook: &Outlook) -> View {
    let mut view = View::new(outlook);
    view.take_notice(Event::Synced);
    for (kind, _) in follower::ARTICLES {
        view.take(kind, Event::Synced);
    }
    view.take_pod(Event::Synced);
    assert!(view.is_complete());
    view
}

fn key(object: &Value) -> Key {
    let text = |name: &str| object["metadata"][name].as_str().map(str::to_owned);
    let name = text("name").unwrap();
    let uid = text("uid").unwrap_or_else(|| format!("uid of {name}"));
    Key { namespace: text("namespace"), name, uid }
}

fn put(view: &mut View, object: Value) -> bool {
    let key = key(&object);
    if object["kind"] == "Pod" {
        return view.take_pod(Event::Put(key, serde_json::from_value(object).unwrap()));
    }
    let kind = Kind::of(&object).unwrap();
    view.take(kind, Event::Put(key, serde_json::from_value(object).unwrap()))
}

fn gone(view: &mut View, object: &Value) -> bool {
    match object["kind"] == "Pod" {
        true => view.take_pod(Event::Gone(key(object))),
        false => view.take(Kind::of(object).unwrap(), Event::Gone(key(object))),
    }
}

fn policy(name: &str, spec: Value) -> Value {
    json!({
        "apiVersion": "bookend.dev/v1alpha1", "kind": "Policy",
        "metadata": { "name": name, "namespace": "shop", "generation": 1, "creationTimestamp": "2026-01-01T00:00:00Z" },
        "spec": spec,
    })
}

fn pod(name: &str, app: &str, address: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": name, "namespace": "shop", "uid": format!("uid of {name}"),
            "labels": { "app": app, "pod-template-hash": "5d4f" },
            "ownerReferences": [{ "kind": "ReplicaSet", "name": format!("{app}-5d4f"), "controller": true }],
        },
        "spec": { "nodeName": "there", "containers": [{ "name": "main" }] },
        "status": { "phase": "Running", "podIPs": [{ "ip": address }] },
    })
}

/// Who is at each address, by the name that is shown and its interface.
fn places(view: &mut View) -> BTreeMap<String, String> {
    let compiled = view.compile(&[]).unwrap();
    let mut places = BTreeMap::new();
    for workload in compiled.inventory.workloads() {
        for instance in &workload.instances {
            for address in &instance.addresses {
                let interface =
                    instance.interface.as_ref().map_or(String::new(), |name| format!(" behind {name}"));
                places.insert(address.to_string(), format!("{}{interface}", workload.name));
            }
        }
    }
    places
}

fn at(view: &mut View, address: &str) -> Option<String> {
    places(view).remove(address)
}
