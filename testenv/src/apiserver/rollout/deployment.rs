//! Deployments: a ReplicaSet for each template, and pods of it.

use serde_json::{Value, json};

use super::{hash, pod, write_status};
use crate::apiserver::clock;
use crate::apiserver::store::Store;

/// Makes and ends the ReplicaSets and pods of one Deployment, and counts them.
pub(super) fn sync(store: &mut Store, deployment: &Value) {
    let template = deployment.pointer("/spec/template").cloned().unwrap_or_default();
    let replicas = deployment.pointer("/spec/replicas").and_then(Value::as_u64).unwrap_or(1);
    let wanted = hash(&template);
    let text = |path: &str| deployment.pointer(path).and_then(Value::as_str).unwrap_or_default();
    let (namespace, name) = (text("/metadata/namespace"), text("/metadata/name"));
    let current = format!("{name}-{wanted}");
    if store.get("replicasets.apps", namespace, &current).is_none() {
        make_set(store, deployment, &current, &wanted);
    }
    let uid = text("/metadata/uid");
    let (mut ready, mut updated, mut all) = (0, 0, 0);
    let mut old = Vec::new();
    for set in store.kept("replicasets.apps") {
        let owner = set.pointer("/metadata/ownerReferences/0/uid").and_then(Value::as_str);
        if owner != Some(uid) {
            continue;
        }
        let is_current = set.pointer("/metadata/name").and_then(Value::as_str) == Some(current.as_str());
        let pods = pod::owned(store, &set);
        let fine = pods.iter().filter(|pod| pod::is_ready(pod)).count() as u64;
        all += pods.len() as u64;
        if !is_current {
            old.extend(pods.iter().cloned());
            ready += fine;
            write_status(store, "replicasets.apps", &set, counted(pods.len() as u64, fine, &set));
            continue;
        }
        let count = pods.len() as u64;
        for _ in count..replicas {
            pod::make(store, &set, "ReplicaSet", pod::TEMPLATE, None);
        }
        for pod in pods.iter().take(usize::try_from(count.saturating_sub(replicas)).unwrap_or(0)) {
            pod::end(store, pod);
        }
        updated = count.min(replicas);
        ready += fine;
        write_status(store, "replicasets.apps", &set, counted(count, fine, &set));
    }
    // The old ones stay until as many new ones are ready.
    let new_ready = {
        let set = store.get("replicasets.apps", namespace, &current);
        let pods = set.map(|set| pod::owned(store, &set)).unwrap_or_default();
        pods.iter().filter(|pod| pod::is_ready(pod)).count() as u64
    };
    if new_ready >= replicas {
        for pod in &old {
            pod::end(store, pod);
        }
    }
    let status = status(deployment, &current, (replicas, all, updated, ready, new_ready));
    write_status(store, "deployments.apps", deployment, status);
}

fn counted(count: u64, ready: u64, set: &Value) -> Value {
    json!({
        "replicas": count, "fullyLabeledReplicas": count, "readyReplicas": ready, "availableReplicas": ready,
        "observedGeneration": set.pointer("/metadata/generation"),
    })
}

fn make_set(store: &mut Store, deployment: &Value, name: &str, hash: &str) {
    let uid = store.uid();
    let text = |path: &str| deployment.pointer(path).and_then(Value::as_str).unwrap_or_default();
    let namespace = text("/metadata/namespace");
    let mut labels =
        deployment.pointer("/spec/template/metadata/labels").cloned().unwrap_or_else(|| json!({}));
    crate::apiserver::refusal::set(&mut labels, pod::TEMPLATE, json!(hash));
    let set = json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {
            "name": name, "namespace": namespace, "uid": uid, "creationTimestamp": clock::now(), "generation": 1,
            "labels": labels,
            "ownerReferences": [{
                "apiVersion": "apps/v1", "kind": "Deployment", "name": text("/metadata/name"),
                "uid": text("/metadata/uid"), "controller": true, "blockOwnerDeletion": true,
            }],
        },
        "spec": {
            "replicas": deployment.pointer("/spec/replicas").cloned().unwrap_or(json!(1)),
            "selector": deployment.pointer("/spec/selector"), "template": deployment.pointer("/spec/template"),
        },
    });
    store.put("replicasets.apps", (namespace.to_owned(), name.to_owned()), set);
}

fn status(
    deployment: &Value,
    set: &str,
    (replicas, all, updated, ready, new_ready): (u64, u64, u64, u64, u64),
) -> Value {
    let since = |kind: &str, status: &str| {
        let known = deployment.pointer("/status/conditions").and_then(Value::as_array).into_iter().flatten();
        let mut known = known.filter(|one| {
            one.get("type").and_then(Value::as_str) == Some(kind)
                && one.get("status").and_then(Value::as_str) == Some(status)
        });
        known.find_map(|one| one.get("lastTransitionTime").cloned()).unwrap_or_else(|| json!(clock::now()))
    };
    let condition = |kind: &str, status: &str, reason: &str, message: &str| {
        let since = since(kind, status);
        json!({
            "type": kind, "status": status, "reason": reason, "message": message,
            "lastUpdateTime": since, "lastTransitionTime": since,
        })
    };
    let available = match ready >= replicas {
        true => {
            condition("Available", "True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
        }
        false => {
            let message = "Deployment does not have minimum availability.";
            condition("Available", "False", "MinimumReplicasUnavailable", message)
        }
    };
    let progressing = match new_ready >= replicas {
        true => {
            let message = format!("ReplicaSet \"{set}\" has successfully progressed.");
            condition("Progressing", "True", "NewReplicaSetAvailable", &message)
        }
        false => {
            let message = format!("ReplicaSet \"{set}\" is progressing.");
            condition("Progressing", "True", "ReplicaSetUpdated", &message)
        }
    };
    let mut status = json!({
        "observedGeneration": deployment.pointer("/metadata/generation"), "conditions": [available, progressing],
    });
    let counts = [
        ("replicas", all),
        ("updatedReplicas", updated),
        ("readyReplicas", ready),
        ("availableReplicas", ready),
        ("unavailableReplicas", replicas.saturating_sub(ready)),
    ];
    for (key, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
        crate::apiserver::refusal::set(&mut status, key, json!(count));
    }
    status
}
