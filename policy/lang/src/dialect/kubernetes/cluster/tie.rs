//! Policies of one tier that have the same priority (S89).

use std::collections::{BTreeMap, BTreeSet};

use super::{Form, STEP};
use crate::{
    Code, Span,
    diagnostic::Report,
    document::{PolicyDocument, RuleDocument},
};
use bookend_engine::Action;

/// What policies share that may contradict each other: tier, priority, and whether they govern sources.
type Place<'p> = (&'p str, i32, bool);

/// Warns of policies whose order nobody has said, as far as it can matter: where one does something else than another.
pub(crate) fn warn_of_ties<'p>(policies: impl Iterator<Item = &'p PolicyDocument>, report: &mut Report) {
    let mut first: BTreeMap<Place<'_>, (Span, BTreeSet<Action>)> = BTreeMap::new();
    let mut warned: BTreeSet<(usize, usize)> = BTreeSet::new();
    for policy in policies.filter(|policy| has_priority(policy)) {
        for sources in [true, false] {
            let rules = || policy.rules.iter().filter(move |rule| rule.at.source == sources);
            let Some(priority) = rules().next().map(base) else { continue };
            let tier = policy.tier.as_ref().map_or("", |tier| tier.value.as_str());
            let actions: BTreeSet<Action> = rules().map(|rule| rule.action).collect();
            let span = policy.name.span;
            let (before, known) =
                first.entry((tier, priority, sources)).or_insert_with(|| (span, actions.clone()));
            let differs = known.union(&actions).count() > 1;
            known.extend(actions);
            if *before == span || !differs || !warned.insert((span.source, span.start)) {
                continue;
            }
            let message = format!("another policy of this tier has the priority {priority} too");
            let cure = "give each its own, unless no connection is of interest to both";
            report.add_related(Code::EqualPriority, span, message, cure, (*before, "the other one"));
        }
    }
}

/// Whether a policy is one of those that have a priority of their own.
fn has_priority(policy: &PolicyDocument) -> bool {
    let mut kinds = [Form::Cluster, Form::Admin].into_iter();
    let kind = policy.name.value.split('.').next();
    policy.namespace.is_none() && kinds.any(|form| kind == Some(form.word().to_ascii_lowercase().as_str()))
}

/// The priority of the policy, given a rule of it.
const fn base(rule: &RuleDocument) -> i32 {
    rule.priority.div_euclid(STEP)
}
