//! Kubelet probes that isolation keeps out.

use std::collections::{BTreeMap, BTreeSet};

use bookend_engine::{
    Block, Cause, Connection, End, Endpoint, Exchange, Identity, Location, NoTrace, Principal, Protocol,
    Truth, Verdict, Workload, decide_end,
};

use crate::atoms::Atoms;
use crate::engine::nets;
use crate::side::{Name, Place, Side};

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
    let mut found: BTreeMap<&'s str, BTreeSet<Probe<'s>>> = BTreeMap::new();
    for probe in probes {
        let workload = workloads.get(&probe.workload);
        if let Some(isolation) = workload.and_then(|workload| denied(side, workload, probe.port, &sources)) {
            found.entry(isolation).or_default().insert(*probe);
        }
    }
    found.into_iter().map(|(isolation, probes)| Unprobed { isolation, probes }).collect()
}

/// Everywhere a node may be, as far as any rule tells places apart.
fn sources(side: Side<'_>, nodes: &[Block]) -> Vec<Location> {
    let blocks = nodes.iter().flat_map(Block::nets);
    let atoms = Atoms::new(nets(side.program).chain(blocks));
    let own = side.inventory.workloads().iter().flat_map(|workload| &workload.instances);
    let taken = own.flat_map(|instance| &instance.addresses).map(|address| address.to_canonical()).collect();
    let is_node = |place: &Place| match place {
        _ if nodes.is_empty() => true,
        Place::Block(net) => nodes.iter().any(|node| node.holds(Location::Block(*net)) == Truth::Yes),
        Place::Elsewhere => false,
    };
    atoms.outside(&taken).into_iter().filter(is_node).map(Place::location).collect()
}

/// The isolation that denies a probe from everywhere; none where something lets it in, where a rule denies it, and where
/// there is nobody to ask.
fn denied<'s>(side: Side<'s>, workload: &Workload, port: u16, sources: &[Location]) -> Option<&'s str> {
    let addresses = workload.instances.iter().flat_map(|instance| &instance.addresses);
    let mut destinations: Vec<Endpoint<'_>> =
        addresses.map(|address| side.inventory.endpoint(*address)).collect();
    if destinations.is_empty() {
        let identity = Identity::Workload(&workload.identity);
        let principal = side.inventory.principal_of(&identity);
        destinations.push(Endpoint { identity, location: Location::Elsewhere, principal });
    }
    let mut isolation = None;
    for destination in &destinations {
        for location in sources {
            let source =
                Endpoint { identity: Identity::Outside, location: *location, principal: Principal::Open };
            let connection =
                Connection { source, destination: destination.clone(), protocol: Protocol::Tcp, port };
            let decision =
                decide_end(side.program, End::Destination, &connection, Exchange::Packet, &mut NoTrace);
            match (decision.verdict, decision.cause) {
                (Verdict::Allow, _) => return None,
                (Verdict::Deny, Cause::Isolation(by)) => isolation = Some(by.id.as_str()),
                (Verdict::Deny, _) => {}
            }
        }
    }
    isolation
}
