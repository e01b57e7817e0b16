//! What is allowed but probably not meant: warnings, given the inventory.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Code, diagnostic::Report, lower::RulePlace};
use bookend_engine::{
    Action, Connection, End, Endpoint, Exchange, Identity, Inventory, Location, NoTrace, PeerMatch, Program,
    Protocol, Rule, Verdict, WorkloadIdentity, decide,
};

/// How many pairs of workloads one rule is tried on.
const MAX_PAIRS: usize = 10_000;

/// Adds the warnings. Without any workloads there is nothing to compare with.
pub(crate) fn check(
    program: &Program,
    inventory: &Inventory,
    places: &BTreeMap<String, RulePlace>,
    report: &mut Report,
) {
    if inventory.workloads.is_empty() {
        return;
    }
    let identities: BTreeSet<&WorkloadIdentity> = inventory.workloads.iter().map(|w| &w.identity).collect();
    for place in places.values() {
        for (selector, span) in &place.selectors {
            if !identities.iter().any(|identity| selector.selects(identity)) {
                let message = "no workload of the inventory is selected";
                report.add(Code::SelectsNothing, *span, message, "check the labels and the namespace");
            }
        }
    }
    for rule in program.rules() {
        let Some(place) = places.get(&rule.id) else { continue };
        if let (Some(span), Some(bare)) = (place.http, unproxied(rule, &identities)) {
            let message = format!(
                "nobody can enforce these conditions toward {bare}: no Bookend filter stands before it"
            );
            report.add(Code::NoProxy, span, message, "give the destination a proxy, or drop the conditions");
        }
        if let Some((source, destination, end)) = half_open(program, rule, &identities) {
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

/// A destination of a rule that has no proxy in front.
fn unproxied(rule: &Rule, identities: &BTreeSet<&WorkloadIdentity>) -> Option<String> {
    let Some(peers) = rule.to.alternatives() else {
        return identities.iter().find(|w| !w.proxied).map(|w| format!("`{}`", describe(w)));
    };
    peers.iter().find_map(|peer| match peer {
        PeerMatch::Workloads(selector) => identities
            .iter()
            .find(|w| !w.proxied && selector.selects(w))
            .map(|w| format!("`{}`", describe(w))),
        PeerMatch::Block(block) => block.nets().next().map(|net| format!("addresses in `{net}`")),
    })
}

/// A pair of workloads that an allow rule means to connect, and the end that denies it.
fn half_open<'w>(
    program: &Program,
    rule: &Rule,
    identities: &BTreeSet<&'w WorkloadIdentity>,
) -> Option<(&'w WorkloadIdentity, &'w WorkloadIdentity, End)> {
    if rule.action != Action::Allow {
        return None;
    }
    let meant = |end: End| -> Vec<&'w WorkloadIdentity> {
        let Some(peers) = rule.peers(end).alternatives() else { return Vec::new() };
        let selects = |w: &WorkloadIdentity| {
            peers.iter().any(|peer| matches!(peer, PeerMatch::Workloads(selector) if selector.selects(w)))
        };
        identities.iter().copied().filter(|w| selects(w)).collect()
    };
    let (sources, destinations) = (meant(End::Source), meant(End::Destination));
    let (protocol, port) = rule
        .ports
        .alternatives()
        .and_then(|list| list.first())
        .map_or((Protocol::Tcp, 1), |range| (range.protocol(), range.first()));
    sources
        .iter()
        .flat_map(|source| destinations.iter().map(move |destination| (*source, *destination)))
        // Where both ends lie in the rule's own namespace, the rule governs both.
        .filter(|(source, destination)| {
            source.namespace != rule.namespace || destination.namespace != rule.namespace
        })
        .take(MAX_PAIRS)
        .find_map(|(source, destination)| {
            let endpoint = |w| Endpoint { identity: Identity::Workload(w), location: Location::Elsewhere };
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
