//! What is allowed but probably not meant: warnings, given the inventory.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Code, diagnostic::Report, lower::RulePlace};
use bookend_engine::{
    Action, Block, Connection, End, Endpoint, Exchange, Identity, Inventory, Location, NamespaceMatch,
    NoTrace, PortMatch, Principal, Program, Protocol, Rule, Selector, Truth, Verdict, WorkloadIdentity,
    decide,
};

/// How many pairs of workloads one rule is tried on at most.
const MAX_PAIRS: usize = 10_000;

/// How often a selector is compared with a workload, and a rule with a connection, at most. Both grow with the product
/// of what the documents hold, and whoever enforces them waits; warnings are not worth more than a few seconds.
const MAX_EFFORT: usize = 20_000_000;

/// The workloads, as policies see them, by namespace.
struct Identities<'w> {
    all: BTreeMap<&'w str, BTreeSet<&'w WorkloadIdentity>>,
    /// How many comparisons are left.
    effort: usize,
}

impl<'w> Identities<'w> {
    /// Those that a selector may mean; none, once too much was compared.
    fn near(&mut self, selector: &Selector) -> Option<Vec<&'w WorkloadIdentity>> {
        let near: Vec<_> = match &selector.namespaces {
            NamespaceMatch::Named(name) => {
                self.all.get(name.as_str()).into_iter().flatten().copied().collect()
            }
            NamespaceMatch::Labelled(_) => self.all.values().flatten().copied().collect(),
        };
        self.effort = self.effort.checked_sub(near.len())?;
        Some(near)
    }

    /// Those that a rule names by selectors at `end`.
    fn named(&mut self, rule: &Rule, end: End) -> Option<BTreeSet<&'w WorkloadIdentity>> {
        let mut named = BTreeSet::new();
        for peer in rule.peers(end).alternatives().unwrap_or_default() {
            let Some(selector) = &peer.workloads else { continue };
            named.extend(self.near(selector)?.into_iter().filter(|w| selector.selects(w) != Truth::No));
        }
        Some(named)
    }
}

/// Adds the warnings, as many as can be found in reasonable time. Without any workloads there is nothing to compare with.
pub(crate) fn check(
    program: &Program,
    inventory: &Inventory,
    places: &BTreeMap<&str, &RulePlace>,
    report: &mut Report,
) {
    if inventory.workloads().is_empty() {
        return;
    }
    let mut identities = Identities { all: BTreeMap::new(), effort: MAX_EFFORT };
    for workload in inventory.workloads() {
        let identity = &workload.identity;
        identities.all.entry(identity.namespace.as_str()).or_default().insert(identity);
    }
    for (selector, span) in places.values().flat_map(|place| &place.selectors) {
        let Some(near) = identities.near(selector) else { return };
        if near.iter().all(|identity| selector.selects(identity) == Truth::No) {
            let message = "no workload of the inventory is selected";
            report.add(Code::SelectsNothing, *span, message, "check the labels and the namespace");
        }
    }
    let bare = identities.all.values().flatten().find(|w| !w.proxied).copied();
    let pairs =
        (MAX_EFFORT / program.rules().len().saturating_mul(program.rules().len()).max(1)).min(MAX_PAIRS);
    for rule in program.rules() {
        let Some(place) = places.get(rule.id.as_str()) else { continue };
        let (Some(sources), Some(destinations)) =
            (identities.named(rule, End::Source), identities.named(rule, End::Destination))
        else {
            return;
        };
        if let (Some(span), Some(bare)) = (place.http, unproxied(rule, &destinations, bare)) {
            let message = format!(
                "nobody can enforce these conditions toward {bare}: no Bookend filter stands before it"
            );
            report.add(Code::NoProxy, span, message, "give the destination a proxy, or drop the conditions");
        }
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
fn unproxied(
    rule: &Rule,
    destinations: &BTreeSet<&WorkloadIdentity>,
    bare: Option<&WorkloadIdentity>,
) -> Option<String> {
    let Some(peers) = rule.to.alternatives() else { return bare.map(|w| format!("`{}`", describe(w))) };
    let named = destinations.iter().find(|w| !w.proxied).map(|w| format!("`{}`", describe(w)));
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
    sources: &BTreeSet<&'w WorkloadIdentity>,
    destinations: &BTreeSet<&'w WorkloadIdentity>,
    pairs: usize,
) -> Option<(&'w WorkloadIdentity, &'w WorkloadIdentity, End)> {
    if rule.action != Action::Allow {
        return None;
    }
    let (protocol, port) = rule.ports.alternatives().and_then(|list| list.first()).map_or(
        (Protocol::Tcp, 1),
        |port| match port {
            PortMatch::Range(range) => (range.protocol(), range.first()),
            PortMatch::Named(named) => (named.protocol, 1),
        },
    );
    let abroad = |w: &&WorkloadIdentity| !rule.speaks_of(&w.namespace);
    let foreign: BTreeSet<_> = destinations.iter().copied().filter(abroad).collect();
    sources
        .iter()
        // Where both ends lie in the rule's own namespace, the rule governs both.
        .flat_map(|source| {
            let destinations = if abroad(source) { destinations } else { &foreign };
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
