//! Server-side apply: who owns what.

use bookend_testenv::apiserver::ApiServer;
use serde_json::{Value, json};

use super::{apply, get, text};

const SETS: &str = "/apis/apps/v1/namespaces/default/daemonsets/d";

fn set(image: &str, env: Value) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": { "name": "d", "labels": { "l": "1" } },
        "spec": {
            "selector": { "matchLabels": { "a": "b" } },
            "template": {
                "metadata": { "labels": { "a": "b" } },
                "spec": { "containers": [{ "name": "c", "image": image, "env": env }] },
            },
        },
    })
}

fn by(manager: &str) -> String {
    format!("{SETS}?fieldManager={manager}")
}

#[test]
fn applying_the_same_again_changes_nothing() {
    let server = ApiServer::start().unwrap();
    let (code, first) = apply(&server, &by("one"), &set("i", json!([])));
    assert_eq!((code, first.pointer("/metadata/generation")), (201, Some(&json!(1))));
    let (code, second) = apply(&server, &by("one"), &set("i", json!([])));
    assert_eq!(code, 200);
    assert_eq!(first, second);
    let owner = &first["metadata"]["managedFields"][0];
    assert_eq!((text(owner, "/manager"), text(owner, "/operation")), ("one", "Apply"));
    let container = "f:spec/f:template/f:spec/f:containers/k:{\"name\":\"c\"}/f:image";
    assert_eq!(owner["fieldsV1"].pointer(&format!("/{container}")), Some(&json!({})), "{owner}");
}

#[test]
fn what_another_owns_is_a_conflict_that_says_which_field() {
    let server = ApiServer::start().unwrap();
    apply(&server, &by("one"), &set("i", json!([])));
    let (code, refused) = apply(&server, &by("two"), &set("j", json!([])));
    assert_eq!((code, text(&refused, "/reason")), (409, "Conflict"));
    let path = ".spec.template.spec.containers[name=\"c\"].image";
    assert_eq!(
        text(&refused, "/message"),
        format!("Apply failed with 1 conflict: conflict with \"one\" using apps/v1: {path}")
    );
    assert_eq!(
        refused["details"]["causes"],
        json!([{
            "reason": "FieldManagerConflict", "message": "conflict with \"one\" using apps/v1", "field": path,
        }])
    );
    let (code, forced) = apply(&server, &format!("{}&force=true", by("two")), &set("j", json!([])));
    assert_eq!((code, forced.pointer("/metadata/generation")), (200, Some(&json!(2))));
    let (code, _) = apply(&server, &by("one"), &set("i", json!([])));
    assert_eq!(code, 409, "it has changed hands");
}

#[test]
fn equal_values_are_shared_without_conflict_and_stay_while_one_wants_them() {
    let server = ApiServer::start().unwrap();
    apply(&server, &by("one"), &set("i", json!([{ "name": "E", "value": "1" }])));
    let (code, _) = apply(&server, &by("two"), &set("i", json!([{ "name": "E", "value": "1" }])));
    assert_eq!(code, 200);
    let env = |server: &ApiServer| {
        get(server, SETS).1.pointer("/spec/template/spec/containers/0/env").cloned().unwrap_or(json!([]))
    };
    apply(&server, &by("one"), &set("i", json!([])));
    assert_eq!(env(&server), json!([{ "name": "E", "value": "1" }]));
    apply(&server, &by("two"), &set("i", json!([])));
    assert_eq!(env(&server), json!([]));
}

#[test]
fn what_is_applied_no_more_goes_and_what_others_added_stays() {
    let server = ApiServer::start().unwrap();
    let map = |data: Value| json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "m" }, "data": data });
    let path = "/api/v1/namespaces/default/configmaps/m";
    apply(&server, &format!("{path}?fieldManager=one"), &map(json!({ "a": "1", "b": "2" })));
    server
        .patch(json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "m" }, "data": { "c": "3" } }))
        .unwrap();
    let (_, applied) = apply(&server, &format!("{path}?fieldManager=one"), &map(json!({ "a": "1" })));
    assert_eq!(applied["data"], json!({ "a": "1", "c": "3" }));
}

#[test]
fn a_dry_run_tells_and_keeps_nothing() {
    let server = ApiServer::start().unwrap();
    let (code, told) = apply(&server, &format!("{}&dryRun=All", by("one")), &set("i", json!([])));
    assert_eq!((code, text(&told, "/metadata/name")), (201, "d"));
    assert_eq!(get(&server, SETS).0, 404);
    let (code, refused) = apply(&server, SETS, &set("i", json!([])));
    assert_eq!(code, 422);
    assert!(text(&refused, "/message").contains("fieldManager: Required value"));
}

#[test]
fn a_field_that_the_schema_does_not_have_cannot_be_applied() {
    let server = ApiServer::start().unwrap();
    let mut wrong = set("i", json!([]));
    wrong["spec"]["template"]["spec"]["containers"][0]["imag"] = json!("j");
    let (code, refused) = apply(&server, &by("one"), &wrong);
    assert_eq!(code, 500);
    assert!(text(&refused, "/message").contains("field not declared in schema"), "{refused}");
}

#[test]
fn a_selector_is_for_ever() {
    let server = ApiServer::start().unwrap();
    apply(&server, &by("one"), &set("i", json!([])));
    let mut other = set("i", json!([]));
    other["spec"]["selector"]["matchLabels"] = json!({ "a": "c" });
    other["spec"]["template"]["metadata"]["labels"] = json!({ "a": "c" });
    let (code, refused) = apply(&server, &by("one"), &other);
    assert_eq!((code, text(&refused, "/reason")), (422, "Invalid"));
    assert!(text(&refused, "/message").contains("field is immutable"), "{refused}");
}
