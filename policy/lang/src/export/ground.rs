//! What is known of the world that an export is for.

use std::collections::BTreeSet;

use bookend_engine::{
    Clause, HOST_LABEL, Inventory, NamespaceMatch, PeerMatch, Selector, Truth, Workload, WorkloadIdentity,
};

use super::pods::{Pods, Requirement};

/// The inventory, as exports ask it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ground<'g> {
    pub(super) inventory: &'g Inventory,
    /// Whether the target can name the accounts of those at the other end.
    pub(super) names_accounts: bool,
}

/// Whether the workloads that are meant have a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filtered {
    /// All of them do, and there is one.
    All,
    /// None of them does, or somebody is meant who is no workload.
    None,
    /// Some do.
    Some,
}

impl<'g> Ground<'g> {
    pub(super) fn new(inventory: &'g Inventory) -> Self {
        Self { inventory, names_accounts: false }
    }

    /// The same, where accounts cannot be named.
    pub(super) fn by_labels(&self) -> Self {
        Self { names_accounts: false, ..*self }
    }

    fn workloads(&self) -> impl Iterator<Item = &'g Workload> {
        self.inventory.workloads().iter()
    }

    /// The names of all namespaces that are known.
    pub(super) fn namespaces(&self) -> BTreeSet<&'g str> {
        let named = self.inventory.namespaces().keys().map(String::as_str);
        named.chain(self.workloads().map(|workload| workload.identity.namespace.as_str())).collect()
    }

    /// Whether a namespace is meant.
    pub(super) fn lies_in(&self, namespaces: &NamespaceMatch, name: &str) -> Truth {
        namespaces.holds(name, self.inventory.namespaces().get(name).map(|labels| &**labels))
    }

    /// The workloads that a selector means, or may mean.
    pub(super) fn selected(&self, selector: &Selector) -> impl Iterator<Item = &'g Workload> {
        self.workloads().filter(|workload| selector.selects(&workload.identity) != Truth::No)
    }

    /// Whether a selector means hosts.
    pub(super) fn selects_hosts(&self, selector: &Selector) -> bool {
        self.selected(selector).any(|workload| workload.identity.labels.contains_key(HOST_LABEL))
    }

    /// Whether those whom `peers` mean have a filter. Whoever is at an address is none of them if no workload is.
    pub(super) fn filtered(&self, peers: &Clause<PeerMatch>) -> Filtered {
        let Some(list) = peers.alternatives() else { return Filtered::Some };
        let mut found: Vec<bool> = Vec::new();
        for peer in list {
            let Some(selector) = &peer.workloads else { return Filtered::Some };
            found.extend(self.selected(selector).map(|workload| workload.identity.proxied));
        }
        match (found.contains(&true), found.contains(&false)) {
            (true, false) => Filtered::All,
            (true, true) => Filtered::Some,
            (false, _) => Filtered::None,
        }
    }

    /// Whether a namespace has labels that are asked for.
    pub(super) fn fits(&self, wanted: &Pods, name: &str) -> Truth {
        match self.inventory.namespaces().get(name) {
            _ if wanted.is_any() => Truth::Yes,
            Some(labels) => wanted.holds(labels).map_or(Truth::Unknown, Truth::from),
            None => Truth::Unknown,
        }
    }

    /// The workloads of a namespace.
    pub(super) fn workloads_in<'n>(
        &self,
        namespace: &'n str,
    ) -> impl Iterator<Item = &'g WorkloadIdentity> + use<'g, 'n> {
        let all = self.inventory.workloads().iter().map(|workload| &workload.identity);
        all.filter(move |identity| identity.namespace == namespace)
    }

    /// The labels that in a namespace only those have who run under one of these accounts, and all of them do.
    pub(super) fn labels_of_accounts(
        &self,
        namespace: &str,
        accounts: &[String],
        among: &Pods,
    ) -> Option<Pods> {
        self.labels_of(namespace, among, |identity| accounts.contains(&identity.service_account))
    }

    /// The labels that in a namespace, among those with some labels, only the chosen have, and all of them do.
    pub(super) fn labels_of(
        &self,
        namespace: &str,
        among: &Pods,
        chosen: impl Fn(&WorkloadIdentity) -> bool,
    ) -> Option<Pods> {
        let fits = |identity: &&WorkloadIdentity| {
            among.labels.iter().all(|(key, value)| identity.labels.get(key) == Some(value))
        };
        let all = self.workloads_in(namespace).filter(fits);
        let (own, others): (Vec<&WorkloadIdentity>, Vec<_>) = all.partition(|identity| chosen(identity));
        let first = own.first()?;
        let preferred = ["app", "app.kubernetes.io/name", "k8s-app"];
        let mut keys = preferred.into_iter().chain(first.labels.keys().map(String::as_str));
        let (key, values) = keys.find_map(|key| {
            let values: Option<BTreeSet<&String>> =
                own.iter().map(|identity| identity.labels.get(key)).collect();
            let values: Vec<String> = values?.into_iter().cloned().collect();
            let taken =
                others.iter().any(|other| other.labels.get(key).is_some_and(|value| values.contains(value)));
            (!taken && key != HOST_LABEL).then_some((key, values))
        })?;
        Some(Pods::required(Requirement::new(key, "In", &values)))
    }
}
