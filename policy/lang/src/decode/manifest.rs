//! Kubernetes manifests, as `kubectl get -o yaml` prints them. They hold much that says nothing about who a
//! workload is, so fields that are not asked for are left alone here; what is asked for must be sound.

use super::{
    fields::{Fields, string, wrong_type},
    inventory::address,
    name::{self, Metadata},
};
use crate::{
    diagnostic::Report,
    document::{NamespaceDocument, Service, Spanned, WorkloadDocument},
    yaml::{Node, Value},
};
use bookend_engine::{Instance, Labels};

/// A field that is there and not null; Kubernetes takes null for absent.
fn present<'n>(fields: &mut Fields<'n>, name: &'static str) -> Option<&'n Node> {
    fields.get(name).filter(|node| !node.is_null())
}

/// A Deployment, StatefulSet, DaemonSet or ReplicaSet: its pods' template.
pub(super) fn controller(mut fields: Fields<'_>, report: &mut Report) -> Option<WorkloadDocument> {
    let owner = name::metadata(&mut fields, report)?;
    let mut spec = Fields::of(fields.required("spec", report)?, "spec", report)?;
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
    workload(Metadata { labels, annotations, ..owner }, pod_spec, Vec::new(), report)
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
        match listed {
            Some(nodes) => {
                for node in nodes? {
                    let mut entry = Fields::of(node, "podIPs", report)?;
                    addresses.push(address(entry.required("ip", report)?, report)?);
                }
            }
            None => {
                if let Some(node) = single {
                    addresses.push(address(node, report)?);
                }
            }
        }
        if !addresses.is_empty() && !finished {
            instances.push(Spanned { value: Instance { addresses, interface: None }, span: status.span });
        }
    }
    workload(metadata, spec, instances, report)
}

fn workload(
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
    let host_network = present(&mut spec, "hostNetwork")
        .is_some_and(|node| matches!(&node.value, Value::Scalar(scalar) if scalar.boolean() == Some(true)));
    let mut sidecar = false;
    for list in ["containers", "initContainers"] {
        let Some(node) = present(&mut spec, list) else { continue };
        for container in sequence(node, list, report)? {
            let mut container = Fields::of(container, "container", report)?;
            sidecar |= container.get("name").is_some_and(|node| is(node, "istio-proxy"));
        }
    }
    // Istio injects unless told otherwise by the label or, of old, the annotation.
    let told = labels.get("sidecar.istio.io/inject").cloned().or_else(|| {
        let Value::Mapping(entries) = &metadata.annotations?.value else { return None };
        let entry = entries.iter().find(|entry| entry.key == "sidecar.istio.io/inject")?;
        string(&entry.value, "sidecar.istio.io/inject", report).map(|text| text.value)
    });
    let proxied = match (sidecar, host_network, told.as_deref()) {
        (true, _, _) => Some(true),
        (_, true, _) | (_, _, Some("false")) => Some(false),
        (_, _, Some("true")) => Some(true),
        // The namespace's label decides.
        _ => None,
    };
    Some(WorkloadDocument {
        namespace: metadata.namespace,
        name: metadata.name,
        service_account: Some(account),
        labels: Some(labels),
        proxied,
        injectable: true,
        instances,
    })
}

/// A Namespace.
pub(super) fn namespace(fields: &mut Fields<'_>, report: &mut Report) -> Option<NamespaceDocument> {
    let metadata = name::metadata(fields, report)?;
    let labels = match metadata.labels.filter(|node| !node.is_null()) {
        None => Labels::new(),
        Some(node) => name::labels(node, "labels", report)?,
    };
    let injected = match labels.get("istio-injection") {
        Some(value) => value == "enabled",
        None => labels.contains_key("istio.io/rev"),
    };
    Some(NamespaceDocument { name: metadata.name, injected })
}

/// A Service.
pub(super) fn service(mut fields: Fields<'_>, report: &mut Report) -> Option<Spanned<Service>> {
    let metadata = name::metadata(&mut fields, report)?;
    let mut spec = Fields::of(fields.required("spec", report)?, "service spec", report)?;
    let selector = match present(&mut spec, "selector") {
        None => Labels::new(),
        Some(node) => name::labels(node, "selector", report)?,
    };
    let mut ports = Vec::new();
    if let Some(node) = present(&mut spec, "ports") {
        for port in sequence(node, "ports", report)? {
            let mut port = Fields::of(port, "service port", report)?;
            let node = port.required("port", report)?;
            match &node.value {
                Value::Scalar(scalar) if scalar.integer().is_some_and(|n| (1..=65535).contains(&n)) => {
                    ports.extend(scalar.integer().and_then(|n| u16::try_from(n).ok()));
                }
                _ => {
                    wrong_type(node, "port", "a port number", report);
                    return None;
                }
            }
        }
    }
    let Metadata { namespace, name, .. } = metadata;
    let span = name.span;
    Some(Spanned { value: Service { namespace, name: name.value, selector, ports }, span })
}

fn sequence<'n>(node: &'n Node, what: &str, report: &mut Report) -> Option<&'n [Node]> {
    match &node.value {
        Value::Sequence(items) => Some(items),
        _ => {
            wrong_type(node, what, "a list", report);
            None
        }
    }
}

fn is(node: &Node, text: &str) -> bool {
    matches!(&node.value, Value::Scalar(scalar) if scalar.text == text)
}
