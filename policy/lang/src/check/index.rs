//! Which workloads a selector can mean, found without asking all of them.

use core::hash::{Hash, Hasher};
use std::collections::{BTreeMap, HashMap, HashSet, hash_map::DefaultHasher};

use bookend_engine::{Inventory, NamespaceMatch, Selector, Truth, WorkloadIdentity};

/// The identities in an inventory. It holds positions and no borrow, and belongs to the inventory it was made of.
#[derive(Debug, Default)]
pub(crate) struct Index {
    /// One workload of each identity, by namespace and name.
    distinct: Vec<usize>,
    namespaces: BTreeMap<String, Vec<usize>>,
    /// By the hash of a label. That two labels have one hash only means that more workloads are asked.
    labels: HashMap<u64, Vec<usize>>,
    /// The first workload without a proxy.
    bare: Option<usize>,
}

impl Index {
    /// The index of an inventory.
    pub(crate) fn new(inventory: &Inventory) -> Self {
        let mut index = Self::default();
        let mut seen: HashSet<&WorkloadIdentity> = HashSet::with_capacity(inventory.workloads().len());
        for (position, workload) in inventory.workloads().iter().enumerate() {
            let identity = &workload.identity;
            if !seen.insert(identity) {
                continue;
            }
            index.distinct.push(position);
            match index.namespaces.get_mut(&identity.namespace) {
                Some(positions) => positions.push(position),
                None => drop(index.namespaces.insert(identity.namespace.clone(), vec![position])),
            }
            for label in &identity.labels {
                index.labels.entry(hash(label)).or_default().push(position);
            }
            if !identity.proxied && index.bare.is_none() {
                index.bare = Some(position);
            }
        }
        index
    }

    /// Whether there is nobody.
    pub(super) fn is_empty(&self) -> bool {
        self.distinct.is_empty()
    }

    /// A workload without a proxy.
    pub(super) fn bare<'i>(&self, inventory: &'i Inventory) -> Option<&'i WorkloadIdentity> {
        Some(&inventory.workloads().get(self.bare?)?.identity)
    }

    /// The workloads among which are all that the selector means.
    fn near(&self, selector: &Selector) -> &[usize] {
        let mut shortest: &[usize] = match &selector.namespaces {
            NamespaceMatch::Named(name) => self.namespaces.get(name).map_or(&[], Vec::as_slice),
            NamespaceMatch::Labelled(_) => &self.distinct,
        };
        for label in &selector.labels {
            let having = self.labels.get(&hash(label)).map_or(&[][..], Vec::as_slice);
            if having.len() < shortest.len() {
                shortest = having;
            }
        }
        shortest
    }

    /// How many workloads must be asked to know whom the selector means.
    pub(super) fn cost(&self, selector: &Selector) -> usize {
        self.near(selector).len()
    }

    /// The positions and identities of those that the selector means, or may mean.
    pub(super) fn meant<'i>(
        &self,
        selector: &Selector,
        inventory: &'i Inventory,
    ) -> impl Iterator<Item = (usize, &'i WorkloadIdentity)> {
        let near = self.near(selector).iter();
        let found = near.filter_map(|at| Some((*at, &inventory.workloads().get(*at)?.identity)));
        found.filter(|(_, identity)| selector.selects(identity) != Truth::No)
    }
}

fn hash(label: (&String, &String)) -> u64 {
    let mut hasher = DefaultHasher::new();
    label.hash(&mut hasher);
    hasher.finish()
}
