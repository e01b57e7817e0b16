//! What the systems of a cluster say of each other's connections: a network plugin and a mesh are configured apart, and must agree for
//! anything to work.

mod ports;
mod reached;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bookend_engine::{
    Action, End, HOST_LABEL, IpNet, MESH_AGENT, PeerMatch, Plane, Protocol, Rule, Selector, Service, Truth,
};

use crate::clauses::{ANYBODY, ClauseId};
use crate::engine::{conditions, enforced, ports as listed_ports, ranges};
use crate::ground::{Ground, Index, Indexed};
use crate::side::{Name, Party, Side};

/// For so many destinations a rule is looked at; one for more is meant for everybody.
const MAX_DESTINATIONS: usize = 64;

/// Something about policies of a network plugin and of a mesh that is probably not meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Clash<'s> {
    /// The mesh allows requests whose packets the network drops: of all that one peer of the rule means, on all its ports.
    Dropped {
        /// The rule of the mesh.
        rule: &'s str,
        /// Somebody it means.
        source: Name<'s>,
        /// A destination.
        destination: Name<'s>,
        /// A port.
        port: u16,
        /// What the network denies it by.
        by: &'s str,
    },
    /// The network admits connections to workloads of which the mesh says nothing, though it does of most in their namespace.
    Unnarrowed {
        /// The rule of the network.
        rule: &'s str,
        /// The workloads.
        workloads: BTreeSet<Name<'s>>,
    },
    /// A block of a rule of the network has addresses of pods in it.
    PodBlock {
        /// The rule.
        rule: &'s str,
        /// The block.
        block: IpNet,
        /// A workload that has an address there.
        workload: Name<'s>,
    },
    /// A rule names a port that is a Service's, and no port of who is behind it.
    ServicePort {
        /// The rule.
        rule: &'s str,
        /// The Service.
        service: &'s Service,
        /// Its port, which the rule names.
        port: u16,
        /// The port behind it.
        target: u16,
    },
    /// A rule of the mesh asks for requests on a port that is declared to carry something else.
    NoRequests {
        /// The rule.
        rule: &'s str,
        /// What it does.
        action: Action,
        /// The Service.
        service: &'s Service,
        /// The name of its port, which says what it carries.
        name: &'s str,
    },
    /// A policy of the mesh selects a workload that has no proxy.
    NoSidecar {
        /// A rule or an isolation of the policy.
        id: &'s str,
        /// The workload.
        workload: Name<'s>,
    },
}

/// Everything that is found about how planes go together; nothing where there are only Bookend's own policies.
pub fn clashes(side: Side<'_>) -> Vec<Clash<'_>> {
    let of = |plane: Plane| {
        side.program.rules().iter().any(|rule| rule.plane == plane)
            || side.program.isolations().iter().any(|isolation| isolation.plane == plane)
    };
    let (network, mesh) = (of(Plane::Network), of(Plane::Mesh));
    if !network && !mesh {
        return Vec::new();
    }
    let ground = Ground::new(&[side]);
    let Some(index) = ground.indexes.first() else { return Vec::new() };
    let planes = Planes { side, ground: &ground, index };
    let mut found = Vec::new();
    if network && mesh {
        found.extend(planes.dropped());
        found.extend(planes.unnarrowed());
    }
    found.extend(planes.pod_blocks());
    found.extend(planes.ports());
    found.extend(planes.without_sidecars());
    found
}

struct Planes<'g, 's> {
    side: Side<'s>,
    ground: &'g Ground<'s>,
    index: &'g Index<'s>,
}

impl<'g, 's> Planes<'g, 's> {
    /// The enforced rules of a plane.
    fn rules(&self, plane: Plane) -> impl Iterator<Item = &'g Indexed<'s>> + use<'g, 's> {
        let written = |rule: &Rule| rule.id != MESH_AGENT;
        let all = self.index.rules.iter();
        all.filter(move |rule| rule.rule.plane == plane && enforced(rule.rule) && written(rule.rule))
    }

    /// The workloads that a list of peers names, by class; none of a list that means everybody.
    fn workloads(&self, clause: ClauseId) -> impl Iterator<Item = (u32, &'g Party<'s>)> + use<'g, 's> {
        let (ground, members) = (self.ground, self.index.members.get(clause as usize));
        let members = members.into_iter().flatten().filter(move |_| clause != ANYBODY);
        members.filter_map(move |(class, _)| {
            ground.party(*class).filter(|party| party.identity(0).is_some()).map(|party| (*class, party))
        })
    }

    /// The destinations that a rule names; none where they are so many that it means everybody.
    fn destinations(&self, rule: &Indexed<'s>) -> Vec<(u32, &'g Party<'s>)> {
        let found: Vec<_> = self.workloads(rule.to).take(MAX_DESTINATIONS + 1).collect();
        if found.len() > MAX_DESTINATIONS { Vec::new() } else { found }
    }

    /// Workloads that the network admits connections to and the mesh has nothing to say of. Only where it does of most others in the
    /// namespace: who protects some workloads only, in any case, did not forget the others.
    fn unnarrowed(&self) -> Vec<Clash<'s>> {
        let isolations = self.side.program.isolations();
        let isolated = |class: u32| {
            let numbers = self.index.isolated.get(class as usize).map_or(&[][..], |[_, ingress]| ingress);
            let mut isolations = numbers.iter().filter_map(|number| isolations.get(*number as usize));
            isolations.any(|isolation| isolation.plane == Plane::Mesh)
        };
        let spoken_of = |class: u32| {
            let toward = self.index.toward(class).into_iter();
            let mut rules = toward.filter_map(|rule| self.index.rules.get(rule as usize));
            rules.any(|rule| rule.rule.plane == Plane::Mesh && rule.rule.id != MESH_AGENT)
        };
        let mut narrowed: BTreeMap<u32, bool> = BTreeMap::new();
        let mut admitted: BTreeMap<u32, &'s str> = BTreeMap::new();
        for rule in self.rules(Plane::Network) {
            let over_tcp = rule.rule.ports.alternatives().is_none_or(|ports| {
                ports
                    .iter()
                    .flat_map(|port| ranges(port, None))
                    .any(|(protocol, ..)| protocol == Protocol::Tcp)
            });
            if rule.rule.action != Action::Allow || !rule.rule.at.destination || !over_tcp {
                continue;
            }
            for (class, _) in
                self.workloads(rule.to).filter(|(_, party)| party.identity(0).is_some_and(|w| w.proxied))
            {
                narrowed.entry(class).or_insert_with(|| isolated(class) || spoken_of(class));
                admitted.entry(class).or_insert(&rule.rule.id);
            }
        }
        let mut by_namespace: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        for (class, narrowed) in &narrowed {
            let namespace = self.ground.party(*class).and_then(Party::namespace).unwrap_or_default();
            let counts = by_namespace.entry(namespace).or_default();
            counts.0 += usize::from(*narrowed);
            counts.1 += 1;
        }
        let mut found: BTreeMap<&'s str, BTreeSet<Name<'s>>> = BTreeMap::new();
        for (class, _) in narrowed.into_iter().filter(|(_, narrowed)| !narrowed) {
            let (Some(party), Some(rule)) = (self.ground.party(class), admitted.get(&class)) else {
                continue;
            };
            let (few, all) =
                by_namespace.get(party.namespace().unwrap_or_default()).copied().unwrap_or_default();
            if few * 2 > all {
                found.entry(rule).or_default().extend(&party.workloads);
            }
        }
        found.into_iter().map(|(rule, workloads)| Clash::Unnarrowed { rule, workloads }).collect()
    }

    /// Blocks in which pods are, but for those of all addresses, of which that is expected.
    fn pod_blocks(&self) -> Vec<Clash<'s>> {
        let mut known: HashMap<ClauseId, Option<(IpNet, Name<'s>)>> = HashMap::new();
        let mut found = Vec::new();
        for rule in self.rules(Plane::Network) {
            for (end, clause) in [(End::Source, rule.from), (End::Destination, rule.to)] {
                let peers = rule.rule.peers(end).alternatives().unwrap_or_default();
                let hit = known
                    .entry(clause)
                    .or_insert_with(|| peers.iter().find_map(|peer| self.in_block(clause, peer)));
                if let Some((block, workload)) = *hit {
                    found.push(Clash::PodBlock { rule: &rule.rule.id, block, workload });
                    break;
                }
            }
        }
        found
    }

    /// A pod that a peer means by its address alone.
    fn in_block(&self, clause: ClauseId, peer: &PeerMatch) -> Option<(IpNet, Name<'s>)> {
        let blocks = peer.blocks.alternatives().filter(|_| peer.workloads.is_none())?;
        blocks.iter().find_map(|block| {
            let net = block.nets().next().filter(|net| net.prefix_len() > 0)?;
            let inside = |party: &&Party<'s>| {
                let seen = party.seen.first();
                let is_pod = party.identity(0).is_some_and(|w| !w.labels.contains_key(HOST_LABEL));
                is_pod && seen.is_some_and(|seen| block.holds(seen.place.location()) == Truth::Yes)
            };
            let party = self.workloads(clause).map(|(_, party)| party).find(inside)?;
            Some((net, *party.workloads.first()?))
        })
    }

    /// Policies that select workloads by labels of which one has no proxy. About conditions on requests that nobody can enforce there
    /// another warning speaks already.
    fn without_sidecars(&self) -> Vec<Clash<'s>> {
        let asks: BTreeSet<&str> = self
            .rules(Plane::Mesh)
            .filter(|rule| !conditions(rule.rule).is_empty())
            .map(|rule| policy_of(&rule.rule.id))
            .collect();
        let mut found: BTreeMap<&'s str, Clash<'s>> = BTreeMap::new();
        let mut note = |id: &'s str, party: &Party<'s>| {
            let policy = policy_of(id);
            let bare = party.identity(0).is_some_and(|identity| !identity.proxied);
            if let Some(workload) = party.workloads.first().filter(|_| bare && !asks.contains(policy)) {
                found.entry(policy).or_insert(Clash::NoSidecar { id, workload: *workload });
            }
        };
        for (class, party) in (0_u32..).zip(self.ground.parties()) {
            let numbers = self.index.isolated.get(class as usize).into_iter().flatten().flatten();
            for isolation in numbers.filter_map(|number| self.side.program.isolations().get(*number as usize))
            {
                if isolation.plane == Plane::Mesh && !isolation.workloads.labels.is_empty() {
                    note(&isolation.id, party);
                }
            }
        }
        let by_labels = |rule: &Rule| {
            let selected = |selector: &Selector| !selector.labels.is_empty();
            let peers = rule.to.alternatives().unwrap_or_default();
            peers.iter().all(|peer| peer.workloads.as_ref().is_some_and(selected))
        };
        for rule in self.rules(Plane::Mesh).filter(|rule| by_labels(rule.rule)) {
            self.workloads(rule.to).for_each(|(_, party)| note(&rule.rule.id, party));
        }
        found.into_values().collect()
    }
}

/// The part of an id that names the policy.
fn policy_of(id: &str) -> &str {
    // The name of a rule has no slash: it is written in brackets.
    id.rsplit_once('/').map_or(id, |(policy, _)| policy)
}

/// The single ports over TCP that a rule names, as far as numbers say them.
fn numbers(rule: &Rule) -> Vec<u16> {
    let named = listed_ports(rule).flat_map(|port| match rule.not_ports.contains(port) {
        true => Vec::new(),
        false => ranges(port, None),
    });
    named
        .filter(|(protocol, first, last)| *protocol == Protocol::Tcp && first == last)
        .map(|(_, port, _)| port)
        .collect()
}
