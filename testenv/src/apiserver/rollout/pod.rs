//! Pods on scripted nodes: made from templates, started, ended.

use serde_json::{Value, json};

use super::{Fate, Script, hash, write_status};
use crate::apiserver::clock;
use crate::apiserver::refusal::set;
use crate::apiserver::store::Store;

/// The label that says by which template a pod was made.
pub(super) const REVISION: &str = "controller-revision-hash";
/// The same on pods of Deployments.
pub(super) const TEMPLATE: &str = "pod-template-hash";

fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    value.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

/// The pods that an object controls.
pub(super) fn owned(store: &Store, owner: &Value) -> Vec<Value> {
    let uid = text(owner, "/metadata/uid");
    let mine = |pod: &Value| {
        let owners = pod.pointer("/metadata/ownerReferences").and_then(Value::as_array);
        owners.into_iter().flatten().any(|owner| text(owner, "/uid") == uid)
    };
    store.kept("pods").iter().filter(|pod| mine(pod)).map(|pod| Value::clone(pod)).collect()
}

/// By which template a pod was made.
pub(super) fn revision<'a>(pod: &'a Value, label: &str) -> &'a str {
    let labels = pod.pointer("/metadata/labels");
    labels.and_then(|labels| labels.get(label)).and_then(Value::as_str).unwrap_or_default()
}

/// Whether a pod is ready and not about to end.
pub(super) fn is_ready(pod: &Value) -> bool {
    let conditions = pod.pointer("/status/conditions").and_then(Value::as_array);
    let mut conditions = conditions.into_iter().flatten();
    pod.pointer("/metadata/deletionTimestamp").is_none()
        && conditions.any(|one| text(one, "/type") == "Ready" && text(one, "/status") == "True")
}

/// Makes a pod of a template; without a node it is one that waits for one.
pub(super) fn make(store: &mut Store, owner: &Value, kind: &str, label: &str, node: Option<&str>) {
    let template = owner.pointer("/spec/template").cloned().unwrap_or_default();
    let uid = store.uid();
    let suffix = hash(&json!(uid));
    let name = format!("{}-{}", text(owner, "/metadata/name"), suffix.get(..5).unwrap_or(&suffix));
    let mut metadata = json!({
        "name": name, "namespace": text(owner, "/metadata/namespace"), "uid": uid,
        "generateName": format!("{}-", text(owner, "/metadata/name")),
        "creationTimestamp": clock::now(), "generation": 1,
        "labels": template.pointer("/metadata/labels").cloned().unwrap_or_else(|| json!({})),
        "annotations": template.pointer("/metadata/annotations").cloned().unwrap_or_else(|| json!({})),
        "ownerReferences": [{
            "apiVersion": "apps/v1", "kind": kind, "name": text(owner, "/metadata/name"),
            "uid": text(owner, "/metadata/uid"), "controller": true, "blockOwnerDeletion": true,
        }],
    });
    if let Some(labels) = metadata.get_mut("labels") {
        set(labels, label, json!(hash(&template)));
    }
    let mut spec = template.get("spec").cloned().unwrap_or_else(|| json!({}));
    if let Some(node) = node {
        set(&mut spec, "nodeName", json!(node));
    }
    if spec.get("serviceAccountName").is_none() {
        set(&mut spec, "serviceAccountName", json!("default"));
    }
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec,
        "status": { "phase": "Pending" },
    });
    store.put("pods", (text(owner, "/metadata/namespace").to_owned(), name), pod);
}

/// Ends a pod.
pub(super) fn end(store: &mut Store, pod: &Value) {
    store.remove(
        "pods",
        &(text(pod, "/metadata/namespace").to_owned(), text(pod, "/metadata/name").to_owned()),
    );
}

/// Lets every pod of a controller go one step on towards its fate.
pub(super) fn advance(store: &mut Store, script: &mut Script) {
    for pod in store.kept("pods") {
        let Some(owner) = pod.pointer("/metadata/ownerReferences/0") else { continue };
        if !matches!(text(owner, "/kind"), "DaemonSet" | "ReplicaSet") {
            continue;
        }
        if pod.pointer("/metadata/deletionTimestamp").is_some() {
            end(store, &pod);
            continue;
        }
        // A ReplicaSet is called as its Deployment, with the template's hash behind.
        let name = text(owner, "/name");
        let name = match text(owner, "/kind") {
            "ReplicaSet" => name.rsplit_once('-').map_or(name, |(name, _)| name),
            _ => name,
        };
        let fate = script.fate(name, &pod);
        if text(&pod, "/spec/nodeName").is_empty() && fate != Fate::Unschedulable {
            // Somebody else's pods: nobody places them.
            let nodes = store.kept("nodes");
            let Some(node) = nodes.first() else { continue };
            let mut placed = Value::clone(&pod);
            let node = json!(text(node, "/metadata/name"));
            if let Some(spec) = placed.get_mut("spec") {
                set(spec, "nodeName", node);
            }
            store.put(
                "pods",
                (text(&pod, "/metadata/namespace").to_owned(), text(&pod, "/metadata/name").to_owned()),
                placed,
            );
            continue;
        }
        let status = status(store, script, &pod, fate);
        write_status(store, "pods", &pod, status);
    }
}

fn status(store: &Store, script: &mut Script, pod: &Value, fate: Fate) -> Value {
    let old = pod.get("status").cloned().unwrap_or_default();
    let started = old.get("startTime").cloned().unwrap_or_else(|| json!(clock::now()));
    let since = |kind: &str, wanted: &str| {
        let known = old.get("conditions").and_then(Value::as_array).into_iter().flatten();
        let mut known = known.filter(|one| text(one, "/type") == kind && text(one, "/status") == wanted);
        known.find_map(|one| one.get("lastTransitionTime").cloned()).unwrap_or_else(|| json!(clock::now()))
    };
    let condition = |kind: &str, fine: bool, reason: &str| {
        let status = if fine { "True" } else { "False" };
        let mut condition =
            json!({ "type": kind, "status": status, "lastTransitionTime": since(kind, status) });
        if !reason.is_empty() {
            set(&mut condition, "reason", json!(reason));
        }
        condition
    };
    if fate == Fate::Unschedulable {
        return json!({ "phase": "Pending", "conditions": [condition("PodScheduled", false, "Unschedulable")] });
    }
    let node = store.get("nodes", "", text(pod, "/spec/nodeName"));
    let host = node.as_ref().map_or("", |node| text(node, "/status/addresses/0/address")).to_owned();
    let ready = fate == Fate::Ready;
    let running = matches!(fate, Fate::Ready | Fate::Unready);
    let state = match fate {
        Fate::ErrImagePull => json!({ "waiting": {
            "reason": "ErrImagePull", "message": "failed to pull and unpack image: not found",
        } }),
        Fate::CrashLoop => json!({ "waiting": {
            "reason": "CrashLoopBackOff", "message": "back-off 10s restarting failed container",
        } }),
        _ => json!({ "running": { "startedAt": started } }),
    };
    let containers = pod.pointer("/spec/containers").and_then(Value::as_array).into_iter().flatten();
    let containers: Vec<_> = containers
        .map(|container| {
            json!({
                "name": container.get("name"), "image": container.get("image"), "imageID": "", "ready": ready,
                "restartCount": if fate == Fate::CrashLoop { 3 } else { 0 }, "state": state, "started": running,
            })
        })
        .collect();
    let why = if ready { "" } else { "ContainersNotReady" };
    let mut status = json!({
        "phase": if running { "Running" } else { "Pending" }, "startTime": started, "qosClass": "BestEffort",
        "conditions": [
            condition("PodScheduled", true, ""), condition("Initialized", true, ""),
            condition("ContainersReady", ready, why), condition("Ready", ready, why),
        ],
        "containerStatuses": containers, "hostIP": host, "hostIPs": [{ "ip": host }],
    });
    if running {
        let known = text(&old, "/podIP");
        let on_host = pod.pointer("/spec/hostNetwork").and_then(Value::as_bool) == Some(true);
        let address = match (known, on_host) {
            ("", true) => host,
            ("", false) => script.address(),
            (known, _) => known.to_owned(),
        };
        set(&mut status, "podIP", json!(address));
        set(&mut status, "podIPs", json!([{ "ip": address }]));
    }
    status
}
