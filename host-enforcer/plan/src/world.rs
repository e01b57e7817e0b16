//! Who is where: all of an inventory that is the same to every policy.

use bookend_abi::Address;
use bookend_abi::address::from_ip;
use bookend_abi::table::SERVICE;
use bookend_engine::{Instance, Inventory, Service, Workload, WorkloadIdentity};
use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use crate::block::Point;
use crate::difference::Differences;
use crate::name::KnownIdentity;
use crate::remote::{Remote, Remotes};
use crate::service::faces;
use crate::{Plan, PlanError, number};

/// Who has which address, and who is known.
#[derive(Debug, Default)]
pub(crate) struct World {
    /// The identities by number: those of the inventory and the retained ones.
    pub(crate) known: Arc<BTreeMap<u64, KnownIdentity>>,
    /// Those of the inventory.
    listed: Arc<BTreeMap<u64, KnownIdentity>>,
    /// Retained identities that may turn up at any address.
    anywhere: BTreeSet<u64>,
    /// Where retained identities were that are there no more.
    pub(crate) elsewhere: Vec<(Address, u64)>,
    /// The entries of `identities`, those of Services too.
    pub(crate) identities: Arc<BTreeMap<Address, u64>>,
    /// What people call the Services, by the number of their identity.
    pub(crate) services: BTreeMap<u64, String>,
    /// The number of each workload's identity, by its position in the inventory.
    pub(crate) numbers: Vec<u64>,
    /// The addresses of each workload, by its position.
    pub(crate) addresses: Vec<Box<[Address]>>,
    /// Where each identity is, or was since the policies were lowered; found when it is first asked.
    pub(crate) spots: OnceCell<HashMap<u64, Vec<Point>>>,
    /// How many addresses all instances have together.
    pub(crate) places: usize,
    pub(crate) served: Vec<Service>,
    pub(crate) trust_domain: String,
}

/// `namespace/name`.
pub(crate) fn title(workload: &Workload) -> String {
    format!("{}/{}", workload.identity.namespace, workload.name)
}

/// The addresses of an instance, ascending, each once, none IPv4-mapped.
pub(crate) fn canonical(instance: &Instance) -> Vec<IpAddr> {
    let mut addresses: Vec<IpAddr> = instance.addresses.iter().map(IpAddr::to_canonical).collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

impl World {
    /// The world of `inventory`. What is the same as `before` is not computed again.
    ///
    /// # Errors
    /// When the inventory contradicts itself.
    pub(crate) fn new(inventory: &Inventory, before: &Self) -> Result<Self, PlanError> {
        let numbers: Vec<u64> = inventory
            .workloads()
            .iter()
            .enumerate()
            .map(|(position, workload)| {
                let number = before.numbers.get(position).copied();
                let same = |number: &u64| {
                    before.listed.get(number).is_some_and(|known| known.identity == workload.identity)
                };
                number.filter(same).unwrap_or_else(|| number::of_identity(&workload.identity))
            })
            .collect();
        let (mut identities, places) = identities(inventory, &numbers)?;
        let faces = faces(inventory)?;
        for face in &faces {
            identities.extend(face.addresses.iter().map(|address| (from_ip(*address), face.number)));
        }
        let listed = Arc::new(known(inventory, &numbers)?);
        Ok(Self {
            known: Arc::clone(&listed),
            listed,
            anywhere: BTreeSet::new(),
            elsewhere: Vec::new(),
            identities: Arc::new(identities),
            services: faces.iter().map(|face| (face.number, face.name.clone())).collect(),
            addresses: addresses(inventory),
            spots: OnceCell::new(),
            numbers,
            places,
            served: inventory.services().to_vec(),
            trust_domain: inventory.trust_domain().to_owned(),
        })
    }

    /// Whether a new one of `inventory` would say the same, whoever is retained.
    pub(crate) fn is_of(&self, inventory: &Inventory) -> bool {
        let workloads = inventory.workloads();
        let mut places = 0;
        self.trust_domain == inventory.trust_domain()
            && self.served == inventory.services()
            && self.numbers.len() == workloads.len()
            && workloads.iter().zip(&self.numbers).all(|(workload, number)| {
                let named = self
                    .listed
                    .get(number)
                    .is_some_and(|known| known.identity == workload.identity && known.is_named(workload));
                named
                    && workload.instances.iter().all(|instance| {
                        let addresses = canonical(instance);
                        places += addresses.len();
                        addresses
                            .iter()
                            .all(|address| self.identities.get(&from_ip(*address)) == Some(number))
                    })
            })
            && self.places == places
    }

    /// Retains those identities of `current` that are no more where they were. While this world's plan replaces that one, they may
    /// still be met there. Whether that changes anything.
    pub(crate) fn retain(&mut self, current: &Plan) -> bool {
        let left = Differences::new(&current.identities, &self.identities)
            .filter_map(|(address, was, _)| Some((address, was.filter(|number| number & SERVICE == 0)?)));
        let elsewhere: Vec<(Address, u64)> = left.collect();
        if elsewhere == self.elsewhere {
            return false;
        }
        let gone = elsewhere.iter().filter(|(_, number)| !self.listed.contains_key(number));
        let gone: BTreeMap<u64, KnownIdentity> = gone
            .filter_map(|(_, number)| {
                let identity = current.known.get(number)?.identity.clone();
                Some((*number, KnownIdentity { identity, workloads: Vec::new() }))
            })
            .collect();
        self.known = Arc::clone(&self.listed);
        if !gone.is_empty() {
            Arc::make_mut(&mut self.known).extend(gone);
        }
        self.elsewhere = elsewhere;
        self.spots = OnceCell::new();
        true
    }

    /// Retains identities that may turn up at any address.
    ///
    /// # Errors
    /// When one has the number of another.
    pub(crate) fn retain_anywhere(&mut self, retained: &[WorkloadIdentity]) -> Result<(), PlanError> {
        for identity in retained {
            let number = number::of_identity(identity);
            match self.known.get(&number) {
                Some(known) if known.identity != *identity => {
                    let (first, second) = (known.name(), KnownIdentity::account(identity));
                    return Err(PlanError::SameNumber { what: "the identities of", first, second });
                }
                Some(_) => {}
                None => {
                    let identity = identity.clone();
                    let known = KnownIdentity { identity, workloads: Vec::new() };
                    Arc::make_mut(&mut self.known).insert(number, known);
                }
            }
            self.anywhere.insert(number);
        }
        Ok(())
    }

    /// Where each identity is, or was since the policies were lowered.
    pub(crate) fn places_by_number(&self) -> HashMap<u64, Vec<Point>> {
        let mut places: HashMap<u64, Vec<Point>> = HashMap::with_capacity(self.known.len());
        for (number, addresses) in self.numbers.iter().zip(&self.addresses) {
            let points = addresses.iter().map(|address| Point::from_be_bytes(*address));
            places.entry(*number).or_default().extend(points);
        }
        for (address, number) in &self.elsewhere {
            places.entry(*number).or_default().push(Point::from_be_bytes(*address));
        }
        places
    }

    /// Every known identity as a peer.
    pub(crate) fn remotes(&self) -> Remotes<'_> {
        let mut addresses = self.places_by_number();
        let all = self.known.iter().map(|(number, known)| Remote {
            number: *number,
            identity: &known.identity,
            addresses: addresses.remove(number).unwrap_or_default(),
            retained: self.anywhere.contains(number),
        });
        Remotes::new(all.collect())
    }
}

/// The addresses of each workload, by its position.
fn addresses(inventory: &Inventory) -> Vec<Box<[Address]>> {
    let of = |workload: &Workload| workload.instances.iter().flat_map(canonical).map(from_ip).collect();
    inventory.workloads().iter().map(of).collect()
}

/// The identity at each address, and how many addresses all instances have together.
fn identities(inventory: &Inventory, numbers: &[u64]) -> Result<(BTreeMap<Address, u64>, usize), PlanError> {
    let mut places: Vec<(IpAddr, &Workload, u64, bool)> = Vec::with_capacity(numbers.len());
    for (workload, number) in inventory.workloads().iter().zip(numbers) {
        for instance in &workload.instances {
            for address in canonical(instance) {
                let broadcast = matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
                if address.is_unspecified() || address.is_multicast() || broadcast {
                    return Err(PlanError::ImpossibleAddress { address, workload: title(workload) });
                }
                places.push((address, workload, *number, instance.role.is_own()));
            }
        }
    }
    let count = places.len();
    // In the order of the inventory where an address comes twice.
    places.sort_by_key(|place| place.0);
    for (one, other) in places.iter().zip(places.iter().skip(1)) {
        let ((address, first, ..), (again, second, _, own)) = (one, other);
        // A host is reached at all of its addresses by all of its interfaces.
        if address == again && !(*own && std::ptr::eq(*first, *second)) {
            let (first, second) = (title(first), title(second));
            return Err(PlanError::SharedAddress { address: *address, first, second });
        }
    }
    Ok((places.into_iter().map(|(address, _, number, _)| (from_ip(address), number)).collect(), count))
}

/// The identities of the inventory, by number.
fn known(inventory: &Inventory, numbers: &[u64]) -> Result<BTreeMap<u64, KnownIdentity>, PlanError> {
    let mut known: BTreeMap<u64, KnownIdentity> = BTreeMap::new();
    for (workload, number) in inventory.workloads().iter().zip(numbers) {
        let identity = &workload.identity;
        let entry = known
            .entry(*number)
            .or_insert_with(|| KnownIdentity { identity: identity.clone(), workloads: Vec::new() });
        if entry.identity != *identity {
            let (first, second) = (entry.name(), title(workload));
            return Err(PlanError::SameNumber { what: "the identities of", first, second });
        }
        entry.workloads.push(title(workload));
    }
    for entry in known.values_mut() {
        entry.workloads.sort_unstable();
        entry.workloads.dedup();
    }
    Ok(known)
}
