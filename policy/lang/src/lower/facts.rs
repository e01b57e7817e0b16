//! Everything that documents say about the world, brought together.

use core::fmt;
use std::collections::{BTreeSet, HashMap};

use super::{hosts, mesh, namespace, services, surroundings, workloads};
use crate::{
    Code, Span,
    diagnostic::Report,
    document::{
        AccountDocument, CalicoPolicy, CalicoSet, CalicoTier, Document, HostDocument, InventoryDocument,
        NamespaceDocument, NetworkDocument, NodeDocument, PeerAuthenticationDocument, Probe,
        RequestAuthenticationDocument, Service, ServiceDocument, SliceDocument, Spanned, TierDocument,
        Verifier, WorkloadDocument,
    },
    lower::{Selecting, Surroundings},
};
use bookend_engine::{Inventory, Rule};

/// The documents that say something about the world, in the order of their sources.
#[derive(Debug, Default)]
pub(crate) struct Facts<'d> {
    pub(super) inventories: Vec<&'d InventoryDocument>,
    pub(crate) workloads: Vec<&'d WorkloadDocument>,
    pub(super) hosts: Vec<&'d HostDocument>,
    pub(super) namespaces: Vec<&'d NamespaceDocument>,
    /// Namespaces of which nobody knows the labels, unless they are described.
    pub(crate) doubted: Option<&'d BTreeSet<String>>,
    pub(super) nodes: Vec<&'d NodeDocument>,
    pub(super) networks: Vec<&'d NetworkDocument>,
    pub(super) tiers: Vec<&'d TierDocument>,
    pub(super) services: Vec<&'d ServiceDocument>,
    pub(super) slices: Vec<&'d SliceDocument>,
    pub(super) accounts: Vec<&'d AccountDocument>,
    /// What Calico's policies mean depends on the others of their tiers.
    pub(super) calico_policies: Vec<&'d CalicoPolicy>,
    pub(super) calico_tiers: Vec<&'d CalicoTier>,
    pub(super) calico_sets: Vec<&'d CalicoSet>,
    pub(super) peer_authentications: Vec<&'d PeerAuthenticationDocument>,
    pub(super) request_authentications: Vec<&'d RequestAuthenticationDocument>,
}

/// What they say together.
#[derive(Debug, Default)]
pub(crate) struct World {
    pub(crate) inventory: Inventory,
    pub(crate) surroundings: Surroundings,
    /// By namespace and name.
    pub(crate) services: Vec<Service>,
    /// By namespace, workload and port.
    pub(crate) probes: Vec<Probe>,
    /// What hosts must never lose.
    pub(crate) failsafe: Vec<Rule>,
    /// Whose tokens proxies verify.
    pub(crate) verifiers: Vec<Verifier>,
    /// Which Services follow the workloads they select; nothing if some follow addresses.
    pub(crate) selecting: Option<Selecting>,
}

impl<'d> Facts<'d> {
    /// Takes a document in, and says whether it is one of these.
    pub(crate) fn take(&mut self, document: &'d Document) -> bool {
        match document {
            Document::Inventory(inventory) => {
                self.workloads.extend(&inventory.workloads);
                self.services.extend(&inventory.services);
                self.inventories.push(inventory);
            }
            Document::Workload(workload) => self.workloads.push(workload),
            Document::Host(host) => {
                self.workloads.push(&host.workload);
                self.hosts.push(host);
            }
            Document::Namespace(namespace) => self.namespaces.push(namespace),
            Document::Node(node) => self.nodes.push(node),
            Document::Network(network) => self.networks.push(network),
            Document::Tier(tier) => self.tiers.push(tier),
            Document::Service(service) => self.services.push(service),
            Document::Slice(slice) => self.slices.push(slice),
            Document::Account(account) => self.accounts.push(account),
            Document::Calico(policy) => self.calico_policies.push(policy),
            Document::CalicoTier(tier) => self.calico_tiers.push(tier),
            Document::CalicoSet(set) => self.calico_sets.push(set),
            Document::PeerAuthentication(document) => self.peer_authentications.push(document),
            Document::RequestAuthentication(document) => self.request_authentications.push(document),
            Document::Policy(_) | Document::Authorization(_) | Document::Test(_) | Document::Reporting(_) => {
                return false;
            }
        }
        true
    }

    /// What they say together. Where two contradict each other, that is reported.
    pub(crate) fn lower(&self, report: &mut Report) -> World {
        let domains = self.inventories.iter().filter_map(|document| document.trust_domain.as_ref());
        let domain = agreed(domains, "trust domain", report);
        let trusts = self.inventories.iter().filter_map(|document| document.trust_addresses.as_ref());
        let trusts = agreed(trusts, "value of `trustAddresses`", report).copied().unwrap_or(false);
        unique(self.nodes.iter().map(|n| (("", n.name.value.as_str()), n.name.span)), "node", report);
        let host = |host: &&'d HostDocument| {
            let workload = &host.workload;
            ((workload.namespace.as_str(), workload.name.value.as_str()), workload.name.span)
        };
        unique(self.hosts.iter().map(host), "host", report);
        let namespaces = namespace::namespaces(&self.namespaces, &self.workloads, self.doubted, report);
        let injection = namespace::injection(&self.namespaces);
        let (mut workloads, probes) = workloads::workloads(&self.workloads, &injection, report);
        let verifiers = mesh::verifiers(self, &mut workloads);
        let default = Inventory::default();
        let domain = domain.map_or(default.trust_domain(), String::as_str).to_owned();
        let accounts = self.accounts.iter();
        unique(
            accounts.map(|a| ((a.namespace.as_str(), a.name.value.as_str()), a.name.span)),
            "service account",
            report,
        );
        let inventory = Inventory::new(domain, trusts, namespaces, workloads);
        let (services, addressed, selecting) =
            services::services(&self.services, &self.slices, &self.workloads, &inventory, report);
        let surroundings = surroundings::surroundings(self, &inventory, report);
        World {
            inventory: inventory.with_services(addressed),
            surroundings,
            services,
            probes,
            failsafe: hosts::failsafe(&self.hosts),
            verifiers,
            selecting,
        }
    }
}

/// What all that say something about it agree on.
pub(super) fn agreed<'d, T: PartialEq + fmt::Display>(
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

/// Refuses objects of one namespace and name.
pub(super) fn unique<'a>(
    objects: impl Iterator<Item = ((&'a str, &'a str), Span)>,
    what: &str,
    report: &mut Report,
) {
    let mut seen = HashMap::with_capacity(objects.size_hint().0);
    for (key, span) in objects {
        if let Some(first) = seen.get(&key) {
            let message = format!("the {what} `{}` is described twice", key.1);
            report.add_related(Code::DuplicateObject, span, message, "remove one", (*first, "the first one"));
        } else {
            seen.insert(key, span);
        }
    }
}
