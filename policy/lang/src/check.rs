//! What is allowed but probably not meant: warnings, given the inventory.

mod half_open;
mod index;

use std::collections::BTreeMap;

use crate::{Code, Span, diagnostic::Report, lower::RulePlace};
use bookend_engine::{
    Action, Block, End, Inventory, Mode, PathPattern, Plane, Rule, Selector, WorkloadIdentity,
};

pub(crate) use half_open::program;
pub(crate) use index::Index;

/// How often a selector is compared with a workload at most. That grows with the product of what the documents hold, and
/// whoever enforces them waits; warnings are not worth more than a few seconds.
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
    for rule in rules {
        let Some(span) = places.get(&rule.id).and_then(|place| place.http) else { continue };
        if let Some((pattern, root)) = forgotten_root(rule) {
            let message = format!("`{pattern}` does not mean `{root}`, which many servers answer alike");
            report.add(Code::ForgottenRoot, span, message, format!("add `{root}` to the paths"));
        }
    }
    if index.is_empty() {
        return;
    }
    // What is written once may be several selectors, in several rules.
    let mut meant: BTreeMap<Span, bool> = BTreeMap::new();
    for (selector, span) in places.values().flat_map(|place| &place.selectors) {
        let meant = meant.entry(*span).or_default();
        *meant = *meant || index.meant(selector, inventory).next().is_some();
    }
    for span in meant.into_iter().filter(|(_, meant)| !meant).map(|(span, _)| span) {
        let message = "no workload of the inventory is selected";
        report.add(Code::SelectsNothing, span, message, "check the labels and the namespace");
    }
    for rule in rules {
        let Some(span) = places.get(&rule.id).and_then(|place| place.http) else { continue };
        let destinations = named(rule, End::Destination, inventory, index);
        // A mesh's policy for a whole namespace is for those there that are in the mesh.
        let some = rule.to.is_any() || destinations.values().any(|workload| workload.proxied);
        if rule.plane == Plane::Mesh && some {
            continue;
        }
        if let Some(bare) = unproxied(rule, &destinations, index.bare(inventory)) {
            let message = format!(
                "nobody can enforce these conditions toward {bare}: no Bookend filter stands before it"
            );
            report.add(Code::NoProxy, span, message, "give the destination a proxy, or drop the conditions");
        }
    }
}

/// A pattern for all that is below a path, and the path, which none of the other patterns means. That keeps nobody away who is kept
/// away from what is below it; and of an allow rule, who writes `{**}` in another system's words probably takes it for more than it means.
fn forgotten_root(rule: &Rule) -> Option<(&str, &str)> {
    let denies = rule.action == Action::Deny;
    let below = |pattern: &'_ str| -> Option<usize> {
        let root = pattern.strip_suffix("/{**}").or_else(|| pattern.strip_suffix("/*").filter(|_| denies))?;
        (!root.is_empty()).then_some(root.len())
    };
    if !denies && rule.plane != Plane::Mesh {
        return None;
    }
    rule.http.alternatives().unwrap_or_default().iter().find_map(|condition| {
        let patterns = condition.paths.alternatives().unwrap_or_default();
        patterns.iter().map(PathPattern::as_str).find_map(|pattern| {
            let root = pattern.get(..below(pattern)?)?;
            let means = |other: &PathPattern| {
                let other = other.as_str();
                let wider = other.strip_suffix('*').is_some_and(|start| root.starts_with(start));
                other == root || wider || other.strip_prefix('*').is_some_and(|end| root.ends_with(end))
            };
            (!patterns.iter().any(means)).then_some((pattern, root))
        })
    })
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

/// A workload as a person would point at it.
fn describe(workload: &WorkloadIdentity) -> String {
    let name = workload.labels.get("app").or_else(|| workload.labels.get("app.kubernetes.io/name"));
    format!("{}/{}", workload.namespace, name.unwrap_or(&workload.service_account))
}
