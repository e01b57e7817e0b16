//! Who has to be known by name.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    string::String,
    sync::Arc,
    vec,
    vec::Vec,
};
use core::net::IpAddr;

use super::sight::Sight;
use crate::{Instance, Inventory, Labels, Namespaces, Workload, WorkloadIdentity, request::MAX_READINGS};

/// Those of an inventory whom the proxies of a namespace have to know.
pub(super) struct Census<'c> {
    inventory: &'c Inventory,
    namespace: &'c str,
    sight: &'c Sight<'c>,
}

impl<'c> Census<'c> {
    pub(super) fn new(inventory: &'c Inventory, namespace: &'c str, sight: &'c Sight<'c>) -> Self {
        Self { inventory, namespace, sight }
    }

    /// The inventory that is left: without names and interfaces, by identity.
    pub(super) fn taken(&self) -> Inventory {
        let mut accounts: BTreeMap<(&str, &str), Vec<&Workload>> = BTreeMap::new();
        for workload in self.inventory.workloads() {
            let identity = &workload.identity;
            accounts.entry((&identity.namespace, &identity.service_account)).or_default().push(workload);
        }
        let mut found: BTreeMap<WorkloadIdentity, BTreeSet<IpAddr>> = BTreeMap::new();
        for workloads in accounts.into_values() {
            self.count(&workloads, &mut found);
        }
        let workloads = found.into_iter().map(|(identity, addresses)| {
            let addresses: Vec<IpAddr> = addresses.into_iter().collect();
            let instances = match addresses.is_empty() {
                true => Vec::new(),
                false => vec![Instance { addresses, ..Instance::default() }],
            };
            Workload { name: String::new(), identity, instances }
        });
        let (trust_domain, trusts) = (self.inventory.trust_domain(), self.inventory.trust_addresses());
        Inventory::new(String::from(trust_domain), trusts, self.namespaces(), workloads.collect())
    }

    /// Takes in those who matter of one account.
    fn count(&self, workloads: &[&Workload], found: &mut BTreeMap<WorkloadIdentity, BTreeSet<IpAddr>>) {
        let Some(first) = workloads.first() else { return };
        let own = first.identity.namespace == self.namespace;
        let telling_apart = self.sight.telling_apart(&first.identity);
        // Of these it makes a difference that they are known at all: of a mere account labels would be in doubt.
        let told = !telling_apart.is_empty() || self.sight.compares_labels();
        let exactly = self.sight.compares() && self.are_many(workloads);
        let identity = |workload: &Workload| -> WorkloadIdentity {
            let identity = &workload.identity;
            let labels = || self.sight.without_rest(&identity.labels, &telling_apart);
            let asked = telling_apart.iter().any(|selector| selector.proxied.is_some());
            if exactly {
                return identity.clone();
            }
            WorkloadIdentity {
                labels: labels(),
                proxied: asked && identity.proxied,
                // These are a destination's business.
                jwt: false,
                ports: None,
                // Filled in from the namespaces that are left.
                namespace_labels: None,
                ..identity.clone()
            }
        };
        let identities: Vec<WorkloadIdentity> = workloads.iter().map(|workload| identity(workload)).collect();
        // An address picks one of several (S22).
        let several = identities.iter().any(|identity| identities.first() != Some(identity));
        // It also tells a proxy which of several it serves itself.
        let serving = |workload: &Workload| (workload.identity.jwt, workload.identity.ports.clone());
        let several = several || own && workloads.iter().any(|workload| serving(workload) != serving(first));
        for (workload, identity) in workloads.iter().zip(identities) {
            let located = several || self.is_told_by_address(&workload.identity);
            let identity = match own {
                true => workload.identity.clone(),
                false if told || located => identity,
                false => continue,
            };
            let addresses = workload.instances.iter().flat_map(|instance| &instance.addresses).copied();
            let addresses = addresses.filter(|_| located).map(|address| address.to_canonical());
            found.entry(identity).or_default().extend(addresses);
        }
    }

    /// Whether an expression gives up on the workloads of an account, so that their number has to stay what it is.
    fn are_many(&self, workloads: &[&Workload]) -> bool {
        let distinct: BTreeSet<&WorkloadIdentity> =
            workloads.iter().map(|workload| &workload.identity).collect();
        distinct.len() > MAX_READINGS
    }

    /// Whether it makes a difference that somebody who proves nothing comes from an address of this workload (S24, S25).
    fn is_told_by_address(&self, workload: &WorkloadIdentity) -> bool {
        self.sight.convicts(workload) || self.inventory.trust_addresses() && self.sight.recognizes(workload)
    }

    /// The namespaces whose labels matter, with those labels.
    fn namespaces(&self) -> Namespaces {
        let known = self.inventory.namespaces().iter();
        let asked = known.filter(|(name, _)| self.sight.asks_for_namespaces() || *name == self.namespace);
        let poorer = |labels: &Arc<Labels>| Arc::new(self.sight.of_namespace(labels));
        asked.map(|(name, labels)| (name.clone(), poorer(labels))).collect()
    }
}
