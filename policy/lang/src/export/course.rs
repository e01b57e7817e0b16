//! The order of trial at an end, divided into what comes before workloads are isolated and what comes after.

use bookend_engine::{Action, End, Isolation, Program, Rule};

/// A step of the order of trial.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step<'p> {
    Rule(&'p Rule),
    /// Whoever is isolated is denied.
    Isolation(&'p Isolation),
}

/// What is tried at one end, in three parts.
#[derive(Debug, Default)]
pub(super) struct Course<'p> {
    /// In order: denials, and what must be tried before them.
    pub(super) before: Vec<Step<'p>>,
    /// Rules that allow, of which the order makes no difference.
    pub(super) allows: Vec<&'p Rule>,
    /// The first tier that isolates anybody does so here.
    pub(super) isolations: Vec<&'p Isolation>,
    /// In order: the tiers after that.
    pub(super) after: Vec<Step<'p>>,
    /// The tier of the isolations.
    pub(super) tier: u32,
}

impl<'p> Course<'p> {
    /// The order of trial at `end`. `usual` is the tier that isolates where none does.
    pub(super) fn of(program: &'p Program, end: End, usual: u32) -> Self {
        let isolations: Vec<&Isolation> = program.isolations().iter().filter(|i| i.covers(end)).collect();
        let tier = isolations.iter().map(|isolation| isolation.tier).min().unwrap_or(usual);
        let rules: Vec<&Rule> = program.rules().iter().filter(|rule| rule.at.contains(end)).collect();
        let (early, late): (Vec<&Rule>, Vec<&Rule>) = rules.into_iter().partition(|rule| rule.tier <= tier);
        let cut = cut(&early);
        let mut course = Self { tier, ..Self::default() };
        for (position, rule) in early.into_iter().enumerate() {
            if position < cut {
                course.before.push(Step::Rule(rule));
            } else if rule.action == Action::Allow {
                course.allows.push(rule);
            }
        }
        course.isolations = isolations.iter().copied().filter(|isolation| isolation.tier == tier).collect();
        let mut tiers: Vec<u32> = late.iter().map(|rule| rule.tier).collect();
        tiers.extend(isolations.iter().map(|isolation| isolation.tier).filter(|order| *order > tier));
        tiers.sort_unstable();
        tiers.dedup();
        for order in tiers {
            course.after.extend(late.iter().filter(|rule| rule.tier == order).map(|rule| Step::Rule(rule)));
            let isolating = isolations.iter().filter(|isolation| isolation.tier == order);
            course.after.extend(isolating.map(|isolation| Step::Isolation(isolation)));
        }
        course
    }

    /// Whether anything after the isolations denies.
    pub(super) fn denies_after(&self) -> bool {
        self.after.iter().any(|step| match step {
            Step::Rule(rule) => rule.action == Action::Deny,
            Step::Isolation(_) => true,
        })
    }
}

impl Step<'_> {
    /// The order of its tier.
    pub(super) fn tier(&self) -> u32 {
        match self {
            Self::Rule(rule) => rule.tier,
            Self::Isolation(isolation) => isolation.tier,
        }
    }
}

/// How many rules must be tried in order. Those behind the last one that denies or passes all allow, except that a tier in which a
/// rule passes is left as a whole.
fn cut(rules: &[&Rule]) -> usize {
    let Some(last) = rules.iter().rposition(|rule| rule.action != Action::Allow) else { return 0 };
    let passing = rules.iter().rev().find(|rule| rule.action == Action::Pass).map(|rule| rule.tier);
    let of_the_tier = rules.iter().rposition(|rule| Some(rule.tier) == passing).unwrap_or(0);
    last.max(of_the_tier) + 1
}
