//! How an end decides about requests: what is tried there, in order.

use std::collections::BTreeSet;

use bookend_engine::{Action, End, FAILSAFE_TIER, HttpMatch, Plane, Rule};

use crate::engine::conditions;

/// One thing that can decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'s> {
    /// A rule that means these ends and this port.
    Rule {
        /// The rule.
        rule: &'s Rule,
        /// Whether it decides whatever the request is.
        certain: bool,
    },
    /// An isolation: it denies what no rule of its tier decided.
    Isolated {
        /// Its id.
        id: &'s str,
        /// Its tier.
        tier: u32,
    },
    /// Nothing decided: allowed.
    Default,
}

impl<'s> Step<'s> {
    /// The id of the rule or the isolation.
    pub fn id(&self) -> Option<&'s str> {
        match self {
            Self::Rule { rule, .. } => Some(&rule.id),
            Self::Isolated { id, .. } => Some(id),
            Self::Default => None,
        }
    }

    /// The conditions on requests under which it decides; none if it always does.
    pub fn conditions(&self) -> &'s [HttpMatch] {
        match self {
            Self::Rule { rule, certain: false } => conditions(rule),
            _ => &[],
        }
    }

    /// Whether it is a host's failsafe, which no plane takes away (S75).
    pub(crate) fn is_failsafe(&self) -> bool {
        matches!(self, Self::Rule { rule, .. } if (rule.plane, rule.tier) == (Plane::Bookend, FAILSAFE_TIER))
    }

    fn action(&self) -> Action {
        match self {
            Self::Rule { rule, .. } => rule.action,
            Self::Isolated { .. } => Action::Deny,
            Self::Default => Action::Allow,
        }
    }
}

/// What one plane tries at one end, in order, up to what decides in any case. All courses of a connection must allow (S1, S83).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Course<'s> {
    /// The end.
    pub end: End,
    /// The plane.
    pub plane: Plane,
    /// Never empty.
    pub steps: Vec<Step<'s>>,
}

/// What a course comes to, whatever its rules are called: two courses of one shape decide alike.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Shape(Vec<Group>);

/// Steps with one action that follow each other in one tier: the order among them makes no difference.
type Group = (u32, Action, BTreeSet<String>, bool);

impl Course<'_> {
    /// Whether anything but the request's conditions is left open.
    pub(crate) fn is_conditional(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::Rule { certain: false, .. }))
    }

    /// Whether it may leave a tier for the next.
    fn passes(&self) -> bool {
        self.steps.iter().any(|step| step.action() == Action::Pass)
    }

    /// Without the conditional steps at the end that decide as what comes after them does in any case.
    pub(crate) fn without_moot_steps(mut self) -> Self {
        let Some(last) = self.steps.last().copied().filter(|_| !self.passes()) else { return self };
        let mut kept = self.steps.len() - 1;
        while let Some(step) = kept.checked_sub(1).and_then(|n| self.steps.get(n)) {
            if step.action() != last.action() {
                break;
            }
            kept -= 1;
        }
        self.steps.truncate(kept);
        self.steps.push(last);
        self
    }

    pub(crate) fn shape(&self) -> Shape {
        let mut groups: Vec<Group> = Vec::new();
        let passes = self.passes();
        for step in &self.steps {
            let (certain, tier) = match step {
                Step::Rule { rule, certain } => (*certain, rule.tier),
                Step::Isolated { tier, .. } => (true, *tier),
                Step::Default => (true, u32::MAX),
            };
            // Where nothing leaves a tier, it makes no difference which tier decides.
            let own = if passes { tier } else { 0 };
            let written: BTreeSet<String> = match step {
                Step::Rule { rule, certain: false } => written(rule),
                _ => BTreeSet::new(),
            };
            match groups.last_mut() {
                Some((tier, action, set, sure))
                    if !*sure && !certain && (*tier, *action) == (own, step.action()) =>
                {
                    set.extend(written);
                }
                _ => groups.push((own, step.action(), written, certain)),
            }
        }
        Shape(groups)
    }
}

/// What a rule asks of a request, and of a certificate, as texts of which one has to hold.
fn written(rule: &Rule) -> BTreeSet<String> {
    let peers = rule.from.alternatives().unwrap_or_default();
    let asked: Vec<_> = peers.iter().filter(|peer| peer.asks_for_principal()).collect();
    let from = if asked.is_empty() { String::new() } else { format!("{asked:?} ") };
    let text = |condition: &HttpMatch| {
        let text = serde_json::to_string(condition).unwrap_or_else(|_| format!("{condition:?}"));
        format!("{from}{text}")
    };
    match conditions(rule) {
        [] => BTreeSet::from([from]),
        conditions => conditions.iter().map(text).collect(),
    }
}
