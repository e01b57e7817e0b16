//! Kubernetes manifests, as `kubectl get -o yaml` prints them. They hold much that says nothing about who a
//! workload is, so fields that are not asked for are left alone here; what is asked for must be sound.

use std::collections::BTreeMap;

use super::{
    container::{self, Containers, present, sequence},
    fields::{Fields, boolean, string, wrong_type},
    inventory::address,
    name::{self, Metadata},
    network,
};
use crate::{
    Code,
    diagnostic::Report,
    document::{
        AccountDocument, Injection, Kind, NamespaceDocument, NodeDocument, Rewriting, Spanned,
        WorkloadDocument,
    },
    yaml::{Node, Value},
};
use bookend_engine::{Instance, Labels};

/// The label that Kubernetes gives every namespace: its name.
pub(crate) const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";

/// What runs pods made from a template in its `spec`: a Deployment, a Job and the like.
pub(super) fn controller(
    kind: Kind,
    mut fields: Fields<'_>,
    report: &mut Report,
) -> Option<WorkloadDocument> {
    let owner = name::metadata(&mut fields, report)?;
    let spec = Fields::of(fields.required("spec", report)?, "spec", report)?;
    templated(kind, owner, spec, report)
}

/// A CronJob, whose pods' template is in the template of its Jobs.
pub(super) fn cron_job(mut fields: Fields<'_>, report: &mut Report) -> Option<WorkloadDocument> {
    let owner = name::metadata(&mut fields, report)?;
    let mut spec = Fields::of(fields.required("spec", report)?, "spec", report)?;
    let mut job = Fields::of(spec.required("jobTemplate", report)?, "job template", report)?;
    let spec = Fields::of(job.required("spec", report)?, "job spec", report)?;
    templated(Kind::CronJob, owner, spec, report)
}

/// The workload whose pods are made from the `template` in `spec`.
fn templated(
    kind: Kind,
    owner: Metadata<'_>,
    mut spec: Fields<'_>,
    report: &mut Report,
) -> Option<WorkloadDocument> {
    let mut template = Fields::of(spec.required("template", report)?, "pod template", report)?;
    let meta = match present(&mut template, "metadata") {
        Some(node) => Some(Fields::of(node, "metadata", report)?),
        None => None,
    };
    let (labels, annotations) = match meta {
        Some(mut meta) => (present(&mut meta, "labels"), present(&mut meta, "annotations")),
        None => (None, None),
    };
    let pod_spec = Fields::of(template.required("spec", report)?, "pod spec", report)?;
    workload(kind, Metadata { labels, annotations, ..owner }, pod_spec, Vec::new(), report)
}

/// A Pod, with the addresses its status gives.
pub(super) fn pod(mut fields: Fields<'_>, report: &mut Report) -> Option<WorkloadDocument> {
    let metadata = name::metadata(&mut fields, report)?;
    let spec = Fields::of(fields.required("spec", report)?, "pod spec", report)?;
    let mut instances = Vec::new();
    if let Some(status) = present(&mut fields, "status") {
        let mut status_fields = Fields::of(status, "pod status", report)?;
        let listed = present(&mut status_fields, "podIPs").map(|node| sequence(node, "podIPs", report));
        let single = present(&mut status_fields, "podIP");
        // A finished pod keeps its last address in its status, but the address may be another's by now.
        let finished = present(&mut status_fields, "phase").is_some_and(|node| {
            matches!(&node.value, Value::Scalar(phase) if matches!(phase.text.as_str(), "Succeeded" | "Failed"))
        });
        let mut addresses = Vec::new();
        for node in listed.unwrap_or(Some(&[]))? {
            let mut entry = Fields::of(node, "podIPs", report)?;
            addresses.push(address(entry.required("ip", report)?, report)?);
        }
        // Kubernetes writes both, the single one first in the list; other writers may give only one of them.
        if let Some(node) = single
            && addresses.is_empty()
        {
            addresses.push(address(node, report)?);
        }
        if !addresses.is_empty() && !finished {
            instances
                .push(Spanned { value: Instance { addresses, ..Instance::default() }, span: status.span });
        }
    }
    workload(Kind::Pod, metadata, spec, instances, report)
}

fn workload(
    kind: Kind,
    metadata: Metadata<'_>,
    mut spec: Fields<'_>,
    instances: Vec<Spanned<Instance>>,
    report: &mut Report,
) -> Option<WorkloadDocument> {
    let labels = match metadata.labels.filter(|node| !node.is_null()) {
        None => Labels::new(),
        Some(node) => name::labels(node, "labels", report)?,
    };
    let account =
        match present(&mut spec, "serviceAccountName").or_else(|| present(&mut spec, "serviceAccount")) {
            None => "default".to_owned(),
            Some(node) => name::name(node, "serviceAccountName", 253, report)?.value,
        };
    let host_network = match present(&mut spec, "hostNetwork") {
        None => None,
        Some(node) => boolean(node, "hostNetwork", report)?.then_some(node.span),
    };
    let (containers, init) = (present(&mut spec, "containers"), present(&mut spec, "initContainers"));
    let Containers { sidecar, ports, probes } = container::containers(containers, init, report)?;
    let annotations = annotations(metadata.annotations, report)?;
    let rewriting = rewriting(metadata.annotations, &annotations, report)?;
    let (proxied, injection) = proxy(sidecar, host_network.is_some(), &labels, &annotations);
    Some(WorkloadDocument {
        kind: Some(kind),
        namespace: metadata.namespace,
        name: metadata.name,
        service_account: Some(account),
        labels: Some(labels),
        proxied,
        jwt: None,
        injection,
        // A pod has no other named ports than its containers' (S44).
        ports: Some(ports),
        host_network,
        probes,
        rewriting,
        // The address in the status of a pod that uses its node's network is the node's, and every such pod has it.
        instances: if host_network.is_some() { Vec::new() } else { instances },
        seen: None,
    })
}

/// Whether a pod has a proxy that all its inbound TCP passes, as far as the pod itself says.
fn proxy(
    sidecar: bool,
    host_network: bool,
    labels: &Labels,
    annotations: &BTreeMap<&str, String>,
) -> (Option<bool>, Injection) {
    let annotation = |name: &str| annotations.get(name).map(String::as_str);
    let bypassed = annotation("traffic.sidecar.istio.io/excludeInboundPorts")
        .is_some_and(|ports| !ports.is_empty())
        || annotation("traffic.sidecar.istio.io/includeInboundPorts").is_some_and(|ports| ports != "*")
        || annotation("sidecar.istio.io/interceptionMode") == Some("NONE");
    if bypassed {
        // Some ports have no proxy before them, and a rule does not know which. An inventory may know better.
        return (None, Injection::Never);
    }
    // The annotation was there before the label, and never asked for more than its namespace did.
    const INJECT: &str = "sidecar.istio.io/inject";
    match (labels.get(INJECT).map(String::as_str), annotation(INJECT)) {
        _ if sidecar => (Some(true), Injection::Never),
        _ if host_network => (Some(false), Injection::Never),
        (Some("false"), _) | (None, Some("false")) => (Some(false), Injection::Never),
        (Some("true"), _) => (None, Injection::Asked),
        (Some(""), _) | (None, None | Some("" | "true")) => (None, Injection::ByNamespace),
        // Versions of Istio differ about other words.
        (Some(_), _) | (None, Some(_)) => (None, Injection::Never),
    }
}

/// What the annotations say about where probes go (Istio, `rewriteAppHTTPProbe`).
fn rewriting(
    node: Option<&Node>,
    annotations: &BTreeMap<&str, String>,
    report: &mut Report,
) -> Option<Rewriting> {
    const PORT: &str = "status.sidecar.istio.io/port";
    if annotations.get("sidecar.istio.io/rewriteAppHTTPProbers").is_some_and(|text| text == "false") {
        return Some(Rewriting::Off);
    }
    match annotations.get(PORT).map(|text| text.parse()) {
        None => Some(Rewriting::default()),
        // The agent answers nobody then.
        Some(Ok(0)) => Some(Rewriting::Off),
        Some(Ok(port)) => Some(Rewriting::To(port)),
        Some(Err(_)) => {
            let span = node.map(|node| node.span).unwrap_or_else(|| crate::Span::whole(0));
            let message = format!("the annotation `{PORT}` is not a port");
            report.add(Code::BadPort, span, message, "write a number from 0 to 65535, in quotes");
            None
        }
    }
}

/// The annotations that say something about the proxy.
fn annotations<'n>(node: Option<&'n Node>, report: &mut Report) -> Option<BTreeMap<&'n str, String>> {
    let mut annotations = BTreeMap::new();
    let Some(node) = node.filter(|node| !node.is_null()) else { return Some(annotations) };
    let Value::Mapping(entries) = &node.value else {
        wrong_type(node, "annotations", "a mapping", report);
        return None;
    };
    for entry in entries.iter().filter(|entry| entry.key.contains("sidecar.istio.io/")) {
        let text = string(&entry.value, &entry.key, report)?;
        annotations.insert(entry.key.as_str(), text.value);
    }
    Some(annotations)
}

/// A Namespace.
pub(super) fn namespace(fields: &mut Fields<'_>, report: &mut Report) -> Option<NamespaceDocument> {
    let metadata = name::cluster_metadata(fields, "namespace", report)?;
    let node = metadata.labels.filter(|node| !node.is_null());
    let mut labels = match node {
        None => Labels::new(),
        Some(node) => name::labels(node, "labels", report)?,
    };
    let own = &metadata.name.value;
    if let Some(other) = labels.get(NAMESPACE_NAME).filter(|label| *label != own) {
        let message = format!("the label `{NAMESPACE_NAME}` is `{other}`, and the namespace is `{own}`");
        let span = node.map_or(metadata.name.span, |node| node.span);
        report.add(Code::NamespaceName, span, message, "remove it; every namespace has it by itself");
        return None;
    }
    labels.insert(NAMESPACE_NAME.to_owned(), own.clone());
    let injected = match labels.get("istio-injection") {
        Some(value) => Some(value == "enabled"),
        None => labels.contains_key("istio.io/rev").then_some(true),
    };
    Some(NamespaceDocument { name: metadata.name, labels, injected })
}

/// A ServiceAccount.
pub(super) fn account(fields: &mut Fields<'_>, report: &mut Report) -> Option<AccountDocument> {
    let metadata = name::metadata(fields, report)?;
    let labels = match metadata.labels.filter(|node| !node.is_null()) {
        None => Labels::new(),
        Some(node) => name::labels(node, "labels", report)?,
    };
    Some(AccountDocument { namespace: metadata.namespace, name: metadata.name, labels })
}

/// A Node, with the addresses its status gives.
pub(super) fn node(mut fields: Fields<'_>, report: &mut Report) -> Option<NodeDocument> {
    let metadata = name::cluster_metadata(&mut fields, "node", report)?;
    let mut addresses = Vec::new();
    if let Some(status) = present(&mut fields, "status") {
        let mut status = Fields::of(status, "node status", report)?;
        if let Some(node) = present(&mut status, "addresses") {
            for entry in sequence(node, "addresses", report)? {
                let mut entry = Fields::of(entry, "address", report)?;
                let kind = string(entry.required("type", report)?, "type", report)?;
                // The other types are names.
                if matches!(kind.value.as_str(), "InternalIP" | "ExternalIP") {
                    addresses.push(network::single(entry.required("address", report)?, report)?);
                }
            }
        }
    }
    Some(NodeDocument { name: metadata.name, addresses })
}
