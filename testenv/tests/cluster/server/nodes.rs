//! Scripted nodes: rollouts that succeed, fail, and are repaired.

use bookend_testenv::apiserver::{ApiServer, Fate, Pods};
use serde_json::{Value, json};

use super::until;

fn template(image: &str) -> Value {
    json!({
        "metadata": { "labels": { "app": "x" } },
        "spec": { "containers": [{ "name": "c", "image": image }], "serviceAccountName": "x", "hostNetwork": true },
    })
}

fn set(image: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": { "name": "d" },
        "spec": { "selector": { "matchLabels": { "app": "x" } }, "template": template(image) },
    })
}

fn server() -> ApiServer {
    let server = ApiServer::start().unwrap();
    for index in 1..=3 {
        server.node(&format!("n{index}"), &format!("192.0.2.{index}")).unwrap();
    }
    server
}

fn count(server: &ApiServer, plural: &str, name: &str, key: &str) -> u64 {
    let object = server.get(plural, "default", name).unwrap();
    object.pointer(&format!("/status/{key}")).and_then(Value::as_u64).unwrap_or(0)
}

/// Whether the status is of the object as it is now.
fn observed(server: &ApiServer, plural: &str, name: &str) -> bool {
    let object = server.get(plural, "default", name).unwrap();
    object.pointer("/status/observedGeneration") == object.pointer("/metadata/generation")
}

#[test]
fn a_daemon_set_comes_to_every_node_and_is_replaced_one_by_one() {
    let server = server();
    server.apply("t", set("image:1")).unwrap();
    let ready = |server: &ApiServer| {
        let of = |key: &str| count(server, "daemonsets.apps", "d", key);
        observed(server, "daemonsets.apps", "d")
            && (of("desiredNumberScheduled"), of("numberReady"), of("updatedNumberScheduled")) == (3, 3, 3)
    };
    until("three pods are ready", || ready(&server).then_some(()));
    let addresses: Vec<_> = server.list("pods").iter().map(|pod| pod["status"]["podIP"].clone()).collect();
    assert!(addresses.contains(&json!("192.0.2.1")), "on the host's network: {addresses:?}");
    server.fate(Pods::all().image("image:2"), Fate::ErrImagePull);
    server.apply("t", set("image:2")).unwrap();
    let stuck = || {
        let updated = count(&server, "daemonsets.apps", "d", "updatedNumberScheduled");
        (updated == 1 && count(&server, "daemonsets.apps", "d", "numberReady") == 2).then_some(())
    };
    until("the rollout is stuck at one node", stuck);
    let waiting =
        |pod: &Value| pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == "ErrImagePull";
    until("the image cannot be pulled", || server.list("pods").iter().any(waiting).then_some(()));
    server.fate(Pods::all().image("image:2"), Fate::Ready);
    until("the rollout goes on", || ready(&server).then_some(()));
}

#[test]
fn nodes_with_taints_and_other_labels_are_left_out() {
    let server = server();
    server
        .patch(json!({
            "apiVersion": "v1", "kind": "Node", "metadata": { "name": "n1" },
            "spec": { "taints": [{ "key": "dedicated", "value": "db", "effect": "NoSchedule" }] },
        }))
        .unwrap();
    server.apply("t", set("image:1")).unwrap();
    until("two pods are ready", || {
        (count(&server, "daemonsets.apps", "d", "numberReady") == 2).then_some(())
    });
    let mut tolerant = set("image:1");
    tolerant["spec"]["template"]["spec"]["tolerations"] = json!([{ "operator": "Exists" }]);
    server.apply("t", tolerant).unwrap();
    until("all three are ready", || {
        (count(&server, "daemonsets.apps", "d", "numberReady") == 3).then_some(())
    });
}

#[test]
fn a_deployment_has_its_replicas_through_a_replica_set_and_they_go_with_it() {
    let server = server();
    let deployment = |image: &str| {
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "c" },
            "spec": { "replicas": 2, "selector": { "matchLabels": { "app": "x" } }, "template": template(image) },
        })
    };
    let ready = |server: &ApiServer| {
        let of = |key: &str| count(server, "deployments.apps", "c", key);
        (observed(server, "deployments.apps", "c")
            && (of("replicas"), of("updatedReplicas"), of("availableReplicas")) == (2, 2, 2))
            .then_some(())
    };
    server.apply("t", deployment("image:1")).unwrap();
    until("two replicas are available", || ready(&server));
    server.apply("t", deployment("image:2")).unwrap();
    until("they are of the new template", || {
        ready(&server)?;
        let fresh = |pod: &Value| pod["spec"]["containers"][0]["image"] == "image:2";
        server.list("pods").iter().all(fresh).then_some(())
    });
    server.delete("deployments.apps", "default", "c").unwrap();
    assert!(server.list("pods").is_empty() && server.list("replicasets.apps").is_empty());
}
