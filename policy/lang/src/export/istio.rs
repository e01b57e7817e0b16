//! AuthorizationPolicies, and PeerAuthentications for what these say by themselves.
//!
//! A mesh asks at the destination only, what comes over TCP, and where a proxy stands: there rules that deny are tried first, and
//! whoever an ALLOW policy selects is isolated. So an allow rule is written for those only whom something isolates anyway.

mod agent;
mod authentication;
mod operation;
mod source;
mod written;

use std::collections::BTreeSet;

use bookend_engine::{Action, End, Isolation, Mode, Plane, Program, Rule, Truth};
use serde_json::Value;

use self::authentication::Authentications;
use self::written::Policies;
use super::course::{Course, Step};
use super::gap::{Effect, Gaps};
use super::ground::Ground;
use super::peer::{self, Group, Spaces};
use super::pods::Pods;
use crate::dialect::istio::ROOT_NAMESPACE;

/// Who is isolated by what.
#[derive(Debug)]
struct Isolated<'p> {
    isolation: &'p Isolation,
    namespace: String,
    pods: Pods,
}

/// The program as AuthorizationPolicies.
pub(super) fn documents(program: &Program, ground: &Ground<'_>, gaps: &mut Gaps) -> Vec<Value> {
    let ground = Ground { names_accounts: true, ..*ground };
    let mut policies = Policies::default();
    let authentications = Authentications::of(program);
    tell_of_sources(program, &ground, gaps);
    let isolated = isolated(program, &ground, gaps);
    for one in &isolated {
        for labels in labels(&one.pods, &one.namespace, &ground, gaps, &one.isolation.id) {
            let place = (one.namespace.as_str(), "ALLOW", one.isolation.mode);
            policies.add(place, &one.isolation.id, labels, Vec::new());
        }
    }
    // Where nothing isolates, no tier is behind one that does.
    let course = Course::of(program, End::Destination, u32::MAX);
    let first = isolated.iter().map(|one| one.isolation.tier).min();
    for (position, step) in course.before.iter().enumerate() {
        let Step::Rule(rule) = step else { continue };
        if agent::opens(rule) || authentications.say(rule) {
            continue;
        }
        let behind = course.before.get(position + 1..).unwrap_or_default();
        let denied =
            behind.iter().any(|step| matches!(step, Step::Rule(rule) if rule.action == Action::Deny));
        let last = behind.first().is_none_or(|next| next.tier() > rule.tier);
        match rule.action {
            Action::Deny => deny(rule, &ground, &mut policies, gaps),
            Action::Allow => {
                if denied {
                    let reason = "DENY is tried before ALLOW, whatever the order of rules";
                    gaps.add(&rule.id, Effect::Stricter, reason, "what a later rule denies is denied");
                }
                allow(rule, &isolated, &ground, &mut policies, gaps);
            }
            Action::Pass if last && first != Some(rule.tier) => {}
            Action::Pass => tell_of_pass(rule, gaps),
        }
    }
    for rule in course.allows.iter().filter(|rule| !agent::opens(rule)) {
        allow(rule, &isolated, &ground, &mut policies, gaps);
    }
    for step in &course.after {
        let Step::Rule(rule) = step else { continue };
        match rule.action {
            Action::Deny => {
                let reason = "DENY is tried before ALLOW, whatever the order of tiers";
                gaps.add(&rule.id, Effect::Stricter, reason, "it denies what an earlier tier allows");
                if !authentications.say(rule) {
                    deny(rule, &ground, &mut policies, gaps);
                }
            }
            Action::Allow if agent::opens(rule) => {}
            Action::Allow => allow(rule, &isolated, &ground, &mut policies, gaps),
            Action::Pass => tell_of_pass(rule, gaps),
        }
    }
    let mut documents = policies.documents();
    documents.extend(authentications.documents);
    documents
}

fn tell_of_pass(rule: &Rule, gaps: &mut Gaps) {
    gaps.add(
        &rule.id,
        Effect::Open,
        "a mesh has no tiers to pass on to",
        "the rest of its tier holds for that",
    );
}

/// Tells what is lost because nothing is asked where connections are opened.
fn tell_of_sources(program: &Program, ground: &Ground<'_>, gaps: &mut Gaps) {
    let reason = "a mesh asks at the destination only";
    for isolation in program.isolations().iter().filter(|isolation| isolation.egress) {
        gaps.add(&isolation.id, Effect::Open, reason, "what its workloads open is not denied");
    }
    for rule in program.rules() {
        let namespace = rule.namespace.as_deref();
        if !rule.at.source || peer::locals(&rule.from, namespace, &ground.by_labels()).list.is_empty() {
            continue;
        }
        // Where every destination is asked about the rule, nothing is lost.
        let all = rule.at.destination
            && rule.to.alternatives().is_some_and(|list| {
                list.iter().all(|peer| {
                    let own = |selector: &bookend_engine::Selector| {
                        namespace.is_none_or(|own| {
                            ground.lies_in(&selector.namespaces, own) == Truth::Yes
                                && matches!(&selector.namespaces, bookend_engine::NamespaceMatch::Named(_))
                        })
                    };
                    peer.workloads.as_ref().is_some_and(own)
                })
            });
        if !all {
            match rule.action {
                Action::Allow => {
                    gaps.note(&rule.id, reason, "nothing is asked where its connections are opened")
                }
                _ => {
                    gaps.add(&rule.id, Effect::Open, reason, "nothing is denied where connections are opened")
                }
            }
        }
    }
}

/// Who is isolated, in each namespace.
fn isolated<'p>(program: &'p Program, ground: &Ground<'_>, gaps: &mut Gaps) -> Vec<Isolated<'p>> {
    let mut found = Vec::new();
    for isolation in program.isolations().iter().filter(|isolation| isolation.ingress) {
        let id = &isolation.id;
        if isolation.plane != Plane::Mesh {
            gaps.add(id, Effect::Looser, "a mesh sees TCP only", "other protocols are not denied");
        }
        if ground.selected(&isolation.workloads).any(|workload| !workload.identity.proxied) {
            gaps.add(id, Effect::Open, "some of its workloads have no proxy", "nobody asks there");
        }
        // A proxy stands before everybody whom a mesh asks for.
        let selector = bookend_engine::Selector { proxied: None, ..isolation.workloads.clone() };
        let group = match peer::group(&selector, &ground.by_labels()) {
            Ok(group) => group,
            Err(reason) => {
                gaps.add(id, Effect::Open, reason, "nobody is isolated by it");
                continue;
            }
        };
        for namespace in namespaces(&group.spaces, ground) {
            if means_root_alone(&namespace, &group.spaces) {
                gaps.add(id, Effect::Open, ROOT_REASON, "nobody there is isolated by it");
                continue;
            }
            found.push(Isolated { isolation, namespace, pods: group.pods.clone() });
        }
        if let Spaces::Labelled(_) = group.spaces {
            gaps.add(
                id,
                Effect::Looser,
                "it is written for each namespace",
                "it does not hold in namespaces to come",
            );
        }
    }
    found
}

/// Why nothing is written for the root namespace alone.
const ROOT_REASON: &str = "a policy of the mesh's root namespace is for all namespaces";

/// Whether a policy would lie in the root namespace and is not for all of them.
fn means_root_alone(namespace: &str, spaces: &Spaces) -> bool {
    let everywhere = matches!(spaces, Spaces::Labelled(labels) if labels.is_any());
    namespace == ROOT_NAMESPACE && !everywhere
}

/// The namespaces that are meant, as they are known.
fn namespaces(spaces: &Spaces, ground: &Ground<'_>) -> Vec<String> {
    match spaces {
        Spaces::Named(name) => vec![name.clone()],
        Spaces::Labelled(labels) => {
            let known = ground.namespaces().into_iter();
            known.filter(|name| ground.fits(labels, name) != Truth::No).map(str::to_owned).collect()
        }
    }
}

/// Workloads as labels without any expression; several where one of several values is asked for.
fn labels(pods: &Pods, namespace: &str, ground: &Ground<'_>, gaps: &mut Gaps, id: &str) -> Vec<Pods> {
    if let Some(list) = pods.without_expressions() {
        return list;
    }
    let chosen =
        ground.labels_of(namespace, &Pods::default(), |identity| pods.holds(&identity.labels) == Some(true));
    let list = chosen.and_then(|labels| labels.without_expressions());
    list.unwrap_or_else(|| {
        let reason = "workloads are selected by labels without expressions, and none tells who is meant";
        gaps.add(id, Effect::Open, reason, "it says nothing about them");
        Vec::new()
    })
}

fn deny(rule: &Rule, ground: &Ground<'_>, policies: &mut Policies, gaps: &mut Gaps) {
    let Some((rules, locals)) = parts(rule, ground, gaps) else { return };
    let selectors =
        rule.to.alternatives().unwrap_or_default().iter().filter_map(|peer| peer.workloads.as_ref());
    if selectors.flat_map(|selector| ground.selected(selector)).any(|workload| !workload.identity.proxied) {
        gaps.add(&rule.id, Effect::Open, "some of its destinations have no proxy", "nobody asks there");
    }
    let mut groups: BTreeSet<(String, Pods)> = BTreeSet::new();
    for local in locals {
        for namespace in namespaces(&local.spaces, ground) {
            if means_root_alone(&namespace, &local.spaces) {
                gaps.add(&rule.id, Effect::Open, ROOT_REASON, "it denies nothing there");
            } else {
                groups.insert((namespace, local.pods.clone()));
            }
        }
    }
    for (namespace, pods) in groups {
        for labels in labels(&pods, &namespace, ground, gaps, &rule.id) {
            policies.add((&namespace, "DENY", rule.mode), &rule.id, labels, rules.clone());
        }
    }
}

fn allow(
    rule: &Rule,
    isolated: &[Isolated<'_>],
    ground: &Ground<'_>,
    policies: &mut Policies,
    gaps: &mut Gaps,
) {
    let Some((rules, locals)) = parts(rule, ground, gaps) else { return };
    let mut groups: BTreeSet<(String, Pods, Mode)> = BTreeSet::new();
    for local in &locals {
        for one in isolated.iter().filter(|one| one.isolation.tier >= rule.tier) {
            let meant = match &local.spaces {
                Spaces::Named(name) => Truth::from(*name == one.namespace),
                Spaces::Labelled(labels) => ground.fits(labels, &one.namespace),
            };
            let earlier = isolated.iter().any(|other| {
                other.namespace == one.namespace
                    && other.isolation.tier < rule.tier
                    && other.pods.both(&one.pods).is_some()
            });
            if meant != Truth::Yes {
                continue;
            }
            if means_root_alone(&one.namespace, &local.spaces) {
                gaps.add(&rule.id, Effect::Stricter, ROOT_REASON, "it allows nothing there");
                continue;
            }
            if earlier {
                let reason = "an earlier tier isolates, and in a mesh allow rules add up";
                gaps.add(&rule.id, Effect::Stricter, reason, "it allows nothing there");
                continue;
            }
            if let Some(pods) = local.pods.both(&one.pods) {
                groups.insert((one.namespace.clone(), pods, rule.mode.max(one.isolation.mode)));
            }
        }
    }
    let wider = |(namespace, pods, mode): &(String, Pods, Mode)| {
        groups.iter().any(|(other, wider, same)| {
            (other, same) == (namespace, mode) && wider != pods && pods.within(wider)
        })
    };
    for (namespace, pods, mode) in groups.iter().filter(|group| !wider(group)) {
        for labels in labels(pods, namespace, ground, gaps, &rule.id) {
            policies.add((namespace, "ALLOW", *mode), &rule.id, labels, rules.clone());
        }
    }
}

/// What a rule says of TCP at its destinations: rules as a mesh has them, and the destinations.
fn parts(rule: &Rule, ground: &Ground<'_>, gaps: &mut Gaps) -> Option<(Vec<Value>, Vec<Group>)> {
    let (effect, instead) = match rule.action {
        Action::Allow => (Effect::Stricter, "that is not allowed by it"),
        _ => (Effect::Open, "that is not denied by it"),
    };
    let mut to = rule.to.clone();
    if let Some(list) = rule.to.alternatives() {
        let mut list = list.to_vec();
        list.iter_mut()
            .filter_map(|peer| peer.workloads.as_mut())
            .for_each(|selector| selector.proxied = None);
        to = bookend_engine::Clause::one_of(list).unwrap_or_default();
    }
    let locals = peer::locals(&to, rule.namespace.as_deref(), ground);
    for reason in &locals.missing {
        gaps.add(&rule.id, effect, reason.as_str(), instead);
    }
    if !rule.at.destination || locals.list.is_empty() {
        return None;
    }
    if rule.limits.is_some() {
        gaps.add(
            &rule.id,
            Effect::Looser,
            "nothing counts connections or packets",
            "its limits are left out",
        );
    }
    if rule.answer.is_some() {
        gaps.note(&rule.id, "a mesh answers 403 to whatever it denies", "its answer is left out");
    }
    let sources = source::sources(rule, ground, gaps);
    let operations = operation::operations(rule, ground, gaps);
    let mut rules = Vec::new();
    for operation in operations {
        rules.extend(operation.rule(&sources));
    }
    (!rules.is_empty()).then_some((rules, locals.list))
}
