//! What is allowed but probably not meant: warnings, given the inventory.

mod index;

use std::collections::BTreeMap;

use crate::{Code, diagnostic::Report, lower::RulePlace};
use bookend_engine::{
    Action, Block, Connection, End, Endpoint, Exchange, Identity, Inventory, Location, Mode, NoTrace,
    PortMatch, Principal, Program, Protocol, Rule, Selector, Verdict, WorkloadIdentity, decide,
};

pub(crate) use index::Index;

/// How many pairs of workloads one rule is tried on at most.
const MAX_PAIRS: usize = 10_000;

/// How often a selector is compared with a workload, and a rule with a connection, at most. Both grow with the product
/// of what the documents hold, and whoever enforces them waits; warnings are not worth more than a few seconds.
pub(crate) const MAX_EFFORT: usize = 20_000_000;

/// The workloads that a rule names by selectors at an end, by position in the inventory.
type Named<'i> = BTreeMap<usize, &'i WorkloadIdentity>;

fn selectors(rule: &Rule, end: End) -> impl Iterator<Item = &Selector> {
    let peers = rule.peers(end).alternatives().unwrap_or_default();
    peers.iter().filter_map(|peer| peer.workloads.as_ref())
}

fn named<'i>(rule: &Rule, end: End, inventory: &'i Inventory, index: &Index) -> Named<'i> {
    selectors(rule, end).flat_map(|selector| index.meant(selector, inventory)).collect()
}

/// How often [`policy`] compares a selector with a workload.
pub(crate) fn cost(rules: &[Rule], places: &BTreeMap<String, RulePlace>, index: &Index) -> usize {
    let written =
        places.values().flat_map(|place| &place.selectors).map(|(selector, _)| index.cost(selector));
    let with_conditions = rules.iter().filter(|rule| !rule.http.is_any());
    let destinations = with_conditions.flat_map(|rule| selectors(rule, End::Destination));
    written.chain(destinations.map(|selector| index.cost(selector))).sum()
}

/// Adds what one policy alone gives reason to warn of. Without any workloads there is little to compare with.
pub(crate) fn policy(
    rules: &[Rule],
    places: &BTreeMap<String, RulePlace>,
    inventory: &Inventory,
    index: &Index,
    report: &mut Report,
) {
    let everywhere = |rule: &&Rule| rule.ports.is_any() && rule.not_ports.is_empty();
    let enforced = |rule: &&Rule| rule.action == Action::Deny && rule.mode == Mode::Enforce;
    for rule in rules.iter().filter(enforced).filter(everywhere) {
        let Some(span) = places.get(&rule.id).and_then(|place| place.http) else { continue };
        let message = "this denies every stream that is not HTTP as well, on every port";
        report.add(Code::DeniesStreams, span, message, "name the `ports` on which requests are expected");
    }
    if index.is_empty() {
        return;
    }
    for (selector, span) in places.values().flat_map(|place| &place.selectors) {
        if index.meant(selector, inventory).next().is_none() {
            let message = "no workload of the inventory is selected";
            report.add(Code::SelectsNothing, *span, message, "check the labels and the namespace");
        }
    }
    for rule in rules {
        let Some(span) = places.get(&rule.id).and_then(|place| place.http) else { continue };
        let destinations = named(rule, End::Destination, inventory, index);
        if let Some(bare) = unproxied(rule, &destinations, index.bare(inventory)) {
            let message = format!(
                "nobody can enforce these conditions toward {bare}: no Bookend filter stands before it"
            );
            report.add(Code::NoProxy, span, message, "give the destination a proxy, or drop the conditions");
        }
    }
}

/// Adds what all policies together give reason to warn of, as much as can be found in reasonable time.
pub(crate) fn program(
    program: &Program,
    places: &BTreeMap<&str, &RulePlace>,
    inventory: &Inventory,
    index: &Index,
    report: &mut Report,
) {
    let rules = program.rules().len();
    let pairs = (MAX_EFFORT / rules.saturating_mul(rules).max(1)).min(MAX_PAIRS);
    if pairs == 0 {
        return;
    }
    let mut effort = MAX_EFFORT;
    for rule in program.rules().iter().filter(|rule| rule.action == Action::Allow) {
        let Some(place) = places.get(rule.id.as_str()) else { continue };
        let cost = End::BOTH.into_iter().flat_map(|end| selectors(rule, end)).map(|s| index.cost(s)).sum();
        let Some(left) = effort.checked_sub(cost) else { return };
        effort = left;
        let sources = named(rule, End::Source, inventory, index);
        let destinations = named(rule, End::Destination, inventory, index);
        if let Some((source, destination, end)) = half_open(program, rule, &sources, &destinations, pairs) {
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
}

/// A destination of a rule that has no proxy in front: of one that names nobody, `bare`.
fn unproxied(rule: &Rule, destinations: &Named<'_>, bare: Option<&WorkloadIdentity>) -> Option<String> {
    let Some(peers) = rule.to.alternatives() else { return bare.map(|w| format!("`{}`", describe(w))) };
    let named = destinations.values().find(|w| !w.proxied).map(|w| format!("`{}`", describe(w)));
    named.or_else(|| {
        let blocks = peers.iter().filter(|peer| peer.workloads.is_none());
        let mut nets =
            blocks.flat_map(|peer| peer.blocks.alternatives().unwrap_or_default()).flat_map(Block::nets);
        nets.next().map(|net| format!("addresses in `{net}`"))
    })
}

/// A pair of workloads that an allow rule means to connect, and the end that denies it.
fn half_open<'w>(
    program: &Program,
    rule: &Rule,
    sources: &Named<'w>,
    destinations: &Named<'w>,
    pairs: usize,
) -> Option<(&'w WorkloadIdentity, &'w WorkloadIdentity, End)> {
    let (protocol, port) = rule.ports.alternatives().and_then(|list| list.first()).map_or(
        (Protocol::Tcp, 1),
        |port| match port {
            PortMatch::Range(range) => (range.protocol(), range.first()),
            PortMatch::Named(named) => (named.protocol, 1),
        },
    );
    let abroad = |w: &&WorkloadIdentity| !rule.speaks_of(&w.namespace);
    let all: Vec<&WorkloadIdentity> = destinations.values().copied().collect();
    let foreign: Vec<&WorkloadIdentity> = all.iter().copied().filter(abroad).collect();
    sources
        .values()
        // Where both ends lie in the rule's own namespace, the rule governs both.
        .flat_map(|source| {
            let destinations = if abroad(source) { &all } else { &foreign };
            destinations.iter().map(move |destination| (*source, *destination))
        })
        .take(pairs)
        .find_map(|(source, destination)| {
            let endpoint = |w| Endpoint {
                identity: Identity::Workload(w),
                location: Location::Elsewhere,
                principal: Principal::Unknown,
            };
            let connection =
                Connection { source: endpoint(source), destination: endpoint(destination), protocol, port };
            let judgement = decide(program, &connection, Exchange::Packet, &mut NoTrace);
            match (judgement.source.verdict, judgement.destination.verdict) {
                (Verdict::Deny, Verdict::Allow) => Some((source, destination, End::Source)),
                (Verdict::Allow, Verdict::Deny) => Some((source, destination, End::Destination)),
                _ => None,
            }
        })
}

/// A workload as a person would point at it.
fn describe(workload: &WorkloadIdentity) -> String {
    let name = workload.labels.get("app").or_else(|| workload.labels.get("app.kubernetes.io/name"));
    format!("{}/{}", workload.namespace, name.unwrap_or(&workload.service_account))
}
