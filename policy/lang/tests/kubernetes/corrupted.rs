//! Whatever is wrong with one field of a policy refuses it.

use std::fmt::Write as _;

use bookend_lang::{Source, compile};
use serde_json::{Value, json};

use crate::pointers::pointers;

/// Policies that hold every field, and what they refer to.
const MAXIMAL: &str = r#"
{ "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
  "metadata": { "name": "np", "namespace": "shop", "labels": { "app": "web" }, "annotations": { "note": "x" } },
  "spec": {
    "podSelector": { "matchLabels": { "app": "web" }, "matchExpressions": [
      { "key": "tier", "operator": "In", "values": ["a", "b"] }, { "key": "old", "operator": "DoesNotExist" } ] },
    "policyTypes": ["Ingress", "Egress"],
    "ingress": [{
      "from": [
        { "podSelector": { "matchLabels": { "app": "a" } } },
        { "namespaceSelector": { "matchExpressions": [{ "key": "team", "operator": "NotIn", "values": ["x"] }] },
          "podSelector": { "matchLabels": { "app": "b" } } },
        { "ipBlock": { "cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"] } } ],
      "ports": [{ "protocol": "TCP", "port": 80, "endPort": 90 }, { "protocol": "UDP", "port": "dns" }] }],
    "egress": [{ "to": [{ "namespaceSelector": {} }], "ports": [{ "protocol": "SCTP" }] }] } }
---
{ "apiVersion": "policy.networking.k8s.io/v1alpha2", "kind": "ClusterNetworkPolicy", "metadata": { "name": "cnp" },
  "spec": {
    "tier": "Admin", "priority": 10, "subject": { "namespaces": { "matchLabels": { "team": "x" } } },
    "ingress": [{ "name": "first", "action": "Pass", "from": [
      { "namespaces": { "matchLabels": { "team": "y" } } },
      { "pods": { "namespaceSelector": {}, "podSelector": { "matchLabels": { "app": "a" } } } } ] }],
    "egress": [
      { "action": "Deny", "to": [{ "networks": ["203.0.113.0/24"] }, { "nodes": {} }], "protocols": [
        { "tcp": { "destinationPort": { "number": 80 } } }, { "udp": { "destinationPort": { "range": { "start": 8, "end": 90 } } } },
        { "sctp": { "destinationPort": { "number": 1 } } } ] },
      { "action": "Accept", "to": [{ "pods": { "podSelector": {} } }], "protocols": [{ "destinationNamedPort": "web" }] } ] } }
---
{ "apiVersion": "policy.networking.k8s.io/v1alpha1", "kind": "AdminNetworkPolicy", "metadata": { "name": "anp" },
  "spec": {
    "priority": 20, "subject": { "pods": { "namespaceSelector": {}, "podSelector": { "matchLabels": { "app": "a" } } } },
    "ingress": [{ "name": "first", "action": "Allow", "from": [{ "namespaces": {} }], "ports": [
      { "portNumber": { "protocol": "TCP", "port": 80 } }, { "portRange": { "protocol": "UDP", "start": 1, "end": 90 } },
      { "namedPort": "web" } ] }],
    "egress": [{ "action": "Deny", "to": [{ "networks": ["203.0.113.0/24"] }] }] } }
---
{ "apiVersion": "policy.networking.k8s.io/v1alpha1", "kind": "BaselineAdminNetworkPolicy", "metadata": { "name": "default" },
  "spec": { "subject": { "namespaces": {} }, "ingress": [{ "action": "Deny", "from": [{ "namespaces": {} }] }] } }
---
{ "apiVersion": "bookend.dev/v1alpha1", "kind": "Inventory", "metadata": { "name": "i" }, "spec": { "nodes": ["10.9.0.1"] } }
"#;

fn refuses(documents: &[Value]) -> bool {
    let sources = documents.iter().map(|document| Source::new("x", document.to_string()));
    compile(&sources.collect::<Vec<_>>()).is_err()
}

/// Whatever a value must not be, and whether it may be all the same.
fn corruptions(value: &Value, pointer: &str) -> Vec<(&'static str, Value)> {
    let field = pointer.rsplit('/').next().unwrap_or_default();
    let list = pointer.rsplit('/').find(|part| part.parse::<usize>().is_err()).unwrap_or_default();
    let free = matches!(field, "matchLabels" | "labels" | "annotations");
    let label = pointer.contains("Labels/") || pointer.contains("/metadata/");
    let mut all = Vec::new();
    let mut add = |what, changed: Value| {
        if changed != *value {
            all.push((what, changed));
        }
    };
    add("a boolean", json!(true));
    add("a list of null", json!([null]));
    if !(value.is_number() || list == "port") {
        add("a number", json!(7));
    }
    if !(field == "name" && pointer.contains("gress/") || pointer.contains("/annotations/")) {
        add("a string", json!("Ünfit {"));
        if !label && list != "values" {
            add("an empty string", json!(""));
        }
    }
    if value.is_number() {
        add("out of range", json!(99_999_999));
        add("in quotes", json!(value.to_string()));
    }
    if let Value::Array(items) = value {
        add(
            "an odd entry",
            Value::Array(items.iter().cloned().chain([json!({ "unheard": "of" })]).collect()),
        );
    }
    if let Value::Object(entries) = value
        && !free
    {
        let mut more = entries.clone();
        more.insert("unheardOf".to_owned(), json!("x"));
        add("an unknown key", Value::Object(more));
        for key in entries.keys() {
            let mut renamed = entries.clone();
            let value = renamed.remove(key).unwrap();
            renamed.insert(format!("{key}Of"), value);
            add("a misspelt key", Value::Object(renamed));
        }
    }
    all
}

#[test]
fn one_corrupted_field_refuses_everything() {
    let sound: Vec<Value> =
        MAXIMAL.split("\n---\n").map(|document| serde_json::from_str(document).unwrap()).collect();
    assert!(!refuses(&sound));
    let (mut accepted, mut refused) = (String::new(), 0);
    for index in 0..sound.len() - 1 {
        let found = pointers(&sound[index]);
        // Of a kind that nobody knows there is a warning, whatever the group is.
        for pointer in found.into_iter().filter(|pointer| pointer != "/kind") {
            let value = sound[index].pointer(&pointer).unwrap().clone();
            for (what, changed) in corruptions(&value, &pointer) {
                let mut documents = sound.clone();
                *documents[index].pointer_mut(&pointer).unwrap() = changed;
                if refuses(&documents) {
                    refused += 1;
                } else {
                    let _ = writeln!(accepted, "{index} {pointer}: {what}");
                }
            }
        }
    }
    assert_eq!(accepted, "");
    assert!(refused > 1000, "{refused}");
}
