//! Workloads, from manifests and inventories, to one inventory.

use std::collections::BTreeMap;

use crate::{
    Code, Span,
    diagnostic::Report,
    document::{InventoryDocument, NamespaceDocument, Service, Spanned, WorkloadDocument},
};
use bookend_engine::{Inventory, Workload, WorkloadIdentity};

/// Lowers everything that says who is who.
pub(crate) fn inventory(
    settings: &[InventoryDocument],
    workloads: Vec<WorkloadDocument>,
    namespaces: &[NamespaceDocument],
    services: &[Spanned<Service>],
    report: &mut Report,
) -> Inventory {
    let mut inventory = Inventory::default();
    let mut named: Option<Spanned<String>> = None;
    for document in settings {
        inventory.trust_addresses |= document.trust_addresses.unwrap_or(false);
        let Some(domain) = &document.trust_domain else { continue };
        match &named {
            Some(first) if first.value != domain.value => {
                let message =
                    format!("the trust domain is `{}` here and `{}` elsewhere", domain.value, first.value);
                report.add_related(
                    Code::DuplicateObject,
                    domain.span,
                    message,
                    "keep one",
                    (first.span, "the first one"),
                );
            }
            _ => named = Some(domain.clone()),
        }
    }
    if let Some(domain) = named {
        inventory.trust_domain = domain.value;
    }
    unique(namespaces.iter().map(|n| (("", n.name.value.as_str()), n.name.span)), "namespace", report);
    unique(
        services.iter().map(|s| ((s.value.namespace.as_str(), s.value.name.as_str()), s.span)),
        "service",
        report,
    );
    let merged = merge(workloads, report);
    refuse_shared_places(merged.values(), report);
    inventory.workloads = merged.into_values().map(|document| workload(document, namespaces)).collect();
    inventory
}

fn unique<'a>(objects: impl Iterator<Item = ((&'a str, &'a str), Span)>, what: &str, report: &mut Report) {
    let mut seen = BTreeMap::new();
    for (key, span) in objects {
        if let Some(first) = seen.insert(key, span) {
            let message = format!("the {what} `{}` is described twice", key.1);
            report.add_related(Code::DuplicateObject, span, message, "remove one", (first, "the first one"));
        }
    }
}

type Name = (String, String);

/// Joins what several documents say of one workload; where two contradict each other, neither is believed.
fn merge(documents: Vec<WorkloadDocument>, report: &mut Report) -> BTreeMap<Name, WorkloadDocument> {
    let mut merged: BTreeMap<Name, WorkloadDocument> = BTreeMap::new();
    for document in documents {
        let key = (document.namespace.clone(), document.name.value.clone());
        let Some(first) = merged.get_mut(&key) else {
            merged.insert(key, document);
            continue;
        };
        let contradiction = [
            ("labels", differ(&first.labels, &document.labels)),
            ("service account", differ(&first.service_account, &document.service_account)),
            ("proxy", differ(&first.proxied, &document.proxied)),
        ];
        if let Some((what, _)) = contradiction.iter().find(|(_, differ)| *differ) {
            let message = format!(
                "two documents disagree about the {what} of the workload `{}` in namespace `{}`",
                key.1, key.0
            );
            let cure = format!("say the {what} once");
            let related = (first.name.span, "first described here");
            report.add_related(Code::DuplicateWorkload, document.name.span, message, cure, related);
            continue;
        }
        first.labels = first.labels.take().or(document.labels);
        first.service_account = first.service_account.take().or(document.service_account);
        first.proxied = first.proxied.or(document.proxied);
        first.injectable |= document.injectable;
        first.instances.extend(document.instances);
    }
    merged
}

fn differ<T: PartialEq>(a: &Option<T>, b: &Option<T>) -> bool {
    matches!((a, b), (Some(a), Some(b)) if a != b)
}

/// An address or an interface belongs to one instance only: it is what tells who sent a packet.
fn refuse_shared_places<'a>(workloads: impl Iterator<Item = &'a WorkloadDocument>, report: &mut Report) {
    let mut seen: BTreeMap<String, (&Name, Span)> = BTreeMap::new();
    let names: Vec<(Name, &WorkloadDocument)> =
        workloads.map(|w| ((w.namespace.clone(), w.name.value.clone()), w)).collect();
    for (name, document) in &names {
        for instance in &document.instances {
            let addresses = instance.value.addresses.iter().map(|address| format!("address `{address}`"));
            let interface =
                instance.value.interface.iter().map(|interface| format!("interface `{interface}`"));
            for place in addresses.chain(interface) {
                if let Some((other, span)) = seen.get(&place) {
                    let message = format!("the {place} belongs to `{}` and to `{}`", other.1, name.1);
                    let related = (*span, "the other instance");
                    report.add_related(
                        Code::DuplicateAddress,
                        instance.span,
                        message,
                        "give each instance its own",
                        related,
                    );
                } else {
                    seen.insert(place, (name, instance.span));
                }
            }
        }
    }
}

fn workload(document: WorkloadDocument, namespaces: &[NamespaceDocument]) -> Workload {
    let WorkloadDocument { namespace, name, service_account, labels, proxied, injectable, instances } =
        document;
    let injected = || injectable && namespaces.iter().any(|n| n.name.value == namespace && n.injected);
    let proxied = proxied.unwrap_or_else(injected);
    let identity = WorkloadIdentity {
        service_account: service_account.unwrap_or_else(|| "default".to_owned()),
        labels: labels.unwrap_or_default(),
        proxied,
        namespace,
    };
    Workload {
        name: name.value,
        identity,
        instances: instances.into_iter().map(|instance| instance.value).collect(),
    }
}
