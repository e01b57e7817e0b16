//! What is known of namespaces (S40).

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::facts::unique;
use crate::{
    decode::NAMESPACE_NAME,
    diagnostic::Report,
    document::{NamespaceDocument, WorkloadDocument},
};
use bookend_engine::{Labels, Namespaces};

/// The labels of every namespace that a manifest describes, and, of those of which only workloads are known, the label
/// that every namespace has, but for those that are `doubted`.
pub(super) fn namespaces(
    documents: &[&NamespaceDocument],
    workloads: &[&WorkloadDocument],
    doubted: Option<&BTreeSet<String>>,
    report: &mut Report,
) -> Namespaces {
    unique(documents.iter().map(|n| (("", n.name.value.as_str()), n.name.span)), "namespace", report);
    let described = documents.iter().map(|n| (n.name.value.clone(), Arc::new(n.labels.clone())));
    let mut namespaces: Namespaces = described.collect();
    for workload in workloads {
        let doubted = doubted.is_some_and(|doubted| doubted.contains(&workload.namespace));
        if !doubted && !namespaces.contains_key(&workload.namespace) {
            let name = workload.namespace.clone();
            let labels = Labels::from([(NAMESPACE_NAME.to_owned(), name.clone())]);
            namespaces.insert(name, Arc::new(labels));
        }
    }
    namespaces
}

/// Whether each namespace asks for Istio's proxy, or refuses it.
pub(super) fn injection<'d>(documents: &[&'d NamespaceDocument]) -> BTreeMap<&'d str, bool> {
    documents.iter().filter_map(|n| Some((n.name.value.as_str(), n.injected?))).collect()
}
