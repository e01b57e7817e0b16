//! Findings about pairs of classes, put together to as few rectangles as is easily done.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

use crate::bundle::Bundle;
use crate::set::ClassSet;
use crate::spans::{PortSet, Segment};

/// Traffic with everything in common: from all sources to all destinations on all ports.
pub(crate) struct Rectangle<K> {
    pub(crate) sources: ClassSet,
    pub(crate) destinations: ClassSet,
    pub(crate) ports: PortSet,
    pub(crate) kind: K,
}

/// Collects findings, destination by destination.
pub(crate) struct Gathering<K> {
    here: BTreeMap<(K, PortSet), ClassSet>,
    found: HashMap<(K, PortSet, ClassSet), ClassSet>,
}

impl<K: Clone + Ord + Hash> Gathering<K> {
    pub(crate) fn new() -> Self {
        Self { here: BTreeMap::new(), found: HashMap::new() }
    }

    /// What was found between a bundle and the current destination.
    pub(crate) fn add(&mut self, bundle: &Bundle, segments: Vec<(Segment, K)>) {
        let mut kinds: BTreeMap<K, PortSet> = BTreeMap::new();
        for (segment, kind) in segments {
            kinds.entry(kind).or_default().add(&segment);
        }
        for (kind, ports) in kinds {
            let set = self.here.entry((kind, ports)).or_default();
            bundle.sources.iter().for_each(|class| set.insert(*class));
        }
    }

    /// All bundles toward a destination are done.
    pub(crate) fn close(&mut self, destination: u32) {
        for ((kind, ports), sources) in std::mem::take(&mut self.here) {
            self.found.entry((kind, ports, sources)).or_default().insert(destination);
        }
    }

    /// Everything, in order of kind.
    pub(crate) fn finish(self) -> Vec<Rectangle<K>> {
        // Sources that reach the same destinations alike are put together too.
        let mut merged: HashMap<(K, PortSet, ClassSet), ClassSet> = HashMap::new();
        for ((kind, ports, sources), destinations) in self.found {
            merged.entry((kind, ports, destinations)).or_default().extend(&sources);
        }
        let mut all: Vec<_> = merged
            .into_iter()
            .map(|((kind, ports, destinations), sources)| Rectangle { sources, destinations, ports, kind })
            .collect();
        all.sort_by(|a, b| {
            let key = |r: &Rectangle<K>| {
                (r.kind.clone(), r.sources.clone(), r.destinations.clone(), r.ports.clone())
            };
            key(a).cmp(&key(b))
        });
        all
    }
}
