//! Pods that do not get on, and keys.

use serde_json::json;

use super::*;

#[test]
fn a_key_says_how_to_look_at_an_object() {
    let object = json!({ "apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": { "name": "a", "namespace": "b" } });
    let key = Key::of(&object).unwrap();
    assert_eq!(key.to_string(), "DaemonSet b/a");
    assert_eq!(key.command(), "daemonsets.apps/a -n b");
    assert_eq!(Entry::of(&key).key(), Some(key));
}

#[test]
fn what_the_server_adds_is_no_change() {
    let wanted = json!({ "kind": "ConfigMap", "metadata": { "name": "a" }, "data": { "x": "y" } });
    let stored = json!({
        "kind": "ConfigMap",
        "metadata": { "name": "a", "uid": "1", "resourceVersion": "7", "managedFields": [], "creationTimestamp": "now" },
        "data": { "x": "y" }, "status": {},
    });
    assert_eq!(clean(&stored), wanted);
}
