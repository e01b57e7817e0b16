//! Requests that the mesh allows and the network drops.

use std::collections::{BTreeSet, HashMap};

use bookend_engine::{
    Action, Connection, Exchange, NoTrace, PeerMatch, Plane, PortMatch, Program, Protocol, Truth, Verdict,
    WorkloadIdentity, decide,
};

use super::{Clash, Planes};
use crate::clauses::ANYBODY;
use crate::engine::{enforced, ranges};
use crate::ground::Indexed;
use crate::side::Party;

/// How many connections are tried at most; each takes about a microsecond.
const MAX_EFFORT: usize = 1_000_000;

/// Ids as long-lived as the whole program.
type Ids<'s> = HashMap<&'s str, &'s str>;

impl<'s> Planes<'_, 's> {
    /// Peers of rules of the mesh none of whose connections get through the network. A rule often means more than the network lets pass,
    /// since each of the two need only be narrow where the other is wide; but whom it names and nobody lets through is lost.
    pub(super) fn dropped(&self) -> Vec<Clash<'s>> {
        let of = |plane, mode| plane == Plane::Network && mode == bookend_engine::Mode::Enforce;
        let network = self
            .side
            .program
            .filtered(|rule| of(rule.plane, rule.mode), |isolation| of(isolation.plane, isolation.mode));
        let rules = self.side.program.rules().iter().map(|rule| rule.id.as_str());
        let isolations = self.side.program.isolations().iter().map(|isolation| isolation.id.as_str());
        let ids: Ids<'s> = rules.chain(isolations).map(|id| (id, id)).collect();
        let network = network.indexed();
        let mut effort = MAX_EFFORT;
        let mut found = Vec::new();
        for rule in self.rules(Plane::Mesh) {
            if rule.rule.action != Action::Allow || rule.from == ANYBODY {
                continue;
            }
            let destinations = self.destinations(rule);
            let sources: Vec<_> = self.workloads(rule.from).map(|(_, party)| party).collect();
            let peers = rule.rule.from.alternatives().unwrap_or_default();
            let lost = peers.iter().find_map(|peer| {
                let meant = |party: &&&Party<'s>| self.means(peer, party);
                let sources: Vec<_> = sources.iter().filter(meant).copied().collect();
                self.lost(rule, &sources, &destinations, &network, &ids, &mut effort)
            });
            found.extend(lost);
            if effort == 0 {
                break;
            }
        }
        found
    }

    /// Whether a peer names a workload for sure.
    fn means(&self, peer: &PeerMatch, party: &Party<'s>) -> bool {
        let endpoint = party.seen.first().map(|seen| seen.endpoint(self.side.inventory));
        endpoint.is_some_and(|endpoint| peer.holds(&endpoint) == Truth::Yes)
    }

    /// An example, if the network drops everything from these sources that a rule allows.
    fn lost(
        &self,
        rule: &Indexed<'s>,
        sources: &[&Party<'s>],
        destinations: &[(u32, &Party<'s>)],
        network: &Program,
        ids: &Ids<'s>,
        effort: &mut usize,
    ) -> Option<Clash<'s>> {
        let mut example = None;
        for (class, destination) in destinations {
            let to = destination.seen.first()?.endpoint(self.side.inventory);
            let ports = self.ports_to_try(rule, *class, destination.identity(0));
            for source in sources {
                let from = source.seen.first()?.endpoint(self.side.inventory);
                // Nobody's own traffic is lost: it is not judged (S48).
                if std::ptr::eq(*source, *destination) {
                    continue;
                }
                for port in &ports {
                    *effort = effort.saturating_sub(1);
                    if *effort == 0 {
                        return None;
                    }
                    let connection = Connection {
                        source: from.clone(),
                        destination: to.clone(),
                        protocol: Protocol::Tcp,
                        port: *port,
                    };
                    let judgement = decide(network, &connection, Exchange::Packet, &mut NoTrace);
                    if judgement.verdict() == Verdict::Allow {
                        return None;
                    }
                    let by = ids.get(judgement.deciding().1.cause.id()).copied()?;
                    if example.is_none() {
                        example = Some(Clash::Dropped {
                            rule: &rule.rule.id,
                            source: *source.workloads.first()?,
                            destination: *destination.workloads.first()?,
                            port: *port,
                            by,
                        });
                    }
                }
            }
        }
        example
    }

    /// The ports at which it is tried whether anything gets through: those that the rule names, or else those that any rule of the network
    /// names there.
    fn ports_to_try(
        &self,
        rule: &Indexed<'s>,
        class: u32,
        destination: Option<&WorkloadIdentity>,
    ) -> Vec<u16> {
        let first = |port: &PortMatch| -> Vec<u16> {
            let found =
                ranges(port, destination).into_iter().filter(|(protocol, ..)| *protocol == Protocol::Tcp);
            found.map(|(_, first, _)| first).collect()
        };
        if let Some(listed) = rule.rule.ports.alternatives() {
            return listed.iter().flat_map(first).collect();
        }
        let toward =
            self.index.toward(class).into_iter().filter_map(|rule| self.index.rules.get(rule as usize));
        let network =
            toward.map(|rule| rule.rule).filter(|rule| rule.plane == Plane::Network && enforced(rule));
        let listed = network.flat_map(|rule| rule.ports.alternatives().unwrap_or_default());
        let named: BTreeSet<u16> = listed.flat_map(first).collect();
        // Some rules may name none.
        named.into_iter().chain([1]).collect()
    }
}
