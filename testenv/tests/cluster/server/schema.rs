//! Kinds that CRDs define.

use bookend_testenv::apiserver::ApiServer;
use serde_json::{Value, json};

use super::{apply, ask, get, post, text, told};

const CRD: &str = r#"
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {kind: Thing, plural: things, singular: thing, shortNames: [th]}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}}
    schema:
      openAPIV3Schema:
        type: object
        required: [spec]
        properties:
          spec:
            type: object
            required: [size]
            properties:
              size: {type: integer, minimum: 1}
              mode: {type: string, enum: [fast, slow], default: slow}
              port: {x-kubernetes-int-or-string: true}
              note: {type: string, nullable: true}
              any: {type: object, x-kubernetes-preserve-unknown-fields: true}
              parts:
                type: array
                x-kubernetes-list-type: map
                x-kubernetes-list-map-keys: [name]
                items: {type: object, required: [name], properties: {name: {type: string}, weight: {type: integer}}}
          status:
            type: object
            properties: {seen: {type: integer}}
"#;

const THINGS: &str = "/apis/example.com/v1/namespaces/default/things";

fn server() -> ApiServer {
    let server = ApiServer::start().unwrap();
    server.install_crds(CRD).unwrap();
    server
}

fn thing(spec: Value) -> Value {
    json!({ "apiVersion": "example.com/v1", "kind": "Thing", "metadata": { "name": "t" }, "spec": spec })
}

#[test]
fn objects_are_filled_in_and_pruned() {
    let server = server();
    let spec = json!({ "size": 3, "port": "http", "note": null, "any": { "x": [1] }, "extra": 1 });
    let (code, made) = post(&server, THINGS, &thing(spec.clone()));
    assert_eq!(code, 201, "{made}");
    assert_eq!(
        made["spec"],
        json!({ "size": 3, "port": "http", "note": null, "any": { "x": [1] }, "mode": "slow" })
    );
    let (code, refused) = post(&server, &format!("{THINGS}?fieldValidation=Strict"), &thing(spec));
    assert_eq!(code, 400);
    assert!(text(&refused, "/message").contains("unknown field \"spec.extra\""), "{refused}");
}

#[test]
fn what_the_schema_refuses_is_told_with_its_place() {
    let server = server();
    let (code, refused) = post(&server, THINGS, &thing(json!({ "size": "3", "mode": "medium" })));
    assert_eq!((code, text(&refused, "/reason")), (422, "Invalid"));
    let mut causes: Vec<_> = refused["details"]["causes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|cause| (text(cause, "/field"), text(cause, "/message")))
        .collect();
    causes.sort_unstable();
    assert_eq!(
        causes,
        [
            ("spec.mode", "Unsupported value: \"medium\": supported values: \"fast\", \"slow\""),
            ("spec.size", "Invalid value: \"string\": spec.size in body must be of type integer: \"string\""),
        ]
    );
    let parts = json!([{ "name": "a" }, { "name": "a" }]);
    let (_, refused) = post(&server, THINGS, &thing(json!({ "size": 1, "parts": parts })));
    assert!(text(&refused, "/message").contains("spec.parts[1]: Duplicate value"), "{refused}");
    let (_, refused) = post(&server, THINGS, &thing(json!({})));
    assert!(text(&refused, "/message").contains("spec.size: Required value"), "{refused}");
}

#[test]
fn the_status_is_written_apart_and_the_generation_counts_the_rest() {
    let server = server();
    let mut first = thing(json!({ "size": 1 }));
    first["status"] = json!({ "seen": 7 });
    let (_, made) = post(&server, THINGS, &first);
    assert!(made.get("status").is_none());
    let path = format!("{THINGS}/t");
    let status = json!({
        "apiVersion": "example.com/v1", "kind": "Thing", "metadata": { "name": "t" }, "status": { "seen": 1 },
    });
    let (code, told_status) = apply(&server, &format!("{path}/status?fieldManager=c"), &status);
    assert_eq!((code, &told_status["status"]), (200, &json!({ "seen": 1 })));
    assert_eq!(told_status.pointer("/metadata/generation"), Some(&json!(1)));
    let (_, applied) =
        apply(&server, &format!("{path}?fieldManager=d&force=true"), &thing(json!({ "size": 2 })));
    assert_eq!(applied.pointer("/metadata/generation"), Some(&json!(2)));
    assert_eq!(applied["status"], json!({ "seen": 1 }));
    let entries = applied["metadata"]["managedFields"].as_array().unwrap();
    assert!(entries.iter().any(|entry| entry["subresource"] == "status" && entry["manager"] == "c"));
}

#[test]
fn elements_with_keys_are_merged_one_by_one() {
    let server = server();
    let path = format!("{THINGS}/t");
    let of = |manager: &str| format!("{path}?fieldManager={manager}");
    let one = json!({ "size": 1, "parts": [{ "name": "a", "weight": 1 }] });
    apply(&server, &of("one"), &thing(one));
    let two = json!({ "size": 1, "parts": [{ "name": "b", "weight": 2 }] });
    let (code, both) = apply(&server, &of("two"), &thing(two));
    assert_eq!(code, 200, "{both}");
    assert_eq!(both["spec"]["parts"], json!([{ "name": "a", "weight": 1 }, { "name": "b", "weight": 2 }]));
    let (_, left) = apply(&server, &of("one"), &thing(json!({ "size": 1 })));
    assert_eq!(left["spec"]["parts"], json!([{ "name": "b", "weight": 2 }]));
}

#[test]
fn a_kind_goes_with_its_definition() {
    let server = server();
    post(&server, THINGS, &thing(json!({ "size": 1 })));
    assert_eq!(get(&server, "/apis/example.com/v1").0, 200);
    let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/things.example.com";
    let (code, defined) = get(&server, path);
    assert_eq!(code, 200);
    let conditions = defined.pointer("/status/conditions").and_then(Value::as_array).unwrap();
    assert!(conditions.iter().any(|one| one["type"] == "Established" && one["status"] == "True"));
    let (code, _) = told(&ask(&server, "DELETE", path, "", &Value::Null));
    assert_eq!(code, 200);
    assert_eq!(get(&server, THINGS).0, 404);
}
