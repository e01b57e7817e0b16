//! Worlds in which workloads move, and nothing else changes.
//!
//! A policy that was lowered still holds if it knows each identity wherever it is now: in the class of each of its addresses. It may know it
//! where it is no more: nobody asks there. So a world remembers where its identities were since the policies were lowered, and a move is for
//! free to every place that is, to each policy, like one of those.

use bookend_abi::Address;
use bookend_abi::address::from_ip;
use bookend_abi::table::SERVICE;
use bookend_engine::{Backend, Inventory, Workload};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use crate::block::{Point, Runs};
use crate::world::{World, canonical};

/// How many places that are left are remembered before everything is lowered again.
const MOST_LEFT: usize = 50_000;

impl World {
    /// Follows the workloads at these positions of `inventory`, which differs from the one before in nothing but where they are and in who is
    /// behind Services. Whether all policies that tell addresses apart as `partitions` do still hold. If not, nothing has changed.
    pub(crate) fn follow(
        &mut self,
        inventory: &Inventory,
        moved: &[usize],
        partitions: &BTreeSet<Arc<Runs>>,
    ) -> bool {
        if self.numbers.len() != inventory.workloads().len()
            || self.trust_domain != inventory.trust_domain()
            || self.elsewhere.len() > MOST_LEFT
        {
            return false;
        }
        let Some(moves) = self.moves(inventory, moved) else { return false };
        let mut come: Vec<(Address, u64)> = Vec::new();
        let mut left: BTreeMap<Address, u64> = BTreeMap::new();
        for (position, addresses) in &moves {
            let Some((number, before)) = self.numbers.get(*position).zip(self.addresses.get(*position))
            else {
                return false;
            };
            left.extend(before.iter().filter(|at| !addresses.contains(at)).map(|at| (*at, *number)));
            come.extend(addresses.iter().filter(|at| !before.contains(at)).map(|at| (*at, *number)));
        }
        let known = |(address, number): &(Address, u64)| {
            let at = Point::from_be_bytes(*address);
            self.spots().get(number).is_some_and(|spots| {
                partitions.iter().all(|runs| spots.iter().any(|spot| runs.of(*spot) == runs.of(at)))
            })
        };
        // Whoever is there must be leaving.
        let free = |(address, _): &(Address, u64)| {
            self.identities
                .get(address)
                .is_none_or(|owner| owner & SERVICE == 0 && left.contains_key(address))
        };
        if !come.iter().all(|place| free(place) && known(place)) {
            return false;
        }
        let mut identities = Arc::clone(&self.identities);
        let entries = Arc::make_mut(&mut identities);
        for address in left.keys() {
            entries.remove(address);
        }
        entries.extend(come.iter().copied());
        if !self.serves_alike(inventory, &identities, partitions) {
            return false;
        }
        for (position, addresses) in moves {
            if let Some(before) = self.addresses.get_mut(position) {
                self.places = self.places + addresses.len() - before.len();
                *before = addresses.into();
            }
        }
        self.identities = identities;
        self.served = inventory.services().to_vec();
        self.spots();
        if let Some(spots) = self.spots.get_mut() {
            for (address, number) in come {
                spots.entry(number).or_default().push(Point::from_be_bytes(address));
            }
        }
        self.elsewhere.extend(left);
        true
    }

    /// Where each identity is, or was since the policies were lowered.
    fn spots(&self) -> &HashMap<u64, Vec<Point>> {
        self.spots.get_or_init(|| self.places_by_number())
    }

    /// Where the workloads at these positions are now; nothing if that cannot be.
    fn moves(&self, inventory: &Inventory, moved: &[usize]) -> Option<Vec<(usize, Vec<Address>)>> {
        let mut moves = Vec::with_capacity(moved.len());
        for position in moved {
            let workload = inventory.workloads().get(*position)?;
            if workload.instances.iter().any(|instance| instance.role.is_own()) {
                return None;
            }
            moves.push((*position, addresses(workload)?));
        }
        Some(moves)
    }

    /// Whether each Service has, as far as policies can tell, the same behind it as before.
    fn serves_alike(
        &self,
        inventory: &Inventory,
        identities: &BTreeMap<Address, u64>,
        partitions: &BTreeSet<Arc<Runs>>,
    ) -> bool {
        let is = inventory.services();
        if self.served == is {
            return true;
        }
        let behind = |backends: &[Backend], identities: &BTreeMap<Address, u64>| {
            let told = backends.iter().map(|backend| {
                let at = from_ip(backend.address);
                let classes: Vec<u32> =
                    partitions.iter().map(|runs| runs.of(Point::from_be_bytes(at))).collect();
                let ipv6 = backend.address.to_canonical().is_ipv6();
                (identities.get(&at).copied(), ipv6, backend.port, classes)
            });
            told.collect::<BTreeSet<_>>()
        };
        self.served.len() == is.len()
            && self.served.iter().zip(is).all(|(was, is)| {
                (&was.namespace, &was.name, &was.addresses) == (&is.namespace, &is.name, &is.addresses)
                    && was.ports.len() == is.ports.len()
                    && was.ports.iter().zip(&is.ports).all(|(was, is)| {
                        (&was.name, was.protocol, was.port) == (&is.name, is.protocol, is.port)
                            && (was.backends == is.backends
                                || behind(&was.backends, &self.identities)
                                    == behind(&is.backends, identities))
                    })
            })
    }
}

/// All addresses of a workload; nothing if one of them cannot be.
fn addresses(workload: &Workload) -> Option<Vec<Address>> {
    let mut all = Vec::new();
    for address in workload.instances.iter().flat_map(canonical) {
        let broadcast = matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
        if address.is_unspecified() || address.is_multicast() || broadcast || all.contains(&from_ip(address))
        {
            return None;
        }
        all.push(from_ip(address));
    }
    Some(all)
}
