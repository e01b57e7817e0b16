//! Where the parties of a question are, on one imagined host.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use anyhow::Context;
use bookend_engine::{Instance, Inventory, IpNet, PeerMatch, Program, Workload};

use crate::sources::Documents;
use crate::subject::{Party, title};

/// The inventory, as it would be if the parties ran on one host.
pub(crate) struct Places {
    /// With an interface for each of the parties and nobody else.
    pub(super) inventory: Inventory,
    /// By `namespace/name`.
    places: BTreeMap<String, Place>,
}

/// The host side of a party's interface.
pub(super) struct Place {
    /// Its index; in decimal digits also its name.
    pub(super) index: u32,
    /// Its addresses, or what stands for them.
    addresses: Vec<IpAddr>,
}

impl Places {
    /// Places for `parties`. Who has no address in the inventory is given one that no rule names, if there is any.
    ///
    /// # Errors
    /// When there are more than 2³² parties.
    pub(crate) fn new<'c>(
        parties: impl IntoIterator<Item = &'c Party<'c>>,
        documents: &Documents,
    ) -> anyhow::Result<Self> {
        let program = &documents.compiled.program;
        let mut inventory = documents.compiled.inventory.clone();
        for instance in inventory.workloads.iter_mut().flat_map(|workload| &mut workload.instances) {
            instance.interface = None;
        }
        let mut places = BTreeMap::new();
        for party in parties {
            let Some(workload) = party.workload else { continue };
            if places.contains_key(&title(workload)) {
                continue;
            }
            let index = u32::try_from(places.len()).context("too many workloads")? + 1;
            let addresses = settle(&mut inventory, program, workload, party, index);
            places.insert(title(workload), Place { index, addresses });
        }
        Ok(Self { inventory, places })
    }

    /// The place of a party that is a workload.
    pub(super) fn of(&self, party: &Party<'_>) -> Option<&Place> {
        self.places.get(&title(party.workload?))
    }

    /// Where a party is: at its own addresses, or at those it was given.
    pub(super) fn addresses(&self, party: &Party<'_>) -> Vec<IpAddr> {
        match self.of(party) {
            Some(place) if party.addresses.is_empty() => place.addresses.clone(),
            _ => party.addresses.clone(),
        }
    }
}

/// Gives a party an interface in the inventory, and addresses where it has none.
fn settle(
    inventory: &mut Inventory,
    program: &Program,
    workload: &Workload,
    party: &Party<'_>,
    index: u32,
) -> Vec<IpAddr> {
    let stand_ins = if party.addresses.is_empty() { stand_ins(inventory, program) } else { Vec::new() };
    let found = inventory
        .workloads
        .iter_mut()
        .find(|w| w.name == workload.name && w.identity.namespace == workload.identity.namespace);
    let Some(found) = found else { return Vec::new() };
    let shares = |instance: &&mut Instance| instance.addresses.iter().any(|a| party.addresses.contains(a));
    let interface = Some(index.to_string());
    match found.instances.iter_mut().find(shares) {
        Some(instance) => {
            instance.interface = interface;
            instance.addresses.clone()
        }
        None => {
            found.instances.push(Instance { addresses: stand_ins.clone(), interface });
            stand_ins
        }
    }
}

/// An IPv4 and an IPv6 address that nobody has and, if possible, no rule names.
fn stand_ins(inventory: &Inventory, program: &Program) -> Vec<IpAddr> {
    let clauses = program.rules().iter().flat_map(|rule| [&rule.from, &rule.to]);
    let named: Vec<IpNet> = clauses
        .filter_map(|clause| clause.alternatives())
        .flatten()
        .filter_map(|peer| match peer {
            PeerMatch::Block(block) => Some(block.nets()),
            PeerMatch::Workloads(_) => None,
        })
        .flatten()
        .collect();
    let free = |address: &IpAddr| inventory.at(*address).is_none();
    let unnamed = |address: &IpAddr| !named.iter().any(|net| net.contains(address));
    // Shared address space (RFC 6598) and a unique local prefix (RFC 4193).
    let v4 = || (1..=0xffff_u32).map(|n| IpAddr::from(Ipv4Addr::from_bits(0x6440_0000 | n)));
    let v6 = || (1..=0xffff_u128).map(|n| IpAddr::from(Ipv6Addr::from_bits((0xfd00_b00c_e4d0 << 80) | n)));
    let v4 = v4().find(|a| free(a) && unnamed(a)).or_else(|| v4().find(free));
    let v6 = v6().find(|a| free(a) && unnamed(a)).or_else(|| v6().find(free));
    v4.into_iter().chain(v6).collect()
}
