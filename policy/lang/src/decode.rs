//! Nodes to documents: every field is read by its type or refused, and nothing is left over.

mod answer;
pub(crate) mod block;
pub(crate) mod container;
pub(crate) mod fields;
pub(crate) mod foreign;
pub(crate) mod header;
mod host;
mod http;
pub(crate) mod inventory;
mod limits;
mod manifest;
pub(crate) mod name;
pub(crate) mod network;
mod peer;
mod policy;
pub(crate) mod port;
mod probe;
mod reporting;
mod rule;
pub(crate) mod selector;
mod service;
mod test;
mod tier;

use crate::{
    Code,
    diagnostic::Report,
    dialect,
    document::{Document, Kind},
    yaml::{Node, Value},
};
use fields::Fields;
use header::Header;
pub(crate) use manifest::NAMESPACE_NAME;
pub use test::split_port;

/// Bookend's own API version.
pub(crate) const API_VERSION: &str = "bookend.dev/v1alpha1";

/// Reads one YAML document, which may be a list of several.
pub(crate) fn document(node: &Node, report: &mut Report, documents: &mut Vec<Document>) {
    item(node, None, report, documents);
}

/// Reads a document, which says itself what it is unless the list that it stands in does.
fn item(node: &Node, list: Option<&Header>, report: &mut Report, documents: &mut Vec<Document>) {
    let Some(mut fields) = Fields::of(node, "document", report) else { return };
    let Some(header) = Header::read(&mut fields, list, report) else { return };
    let fields = match dialect::document(&header, fields, report, documents) {
        Ok(()) => return,
        Err(fields) => fields,
    };
    own(&header, fields, report, documents);
}

/// Reads a document of Bookend's own, a list, or a manifest that describes the world.
fn own(header: &Header, mut fields: Fields<'_>, report: &mut Report, documents: &mut Vec<Document>) {
    let Header { api_version, kind } = header;
    let version = api_version.value.as_str();
    let wrong_version = |expected: &str, report: &mut Report| {
        let message = format!("`{}` is not in `{version}`", kind.value);
        report.add(
            Code::WrongApiVersion,
            api_version.span,
            message,
            format!("write `apiVersion: {expected}`"),
        );
    };
    match (header.group(), kind.value.as_str()) {
        ("", "List") => list(fields, None, report, documents),
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
        // A service account is named by the workloads that run under it; its labels are all that it adds.
        ("", "ServiceAccount") => {
            documents.extend(manifest::account(&mut fields, report).map(Document::Account));
        }
        ("apps", "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet")
        | ("batch", "Job")
        | ("", "ReplicationController") => {
            let workload = Kind::of(&kind.value).and_then(|kind| manifest::controller(kind, fields, report));
            documents.extend(workload.map(Document::Workload));
        }
        ("batch", "CronJob") => {
            documents.extend(manifest::cron_job(fields, report).map(Document::Workload));
        }
        (group, name) if name.strip_suffix("List").is_some_and(|item| is_read(group, item)) => {
            list(fields, header.of_items().as_ref(), report, documents);
        }
        (group, name) if foreign::is_policy(group, name) => foreign::refuse(header, group, report),
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

/// Reads the items of a `List`, or of a list of one kind, which says what they are where they do not. One without any says
/// as little as an empty file, and is refused as that is.
fn list(
    mut fields: Fields<'_>,
    items_are: Option<&Header>,
    report: &mut Report,
    documents: &mut Vec<Document>,
) {
    // `kubectl` adds it; it says nothing.
    fields.get("metadata");
    let (items, place) = (fields.required("items", report), fields.place());
    fields.finish(report);
    let Some(items) = items else { return };
    match &items.value {
        Value::Sequence(items) if items.is_empty() => {
            report.add(Code::NoDocument, place, "the list holds no document", "leave the list out");
        }
        Value::Sequence(items) => items.iter().for_each(|node| item(node, items_are, report, documents)),
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

/// Whether documents of a kind are read, or would be understood if they were.
fn is_read(group: &str, kind: &str) -> bool {
    KINDS.contains(&kind) || foreign::is_policy(group, kind)
}

/// Whether an API version means Bookend, if in other letters, or leaves its group out. Other systems have kinds of the same name.
fn is_ours(version: &str) -> bool {
    version.trim().to_ascii_lowercase().starts_with("bookend.dev") || !version.contains('/')
}
