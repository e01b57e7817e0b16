//! Whom the peers of rules mean, each list of peers looked at once.

use std::collections::{BTreeMap, HashMap};

use bookend_engine::{Clause, Inventory, PeerMatch, Truth};

use crate::engine::namespaces;
use crate::side::Seen;

/// The number of a list of peers; equal lists have one number.
pub(crate) type ClauseId = u32;

/// The list that is left out: it means everybody.
pub(crate) const ANYBODY: ClauseId = 0;

/// All lists of peers on one side, and the points each may mean.
pub(crate) struct Clauses {
    ids: HashMap<String, ClauseId>,
    /// By id; of [`ANYBODY`] empty.
    pub(crate) members: Vec<Vec<(u32, Truth)>>,
}

impl Clauses {
    pub(crate) fn new() -> Self {
        Self { ids: HashMap::new(), members: vec![Vec::new()] }
    }

    /// The number of a list, whose members are looked for if it is new.
    pub(crate) fn intern(&mut self, clause: &Clause<PeerMatch>, points: &Points<'_>) -> ClauseId {
        if clause.is_any() {
            return ANYBODY;
        }
        // Two lists that are written differently are two lists; that costs time, not truth.
        let text = serde_json::to_string(clause).unwrap_or_else(|_| format!("{clause:?}"));
        if let Some(id) = self.ids.get(&text) {
            return *id;
        }
        let id = u32::try_from(self.members.len()).unwrap_or(u32::MAX);
        self.ids.insert(text, id);
        self.members.push(points.meant(clause));
        id
    }
}

/// All points of one side, by namespace.
pub(crate) struct Points<'s> {
    seen: Vec<Seen<'s>>,
    inventory: &'s Inventory,
    by_namespace: BTreeMap<&'s str, Vec<u32>>,
    /// Those outside.
    outside: Vec<u32>,
}

impl<'s> Points<'s> {
    pub(crate) fn new(seen: Vec<Seen<'s>>, inventory: &'s Inventory) -> Self {
        let mut by_namespace: BTreeMap<_, Vec<u32>> = BTreeMap::new();
        let mut outside = Vec::new();
        for (index, seen) in (0..).zip(&seen) {
            match seen.namespace() {
                Some(namespace) => by_namespace.entry(namespace).or_default().push(index),
                None => outside.push(index),
            }
        }
        Self { seen, inventory, by_namespace, outside }
    }

    fn meant(&self, clause: &Clause<PeerMatch>) -> Vec<(u32, Truth)> {
        let ask = |index: u32| {
            let seen = self.seen.get(index as usize)?;
            let truth = clause.means(&seen.endpoint(self.inventory));
            (truth != Truth::No).then_some((index, truth))
        };
        match namespaces(clause) {
            None => (0..self.seen.len() as u32).filter_map(ask).collect(),
            Some(names) => {
                let near = names.into_iter().filter_map(|name| self.by_namespace.get(name)).flatten();
                let near = near.chain(&self.outside);
                let mut members: Vec<_> = near.copied().filter_map(ask).collect();
                members.sort_unstable();
                members
            }
        }
    }
}
