//! Rules that allow at one end what the other end denies.

use std::collections::BTreeMap;

use super::{Index, MAX_EFFORT, Named, describe, named, selectors};
use crate::{Code, diagnostic::Report, lower::RulePlace};
use bookend_engine::{
    Action, Connection, End, Endpoint, Exchange, Identity, Inventory, Location, NoTrace, Plane, PortMatch,
    Principal, Program, Protocol, Rule, Verdict, WorkloadIdentity, decide,
};

/// How many pairs of workloads one rule is tried on at most.
const MAX_PAIRS: usize = 10_000;

/// How many connections are tried at most. The program is indexed, so each takes about a microsecond whatever its size.
const MAX_CONNECTIONS: usize = 2_000_000;

/// On how many of its ports a rule is tried.
const MAX_PORTS: usize = 4;

/// Adds what all policies together give reason to warn of, as much as can be found in reasonable time. Each plane is looked at by itself: one
/// that denies what another allows may well be meant to.
pub(crate) fn program(
    program: &Program,
    places: &BTreeMap<&str, &RulePlace>,
    inventory: &Inventory,
    index: &Index,
    report: &mut Report,
) {
    // The mesh has a say at destinations only.
    for plane in [Plane::Bookend, Plane::Network] {
        let own = program.filtered(|rule| rule.plane == plane, |isolation| isolation.plane == plane);
        of_plane(&own.indexed(), places, inventory, index, report);
    }
}

fn of_plane(
    program: &Program,
    places: &BTreeMap<&str, &RulePlace>,
    inventory: &Inventory,
    index: &Index,
    report: &mut Report,
) {
    let allowing: Vec<&Rule> = program.rules().iter().filter(|rule| rule.action == Action::Allow).collect();
    let (mut effort, mut connections) = (MAX_EFFORT, MAX_CONNECTIONS);
    for (left, rule) in (1..=allowing.len()).rev().zip(allowing) {
        let Some(place) = places.get(rule.id.as_str()) else { continue };
        let cost = End::BOTH.into_iter().flat_map(|end| selectors(rule, end)).map(|s| index.cost(s)).sum();
        let Some(rest) = effort.checked_sub(cost) else { return };
        effort = rest;
        let mut trial = Trial { program, rule, left: (connections / left).min(MAX_PAIRS) };
        let share = trial.left;
        let sources = named(rule, End::Source, inventory, index);
        let destinations = named(rule, End::Destination, inventory, index);
        let found = match rule.plane {
            Plane::Bookend => trial.some(&sources, &destinations),
            Plane::Network | Plane::Mesh => trial.all(&sources, &destinations),
        };
        connections -= share - trial.left;
        let Some((source, destination, end)) = found else { continue };
        let message = format!(
            "`{}` to `{}` is allowed here, but denied at the {}",
            describe(source),
            describe(destination),
            end.name()
        );
        let namespace = match end {
            End::Source => &source.namespace,
            End::Destination => &destination.namespace,
        };
        let cure = format!("allow it in a policy of namespace `{namespace}` too");
        report.add(Code::HalfOpen, place.name, message, cure);
    }
}

/// A pair of workloads that a rule means to connect, and the end that denies it.
type Denied<'w> = (&'w WorkloadIdentity, &'w WorkloadIdentity, End);

/// A rule that is tried on pairs of workloads.
struct Trial<'t> {
    program: &'t Program,
    rule: &'t Rule,
    /// How many connections may still be tried.
    left: usize,
}

impl Trial<'_> {
    /// A pair that one end denies. Rules for both ends say what they mean at both.
    fn some<'w>(&mut self, sources: &Named<'w>, destinations: &Named<'w>) -> Option<Denied<'w>> {
        let abroad = |w: &&WorkloadIdentity| !self.rule.speaks_of(&w.namespace);
        let all: Vec<&WorkloadIdentity> = destinations.values().copied().collect();
        let foreign: Vec<&WorkloadIdentity> = all.iter().copied().filter(abroad).collect();
        for source in sources.values() {
            // Where both ends lie in the rule's own namespace, the rule governs both.
            let destinations = if self.rule.speaks_of(&source.namespace) { &foreign } else { &all };
            for destination in destinations {
                self.left = self.left.checked_sub(1)?;
                let (protocol, port) = self.ports(destination).next()?;
                if let Some(end) = self.denying(source, destination, protocol, port) {
                    return Some((source, destination, end));
                }
            }
        }
        None
    }

    /// A pair that one end denies, where one end denies every pair on every port. Policies of other systems speak of one end in
    /// each rule, and often of more there than the other end lets pass, such as everybody; but what never comes about at all
    /// lacks its other half.
    fn all<'w>(&mut self, sources: &Named<'w>, destinations: &Named<'w>) -> Option<Denied<'w>> {
        let mut found = None;
        for source in sources.values() {
            for destination in destinations.values() {
                for (protocol, port) in self.ports(destination) {
                    self.left = self.left.checked_sub(1)?;
                    let end = self.denying(source, destination, protocol, port)?;
                    found.get_or_insert((*source, *destination, end));
                }
            }
        }
        found
    }

    /// The first ports of the rule, as the destination has them.
    fn ports(&self, destination: &WorkloadIdentity) -> impl Iterator<Item = (Protocol, u16)> + use<> {
        let listed = self.rule.ports.alternatives().unwrap_or_default().iter().take(MAX_PORTS);
        let own = destination.ports.as_deref().unwrap_or_default();
        let number = |port: &PortMatch| match port {
            PortMatch::Range(range) => (range.protocol(), range.first()),
            PortMatch::Named(named) => {
                (named.protocol, own.iter().find(|port| named.means(port)).map_or(1, |port| port.port))
            }
        };
        let mut ports: Vec<_> = listed.map(number).collect();
        if ports.is_empty() {
            ports.push((Protocol::Tcp, 1));
        }
        ports.into_iter()
    }

    /// The end that alone denies a connection.
    fn denying(
        &self,
        source: &WorkloadIdentity,
        destination: &WorkloadIdentity,
        protocol: Protocol,
        port: u16,
    ) -> Option<End> {
        fn endpoint(workload: &WorkloadIdentity) -> Endpoint<'_> {
            let (identity, location) = (Identity::Workload(workload), Location::Elsewhere);
            Endpoint { identity, location, principal: Principal::Unknown }
        }
        let (source, destination) = (endpoint(source), endpoint(destination));
        let connection = Connection { source, destination, protocol, port };
        let judgement = decide(self.program, &connection, Exchange::Packet, &mut NoTrace);
        match (judgement.source.verdict, judgement.destination.verdict) {
            (Verdict::Deny, Verdict::Allow) => Some(End::Source),
            (Verdict::Allow, Verdict::Deny) => Some(End::Destination),
            _ => None,
        }
    }
}
