//! The same in Envoy and in `bookend-harness`: what plugins can see and do, and what the shipped filter decides.
//!
//! Where they differ, Envoy is right.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "functions shared by tests fail as tests do"
)]

mod attributes;
#[path = "../conformance/envoy/client.rs"]
mod client;
mod comparison;
mod filter;
mod recorder;
mod scene;
mod scenes;
mod site;
#[path = "../shared/tls.rs"]
mod tls;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use bookend_harness::{Plugin, Properties, Value};

use comparison::differences;
use site::{CONFIGURATION, Site};

/// The node's metadata, as every Envoy here has it.
fn node() -> Properties {
    let node = |name: &'static str| ["xds", "node", "metadata", name];
    let list = vec![Value::from("a"), Value::Double(1.0), Value::Bool(true)];
    Properties::new()
        .with(["xds", "node", "id"], "ratings.default")
        .with(["xds", "node", "cluster"], "ratings")
        .with(["xds", "node", "user_agent_name"], "envoy")
        .with(["xds", "node", "locality", "region"], "")
        .with(node("NAMESPACE"), "default")
        .with(node("SERVICE_ACCOUNT"), "ratings")
        .with(node("LABELS"), Value::Map(BTreeMap::from([("app".to_owned(), Value::from("ratings"))])))
        .with(node("LIST"), Value::List(list))
        .with(node("NUMBER"), Value::Double(1.5))
        .with(node("TRUE"), true)
        .with(node("NULL"), Value::Null)
}

/// What Envoy knows of a plaintext connection from this machine to one of its listeners.
fn facts(at: SocketAddr, http: bool) -> Properties {
    let mut facts = Properties::new()
        .with(["source", "address"], "127.0.0.1:1")
        .with(["source", "port"], 1)
        .with(["destination", "address"], at.to_string())
        .with(["destination", "port"], i64::from(at.port()))
        .with(["filter_state", "bookend.peer"], format!("127.0.0.1 {at} "));
    if http {
        facts.set(["request", "protocol"], "HTTP/1.1");
        facts.set(["xds", "route_name"], "");
        facts.set(["xds", "virtual_host_name"], "all");
        facts.set(["xds", "route_metadata"], "");
    }
    facts
}

#[test]
fn a_plugin_sees_and_can_do_the_same_in_envoy_and_in_the_harness() {
    let scenes = scenes::all();
    let site = Site::new(&scenes);
    let mut problems = Vec::new();
    for (number, scene) in scenes.iter().enumerate() {
        let plugin = Plugin {
            name: "bookend".to_owned(),
            root_id: "bookend".to_owned(),
            vm_id: site::vm(number),
            configuration: CONFIGURATION.as_bytes().to_vec(),
            properties: node(),
            ..Plugin::default()
        };
        let facts = facts(site::listener(number), matches!(scene, scene::Scene::Http { .. }));
        let ours = scene::recorded(scene, &plugin, &facts).unwrap();
        let theirs = site.play(number, scene);
        let streams = |records: &[recorder::Record]| -> Vec<recorder::Record> {
            let of_plugin = ["proxy_on_configure", "proxy_on_context_create"];
            records.iter().filter(|record| !of_plugin.contains(&record.callback.as_str())).cloned().collect()
        };
        if number == 0 {
            let configured = site.configured();
            let of_ours = ours
                .iter()
                .filter(|record| record.callback == "proxy_on_configure")
                .cloned()
                .collect::<Vec<_>>();
            let first = configured.into_iter().take(1).map(|mut record| {
                record.seen.remove("plugin_vm_id");
                record
            });
            let of_ours: Vec<_> = of_ours
                .into_iter()
                .map(|mut record| {
                    record.seen.remove("plugin_vm_id");
                    record
                })
                .collect();
            problems.extend(differences("configuring", &first.collect::<Vec<_>>(), &of_ours));
        }
        problems.extend(differences(&format!("scene {number}"), &streams(&theirs), &streams(&ours)));
    }
    assert!(problems.is_empty(), "{} differences:\n{}", problems.len(), problems.join("\n"));
}

#[test]
fn the_filter_decides_alike_in_envoy_and_in_the_harness() {
    filter::check(filter::number());
}
