//! Who gives way where two contradict each other, and that everybody else goes on.

use super::hostile::*;
use super::*;

fn inventory(workload: Value) -> Value {
    json!({
        "apiVersion": "bookend.dev/v1alpha1", "kind": "Inventory", "metadata": { "name": "world" },
        "spec": { "workloads": [workload] },
    })
}

#[test]
fn a_pod_that_contradicts_an_inventory_is_nobody_and_stops_nobody() {
    for (workload, kind) in [
        (json!({ "name": "db", "namespace": "shop", "labels": { "app": "db" } }), "other labels"),
        (
            json!({ "name": "vm", "namespace": "ops", "instances": [{ "addresses": ["10.0.0.9"] }] }),
            "its address",
        ),
    ] {
        let mut view = empty();
        put(&mut view, inventory(workload));
        put(&mut view, policy("p", isolating()));
        rules(&mut view);
        let mut evil = pod("db", "evil", "10.0.0.9");
        evil["metadata"]["ownerReferences"] = json!([]);
        put(&mut view, evil.clone());
        put(&mut view, policy("q", isolating()));
        assert_eq!(rules(&mut view), ["shop/p/isolate[0]", "shop/q/isolate[0]"], "{kind}");
        assert!(of(&view, "world").is_accepted() && view.quarantined().count() == 1, "{kind}");
        gone(&mut view, &evil);
        rules(&mut view);
        assert_eq!(view.quarantined().count(), 0, "{kind}");
    }
}

#[test]
fn a_workload_whose_kind_became_ambiguous_stops_nobody() {
    let mut view = empty();
    put(&mut view, inventory(json!({ "name": "db", "namespace": "shop" })));
    put(&mut view, policy("p", isolating()));
    rules(&mut view);
    put(&mut view, host("shop", "db", "192.0.2.9"));
    let mut bare = pod("db", "evil", "10.0.0.9");
    bare["metadata"]["ownerReferences"] = json!([]);
    put(&mut view, bare);
    assert_eq!(rules(&mut view), ["shop/p/isolate[0]"]);
    assert!(of(&view, "world").is_accepted());
}

#[test]
fn tokens_that_an_inventory_promises_need_no_proxy_at_every_moment() {
    let mut view = empty();
    put(&mut view, inventory(json!({ "name": "web", "namespace": "shop", "jwt": true })));
    put(&mut view, pod("web-5d4f-a", "web", "10.0.0.1"));
    let compiled = view.compile(&[]).unwrap();
    assert!(compiled.inventory.workloads().iter().all(|workload| !workload.identity.jwt));
}

#[test]
fn a_host_that_gave_way_to_a_pod_is_back_when_the_pod_is_gone() {
    let mut view = empty();
    put(&mut view, host("ops", "h", "10.0.0.7"));
    rules(&mut view);
    let claiming = pod("web-5d4f-a", "web", "10.0.0.7");
    put(&mut view, claiming.clone());
    assert_eq!(at(&mut view, "10.0.0.7").as_deref(), Some("web"));
    gone(&mut view, &claiming);
    assert_eq!(at(&mut view, "10.0.0.7").as_deref(), Some("h behind eth0"));
    assert!(of(&view, "h").is_accepted());
}

#[test]
fn of_two_hosts_with_one_address_the_younger_gives_way_whatever_they_are_called() {
    let aged = |namespace: &str, created: &str| {
        let mut host = host(namespace, "h", "192.0.2.1");
        host["metadata"]["creationTimestamp"] = created.into();
        host["metadata"]["uid"] = namespace.into();
        host
    };
    for (old, young) in [("aaa", "zzz"), ("zzz", "aaa")] {
        let mut view = empty();
        put(&mut view, aged(old, "2026-01-01T00:00:00Z"));
        rules(&mut view);
        put(&mut view, aged(young, "2026-02-01T00:00:00Z"));
        rules(&mut view);
        let accepted: Vec<String> = view
            .standings()
            .filter(|standing| standing.is_accepted())
            .filter_map(|standing| standing.object.namespace)
            .collect();
        assert_eq!(accepted, [old]);
    }
}

#[test]
fn a_policy_about_nodes_stays_valid_whatever_nodes_there_are() {
    let node = |address: &str| {
        let addresses = json!([{ "type": "InternalIP", "address": address }]);
        global("Node", "n", json!({ "status": { "addresses": addresses } }))
    };
    let mut view = empty();
    put(&mut view, node("192.0.2.1"));
    let about = |name: &str, peer: Value| {
        json!({
            "apiVersion": "bookend.dev/v1alpha1", "kind": "ClusterPolicy", "metadata": { "name": name },
            "spec": { "allow": [{ "name": "in", "from": [peer] }] },
        })
    };
    put(&mut view, about("these", json!({ "cidr": "192.0.2.0/24", "entities": ["node"] })));
    put(&mut view, about("all", json!({ "entities": ["node"] })));
    assert_eq!(rules(&mut view).len(), 2);
    put(&mut view, node("198.51.100.1"));
    put(&mut view, policy("later", isolating()));
    assert_eq!(rules(&mut view).len(), 3);
    gone(&mut view, &node("198.51.100.1"));
    put(&mut view, policy("latest", isolating()));
    assert_eq!(rules(&mut view).len(), 4);
    assert!(view.standings().all(|standing| standing.is_accepted()));
}
