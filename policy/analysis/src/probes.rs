//! Kubelet probes that isolation keeps out.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bookend_engine::{
    Block, Cause, Connection, End, Endpoint, Exchange, Identity, Isolation, Location, NamespaceMatch,
    NoTrace, Principal, Program, Protocol, Rule, Truth, Verdict, Workload, WorkloadIdentity, decide_end,
};

use crate::atoms::Atoms;
use crate::engine::nets;
use crate::side::{Name, Place, Seen, Side};

/// A TCP port at which the node of a workload asks it whether it works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Probe<'s> {
    /// The workload.
    pub workload: Name<'s>,
    /// The port.
    pub port: u16,
}

/// Probes that an isolation denies because no rule allows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unprobed<'s> {
    /// The isolation's id.
    pub isolation: &'s str,
    /// The probes.
    pub probes: BTreeSet<Probe<'s>>,
}

/// The probes that no node gets through, by the isolation that denies them. Where nobody says which addresses `nodes`
/// have, those that nobody outside gets through: a node is never a workload.
pub fn unprobed<'s>(side: Side<'s>, probes: &[Probe<'s>], nodes: &[Block]) -> Vec<Unprobed<'s>> {
    let sources = sources(side, nodes);
    let workloads: BTreeMap<Name<'s>, &Workload> = side
        .inventory
        .workloads()
        .iter()
        .map(|workload| (Name { namespace: &workload.identity.namespace, name: &workload.name }, workload))
        .collect();
    let atoms = atoms(side.program, nodes);
    let ids: HashMap<&str, &'s str> = side
        .program
        .isolations()
        .iter()
        .map(|isolation| (isolation.id.as_str(), isolation.id.as_str()))
        .collect();
    // Pods of one making are asked alike wherever no rule tells their addresses apart.
    let mut known = HashMap::new();
    let mut programs: HashMap<&str, Program> = HashMap::new();
    let mut found: BTreeMap<&'s str, BTreeSet<Probe<'s>>> = BTreeMap::new();
    for probe in probes {
        let Some(workload) = workloads.get(&probe.workload) else { continue };
        let addresses = workload.instances.iter().flat_map(|instance| &instance.addresses);
        let places: BTreeSet<Place> = addresses.map(|address| atoms.place(*address)).collect();
        let by = known.entry((&workload.identity, places, probe.port)).or_insert_with_key(
            |(identity, places, port)| {
                let destinations = destinations(side, identity, places);
                let namespace = identity.namespace.as_str();
                let program = programs.entry(namespace).or_insert_with(|| toward(side.program, namespace));
                denied(program, &destinations, *port, &sources).and_then(|id| ids.get(id).copied())
            },
        );
        if let Some(isolation) = *by {
            found.entry(isolation).or_default().insert(*probe);
        }
    }
    found.into_iter().map(|(isolation, probes)| Unprobed { isolation, probes }).collect()
}

/// All that has a say where somebody of a namespace is asked.
fn toward(program: &Program, namespace: &str) -> Program {
    let covers = |isolation: &Isolation| match &isolation.workloads.namespaces {
        NamespaceMatch::Named(named) => named == namespace,
        NamespaceMatch::Labelled(_) => true,
    };
    let rule = |rule: &Rule| rule.at.destination && rule.speaks_of(namespace);
    program.filtered(rule, |isolation| isolation.ingress && covers(isolation)).indexed()
}

/// The blocks that rules and nodes name.
fn atoms(program: &Program, nodes: &[Block]) -> Atoms {
    Atoms::new(nets(program).chain(nodes.iter().flat_map(Block::nets)))
}

/// Everywhere a node may be, as far as any rule tells places apart.
fn sources(side: Side<'_>, nodes: &[Block]) -> Vec<Location> {
    let own = side.inventory.workloads().iter().flat_map(|workload| &workload.instances);
    let taken = own.flat_map(|instance| &instance.addresses).map(|address| address.to_canonical()).collect();
    let is_node = |place: &Place| match place {
        _ if nodes.is_empty() => true,
        Place::Block(net) => nodes.iter().any(|node| node.holds(Location::Block(*net)) == Truth::Yes),
        Place::Elsewhere => false,
    };
    atoms(side.program, nodes).outside(&taken).into_iter().filter(is_node).map(Place::location).collect()
}

/// A workload at each of its places; anywhere, if none is known.
fn destinations<'s>(
    side: Side<'s>,
    identity: &'s WorkloadIdentity,
    places: &BTreeSet<Place>,
) -> Vec<Endpoint<'s>> {
    let at = |place: Place| Seen { identity: Some(identity), place }.endpoint(side.inventory);
    match places.is_empty() {
        true => vec![at(Place::Elsewhere)],
        false => places.iter().copied().map(at).collect(),
    }
}

/// The isolation that denies a probe from everywhere; none where something lets it in, where a rule denies it, and where
/// there is nobody to ask.
fn denied<'p>(
    program: &'p Program,
    destinations: &[Endpoint<'_>],
    port: u16,
    sources: &[Location],
) -> Option<&'p str> {
    let mut isolation = None;
    for destination in destinations {
        for location in sources {
            let source =
                Endpoint { identity: Identity::Outside, location: *location, principal: Principal::Open };
            let connection =
                Connection { source, destination: destination.clone(), protocol: Protocol::Tcp, port };
            let decision = decide_end(program, End::Destination, &connection, Exchange::Packet, &mut NoTrace);
            match (decision.verdict, decision.cause) {
                (Verdict::Allow, _) => return None,
                (Verdict::Deny, Cause::Isolation(by)) => isolation = Some(by.id.as_str()),
                (Verdict::Deny, _) => {}
            }
        }
    }
    isolation
}
