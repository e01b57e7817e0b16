//! The controller, as the API server sees it.

mod rights;
mod stage;

use std::time::Duration;

use bookend_objects::install::Image;
use bookend_objects::mesh::{Gateway, Means, Mesh, Pull};
use bookend_testenv::apiserver::{Fault, When};
use serde_json::{Value, json};

use stage::{Stage, policy, until};

/// As long as nothing should happen.
const QUIET: Duration = Duration::from_secs(3);

#[test]
fn proxies_of_a_namespace_get_what_concerns_them() {
    let stage = Stage::begin();
    stage.bookinfo();
    let _controller = stage.controller("a");
    let plugin = stage.plugin("shop");
    let rules = plugin.pointer("/spec/pluginConfig/program/rules").unwrap();
    assert_eq!(rules.pointer("/0/id").unwrap(), "shop/web/till");
    assert!(rules.get(1).is_none(), "{rules}");
    assert_eq!(plugin.pointer("/spec/match/0/mode").unwrap(), "SERVER");
    assert_eq!(
        plugin.pointer("/metadata/annotations/bookend.dev~1revision"),
        plugin.pointer("/spec/pluginConfig/revision"),
    );
    until("the bank has its own", || stage.server.get("wasmplugins.extensions.istio.io", "bank", "bookend"));
    assert!(stage.server.get("wasmplugins.extensions.istio.io", "quiet", "bookend").is_none());
    for name in ["bookend-connections", "bookend-streams"] {
        until(name, || stage.server.get("envoyfilters.networking.istio.io", "shop", name));
    }
}

#[test]
fn a_change_reaches_only_whom_it_concerns() {
    let stage = Stage::begin();
    stage.bookinfo();
    let _controller = stage.controller("a");
    let (shop, bank) = (stage.plugin("shop"), stage.plugin("bank"));
    stage.status("policies.bookend.dev", "shop", "web", "Accepted", "True");
    stage.server.put(policy("bank", "vault", "GET")).unwrap();
    let changed = until("the bank gets the edit", || {
        let plugin = stage.plugin("bank");
        (plugin != bank).then_some(plugin)
    });
    assert_ne!(changed.pointer("/spec/pluginConfig/revision"), bank.pointer("/spec/pluginConfig/revision"));
    // Pods of the bank come and go, of whom the shop knows what it needs by their account.
    stage.pod("bank", "till-2", "till", "10.0.3.9");
    std::thread::sleep(QUIET);
    assert_eq!(stage.plugin("shop"), shop, "not written again");
}

#[test]
fn of_two_controllers_one_writes_and_the_other_takes_over() {
    let stage = Stage::begin();
    stage.bookinfo();
    let first = stage.controller("a");
    stage.plugin("shop");
    let _second = stage.controller("b");
    let holder = || {
        let lease = stage.server.get("leases.coordination.k8s.io", "bookend-system", "bookend-controller")?;
        lease.pointer("/spec/holderIdentity").and_then(Value::as_str).map(str::to_owned)
    };
    assert_eq!(holder().as_deref(), Some("a"));
    stage.server.reset();
    std::thread::sleep(QUIET);
    let load = stage.server.load();
    let written: u64 = ["create", "update", "patch"].iter().map(|verb| load.count(verb, "wasmplugins")).sum();
    assert_eq!(written, 0, "nothing changed, and the second has no say");
    drop(first);
    until("the second leads", || (holder().as_deref() == Some("b")).then_some(()));
    stage.server.put(policy("shop", "web", "DELETE")).unwrap();
    until("the second writes", || stage.plugin("shop").to_string().contains("\"DELETE\"").then_some(()));
}

#[test]
fn what_a_person_manages_is_left_to_them_and_told() {
    let stage = Stage::begin();
    stage.bookinfo();
    let _controller = stage.controller("a");
    let before = stage.plugin("shop");
    stage
        .server
        .apply(
            "kubectl-edit",
            json!({
                "apiVersion": "extensions.istio.io/v1alpha1", "kind": "WasmPlugin",
                "metadata": { "name": "bookend", "namespace": "shop" },
                "spec": { "url": before.pointer("/spec/url"), "pluginConfig": { "program": { "rules": [] } } },
            }),
        )
        .unwrap();
    stage.server.put(policy("shop", "web", "DELETE")).unwrap();
    let told = stage.status("policies.bookend.dev", "shop", "web", "Enforced", "False");
    assert!(told.contains("kubectl-edit"), "{told}");
}

#[test]
fn an_invalid_policy_is_told_and_what_it_said_before_stays() {
    let stage = Stage::begin();
    stage.bookinfo();
    let _controller = stage.controller("a");
    let before = stage.plugin("shop");
    let mut broken = policy("shop", "web", "GET");
    broken["spec"]["allow"][0]["from"] = json!([{ "cidr": "10.0.0.1/8" }]);
    stage.server.put(broken).unwrap();
    let told = stage.status("policies.bookend.dev", "shop", "web", "Accepted", "False");
    assert!(told.contains("generation 1 is in force"), "{told}");
    assert_eq!(stage.plugin("shop"), before);
}

#[test]
fn without_istio_the_rest_goes_on() {
    let stage = Stage::without_istio();
    stage.bookinfo();
    let _controller = stage.controller("a");
    let told = stage.status("policies.bookend.dev", "shop", "web", "Enforced", "False");
    assert!(told.contains("install Istio"), "{told}");
    stage.status("policies.bookend.dev", "shop", "web", "Accepted", "True");
}

#[test]
fn a_verb_that_is_missing_is_named() {
    let stage = Stage::begin();
    stage.bookinfo();
    let forbidden = r#"wasmplugins.extensions.istio.io "bookend" is forbidden: User "bookend-controller" cannot create resource "wasmplugins" in API group "extensions.istio.io" in the namespace "shop""#;
    let fault = Fault::Refuse(403, "Forbidden".to_owned(), forbidden.to_owned());
    stage.server.fault(When::always().verb("create").resource("wasmplugins"), fault, None);
    let _controller = stage.controller("a");
    let told = stage.status("policies.bookend.dev", "shop", "web", "Enforced", "False");
    assert!(told.contains("create") && told.contains("wasmplugins"), "{told}");
}

#[test]
fn an_outage_changes_nothing_and_ends() {
    let stage = Stage::begin();
    stage.bookinfo();
    let _controller = stage.controller("a");
    let before = stage.plugin("shop");
    stage.server.go_away();
    std::thread::sleep(QUIET);
    stage.server.come_back();
    assert_eq!(stage.plugin("shop"), before);
    stage.server.put(policy("shop", "web", "DELETE")).unwrap();
    until("the edit arrives", || stage.plugin("shop").to_string().contains("\"DELETE\"").then_some(()));
}

#[test]
fn every_object_is_what_istios_definitions_demand() {
    let stage = Stage::begin();
    let configuration = stage::configuration();
    let image = format!("registry.example/bookend/filter@sha256:{}", "ab".repeat(32));
    let pull = Pull { image: Image::read(&image).unwrap(), secret: Some("registry".to_owned()) };
    let gateways = [Gateway::Istio("ingressgateway".to_owned()), Gateway::Api("public".to_owned())];
    for means in [Means::WasmPlugin, Means::TrafficExtension, Means::EnvoyFilter] {
        for root in [false, true] {
            let mesh = Mesh {
                install: "bookend",
                namespace: if root { "istio-system" } else { "shop" },
                root,
                gateways: &gateways,
                pull: &pull,
                configuration: &configuration,
                policies: "0123456789ab",
                means,
                envoy_filters: true,
            };
            for (_, object) in mesh.objects().unwrap() {
                // Also where nulls are dropped, which definitions do not see.
                stage.server.apply("bookend-controller", object).unwrap();
            }
        }
    }
}

#[test]
fn a_namespace_without_policies_loses_its_objects() {
    let stage = Stage::begin();
    stage.bookinfo();
    let _controller = stage.controller("a");
    stage.plugin("bank");
    stage.server.delete("policies.bookend.dev", "bank", "vault").unwrap();
    until("they are gone", || {
        let left =
            |plural: &str| stage.server.list(plural).iter().any(|o| o["metadata"]["namespace"] == "bank");
        let gone = !left("wasmplugins.extensions.istio.io") && !left("envoyfilters.networking.istio.io");
        gone.then_some(())
    });
    stage.plugin("shop");
}

#[test]
fn nodes_are_told_of_filters_once_proxies_know_them_and_told_otherwise_before_they_go() {
    let stage = Stage::begin();
    stage.bookinfo();
    let _controller = stage.controller("a");
    let told = |namespace: &str| {
        let map = stage.server.get("configmaps", "bookend-system", &format!("filtered.{namespace}"))?;
        map.pointer("/data/sidecars").and_then(Value::as_str).map(str::to_owned)
    };
    stage.plugin("shop");
    assert_eq!(told("shop"), None, "istiod has not told the proxies yet");
    assert_eq!(until("nodes are told", || told("shop")), "true");
    assert_eq!(told("quiet"), None);
    // What cannot be taken back stays with the filters.
    let fault = Fault::Refuse(403, "Forbidden".to_owned(), "you may not".to_owned());
    let refused = When::always().verb("delete").resource("configmaps");
    stage.server.fault(refused, fault, None);
    stage.server.delete("policies.bookend.dev", "bank", "vault").unwrap();
    stage.server.delete("policies.bookend.dev", "shop", "web").unwrap();
    std::thread::sleep(QUIET);
    stage.plugin("shop");
    assert_eq!(told("shop").as_deref(), Some("true"));
}

#[test]
fn what_somebody_else_deletes_is_written_again_and_nodes_do_not_rely_on_it_meanwhile() {
    let stage = Stage::begin();
    stage.bookinfo();
    let _controller = stage.controller("a");
    let told = || stage.server.get("configmaps", "bookend-system", "filtered.shop");
    until("nodes are told", told);
    let fault = Fault::Refuse(403, "Forbidden".to_owned(), "you may not".to_owned());
    stage.server.fault(When::always().verb("create").resource("wasmplugins"), fault, Some(1));
    stage.server.delete("wasmplugins.extensions.istio.io", "shop", "bookend").unwrap();
    until("nodes are told otherwise", || told().is_none().then_some(()));
    stage.server.delete("envoyfilters.networking.istio.io", "bank", "bookend-streams").unwrap();
    until("it is there again", || {
        stage.server.get("envoyfilters.networking.istio.io", "bank", "bookend-streams")
    });
}

#[test]
fn the_filters_of_another_installation_are_left_to_it_and_that_is_told() {
    let stage = Stage::begin();
    stage.bookinfo();
    let theirs = json!({
        "apiVersion": "extensions.istio.io/v1alpha1", "kind": "WasmPlugin",
        "metadata": {
            "name": "bookend", "namespace": "shop",
            "labels": { "bookend.dev/install": "other", "app.kubernetes.io/component": "filter" },
        },
        "spec": { "url": "oci://registry.example/theirs" },
    });
    stage.server.apply("bookend-controller", theirs).unwrap();
    let _controller = stage.controller("a");
    let told = stage.status("policies.bookend.dev", "shop", "web", "Enforced", "False");
    assert!(told.contains("installation `other`"), "{told}");
    assert_eq!(stage.plugin("shop").pointer("/spec/url").unwrap(), "oci://registry.example/theirs");
}
