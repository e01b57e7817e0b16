//! What becomes of connections that are dialled to Services: which are denied for some of those behind, and what a change does
//! to them.

use std::collections::{BTreeMap, BTreeSet};

use bookend_engine::{
    Connection, Decision, Dialled, End, Endpoint, Exchange, Inventory, Location, NoTrace, Program, Protocol,
    Service, ServicePort, Verdict, decide_dialled, decide_end,
};

use crate::atoms::Atoms;
use crate::engine::nets;
use crate::ground::Ground;
use crate::side::{Name, Side};

/// A port of a Service, some of whose backends a workload may reach and others not, so that it reaches none (S71).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mixed<'s> {
    /// The Service.
    pub service: &'s Service,
    /// The port.
    pub port: &'s ServicePort,
    /// Who is held back; at least one.
    pub sources: Vec<Name<'s>>,
    /// The id of what denies one of the backends to the first of them.
    pub by: String,
}

/// The Services of which a part is allowed to somebody.
pub fn mixed(side: Side<'_>) -> Vec<Mixed<'_>> {
    let program = side.program.clone().indexed();
    let atoms = Atoms::new(nets(&program));
    let mut found = Vec::new();
    let several: Vec<_> = side
        .inventory
        .services()
        .iter()
        .flat_map(|service| service.ports.iter().map(move |port| (service, port)))
        .filter(|(_, port)| port.backends.len() > 1)
        .flat_map(|(service, port)| dialled(side.inventory, service, port, &atoms))
        .filter(|(_, _, dialled)| dialled.backends.len() > 1)
        .collect();
    if several.is_empty() {
        return found;
    }
    let ground = Ground::new(&[side]);
    for (service, port, dialled) in several {
        let mut held: Option<Mixed<'_>> = None;
        for party in ground.parties().iter().filter(|party| party.is_workload()) {
            let Some(source) = party.seen.first().map(|seen| seen.endpoint(side.inventory)) else { continue };
            let judged = decide_dialled(&program, &source, &dialled, &mut NoTrace);
            if !judged.is_mixed() {
                continue;
            }
            let mixed = held.get_or_insert_with(|| Mixed {
                service,
                port,
                sources: Vec::new(),
                by: judged.decision.cause.id().to_owned(),
            });
            mixed.sources.extend(&party.workloads);
        }
        found.extend(held.map(|mut mixed| {
            mixed.sources.sort_unstable();
            mixed.sources.dedup();
            mixed
        }));
    }
    // Both families of addresses say the same twice.
    found.dedup_by(|a, b| std::ptr::eq(a.port, b.port));
    found
}

/// The connections to a port of a Service, one for each family of its addresses, with one backend of each identity, place and port: no
/// rule tells others of these apart.
fn dialled<'s>(
    inventory: &'s Inventory,
    service: &'s Service,
    port: &'s ServicePort,
    atoms: &Atoms,
) -> Vec<(&'s Service, &'s ServicePort, Dialled<'s>)> {
    let mut found = Vec::new();
    for ipv6 in [false, true] {
        let address = service.addresses.iter().find(|address| address.is_ipv6() == ipv6);
        let dialled = address.and_then(|at| inventory.dialled(*at, port.protocol, port.port));
        let Some(mut dialled) = dialled else { continue };
        let mut kept: Vec<(Endpoint<'s>, u16)> = Vec::new();
        for (endpoint, port) in dialled.backends {
            // A location is the block of one address.
            let place = |location: Location| match location {
                Location::Block(net) => Some(atoms.place(net.addr())),
                Location::Elsewhere | Location::Unknown => None,
            };
            let same = |(other, at): &(Endpoint<'s>, u16)| {
                (&other.identity, place(other.location), *at)
                    == (&endpoint.identity, place(endpoint.location), port)
            };
            if !kept.iter().any(same) {
                kept.push((endpoint, port));
            }
        }
        dialled.backends = kept;
        found.push((service, port, dialled));
    }
    found
}

/// Connections through a Service that get another verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rerouted<'s> {
    /// The Service, as it is called before and after.
    pub service: Name<'s>,
    /// The protocol.
    pub protocol: Protocol,
    /// The port that is dialled.
    pub port: u16,
    /// Who dials it, of those who are known before and after; at least one.
    pub sources: Vec<Name<'s>>,
    /// What decided before, and its id.
    pub before: (Verdict, String),
    /// What decides after.
    pub after: (Verdict, String),
}

impl Rerouted<'_> {
    /// Whether something is let through that was not.
    pub fn opens(&self) -> bool {
        self.after.0 == Verdict::Allow
    }
}

/// A port of a Service: its name, the protocol, the number, and the family of the address.
type Key<'s> = (Name<'s>, Protocol, u16, bool);

/// What changes: a port of a Service, and what is decided about it before and after.
type Changed<'s> = (Name<'s>, Protocol, u16, [(Verdict, String); 2]);

/// A port of a Service with an address of a family.
type Face<'s> = (&'s Service, &'s ServicePort, std::net::IpAddr);

/// The connections through Services on which verdicts differ, whether because of rules, of who is behind the Services, or of their ports. A
/// Service that is not there on a side is an address that nobody has.
pub fn rerouted<'s>(old: Side<'s>, new: Side<'s>) -> Vec<Rerouted<'s>> {
    let faces = [faces(old.inventory), faces(new.inventory)];
    let keys: BTreeSet<Key<'s>> = faces.iter().flat_map(|faces| faces.keys().copied()).collect();
    if keys.is_empty() {
        return Vec::new();
    }
    let sides = [old, new];
    let programs = sides.map(|side| side.program.clone().indexed());
    let ground = Ground::new(&sides);
    let same_program = old.program == new.program;
    let mut found: BTreeMap<Changed<'s>, BTreeSet<Name<'s>>> = BTreeMap::new();
    for key in keys {
        let face = |number: usize| faces.get(number)?.get(&key).copied();
        let (Some((_, _, address)), known) = (face(0).or_else(|| face(1)), key) else { continue };
        let asked = |number: usize| {
            let (side, at) = (sides.get(number)?, face(number).map_or(address, |(_, _, own)| own));
            Some((at, side.inventory.dialled(at, known.1, known.2)))
        };
        let same = same_program && asked(0) == asked(1);
        for party in ground.parties().iter().filter(|party| party.is_workload()) {
            // Nothing that it depends on is different.
            if same && party.seen.first() == party.seen.get(1) {
                continue;
            }
            if (0..sides.len()).any(|number| party.identity(number).is_none()) {
                continue;
            }
            let judged = |number: usize| {
                let (side, program) = (sides.get(number)?, programs.get(number)?);
                let source = party.seen.get(number)?.endpoint(side.inventory);
                let at = face(number).map_or(address, |(_, _, own)| own);
                let decision = decided(program, side.inventory, &source, at, (known.1, known.2));
                Some((decision.verdict, decision.cause.id().to_owned()))
            };
            let (Some(before), Some(after)) = (judged(0), judged(1)) else { continue };
            if before.0 != after.0 {
                let changed = (known.0, known.1, known.2, [before, after]);
                found.entry(changed).or_default().extend(&party.workloads);
            }
        }
    }
    let found = found.into_iter().map(|((service, protocol, port, [before, after]), sources)| {
        let sources = sources.into_iter().collect();
        Rerouted { service, protocol, port, sources, before, after }
    });
    found.collect()
}

fn decided<'p>(
    program: &'p Program,
    inventory: &Inventory,
    source: &Endpoint<'_>,
    address: std::net::IpAddr,
    (protocol, port): (Protocol, u16),
) -> Decision<'p> {
    if let Some(dialled) = inventory.dialled(address, protocol, port) {
        return decide_dialled(program, source, &dialled, &mut NoTrace).decision;
    }
    let (source, destination) = (source.clone(), inventory.endpoint(address));
    let connection = Connection { source, destination, protocol, port };
    decide_end(program, End::Source, &connection, Exchange::Packet, &mut NoTrace)
}

fn faces(inventory: &Inventory) -> BTreeMap<Key<'_>, Face<'_>> {
    let mut found = BTreeMap::new();
    for service in inventory.services() {
        let name = Name { namespace: &service.namespace, name: &service.name };
        for port in &service.ports {
            for address in &service.addresses {
                let key = (name, port.protocol, port.port, address.is_ipv6());
                found.entry(key).or_insert((service, port, *address));
            }
        }
    }
    found
}
