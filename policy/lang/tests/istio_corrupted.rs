//! Whatever is wrong with one field of a policy of Istio refuses it.
#![expect(clippy::unwrap_used, reason = "functions shared by tests fail as tests do")]

#[path = "shared/pointers.rs"]
mod pointers;

use std::fmt::Write as _;

use bookend_lang::{Source, compile};
use pointers::pointers;
use serde_json::{Value, json};

/// Policies that hold every field.
const MAXIMAL: &str = r#"
{ "apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy",
  "metadata": { "name": "a", "namespace": "shop", "labels": { "app": "web" }, "annotations": { "istio.io/dry-run": "true" } },
  "spec": {
    "action": "DENY", "selector": { "matchLabels": { "app": "web" } },
    "rules": [{
      "from": [
        { "source": {
          "principals": ["cluster.local/ns/a/sa/b"], "notPrincipals": ["*/sa/c"], "requestPrincipals": ["i/s"],
          "notRequestPrincipals": ["*"], "namespaces": ["a"], "notNamespaces": ["b*"], "ipBlocks": ["10.0.0.0/8"],
          "notIpBlocks": ["10.0.0.1"], "remoteIpBlocks": ["192.0.2.0/24"], "notRemoteIpBlocks": ["192.0.2.1"],
          "trustDomains": ["cluster.local"], "notTrustDomains": ["other"] } },
        { "source": { "serviceAccounts": ["a/b", "c"], "notServiceAccounts": ["d"] } } ],
      "to": [{ "operation": {
        "hosts": ["a.example", "a.example:*"], "notHosts": ["*.b"], "ports": ["80"], "notPorts": ["81"], "methods": ["GET"],
        "notMethods": ["P*"], "paths": ["/a", "/{*}/{**}"], "notPaths": ["*.txt"] } }],
      "when": [
        { "key": "request.headers[x-role]", "values": ["a"], "notValues": ["b"] },
        { "key": "request.auth.claims[a][b]", "values": ["c"] }, { "key": "connection.sni", "notValues": ["*.a"] },
        { "key": "destination.ip", "values": ["10.0.0.1"] } ] }] } }
---
{ "apiVersion": "security.istio.io/v1beta1", "kind": "AuthorizationPolicy", "metadata": { "name": "b" },
  "spec": {
    "targetRefs": [{ "group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "g" }], "rules": [{}] } }
---
{ "apiVersion": "security.istio.io/v1", "kind": "PeerAuthentication", "metadata": { "name": "p" },
  "spec": {
    "selector": { "matchLabels": { "app": "web" } }, "mtls": { "mode": "STRICT" },
    "portLevelMtls": { "8080": { "mode": "DISABLE" } } } }
---
{ "apiVersion": "security.istio.io/v1", "kind": "RequestAuthentication", "metadata": { "name": "r" },
  "spec": {
    "targetRef": { "group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "g" },
    "jwtRules": [{
      "issuer": "i", "audiences": ["a"], "jwksUri": "https://i/keys", "fromHeaders": [{ "name": "a", "prefix": "b" }],
      "fromParams": ["p"], "fromCookies": ["c"], "outputPayloadToHeader": "x", "forwardOriginalToken": true,
      "outputClaimToHeaders": [{ "header": "h", "claim": "c" }], "timeout": "5s", "spaceDelimitedClaims": ["scope"] }] } }
"#;

fn refuses(documents: &[Value]) -> bool {
    let sources = documents.iter().map(|document| Source::new("x", document.to_string()));
    compile(&sources.collect::<Vec<_>>()).is_err()
}

/// What a value must not be.
fn corruptions(value: &Value, pointer: &str) -> Vec<(&'static str, Value)> {
    let free = ["matchLabels", "labels", "annotations"].iter().any(|field| pointer.ends_with(field));
    let mut all = vec![("a number", json!(7)), ("a list of null", json!([null]))];
    if !value.is_boolean() {
        all.push(("a boolean", json!(true)));
    }
    match value {
        Value::String(_) => all.push(("a list", json!([value]))),
        Value::Array(_) | Value::Object(_) => all.push(("a string", json!("x"))),
        _ => {}
    }
    if let (Value::Array(items), Some(last)) = (value, value.as_array().and_then(|items| items.last())) {
        let mut odd = items.clone();
        odd.push(if last.is_string() { json!("") } else { json!({ "unheard": "of" }) });
        // Most that is compared as a text may be any but an empty one.
        all.push(("an odd entry", Value::Array(odd)));
    }
    if let (Value::Object(entries), false) = (value, free) {
        let mut more = entries.clone();
        more.insert("unheardOf".to_owned(), json!("x"));
        all.push(("an unknown key", Value::Object(more)));
        for key in entries.keys() {
            let mut renamed = entries.clone();
            let inner = renamed.remove(key).unwrap();
            renamed.insert(format!("{key}Of"), inner);
            all.push(("a misspelt key", Value::Object(renamed)));
        }
    }
    all
}

#[test]
fn whatever_is_wrong_with_one_field_refuses_the_policy() {
    let sound: Vec<Value> =
        MAXIMAL.split("\n---\n").map(|document| serde_json::from_str(document).unwrap()).collect();
    assert!(!refuses(&sound), "{:#?}", compile(&[Source::new("x", MAXIMAL)]).err());
    let (mut read, mut tried) = (String::new(), 0);
    for (index, document) in sound.iter().enumerate() {
        for pointer in pointers(document) {
            let value = document.pointer(&pointer).unwrap().clone();
            for (what, corrupted) in corruptions(&value, &pointer) {
                let mut documents = sound.clone();
                *documents.get_mut(index).and_then(|d| d.pointer_mut(&pointer)).unwrap() = corrupted;
                tried += 1;
                if !refuses(&documents) {
                    let _ = writeln!(read, "{} {pointer}: {what}", document["kind"]);
                }
            }
        }
    }
    assert!(tried > 500, "{tried}");
    assert!(read.is_empty(), "read all the same:\n{read}");
}
