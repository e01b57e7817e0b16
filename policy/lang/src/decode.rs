//! Nodes to documents: every field is read by its type or refused, and nothing is left over.

mod answer;
mod block;
mod container;
mod fields;
mod host;
mod http;
mod inventory;
mod limits;
mod manifest;
mod name;
mod network;
mod peer;
mod policy;
mod port;
mod probe;
mod reporting;
mod rule;
mod selector;
mod service;
mod test;
mod tier;

use crate::{
    Code,
    diagnostic::Report,
    document::{Document, Kind},
    yaml::{Node, Value},
};
use fields::Fields;
pub(crate) use manifest::NAMESPACE_NAME;
pub use test::split_port;

/// Bookend's own API version.
pub(crate) const API_VERSION: &str = "bookend.dev/v1alpha1";

/// Reads one YAML document, which may be a `List` of several.
pub(crate) fn document(node: &Node, report: &mut Report, documents: &mut Vec<Document>) {
    let Some(mut fields) = Fields::of(node, "document", report) else { return };
    let api_version =
        fields.required("apiVersion", report).and_then(|node| fields::string(node, "apiVersion", report));
    let kind = fields.required("kind", report).and_then(|node| fields::string(node, "kind", report));
    let (Some(api_version), Some(kind)) = (api_version, kind) else { return };
    let (version, kind) = (api_version.value.as_str(), kind);
    let wrong_version = |expected: &str, report: &mut Report| {
        let message = format!("`{}` is not in `{version}`", kind.value);
        report.add(
            Code::WrongApiVersion,
            api_version.span,
            message,
            format!("write `apiVersion: {expected}`"),
        );
    };
    match (version.rsplit_once('/').map_or("", |(group, _)| group), kind.value.as_str()) {
        ("", "List") => list(fields, report, documents),
        (_, "Policy" | "ClusterPolicy") if version != API_VERSION => wrong_version(API_VERSION, report),
        (_, "Inventory" | "Reporting") if version != API_VERSION => wrong_version(API_VERSION, report),
        ("bookend.dev", "Policy") => documents.extend(policy::policy(fields, report).map(Document::Policy)),
        (_, "PolicyTest") if version != API_VERSION => wrong_version(API_VERSION, report),
        ("bookend.dev", "PolicyTest") => {
            documents.extend(test::policy_test(fields, report).map(Document::Test));
        }
        ("bookend.dev", "ClusterPolicy") => {
            documents.extend(policy::cluster_policy(fields, report).map(Document::Policy));
        }
        ("bookend.dev", "Inventory") => {
            documents.extend(inventory::inventory(fields, report).map(Document::Inventory))
        }
        (_, "Host" | "Network" | "Tier") if version != API_VERSION && is_ours(version) => {
            wrong_version(API_VERSION, report);
        }
        ("bookend.dev", "Host") => documents.extend(host::host(fields, report).map(Document::Host)),
        ("bookend.dev", "Network") => {
            documents.extend(network::network(fields, report).map(Document::Network));
        }
        ("bookend.dev", "Reporting") => {
            documents.extend(reporting::reporting(fields, report).map(Document::Reporting));
        }
        ("bookend.dev", "Tier") => documents.extend(tier::tier(fields, report).map(Document::Tier)),
        ("", "Pod" | "ReplicationController" | "Namespace" | "Node" | "Service" | "ServiceAccount")
            if version != "v1" =>
        {
            wrong_version("v1", report);
        }
        ("" | "apps" | "extensions", "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet")
            if version != "apps/v1" =>
        {
            wrong_version("apps/v1", report);
        }
        ("" | "batch", "Job" | "CronJob") if version != "batch/v1" => wrong_version("batch/v1", report),
        ("", "Pod") => documents.extend(manifest::pod(fields, report).map(Document::Workload)),
        ("", "Namespace") => {
            documents.extend(manifest::namespace(&mut fields, report).map(Document::Namespace))
        }
        ("", "Node") => documents.extend(manifest::node(fields, report).map(Document::Node)),
        ("discovery.k8s.io", "EndpointSlice") if version != "discovery.k8s.io/v1" => {
            wrong_version("discovery.k8s.io/v1", report);
        }
        ("discovery.k8s.io", "EndpointSlice") => {
            documents.extend(service::slice(fields, report).map(Document::Slice));
        }
        ("", "Service") => documents.extend(service::manifest(fields, report).map(Document::Service)),
        // A service account is named by the workloads that run under it; that it exists adds nothing.
        ("", "ServiceAccount") => drop(name::metadata(&mut fields, report)),
        ("apps", "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet")
        | ("batch", "Job")
        | ("", "ReplicationController") => {
            let workload = Kind::of(&kind.value).and_then(|kind| manifest::controller(kind, fields, report));
            documents.extend(workload.map(Document::Workload));
        }
        ("batch", "CronJob") => {
            documents.extend(manifest::cron_job(fields, report).map(Document::Workload));
        }
        (group, name)
            if name
                .strip_suffix("List")
                .is_some_and(|item| KINDS.contains(&item) || is_policy(group, item)) =>
        {
            let message = format!("a `{name}` is not read, because its items do not say what they are");
            let cure = "write `kind: List` and `apiVersion: v1`, as `kubectl get -o yaml` does";
            report.add(Code::UnknownKind, kind.span, message, cure);
        }
        (group, name) if is_policy(group, name) => {
            let message = format!("policies of kind `{name}` in `{version}` are not understood");
            let cure = "express it as a Bookend `Policy`, or leave the document out";
            report.add(Code::UnknownKind, kind.span, message, cure);
        }
        ("bookend.dev", name) => {
            let message = format!("there is no kind `{name}` in `{version}`");
            let cure = "the kinds are `Policy`, `ClusterPolicy`, `Tier`, `Network`, `Inventory`, `Host`, `Reporting` and `PolicyTest`";
            report.add(Code::UnknownKind, kind.span, message, cure);
        }
        (_, name) => {
            if let Some(known) =
                KINDS.iter().find(|known| known.eq_ignore_ascii_case(name) && **known != name)
            {
                let message = format!("there is no kind `{name}` in `{version}`");
                report.add(Code::UnknownKind, kind.span, message, format!("write `{known}`"));
                return;
            }
            let message = format!("a `{name}` in `{version}` is not read");
            let cure = "leave it out to silence this; if it runs workloads, name them in an `Inventory`";
            report.add(Code::Unread, kind.span, message, cure);
        }
    }
}

/// Reads the items of a `List`. One without any says as little as an empty file, and is refused as that is.
fn list(mut fields: Fields<'_>, report: &mut Report, documents: &mut Vec<Document>) {
    // `kubectl` adds it; it says nothing.
    fields.get("metadata");
    let (items, place) = (fields.required("items", report), fields.place());
    fields.finish(report);
    let Some(items) = items else { return };
    match &items.value {
        Value::Sequence(items) if items.is_empty() => {
            report.add(Code::NoDocument, place, "the list holds no document", "leave the list out");
        }
        Value::Sequence(items) => items.iter().for_each(|item| document(item, report, documents)),
        _ => fields::wrong_type(items, "items", "a list", report),
    }
}

/// The kinds of documents that matter here.
const KINDS: [&str; 20] = [
    "Policy",
    "Node",
    "Tier",
    "Host",
    "Network",
    "ClusterPolicy",
    "PolicyTest",
    "Inventory",
    "Reporting",
    "Pod",
    "Namespace",
    "Service",
    "EndpointSlice",
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "ReplicaSet",
    "ReplicationController",
    "Job",
    "CronJob",
];

/// Whether an API version means Bookend, if in other letters, or leaves its group out. Other systems have kinds of the same name.
fn is_ours(version: &str) -> bool {
    version.trim().to_ascii_lowercase().starts_with("bookend.dev") || !version.contains('/')
}

/// Whether a kind of another system decides about traffic, so that ignoring it would change what is allowed.
fn is_policy(group: &str, kind: &str) -> bool {
    let groups = ["networking.k8s.io", "policy.networking.k8s.io", "security.istio.io", "cilium.io"];
    kind.ends_with("Policy") && groups.contains(&group)
        || kind.ends_with("NetworkPolicy")
        || kind.ends_with("AuthorizationPolicy")
        || group.ends_with("projectcalico.org")
        || matches!(kind, "PeerAuthentication" | "RequestAuthentication")
}
