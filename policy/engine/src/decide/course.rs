//! The way through the tiers at one end.

use alloc::vec::Vec;
use core::iter::Peekable;

use super::attempt::{attempt, governs};
use super::tried::Tried;
use super::{Cause, Decision, Verdict, service};
use crate::{
    Action, Connection, End, Exchange, FAILSAFE_TIER, Identity, Isolation, Mode, Outcome, Plane, Rule, Trace,
    Truth,
};

/// Whether what is only audited takes part (S36).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rehearsal {
    No,
    Yes,
}

impl Rehearsal {
    fn includes(self, mode: Mode) -> bool {
        self == Self::Yes || mode == Mode::Enforce
    }
}

/// One question at one end. `NAMING`: deny rules count only where they say something of the destination because of where it is (S72);
/// a constant, so that filters, which are never asked so, do without.
pub(super) struct Course<'c, const NAMING: bool> {
    pub(super) rehearsal: Rehearsal,
    pub(super) end: End,
    pub(super) connection: &'c Connection<'c>,
    pub(super) exchange: Exchange<'c>,
}

/// Which of two continuations stands, where a pass rule may match or not (S35).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Choice {
    /// The more restrictive: the rule is in doubt.
    Deny,
    /// The more permissive: a request on the connection could go either way, and this is the projection (S5).
    Allow,
}

impl Choice {
    fn verdict(self) -> Verdict {
        match self {
            Self::Deny => Verdict::Deny,
            Self::Allow => Verdict::Allow,
        }
    }
}

/// What came of one tier.
enum Leaving<'p> {
    /// It decides.
    With(Decision<'p>),
    /// The next tier decides.
    ForTheNext,
    /// It decides so, if the next tier does not decide for what is chosen.
    Unless(Choice, Decision<'p>),
}

impl<const NAMING: bool> Course<'_, NAMING> {
    /// Goes through every plane by itself (S83).
    pub(super) fn run<'p, T: Trace>(
        &self,
        rules: &Tried<'p, Rule>,
        isolations: &Tried<'p, Isolation>,
        trace: &mut T,
    ) -> Decision<'p> {
        let mut rules = rules.iter().peekable();
        let mut isolations = isolations.iter().peekable();
        let mut found = Decision { verdict: Verdict::Allow, cause: Cause::Default };
        let mut denied = None;
        for plane in Plane::ALL {
            let speaks = plane.speaks_of(self.connection.protocol);
            let decision = speaks.then(|| self.plane(plane, &mut rules, &mut isolations, trace));
            // Whatever is left of the plane has no say any more.
            while rules.next_if(|rule| rule.plane <= plane).is_some() {}
            while isolations.next_if(|isolation| isolation.plane <= plane).is_some() {}
            let Some(decision) = decision else { continue };
            trace.plane(self.end, plane, &decision);
            match (decision.verdict, decision.cause) {
                // What no rule says because of an address says nothing of it.
                (Verdict::Deny, Cause::Isolation(_)) if NAMING => {}
                // The verdict is known; whoever explains wants to hear the others too.
                (Verdict::Deny, _) if T::EXHAUSTIVE => denied = denied.or(Some(decision)),
                (Verdict::Deny, _) => return decision,
                (Verdict::Allow, cause) if is_failsafe(cause) => return decision,
                (Verdict::Allow, Cause::Default) => {}
                (Verdict::Allow, _) => found = decision,
            }
        }
        denied.unwrap_or(found)
    }

    /// The decision of one plane alone.
    fn plane<'p>(
        &self,
        plane: Plane,
        rules: &mut Peekable<impl Iterator<Item = &'p Rule>>,
        isolations: &mut Peekable<impl Iterator<Item = &'p Isolation>>,
        trace: &mut impl Trace,
    ) -> Decision<'p> {
        // Tiers that decide unless a later one does otherwise; the outermost first.
        let mut pending: Vec<(Choice, Decision<'p>)> = Vec::new();
        let mut last = Decision { verdict: Verdict::Allow, cause: Cause::Default };
        loop {
            let first = rules.peek().filter(|rule| rule.plane == plane).map(|rule| rule.tier);
            let isolating = isolations.peek().filter(|isolation| isolation.plane == plane);
            let order = match (first, isolating.map(|isolation| isolation.tier)) {
                (Some(rule), Some(isolation)) => rule.min(isolation),
                (Some(order), None) | (None, Some(order)) => order,
                (None, None) => break,
            };
            let here = (plane, order);
            let mut these = core::iter::from_fn(|| rules.next_if(|rule| (rule.plane, rule.tier) <= here));
            let mut isolating = core::iter::from_fn(|| isolations.next_if(|i| (i.plane, i.tier) <= here));
            let leaving = self.tier(&mut these, &mut isolating, trace);
            // Whatever is left of the tier has no say any more.
            these.for_each(drop);
            isolating.for_each(drop);
            match leaving {
                Leaving::ForTheNext => {}
                Leaving::Unless(choice, decision) => pending.push((choice, decision)),
                Leaving::With(decision) => {
                    last = decision;
                    break;
                }
            }
        }
        pending.into_iter().rev().fold(
            last,
            |last, (choice, decision)| {
                if last.verdict == choice.verdict() { last } else { decision }
            },
        )
    }

    fn tier<'p>(
        &self,
        rules: &mut impl Iterator<Item = &'p Rule>,
        isolations: &mut impl Iterator<Item = &'p Isolation>,
        trace: &mut impl Trace,
    ) -> Leaving<'p> {
        let mut choices: Option<Choice> = None;
        for rule in rules.filter(|rule| self.rehearsal.includes(rule.mode)) {
            let governed = governs(rule, self.end, self.connection.at(self.end));
            if governed == Truth::No {
                continue;
            }
            if NAMING && rule.action == Action::Deny && !service::names(rule, self.connection) {
                continue;
            }
            let outcome = attempt(rule, governed, self.connection, self.exchange);
            trace.rule(self.end, rule, outcome);
            let choice = match (outcome, rule.action) {
                (Outcome::Missed(..), _) | (Outcome::LeftToTheRequest, Action::Deny | Action::Allow) => {
                    continue;
                }
                (Outcome::Decided | Outcome::DecidedInDoubt(_), Action::Deny) => {
                    return leave(choices, Decision { verdict: Verdict::Deny, cause: Cause::Rule(rule) });
                }
                (Outcome::Decided | Outcome::DecidedInDoubt(_), Action::Allow) => {
                    return leave(choices, Decision { verdict: Verdict::Allow, cause: Cause::Rule(rule) });
                }
                (Outcome::Decided, Action::Pass) => return Leaving::ForTheNext,
                (Outcome::DecidedInDoubt(_), Action::Pass) => Choice::Deny,
                (Outcome::LeftToTheRequest, Action::Pass) => Choice::Allow,
            };
            match choices {
                None => choices = Some(choice),
                Some(before) if before == choice => {}
                // "The stricter of x and the next tier", x being "the laxer of y and the next tier", or the other way
                // round: whatever y is, that is the next tier.
                Some(_) => return Leaving::ForTheNext,
            }
        }
        let local = &self.connection.at(self.end).identity;
        let isolation = isolations
            .filter(|isolation| self.rehearsal.includes(isolation.mode) && isolation.covers(self.end))
            .find(|isolation| known(local) && isolation.workloads.holds(local) != Truth::No);
        match isolation {
            Some(isolation) => {
                trace.isolation(self.end, isolation);
                leave(choices, Decision { verdict: Verdict::Deny, cause: Cause::Isolation(isolation) })
            }
            None => Leaving::ForTheNext,
        }
    }
}

/// Whether a host's failsafe allows, which no plane takes away (S75).
fn is_failsafe(cause: Cause<'_>) -> bool {
    matches!(cause, Cause::Rule(rule) if rule.plane == Plane::Bookend && rule.tier == FAILSAFE_TIER)
}

/// Leaves a tier that decides, unless a pass rule before left a choice.
fn leave(choice: Option<Choice>, decision: Decision<'_>) -> Leaving<'_> {
    match choice {
        Some(choice) if choice.verdict() != decision.verdict => Leaving::Unless(choice, decision),
        _ => Leaving::With(decision),
    }
}

/// Whether an end is known to be some workload. The end of somebody unknown is left to the enforcers at
/// that end (S25).
fn known(identity: &Identity<'_>) -> bool {
    !matches!(identity, Identity::Outside | Identity::Anonymous | Identity::Claimed(_))
}
