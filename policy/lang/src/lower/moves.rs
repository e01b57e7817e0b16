//! What is seen to run, while it moves: the world as it would be lowered again, at the cost of what moved.

use core::net::IpAddr;
use std::collections::{HashMap, HashSet};

use super::{Facts, selecting::Selecting};
use crate::document::WorkloadDocument;
use bookend_engine::{Instance, Inventory};

/// What is known of a world to move workloads in it.
#[derive(Debug)]
pub(crate) struct Moves {
    /// The position in the inventory of what each sighting describes alone.
    places: Vec<Option<usize>>,
    /// Who has each interface.
    interfaces: HashMap<String, usize>,
    selecting: Selecting,
}

impl Moves {
    /// What is known of the world that `facts` were lowered to; nothing if more of it depends on who is where than can be told
    /// workload by workload. `seen` are the workloads of the sightings, in their order.
    pub(crate) fn new(
        facts: &Facts<'_>,
        inventory: &Inventory,
        selecting: Option<Selecting>,
        seen: &[Option<WorkloadDocument>],
    ) -> Option<Self> {
        // Calico's policies may mean whoever is behind a Service, and its sets are resolved by addresses.
        if !facts.calico_policies.is_empty() || !facts.calico_sets.is_empty() {
            return None;
        }
        let key = |document: &'_ WorkloadDocument| (document.namespace.clone(), document.name.value.clone());
        let mut said: HashMap<(&str, &str), usize> = HashMap::with_capacity(facts.workloads.len());
        for document in &facts.workloads {
            *said.entry((&document.namespace, &document.name.value)).or_default() += 1;
        }
        let workloads = inventory.workloads().iter().enumerate();
        let positions: HashMap<(&str, &str), usize> =
            workloads.map(|(at, w)| ((w.identity.namespace.as_str(), w.name.as_str()), at)).collect();
        let place = |document: &Option<WorkloadDocument>| {
            // What uses its node's network is nowhere, and what others describe too is joined with what they say.
            let document = document.as_ref().filter(|document| document.host_network.is_none())?;
            let (namespace, name) = key(document);
            let key = (namespace.as_str(), name.as_str());
            (said.get(&key) == Some(&1)).then(|| positions.get(&key).copied())?
        };
        let interfaces = inventory.workloads().iter().enumerate().flat_map(|(position, workload)| {
            workload.instances.iter().filter_map(move |i| Some((i.interface.clone()?, position)))
        });
        Some(Self {
            places: seen.iter().map(place).collect(),
            interfaces: interfaces.collect(),
            selecting: selecting?,
        })
    }

    /// Has sightings, by position, run at these places, and those behind Services follow them: the positions of the workloads that
    /// moved, ascending, and whether nothing else would be said of them. Nothing, and the inventory is as it was, if that may
    /// contradict something, which is said by whoever lowers all of it.
    pub(crate) fn apply(
        &mut self,
        sightings: &[(usize, &[Instance])],
        inventory: &mut Inventory,
    ) -> Option<(Vec<usize>, bool)> {
        let mut moves = Vec::with_capacity(sightings.len());
        for (sighting, instances) in sightings {
            moves.push(((*self.places.get(*sighting)?)?, instances.to_vec()));
        }
        moves.sort_by_key(|(position, _)| *position);
        let moving: HashSet<usize> = moves.iter().map(|(position, _)| *position).collect();
        let (mut addresses, mut interfaces): (HashSet<IpAddr>, HashSet<&str>) = Default::default();
        for instance in moves.iter().flat_map(|(_, instances)| instances) {
            for address in &instance.addresses {
                let owner = inventory.position_at(*address);
                let free = owner.is_none_or(|owner| moving.contains(&owner));
                if !free || self.selecting.claims(*address) || !addresses.insert(address.to_canonical()) {
                    return None;
                }
            }
            let Some(interface) = &instance.interface else { continue };
            let owner = self.interfaces.get(interface);
            if owner.is_some_and(|owner| !moving.contains(owner)) || !interfaces.insert(interface) {
                return None;
            }
        }
        for position in &moving {
            let before = inventory.workloads().get(*position)?;
            let mut gone = before.instances.iter().flat_map(|instance| &instance.addresses);
            // A Service may have the address back that a workload took from it.
            if gone.any(|address| self.selecting.claims(*address)) {
                return None;
            }
        }
        self.interfaces.retain(|_, owner| !moving.contains(owner));
        for (position, instances) in &moves {
            let named = instances.iter().filter_map(|instance| instance.interface.clone());
            self.interfaces.extend(named.map(|interface| (interface, *position)));
        }
        let moved: Vec<usize> = moves.iter().map(|(position, _)| *position).collect();
        inventory.move_workloads(moves);
        let alike = self.selecting.follow(&moved, inventory);
        Some((moved, alike))
    }
}
