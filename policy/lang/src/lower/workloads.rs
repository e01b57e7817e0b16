//! Workloads, from manifests and inventories, to one inventory.

use core::fmt;
use std::collections::BTreeMap;

use crate::{
    Code, Span,
    diagnostic::Report,
    document::{Injection, InventoryDocument, NamespaceDocument, Service, Spanned, WorkloadDocument},
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
    let domains = settings.iter().filter_map(|document| document.trust_domain.as_ref());
    if let Some(domain) = agreed(domains, "trust domain", report) {
        inventory.trust_domain.clone_from(domain);
    }
    let trusts = settings.iter().filter_map(|document| document.trust_addresses.as_ref());
    inventory.trust_addresses = agreed(trusts, "value of `trustAddresses`", report).copied().unwrap_or(false);
    unique(namespaces.iter().map(|n| (("", n.name.value.as_str()), n.name.span)), "namespace", report);
    unique(
        services.iter().map(|s| ((s.value.namespace.as_str(), s.value.name.as_str()), s.span)),
        "service",
        report,
    );
    let merged = merge(workloads, report);
    refuse_shared_places(merged.values(), report);
    let namespaces = namespaces.iter().map(|n| (n.name.value.as_str(), n.injected)).collect();
    inventory.workloads = merged.into_values().map(|document| workload(document, &namespaces)).collect();
    inventory
}

/// What all that say something about it agree on.
fn agreed<'d, T: PartialEq + fmt::Display>(
    said: impl Iterator<Item = &'d Spanned<T>>,
    what: &str,
    report: &mut Report,
) -> Option<&'d T> {
    let mut first: Option<&'d Spanned<T>> = None;
    for document in said {
        match first {
            Some(first) if first.value != document.value => {
                let message =
                    format!("the {what} is `{}` here and `{}` elsewhere", document.value, first.value);
                let related = (first.span, "the first one");
                report.add_related(Code::DuplicateObject, document.span, message, "keep one", related);
            }
            Some(_) => {}
            None => first = Some(document),
        }
    }
    first.map(|first| &first.value)
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
        first.injection = first.injection.max(document.injection);
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

fn workload(document: WorkloadDocument, namespaces: &BTreeMap<&str, Option<bool>>) -> Workload {
    let WorkloadDocument { namespace, name, service_account, labels, proxied, injection, instances } =
        document;
    let asked = namespaces.get(namespace.as_str()).copied().flatten();
    let proxied = proxied.unwrap_or(match injection {
        Injection::Never => false,
        Injection::ByNamespace => asked == Some(true),
        Injection::Asked => asked != Some(false),
    });
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
