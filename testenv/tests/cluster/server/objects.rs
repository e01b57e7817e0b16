//! Creating, reading by pages, replacing and deleting.

use bookend_testenv::apiserver::ApiServer;
use serde_json::{Value, json};

use super::{ask, get, post, text, told};

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

fn map(name: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name }, "data": { "k": "v" } })
}

#[test]
fn what_is_served_is_told_in_both_forms() {
    let server = ApiServer::start().unwrap();
    assert_eq!(text(&get(&server, "/version").1, "/gitVersion"), "v1.34.1");
    let (_, groups) = get(&server, "/apis");
    assert!(groups["groups"].as_array().unwrap().iter().any(|group| group["name"] == "apps"));
    let (_, resources) = get(&server, "/apis/apps/v1");
    let named = |name: &str| resources["resources"].as_array().unwrap().iter().any(|one| one["name"] == name);
    assert!(named("daemonsets") && named("daemonsets/status") && !named("pods"));
    assert_eq!(get(&server, "/apis/bookend.dev/v1alpha1"), (404, json!("404 page not found\n")));
}

#[test]
fn a_new_object_gets_what_every_object_has() {
    let server = ApiServer::start().unwrap();
    let (code, made) = post(&server, MAPS, &map("a"));
    assert_eq!((code, text(&made, "/metadata/namespace")), (201, "default"));
    assert_eq!(text(&made, "/metadata/uid").len(), 36);
    assert!(text(&made, "/metadata/creationTimestamp").ends_with('Z'));
    assert_eq!(made.pointer("/metadata/managedFields/0/operation"), Some(&json!("Update")));
    let (code, again) = post(&server, MAPS, &map("a"));
    assert_eq!((code, text(&again, "/reason")), (409, "AlreadyExists"));
    assert_eq!(text(&again, "/message"), "configmaps \"a\" already exists");
    let (code, absent) = get(&server, "/apis/apps/v1/namespaces/default/deployments/x");
    assert_eq!((code, text(&absent, "/message")), (404, "deployments.apps \"x\" not found"));
    let (code, nowhere) = post(&server, "/api/v1/namespaces/nowhere/configmaps", &map("a"));
    assert_eq!((code, text(&nowhere, "/message")), (404, "namespaces \"nowhere\" not found"));
}

#[test]
fn fields_that_nobody_knows_are_refused_or_dropped_with_a_warning() {
    let server = ApiServer::start().unwrap();
    let mut wrong = map("a");
    wrong["dta"] = json!({});
    wrong["dta"]["x"] = json!("y");
    let (code, refused) = post(&server, &format!("{MAPS}?fieldValidation=Strict"), &wrong);
    assert_eq!(code, 400);
    assert!(text(&refused, "/message").contains("strict decoding error: unknown field \"dta\""));
    let response = ask(&server, "POST", MAPS, "application/json", &wrong);
    assert_eq!(response.header("warning"), Some("299 - \"unknown field \\\"dta\\\"\""));
    assert!(told(&response).1.get("dta").is_none());
}

#[test]
fn lists_come_in_pages_of_one_revision() {
    let server = ApiServer::start().unwrap();
    for index in 0..5 {
        post(&server, MAPS, &map(&format!("m{index}")));
    }
    let (_, first) = get(&server, &format!("{MAPS}?limit=2"));
    assert_eq!(first["items"].as_array().unwrap().len(), 2);
    assert_eq!(first.pointer("/metadata/remainingItemCount"), Some(&json!(3)));
    assert!(first["items"][0].get("kind").is_none(), "lists of Kubernetes' own kinds name it once");
    post(&server, MAPS, &map("m9"));
    let token = text(&first, "/metadata/continue");
    let (_, rest) = get(&server, &format!("{MAPS}?limit=9&continue={token}"));
    assert_eq!(rest["items"].as_array().unwrap().len(), 4);
    assert_eq!(text(&rest, "/metadata/resourceVersion"), text(&first, "/metadata/resourceVersion"));
    server.forget();
    let (code, expired) = get(&server, &format!("{MAPS}?limit=2&continue={token}"));
    assert_eq!((code, text(&expired, "/reason")), (410, "Expired"));
}

#[test]
fn selectors_narrow_a_list() {
    let server = ApiServer::start().unwrap();
    for (name, node, color) in [("a", "n1", "blue"), ("b", "n2", "green"), ("c", "n1", "red")] {
        server
            .put(json!({
                "apiVersion": "v1", "kind": "Pod", "metadata": { "name": name, "labels": { "color": color } },
                "spec": { "nodeName": node }, "status": { "phase": "Running" },
            }))
            .unwrap();
    }
    let names = |query: &str| -> Vec<String> {
        let (code, list) = get(&server, &format!("/api/v1/pods?{query}"));
        assert_eq!(code, 200, "{list}");
        list["items"].as_array().unwrap().iter().map(|pod| text(pod, "/metadata/name").to_owned()).collect()
    };
    assert_eq!(names("fieldSelector=spec.nodeName%3Dn1"), ["a", "c"]);
    assert_eq!(names("fieldSelector=spec.nodeName!%3Dn1"), ["b"]);
    assert_eq!(names("labelSelector=color%20in%20(blue,green)"), ["a", "b"]);
    assert_eq!(names("labelSelector=color!=red,color"), ["a", "b"]);
    assert_eq!(names("labelSelector=!color").len(), 0);
    assert_eq!(get(&server, "/api/v1/pods?fieldSelector=spec.foo%3Dx").0, 400);
}

#[test]
fn whoever_read_an_older_object_does_not_overwrite_a_newer_one() {
    let server = ApiServer::start().unwrap();
    let (_, first) = post(&server, MAPS, &map("a"));
    let path = format!("{MAPS}/a");
    let mut newer = first.clone();
    newer["data"]["k"] = json!("w");
    let (code, second) = told(&ask(&server, "PUT", &path, "application/json", &newer));
    assert_eq!(code, 200);
    assert_ne!(text(&first, "/metadata/resourceVersion"), text(&second, "/metadata/resourceVersion"));
    let (code, refused) = told(&ask(&server, "PUT", &path, "application/json", &newer));
    assert_eq!((code, text(&refused, "/reason")), (409, "Conflict"));
    let patch = json!({ "data": { "k": null, "l": "x" } });
    let (code, patched) = told(&ask(&server, "PATCH", &path, "application/merge-patch+json", &patch));
    assert_eq!((code, &patched["data"]), (200, &json!({ "l": "x" })));
}

#[test]
fn what_is_owned_goes_with_its_owner_and_a_namespace_with_its_contents() {
    let server = ApiServer::start().unwrap();
    let (_, owner) = post(&server, MAPS, &map("owner"));
    let mut owned = map("owned");
    owned["metadata"]["ownerReferences"] = json!([{ "apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"] }]);
    post(&server, MAPS, &owned);
    let (code, done) = told(&ask(&server, "DELETE", &format!("{MAPS}/owner"), "", &Value::Null));
    assert_eq!((code, text(&done, "/status")), (200, "Success"));
    assert!(server.get("configmaps", "default", "owned").is_none());
    server
        .put(
            json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "s", "namespace": "team" } }),
        )
        .unwrap();
    server.delete("namespaces", "", "team").unwrap();
    assert!(server.get("secrets", "team", "s").is_none());
}

#[test]
fn a_finalizer_keeps_an_object_until_it_is_taken_off() {
    let server = ApiServer::start().unwrap();
    let mut held = map("held");
    held["metadata"]["finalizers"] = json!(["example.com/hold"]);
    post(&server, MAPS, &held);
    let path = format!("{MAPS}/held");
    let (_, dying) = told(&ask(&server, "DELETE", &path, "", &Value::Null));
    assert!(dying.pointer("/metadata/deletionTimestamp").is_some());
    let patch = json!({ "metadata": { "finalizers": null } });
    ask(&server, "PATCH", &path, "application/merge-patch+json", &patch);
    assert_eq!(get(&server, &path).0, 404);
}
