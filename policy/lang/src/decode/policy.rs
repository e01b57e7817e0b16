//! `kind: Policy` and `kind: ClusterPolicy`.

use super::{
    fields::{Fields, distinct, integer, into_list, list, optional, word},
    name, rule, selector,
};
use crate::{
    Code,
    diagnostic::Report,
    document::{IsolateDocument, PolicyDocument, RuleDocument, Spanned},
    limit,
    yaml::Node,
};
use bookend_engine::{Action, Mode};

/// What a policy says for those of its rules and isolations that say nothing themselves.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Defaults {
    pub(super) priority: i32,
    pub(super) mode: Mode,
}

/// Reads a policy of a namespace.
pub(super) fn policy(mut fields: Fields<'_>, report: &mut Report) -> Option<PolicyDocument> {
    let metadata = name::metadata(&mut fields, report).and_then(|metadata| {
        name::described(metadata.labels, metadata.annotations, report)?;
        Some(metadata)
    });
    let body = body(fields, report);
    let (metadata, body) = (metadata?, body?);
    Some(PolicyDocument { namespace: Some(metadata.namespace), name: metadata.name, ..body })
}

/// Reads a policy of the whole cluster.
pub(super) fn cluster_policy(mut fields: Fields<'_>, report: &mut Report) -> Option<PolicyDocument> {
    let metadata = name::cluster_metadata(&mut fields, "ClusterPolicy", report).and_then(|metadata| {
        name::described(metadata.labels, metadata.annotations, report)?;
        Some(metadata)
    });
    let body = body(fields, report);
    let (metadata, body) = (metadata?, body?);
    Some(PolicyDocument { namespace: None, name: metadata.name, ..body })
}

/// Reads `spec`. All of it is read even when a part is wrong, so that everything is said at once.
fn body(mut fields: Fields<'_>, report: &mut Report) -> Option<PolicyDocument> {
    let spec = fields.required("spec", report).and_then(|node| Fields::of(node, "policy's spec", report));
    // An API server adds it; it says nothing about what is meant.
    fields.get("status");
    let name = Spanned { value: String::new(), span: fields.span };
    fields.finish(report);
    let mut spec = spec?;
    let tier = optional(spec.get("tier").map(|node| name::name(node, "tier", 253, report)));
    let priority = optional(spec.get("priority").map(|node| priority(node, report)));
    let own = optional(spec.get("mode").map(|node| mode(node, report)));
    // A default that is wrong is said once; the rules are read with another, to say what is wrong with them.
    let defaults = Defaults {
        priority: priority.flatten().unwrap_or_default(),
        mode: own.flatten().unwrap_or_default(),
    };
    let isolate = distinct(spec.get("isolate"), "isolate", limit::ISOLATIONS, report, |node, report| {
        isolation(node, defaults, report)
    });
    let allow = rules(spec.get("allow"), Action::Allow, defaults, report);
    let deny = rules(spec.get("deny"), Action::Deny, defaults, report);
    let pass = rules(spec.get("pass"), Action::Pass, defaults, report);
    let (place, unknown) = (spec.place(), spec.has_unknown());
    spec.finish(report);
    let (tier, _, _) = (tier?, priority?, own?);
    let (isolate, mut rules, deny, pass) = (into_list(isolate?), allow?, deny?, pass?);
    rules.extend(deny);
    rules.extend(pass);
    if rules.len() > limit::RULES {
        let message = format!("the policy has {} rules, and {} are the most", rules.len(), limit::RULES);
        report.add(Code::TooMany, place, message, "split it into several policies");
        return None;
    }
    if isolate.is_empty() && rules.is_empty() {
        if !unknown {
            let cure = "add `isolate`, `allow`, `deny` or `pass`";
            report.add(Code::MissingField, place, "the policy says nothing", cure);
        }
        return None;
    }
    Some(PolicyDocument { namespace: None, name, tier, isolate, rules })
}

fn isolation(node: &Node, defaults: Defaults, report: &mut Report) -> Option<IsolateDocument> {
    let mut fields = Fields::of(node, "isolation", report)?;
    let workloads = fields.required("workloads", report).and_then(|node| selector::workloads(node, report));
    let directions = distinct(fields.get("directions"), "directions", 2, report, |node, report| {
        word(node, "directions", &[("ingress", true), ("egress", false)], report)
    });
    let own = optional(fields.get("mode").map(|node| mode(node, report)));
    fields.finish(report);
    let (workloads, directions, own) = (workloads?, directions?, own?);
    let named = |ingress: bool| directions.alternatives().is_none_or(|list| list.contains(&ingress));
    Some(IsolateDocument {
        workloads,
        ingress: named(true),
        egress: named(false),
        mode: own.unwrap_or(defaults.mode),
    })
}

fn rules(
    node: Option<&Node>,
    action: Action,
    defaults: Defaults,
    report: &mut Report,
) -> Option<Vec<RuleDocument>> {
    let Some(node) = node else { return Some(Vec::new()) };
    let read: Vec<_> = list(node, action.name(), report)?
        .iter()
        .map(|node| rule::rule(node, action, defaults, report))
        .collect();
    read.into_iter().collect()
}

/// Whether it is enforced or only rehearsed.
pub(super) fn mode(node: &Node, report: &mut Report) -> Option<Mode> {
    word(node, "mode", &[("enforce", Mode::Enforce), ("audit", Mode::Audit)], report)
}

/// Whose place among the rules of a tier: the lowest is tried first.
pub(super) fn priority(node: &Node, report: &mut Report) -> Option<i32> {
    let number = integer(node, "priority", -limit::PRIORITY..=limit::PRIORITY, report)?;
    i32::try_from(number).ok()
}
