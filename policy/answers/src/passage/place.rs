//! Where the parties of a question are, on one imagined host.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use anyhow::Context;
use bookend_engine::{Instance, Inventory, Workload};

use crate::documents::Documents;
use crate::subject::{Classes, Party, title};

/// The inventory, as it would be if the parties ran on one host.
pub struct Places {
    /// With an interface for each of the parties and nobody else.
    inventory: Inventory,
    places: BTreeMap<Key, Place>,
    /// What stands for the address of somebody outside of whom only the principal is known.
    nowhere: Vec<IpAddr>,
}

/// A workload by `namespace/name`, and the first of its addresses.
type Key = (String, Option<IpAddr>);

/// The host side of a party's interface.
struct Place {
    /// Its index; in decimal digits also its name.
    index: u32,
    /// Its addresses, or what stands for them.
    addresses: Vec<IpAddr>,
}

impl Places {
    /// Places for `parties`. Who has no address in the inventory is given one that no rule names, if there is any.
    ///
    /// # Errors
    /// When there are more than 2³² parties.
    pub fn new<'c>(
        parties: impl IntoIterator<Item = &'c Party<'c>>,
        documents: &Documents,
    ) -> anyhow::Result<Self> {
        let inventory = &documents.compiled.inventory;
        let mut workloads = inventory.workloads().to_vec();
        for instance in workloads.iter_mut().flat_map(|workload| &mut workload.instances) {
            instance.interface = None;
        }
        let positions: BTreeMap<String, usize> =
            workloads.iter().enumerate().map(|(position, workload)| (title(workload), position)).collect();
        let classes = Classes::new(&documents.compiled.program);
        let mut free = Free { inventory, classes: &classes, v4: 0, v6: 0 };
        let nowhere = free.next();
        let mut places = BTreeMap::new();
        for party in parties {
            let Some(workload) = party.workload else { continue };
            let key = key(party, workload);
            if places.contains_key(&key) {
                continue;
            }
            let index = u32::try_from(places.len()).context("too many workloads")? + 1;
            let found = positions.get(&key.0).and_then(|position| workloads.get_mut(*position));
            let Some(found) = found else { continue };
            let (index, addresses) = settle(found, party, index, &mut free);
            places.insert(key, Place { index, addresses });
        }
        Ok(Self { inventory: inventory.clone().with_workloads(workloads), places, nowhere })
    }

    /// The inventory of the imagined host.
    pub fn inventory(&self) -> &Inventory {
        &self.inventory
    }

    /// The interface of a party that is a workload.
    pub fn interface(&self, party: &Party<'_>) -> Option<u32> {
        Some(self.places.get(&key(party, party.workload?))?.index)
    }

    /// Where a party is: at its own addresses, or at those it was given.
    pub(super) fn addresses(&self, party: &Party<'_>) -> Vec<IpAddr> {
        if !party.addresses.is_empty() {
            return party.addresses.clone();
        }
        let place = party.workload.and_then(|workload| self.places.get(&key(party, workload)));
        place.map_or_else(|| self.nowhere.clone(), |place| place.addresses.clone())
    }
}

fn key(party: &Party<'_>, workload: &Workload) -> Key {
    (title(workload), party.addresses.first().copied())
}

/// Gives a party an interface in the inventory, and addresses where it has none. Who is at another address of an instance that has an
/// interface by now shares it.
fn settle(workload: &mut Workload, party: &Party<'_>, index: u32, free: &mut Free<'_>) -> (u32, Vec<IpAddr>) {
    let shares = |instance: &&mut Instance| instance.addresses.iter().any(|a| party.addresses.contains(a));
    match workload.instances.iter_mut().find(shares) {
        Some(instance) => {
            let known = instance.interface.as_deref().and_then(|interface| interface.parse().ok());
            let index = known.unwrap_or(index);
            instance.interface = Some(index.to_string());
            (index, instance.addresses.clone())
        }
        None => {
            let addresses = free.next();
            workload.instances.push(Instance {
                addresses: addresses.clone(),
                interface: Some(index.to_string()),
                ..Instance::default()
            });
            (index, addresses)
        }
    }
}

/// Addresses that nobody has and, if possible, no rule names, one after the other.
struct Free<'i> {
    inventory: &'i Inventory,
    classes: &'i Classes,
    v4: u32,
    v6: u32,
}

/// How many addresses of each family there are to choose from.
const MOST: u32 = 0x3f_ffff;

impl Free<'_> {
    /// An IPv4 and an IPv6 address, as far as there are any.
    fn next(&mut self) -> Vec<IpAddr> {
        // Shared address space (RFC 6598) and a unique local prefix (RFC 4193).
        let v4 = |n: u32| IpAddr::from(Ipv4Addr::from_bits(0x6440_0000 | n));
        let v6 = |n: u32| IpAddr::from(Ipv6Addr::from_bits((0xfd00_b00c_e4d0 << 80) | u128::from(n)));
        let (inventory, classes) = (self.inventory, self.classes);
        let find = |start: u32, make: &dyn Fn(u32) -> IpAddr| {
            let free = |n: &u32| inventory.at(make(*n)).is_none();
            let unnamed = |n: &u32| !classes.names(make(*n));
            // Where rules name all of them, one that is free must do; looking through all takes too long.
            let looked = || (start + 1..=MOST).filter(free);
            looked().take(4096).find(unnamed).or_else(|| looked().next())
        };
        let (first, second) = (find(self.v4, &v4), find(self.v6, &v6));
        self.v4 = first.unwrap_or(self.v4);
        self.v6 = second.unwrap_or(self.v6);
        first.map(v4).into_iter().chain(second.map(v6)).collect()
    }
}
