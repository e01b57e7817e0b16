//! Limits of rules, as the tables have them.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

#[expect(dead_code, reason = "other tests say more")]
mod shop;

use bookend_abi::table::{ALLOW, Limit, NO_LIMIT, PolicyHead, Rate as Pace};
use bookend_engine::{Action, End, Limits, Period, Program, Rate, Rule};
use bookend_plan::{Plan, Step, number};
use shop::{app, inventory, isolated, one, rule, tcp};

fn limits(count: u32) -> Limits {
    Limits { connections_per_source: Rate::new(count, Period::Second, Some(5)), ..Limits::default() }
}

fn limited(count: u32) -> Rule {
    let peer = one(app("a", "web"));
    Rule { to: peer, ports: tcp(80, 80), limits: Some(Box::new(limits(count))), ..rule(Action::Allow, "r") }
}

fn planned(rules: Vec<Rule>) -> Plan {
    Plan::build(&isolated(rules), &inventory(), &[]).unwrap()
}

fn entry(count: u64) -> Limit {
    let interval = 1_000_000_000 / count;
    Limit { connections_per_source: Pace { interval, depth: 5 * interval }, ..Limit::default() }
}

#[test]
fn a_verdict_of_a_limited_rule_refers_to_its_limits() {
    let plan = planned(vec![limited(10)]);
    for (number, limit) in &plan.limits {
        assert_eq!(*limit, entry(10));
        assert_ne!(*number, NO_LIMIT);
    }
    let allowing =
        || plan.policies.values().flat_map(|policy| &policy.verdicts).filter(|(_, v)| v.verdict == ALLOW);
    assert!(allowing().count() > 0);
    for (_, value) in allowing() {
        assert!(plan.limits.contains_key(&value.limit), "{value:?}");
    }
}

#[test]
fn each_end_has_limits_of_its_own() {
    let at = |end| number::of_limit("a/p/r", end, &entry(10));
    assert_ne!(at(End::Source), at(End::Destination));
    assert_ne!(at(End::Source), number::of_limit("a/p/r", End::Source, &entry(20)));
    assert_ne!(at(End::Source), number::of_limit("a/p/s", End::Source, &entry(10)));
}

#[test]
fn a_default_that_is_limited_is_written_out() {
    // Whatever it is and wherever it goes: without limits that would be the policy's default.
    let anything = |limits: Option<Limits>| Rule { limits: limits.map(Box::new), ..rule(Action::Allow, "r") };
    let plain = planned(vec![anything(None)]);
    let plan = planned(vec![anything(Some(limits(10)))]);
    for policy in plain.policies.values() {
        assert_eq!(
            (policy.head.flags & PolicyHead::DEFAULT_ALLOW, policy.verdicts.len()),
            (PolicyHead::DEFAULT_ALLOW, 0)
        );
    }
    for policy in plan.policies.values() {
        assert!(!policy.verdicts.is_empty());
        assert!(policy.verdicts.iter().all(|(_, value)| plan.limits.contains_key(&value.limit)));
    }
}

#[test]
fn limits_are_written_before_who_refers_to_them_and_removed_after() {
    let (old, new) = (planned(vec![limited(10)]), planned(vec![limited(20)]));
    assert_eq!(Plan::default().change_from(&Plan::default()).steps, []);
    assert_eq!(new.sizes_replacing(&old).limits, new.limits.len() + old.limits.len());
    let steps = new.change_from(&old).steps;
    let position = |wanted: fn(&Step) -> bool| -> Vec<usize> {
        steps.iter().enumerate().filter(|(_, step)| wanted(step)).map(|(at, _)| at).collect()
    };
    let written = position(|step| matches!(step, Step::WriteLimit(_)));
    let policies = position(|step| matches!(step, Step::WritePolicy(_)));
    let unused = position(|step| matches!(step, Step::RemovePolicy(_)));
    let removed = position(|step| matches!(step, Step::RemoveLimit(_)));
    assert_eq!((written.len(), removed.len()), (new.limits.len(), old.limits.len()));
    assert!(written.last().unwrap() < policies.first().unwrap());
    assert!(unused.last().unwrap() < removed.first().unwrap());
}

#[test]
fn a_rule_without_effect_here_needs_no_limits() {
    let elsewhere = Rule { namespace: Some("b".to_owned()), ..limited(10) };
    let plan = Plan::build(&Program::new(vec![elsewhere], vec![]), &inventory(), &[]).unwrap();
    assert!(plan.limits.is_empty());
}
