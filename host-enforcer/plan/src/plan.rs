//! The plan: everything one host's tables should hold.

use bookend_abi::Address;
use bookend_abi::address::from_ip;
use bookend_abi::table::Limit;
use bookend_engine::{End, Instance, Inventory, Program, Workload, WorkloadIdentity};
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use crate::block::Point;
use crate::local::{Governing, Local, LocalKey};
use crate::lower::lower;
use crate::name::{KnownIdentity, RuleNumbers};
use crate::remote::{Remote, Remotes};
use crate::service::{Served, faces};
use crate::{InterfacePlan, PlanError, PolicyContents, number};

/// The contents of one host's tables, and what the numbers in them stand for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The policies by handle.
    pub policies: BTreeMap<u64, PolicyContents>,
    /// The interfaces under policy, ascending by name.
    pub interfaces: Vec<InterfacePlan>,
    /// The entries of `identities`: who has which address, cluster-wide.
    pub identities: BTreeMap<Address, u64>,
    /// The identities that the policies know, by number: those of the inventory and the retained ones.
    pub known: BTreeMap<u64, KnownIdentity>,
    /// The identities of Services' addresses, by number, as people call them.
    pub services: BTreeMap<u64, String>,
    /// The rules that give some verdict here, by number: rules, isolations and `default-allow` by their ids.
    pub rules: BTreeMap<u64, String>,
    /// The entries of `limits`: what the verdicts here refer to.
    pub limits: BTreeMap<u32, Limit>,
}

/// A workload and the number of its identity.
type Numbered<'a> = (&'a Workload, u64);

impl Plan {
    /// The plan of the host that has the interfaces which `inventory` names.
    ///
    /// The policies also know the `retained` identities, at any address: the identities of the plan in force, so that
    /// neither those who leave nor those who come are strangers while one plan replaces the other.
    ///
    /// # Errors
    /// When the inventory contradicts itself, or when the tables cannot express what the engine says.
    pub fn build(
        program: &Program,
        inventory: &Inventory,
        retained: &[WorkloadIdentity],
    ) -> Result<Self, PlanError> {
        let known = known(inventory, retained)?;
        let places = places(inventory)?;
        let remotes = remotes(&known, retained, &places);
        let faces = faces(inventory)?;

        let mut plan = Self::default();
        for (address, (_, number)) in &places {
            plan.identities.insert(from_ip(*address), *number);
        }
        for face in &faces {
            plan.services.insert(face.number, face.name.clone());
            plan.identities.extend(face.addresses.iter().map(|address| (from_ip(*address), face.number)));
        }
        let identities = match faces.is_empty() {
            true => HashMap::new(),
            false => {
                places.iter().map(|(at, (_, number))| (Point::from_be_bytes(from_ip(*at)), *number)).collect()
            }
        };
        let served = Served { faces, identities };
        let governing = Governing::new(program, inventory.trust_domain());
        let mut rules = RuleNumbers::default();
        let mut lowered: BTreeMap<LocalKey<'_>, u64> = BTreeMap::new();
        for (name, (workload, instance)) in interfaces(inventory)? {
            let addresses = canonical(instance);
            let mut handle_at = |end: End| -> Result<u64, PlanError> {
                let local =
                    Local::new(&governing, inventory.trust_domain(), &workload.identity, end, &addresses)
                        .map_err(|disagreement| disagreement.into_error(title(workload), name))?;
                if let Some(handle) = lowered.get(&local.key()) {
                    return Ok(*handle);
                }
                let mut contents = lower(program, &local, (&remotes, &served), &mut rules)?;
                let handle = contents.seal();
                if plan.policies.get(&handle).is_some_and(|other| *other != contents) {
                    let second = format!("{} at the {}", title(workload), end.name());
                    return Err(PlanError::SameNumber {
                        what: "the policies",
                        first: format!("{handle:016x}"),
                        second,
                    });
                }
                plan.policies.insert(handle, contents);
                lowered.insert(local.key(), handle);
                Ok(handle)
            };
            let (egress, ingress) = (handle_at(End::Source)?, handle_at(End::Destination)?);
            plan.interfaces.push(InterfacePlan {
                name: name.to_owned(),
                role: instance.role,
                namespace: workload.identity.namespace.clone(),
                workload: workload.name.clone(),
                egress,
                ingress,
                addresses: addresses.into_iter().map(from_ip).collect(),
            });
        }
        plan.known = known;
        (plan.rules, plan.limits) = rules.into_parts();
        Ok(plan)
    }

    /// The identities this plan's policies know, to be retained by the plan that replaces it.
    pub fn known_identities(&self) -> impl Iterator<Item = &WorkloadIdentity> {
        self.known.values().map(|known| &known.identity)
    }
}

/// `namespace/name`.
fn title(workload: &Workload) -> String {
    format!("{}/{}", workload.identity.namespace, workload.name)
}

/// The addresses of an instance, ascending, each once, none IPv4-mapped.
fn canonical(instance: &Instance) -> Vec<IpAddr> {
    let mut addresses: Vec<IpAddr> = instance.addresses.iter().map(IpAddr::to_canonical).collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

/// Who has which address.
fn places(inventory: &Inventory) -> Result<BTreeMap<IpAddr, Numbered<'_>>, PlanError> {
    let mut places: BTreeMap<IpAddr, Numbered<'_>> = BTreeMap::new();
    for workload in inventory.workloads() {
        let number = number::of_identity(&workload.identity);
        let addresses =
            workload.instances.iter().flat_map(|i| canonical(i).into_iter().map(move |a| (a, i.role)));
        for (address, role) in addresses {
            let broadcast = matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
            if address.is_unspecified() || address.is_multicast() || broadcast {
                return Err(PlanError::ImpossibleAddress { address, workload: title(workload) });
            }
            if let Some((first, _)) = places.insert(address, (workload, number)) {
                // A host is reached at all of its addresses by all of its interfaces.
                if role.is_own() && std::ptr::eq(first, workload) {
                    continue;
                }
                let (first, second) = (title(first), title(workload));
                return Err(PlanError::SharedAddress { address, first, second });
            }
        }
    }
    Ok(places)
}

/// The interfaces of this host and who is behind them.
fn interfaces(inventory: &Inventory) -> Result<BTreeMap<&str, (&Workload, &Instance)>, PlanError> {
    let mut interfaces: BTreeMap<&str, (&Workload, &Instance)> = BTreeMap::new();
    let instances = inventory.workloads().iter().flat_map(|w| w.instances.iter().map(move |i| (w, i)));
    for (workload, instance) in instances {
        let Some(interface) = instance.interface.as_deref() else { continue };
        if let Some((first, _)) = interfaces.insert(interface, (workload, instance)) {
            let (first, second) = (title(first), title(workload));
            return Err(PlanError::SharedInterface { interface: interface.to_owned(), first, second });
        }
    }
    Ok(interfaces)
}

/// The identities of the inventory and the retained ones, by number.
fn known(
    inventory: &Inventory,
    retained: &[WorkloadIdentity],
) -> Result<BTreeMap<u64, KnownIdentity>, PlanError> {
    let mut known: BTreeMap<u64, KnownIdentity> = BTreeMap::new();
    let listed = inventory.workloads().iter().map(|workload| (&workload.identity, Some(title(workload))));
    for (identity, workload) in listed.chain(retained.iter().map(|identity| (identity, None))) {
        let entry = known
            .entry(number::of_identity(identity))
            .or_insert_with(|| KnownIdentity { identity: identity.clone(), workloads: Vec::new() });
        if entry.identity != *identity {
            return Err(PlanError::SameNumber {
                what: "the identities of",
                first: entry.name(),
                second: workload.unwrap_or_else(|| KnownIdentity::account(identity)),
            });
        }
        entry.workloads.extend(workload);
    }
    for entry in known.values_mut() {
        entry.workloads.sort_unstable();
        entry.workloads.dedup();
    }
    Ok(known)
}

/// Every known identity as a peer.
fn remotes<'a>(
    known: &'a BTreeMap<u64, KnownIdentity>,
    retained: &[WorkloadIdentity],
    places: &BTreeMap<IpAddr, Numbered<'_>>,
) -> Remotes<'a> {
    let mut remotes: BTreeMap<u64, Remote<'a>> = BTreeMap::new();
    for (number, known) in known {
        let remote =
            Remote { number: *number, identity: &known.identity, addresses: Vec::new(), retained: false };
        remotes.insert(*number, remote);
    }
    for identity in retained {
        if let Some(remote) = remotes.get_mut(&number::of_identity(identity)) {
            remote.retained = true;
        }
    }
    for (address, (_, number)) in places {
        if let Some(remote) = remotes.get_mut(number) {
            remote.addresses.push(Point::from_be_bytes(from_ip(*address)));
        }
    }
    Remotes::new(remotes.into_values().collect())
}
