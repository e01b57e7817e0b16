//! What is rendered for a cluster, read as Kubernetes' own types read it: a field that they do not know would be lost on the way.

use std::fmt::Debug;

use bookend_lang::{Source, objects};
use bookend_objects::install::{DEFINITIONS, Installation, Istio, base, pages};
use k8s_openapi::api::admissionregistration::v1::{
    ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding,
};
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment};
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

fn definitions() -> Vec<Value> {
    let sources: Vec<_> = DEFINITIONS.iter().map(|(name, text)| Source::new(*name, *text)).collect();
    objects(&sources).unwrap().into_iter().map(|object| object.value).collect()
}

/// Installations that differ in everything that can be said.
fn installations() -> Vec<Installation> {
    let usual = Installation::new(
        definitions(),
        "registry.example/enforcer@sha256:1",
        Some("registry.example/filter".to_owned()),
    );
    let mut other = Installation::new(definitions(), "registry.example/enforcer@sha256:1", None);
    other.audit = true;
    other.pull_secret = Some("registry".to_owned());
    other.api_server = Some("[2001:db8::1]:6443".to_owned());
    other.enforcer.cni = None;
    other.enforcer.ask_proxies = true;
    other.enforcer.max_unavailable = json!(3);
    other.enforcer.tolerations =
        json!([{ "key": "a", "operator": "Equal", "value": "b", "effect": "NoSchedule" }]);
    vec![usual.clone(), Installation { istio: Istio::EnvoyFilter, ..usual }, other]
}

fn survives<T: DeserializeOwned + Serialize + Debug>(object: &Value) {
    let typed: T = serde_json::from_value(object.clone()).unwrap_or_else(|error| panic!("{error}: {object}"));
    let back = serde_json::to_value(&typed).unwrap();
    if let Some(place) = lost(object, &back) {
        panic!("{} `{}`: `{place}` is another one", object["kind"], object["metadata"]["name"]);
    }
}

/// Where two values differ first. To a type, `1` and `1.0` are one number.
fn lost(left: &Value, right: &Value) -> Option<String> {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => (left.as_f64() != right.as_f64()).then(String::new),
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            let mut pairs = left.iter().zip(right).enumerate();
            pairs.find_map(|(place, (left, right))| Some(format!("/{place}{}", lost(left, right)?)))
        }
        (Value::Object(fields), Value::Object(others)) => {
            let added = others.keys().find(|name| !fields.contains_key(*name)).map(|name| format!("/{name}"));
            let of = |name: &String| others.get(name).unwrap_or(&Value::Null);
            added.or_else(|| {
                fields.iter().find_map(|(name, left)| Some(format!("/{name}{}", lost(left, of(name))?)))
            })
        }
        (left, right) => (left != right).then(String::new),
    }
}

fn check(object: &Value) {
    match object["kind"].as_str().unwrap() {
        "Namespace" => survives::<Namespace>(object),
        "ServiceAccount" => survives::<ServiceAccount>(object),
        "ClusterRole" => survives::<ClusterRole>(object),
        "ClusterRoleBinding" => survives::<ClusterRoleBinding>(object),
        "Role" => survives::<Role>(object),
        "RoleBinding" => survives::<RoleBinding>(object),
        "DaemonSet" => survives::<DaemonSet>(object),
        "Deployment" => survives::<Deployment>(object),
        "PodDisruptionBudget" => survives::<PodDisruptionBudget>(object),
        "ValidatingAdmissionPolicy" => survives::<ValidatingAdmissionPolicy>(object),
        "ValidatingAdmissionPolicyBinding" => survives::<ValidatingAdmissionPolicyBinding>(object),
        "CustomResourceDefinition" => survives::<CustomResourceDefinition>(object),
        kind => panic!("nobody checks a {kind}"),
    }
}

#[test]
fn kubernetes_types_know_every_field_of_every_object() {
    for installation in installations() {
        installation.objects().iter().chain([&installation.leaving()]).for_each(check);
    }
}

#[test]
fn files_say_what_the_objects_say() {
    for installation in installations() {
        let read: Vec<Value> = pages(&installation, &[])
            .unwrap()
            .iter()
            .flat_map(|page| serde_saphyr::from_multiple::<Value>(&page.text).unwrap())
            .collect();
        assert_eq!(read, installation.objects());
    }
}

#[test]
fn a_base_names_its_files() {
    let pages = base(&installations()[0], &[json!({ "kind": "Policy" })]).unwrap();
    let base = pages.iter().find(|page| page.path == "kustomization.yaml").unwrap();
    let base: Value = serde_saphyr::from_str(&base.text).unwrap();
    assert_eq!(base["resources"], json!(["00-crds.yaml", "10-bookend.yaml", "20-policies.yaml"]));
}
