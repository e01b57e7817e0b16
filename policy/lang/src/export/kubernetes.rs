//! NetworkPolicies and ClusterNetworkPolicies.
//!
//! Rules that allow and isolations become NetworkPolicies; what is denied, passed or must be tried before that becomes rules of
//! ClusterNetworkPolicies of the tier `Admin`, and what comes after isolations those of the tier `Baseline`. A NetworkPolicy isolates
//! whom it selects, so an allow rule is written for those only whom something isolates anyway.

mod cluster;
mod namespaced;

use bookend_engine::{Action, End, Plane, Program, Rule};
use serde_json::Value;

use self::cluster::{Cluster, Tier};
use self::namespaced::Namespaced;
use super::course::{Course, Step};
use super::gap::{Effect, Gaps};
use super::ground::Ground;
use super::naming::naturally;
use super::packet::packet_rule;

/// The orders of the tiers in which NetworkPolicies are, by plane.
const USUAL_TIER: [(Plane, u32); 2] =
    [(Plane::Bookend, bookend_engine::DEFAULT_TIER), (Plane::Network, 1_000_000)];

/// The program as documents of Kubernetes.
pub(super) fn documents(
    program: &Program,
    ground: &Ground<'_>,
    with_cluster: bool,
    gaps: &mut Gaps,
) -> Vec<Value> {
    let plane = program.rules().first().map(|rule| rule.plane);
    let plane =
        plane.or_else(|| program.isolations().first().map(|isolation| isolation.plane)).unwrap_or_default();
    let usual = USUAL_TIER.iter().find(|(known, _)| *known == plane).map_or(0, |(_, order)| *order);
    let mut namespaced = Namespaced::new(ground);
    let mut cluster = Cluster::new(ground, with_cluster);
    for end in [End::Destination, End::Source] {
        let mut course = Course::of(program, end, usual);
        course.allows.sort_by(|a, b| naturally(&a.id, &b.id));
        for isolation in &course.isolations {
            namespaced.isolation(isolation, end, gaps);
        }
        write_in_order(&course.before, &course, Tier::Admin, end, (&mut cluster, &mut namespaced), gaps);
        for rule in &course.allows {
            if let Some(rule) = packet_rule(rule, ground, gaps) {
                namespaced.allow(rule, end, gaps);
            }
        }
        if course.denies_after() {
            // Of those who are not isolated, these are allowed whatever comes after.
            for rule in &course.allows {
                if ground.packets(rule).is_ok() {
                    cluster.allow_unless_isolated(rule, end, &namespaced, gaps);
                }
            }
            cluster.close();
        }
        write_in_order(&course.after, &course, Tier::Baseline, end, (&mut cluster, &mut namespaced), gaps);
    }
    let mut documents = namespaced.documents();
    documents.extend(cluster.documents(gaps));
    documents
}

fn write_in_order(
    steps: &[Step<'_>],
    course: &Course<'_>,
    tier: Tier,
    end: End,
    (cluster, namespaced): (&mut Cluster<'_>, &mut Namespaced<'_>),
    gaps: &mut Gaps,
) {
    for (position, step) in steps.iter().enumerate() {
        let behind = steps.get(position + 1..).unwrap_or_default();
        match step {
            Step::Isolation(isolation) => cluster.isolation(isolation, end, gaps),
            Step::Rule(rule) if rule.action == Action::Pass => {
                if may_pass(rule, behind, course, gaps) {
                    cluster.rule(rule, end, tier, gaps);
                }
            }
            Step::Rule(rule) => {
                let Some(rule) = packet_rule(rule, cluster.ground(), gaps) else { continue };
                let outside = cluster.rule(rule, end, tier, gaps);
                // Nothing before NetworkPolicies can be said of those outside, so those allow them.
                if outside && tier == Tier::Admin {
                    namespaced.allow_addresses(rule, end, gaps);
                }
            }
        }
    }
    cluster.close();
}

/// Whether a pass rule is written: not where it changes nothing, and not where it would go further than to the next tier.
fn may_pass(rule: &Rule, behind: &[Step<'_>], course: &Course<'_>, gaps: &mut Gaps) -> bool {
    let isolates = rule.tier == course.tier && !course.isolations.is_empty();
    let last = behind.first().is_none_or(|next| next.tier() > rule.tier);
    if last && !isolates {
        return false;
    }
    if behind.iter().any(|step| step.tier() > rule.tier) {
        let reason = "its tier and a later one are both written as one tier of ClusterNetworkPolicies, and `Pass` leaves it altogether";
        gaps.add(
            &rule.id,
            Effect::Open,
            reason,
            "it is left out: the rest of its tier holds for what it would pass on",
        );
        return false;
    }
    if isolates {
        let reason = "`Pass` leads to NetworkPolicies, which isolate";
        gaps.add(
            &rule.id,
            Effect::Stricter,
            reason,
            "what it passes on is denied where an isolation of its tier holds",
        );
    }
    // At the end of its tier it changes nothing.
    !last
}
