//! What the server says it serves: one document after the other, or all at once.
//!
//! Source: `k8s.io/apiserver/pkg/endpoints/discovery` and its `aggregated`, which clients ask for by
//! `Accept: application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList`.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::kind::{Kind, Version};
use super::store::Store;

/// The version of Kubernetes that the server passes for.
pub(crate) const VERSION: &str = "v1.34.1";

/// The document at `path`, if there is one.
pub(crate) fn document(store: &Store, path: &str, aggregated: bool) -> Option<Value> {
    let steps: Vec<_> = path.split('/').filter(|step| !step.is_empty()).collect();
    match steps.as_slice() {
        ["version"] => Some(json!({
            "major": "1", "minor": "34", "gitVersion": VERSION, "gitCommit": "", "gitTreeState": "clean",
            "buildDate": "2025-09-09T19:38:43Z", "goVersion": "go1.24.6", "compiler": "gc", "platform": "linux/amd64",
        })),
        ["healthz" | "livez" | "readyz"] => Some(json!("ok")),
        ["api"] if aggregated => Some(all(store, true)),
        ["apis"] if aggregated => Some(all(store, false)),
        ["api"] => Some(json!({
            "kind": "APIVersions", "versions": ["v1"],
            "serverAddressByClientCIDRs": [],
        })),
        ["apis"] => {
            let groups: Vec<_> = groups(store).iter().map(|(name, versions)| group(name, versions)).collect();
            Some(json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": groups }))
        }
        ["apis", name] => {
            let groups = groups(store);
            let mut found = group(name, groups.get(*name)?);
            super::refusal::set(&mut found, "kind", json!("APIGroup"));
            super::refusal::set(&mut found, "apiVersion", json!("v1"));
            Some(found)
        }
        ["api", "v1"] => resources(store, "", "v1"),
        ["apis", group, version] => resources(store, group, version),
        _ => None,
    }
}

/// Group → its versions, in order of preference. The core is not a group.
fn groups(store: &Store) -> BTreeMap<String, Vec<String>> {
    let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for kind in store.kinds.values().filter(|kind| !kind.group.is_empty()) {
        let versions = groups.entry(kind.group.clone()).or_default();
        for version in kind.versions.iter().filter(|version| version.served) {
            if !versions.contains(&version.name) {
                versions.push(version.name.clone());
            }
        }
    }
    groups.values_mut().for_each(|versions| versions.sort_by_key(|version| std::cmp::Reverse(rank(version))));
    groups
}

/// `v2` before `v1` before `v1beta2` before `v1alpha1`.
fn rank(version: &str) -> (u32, u32, u32) {
    let rest = version.trim_start_matches('v');
    let number = |text: &str| text.parse().unwrap_or(0);
    for (stage, word) in [(2, "beta"), (1, "alpha")] {
        if let Some((major, minor)) = rest.split_once(word) {
            return (stage, number(major), number(minor));
        }
    }
    (3, number(rest), 0)
}

fn group(name: &str, versions: &[String]) -> Value {
    let versions: Vec<_> = versions
        .iter()
        .map(|version| json!({ "groupVersion": format!("{name}/{version}"), "version": version }))
        .collect();
    json!({ "name": name, "preferredVersion": versions.first(), "versions": versions })
}

fn kinds<'a>(store: &'a Store, group: &str, version: &str) -> Vec<(&'a Arc<Kind>, &'a Version)> {
    let kinds = store.kinds.values().filter(|kind| kind.group == group);
    kinds.filter_map(|kind| Some((kind, kind.version(version)?))).collect()
}

fn verbs(kind: &Kind) -> Value {
    match kind.is_review() {
        true => json!(["create"]),
        false => json!(["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]),
    }
}

/// The subresources: name, kind, verbs.
fn below(kind: &Kind, version: &Version) -> Vec<(&'static str, String, Value)> {
    let mut found = Vec::new();
    if version.status {
        found.push(("status", kind.kind.clone(), json!(["get", "patch", "update"])));
    }
    if kind.id() == "pods" {
        found.push(("log", "Pod".to_owned(), json!(["get"])));
        found.push(("portforward", "PodPortForwardOptions".to_owned(), json!(["create", "get"])));
    }
    found
}

fn resources(store: &Store, group: &str, version: &str) -> Option<Value> {
    let kinds = kinds(store, group, version);
    if kinds.is_empty() {
        return None;
    }
    let mut resources = Vec::new();
    for (kind, version) in kinds {
        resources.push(json!({
            "name": kind.plural, "singularName": kind.singular, "namespaced": kind.namespaced, "kind": kind.kind,
            "verbs": verbs(kind), "shortNames": kind.short_names, "categories": kind.categories,
        }));
        for (name, below, verbs) in below(kind, version) {
            resources.push(json!({
                "name": format!("{}/{name}", kind.plural), "singularName": "", "namespaced": kind.namespaced,
                "kind": below, "verbs": verbs,
            }));
        }
    }
    let group_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    Some(json!({
        "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": resources,
    }))
}

fn all(store: &Store, core: bool) -> Value {
    let mut listed = match core {
        true => BTreeMap::from([(String::new(), vec!["v1".to_owned()])]),
        false => groups(store),
    };
    let items: Vec<_> = std::mem::take(&mut listed)
        .into_iter()
        .map(|(group, versions)| {
            let versions: Vec<_> = versions
                .iter()
                .map(|version| {
                    let kinds = kinds(store, &group, version);
                    let resources: Vec<_> = kinds.iter().map(|(kind, of)| entry(kind, of)).collect();
                    json!({ "version": version, "freshness": "Current", "resources": resources })
                })
                .collect();
            let metadata = if group.is_empty() { json!({}) } else { json!({ "name": group }) };
            json!({ "metadata": metadata, "versions": versions })
        })
        .collect();
    json!({ "kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items })
}

fn entry(kind: &Kind, version: &Version) -> Value {
    let of = |name: &str| json!({ "group": kind.group, "version": version.name, "kind": name });
    let below: Vec<_> = below(kind, version)
        .into_iter()
        .map(|(name, kind, verbs)| json!({ "subresource": name, "responseKind": of(&kind), "verbs": verbs }))
        .collect();
    json!({
        "resource": kind.plural, "responseKind": of(&kind.kind), "singularResource": kind.singular,
        "scope": if kind.namespaced { "Namespaced" } else { "Cluster" },
        "verbs": verbs(kind), "shortNames": kind.short_names, "categories": kind.categories, "subresources": below,
    })
}
