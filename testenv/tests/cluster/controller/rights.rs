//! What the controller may do is what it does. (That it suffices every other test here says: they all run with the rendered roles.)

use bookend_objects::install::CONTROLLER;
use serde_json::json;

use super::stage::{Stage, account, policy, until};

/// What may be done and is not done here, by the end of what `unused` tells, and why it is granted.
const JUSTIFIED: [(&str, &str); 7] = [
    (
        "create envoyfilters.networking.istio.io",
        "applying what is not there yet takes `create`, for which this server does not ask",
    ),
    ("create configmaps", "the same"),
    // Objects that hold `null` are created and replaced, and others are applied.
    ("patch wasmplugins.extensions.istio.io", "by what the configuration holds"),
    ("create wasmplugins.extensions.istio.io", "by what the configuration holds"),
    ("update wasmplugins.extensions.istio.io", "by what the configuration holds"),
    ("update envoyfilters.networking.istio.io", "by what the configuration holds"),
    (
        " trafficextensions.extensions.istio.io",
        "these take the place of WasmPlugins where a cluster serves none",
    ),
];

/// What follows from Istio's definitions, of which this world has none for tokens.
const ABSENT: &str = " requestauthentications.security.istio.io";

#[test]
fn the_controller_may_nothing_that_it_does_not_do() {
    let stage = Stage::begin();
    stage.bookinfo();
    let document = |kind: &str, name: &str, spec| {
        let mut object = json!({ "apiVersion": "bookend.dev/v1alpha1", "kind": kind, "metadata": { "name": name }, "spec": spec });
        if ["Host", "Inventory"].contains(&kind) {
            object["metadata"]["namespace"] = json!("shop");
        }
        stage.object(object);
    };
    // One of each kind, for each has a status.
    document("Tier", "platform", json!({ "order": 500 }));
    document("Network", "corporate", json!({ "cidrs": ["198.51.100.0/24"] }));
    document("Host", "db1", json!({ "interfaces": [{ "name": "eth0", "addresses": ["192.0.2.10"] }] }));
    document("Reporting", "filters", json!({ "metrics": { "rules": 100 } }));
    document("Inventory", "cluster", json!({ "clusterCidrs": ["10.0.0.0/16"] }));
    document(
        "ClusterPolicy",
        "rails",
        json!({ "deny": [{ "name": "metadata", "to": [{ "cidr": "169.254.169.254/32" }] }] }),
    );
    // What a node said of itself that is gone, and one that is behind.
    stage.object(json!({
        "apiVersion": "bookend.dev/v1alpha1", "kind": "Enforcer", "metadata": { "name": "gone" },
        "status": { "version": "1", "policies": "000000000000", "ready": true },
    }));
    let _controller = stage.controller("a");
    stage.plugin("shop");
    for (plural, namespace, name) in [
        ("policies", "shop", "web"),
        ("clusterpolicies", "", "rails"),
        ("networks", "", "corporate"),
        ("hosts", "shop", "db1"),
        ("tiers", "", "platform"),
        ("reportings", "", "filters"),
        ("inventories", "shop", "cluster"),
    ] {
        stage.status(&format!("{plural}.bookend.dev"), namespace, name, "Accepted", "True");
    }
    stage.server.put(policy("shop", "web", "DELETE")).unwrap();
    until("the edit arrives", || stage.plugin("shop").to_string().contains("\"DELETE\"").then_some(()));
    // Nodes are told what the bank's filters do; then nobody speaks of the bank any more, and of the quiet place.
    until("nodes rely on the filters", || stage.server.get("configmaps", "bookend-system", "filtered.bank"));
    stage.server.delete("clusterpolicies.bookend.dev", "", "rails").unwrap();
    stage.server.delete("policies.bookend.dev", "bank", "vault").unwrap();
    let unused = || {
        let mut unused = stage.server.unused(&account());
        unused.retain(|verb| {
            !verb.ends_with(ABSENT) && !JUSTIFIED.iter().any(|(known, _)| verb.ends_with(known))
        });
        unused
    };
    let end = std::time::Instant::now() + std::time::Duration::from_secs(150);
    while !unused().is_empty() {
        assert!(std::time::Instant::now() < end, "`{CONTROLLER}` may, and never does: {:?}", unused());
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
}
