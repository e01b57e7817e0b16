//! The decision.

mod attempt;
mod course;
mod service;
mod tried;

use crate::{
    Action, Answer, Connection, End, Exchange, Identity, Isolation, Limits, NoTrace, Program, Rule, Trace,
};
pub(crate) use attempt::filtered;
use course::{Course, Rehearsal};
pub use service::{ServiceDecision, decide_dialled};
use tried::Tried;

/// Allowed or denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// The traffic must not pass.
    Deny,
    /// The traffic may pass.
    Allow,
}

impl Verdict {
    /// `allow` or `deny`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
        }
    }
}

/// What brought a verdict about.
#[derive(Clone, Copy, Debug, Eq)]
pub enum Cause<'p> {
    /// A rule matched.
    Rule(&'p Rule),
    /// No rule matched, and the workload is isolated (S7).
    Isolation(&'p Isolation),
    /// No rule matched, and the workload is not isolated (S8).
    Default,
}

/// In one program nothing else has the id.
impl PartialEq for Cause<'_> {
    fn eq(&self, other: &Self) -> bool {
        core::mem::discriminant(self) == core::mem::discriminant(other) && self.id() == other.id()
    }
}

impl<'p> Cause<'p> {
    /// The id that every layer reports: the rule's, the isolation's, or `default-allow`.
    pub fn id(self) -> &'p str {
        match self {
            Self::Rule(rule) => &rule.id,
            Self::Isolation(isolation) => &isolation.id,
            Self::Default => "default-allow",
        }
    }

    /// What a proxy answers to what this denies, where it says so (S62).
    pub fn answer(self) -> Option<&'p Answer> {
        match self {
            Self::Rule(rule) => rule.answer.as_deref(),
            Self::Isolation(_) | Self::Default => None,
        }
    }

    /// How much of what this allows passes in a time, where it says so (S66).
    pub fn limits(self) -> Option<&'p Limits> {
        match self {
            Self::Rule(rule) => rule.limits.as_deref(),
            Self::Isolation(_) | Self::Default => None,
        }
    }
}

/// The verdict at one end, and its cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision<'p> {
    /// The verdict.
    pub verdict: Verdict,
    /// What brought it about.
    pub cause: Cause<'p>,
}

impl Decision<'_> {
    /// The permission, when it allows. Where two ends matter, a [`Judgement`] has to be asked.
    pub(crate) fn permit(&self) -> Option<Permit> {
        (self.verdict == Verdict::Allow).then_some(Permit(()))
    }
}

/// Permission to let traffic pass. Only what allows hands one out.
#[derive(Debug)]
pub struct Permit(());

/// The verdicts at both ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judgement<'p> {
    /// At the source.
    pub source: Decision<'p>,
    /// At the destination.
    pub destination: Decision<'p>,
}

impl<'p> Judgement<'p> {
    /// Allowed only where both ends allow (S1).
    pub fn verdict(&self) -> Verdict {
        self.source.verdict.min(self.destination.verdict)
    }

    /// The end whose decision stands for the whole (S10): the first that denies; where both allow, the
    /// destination, unless only the source has a rule to name.
    pub fn deciding(&self) -> (End, Decision<'p>) {
        let unruled = self.destination.cause == Cause::Default && self.source.cause != Cause::Default;
        match (self.source.verdict, self.destination.verdict) {
            (Verdict::Deny, _) => (End::Source, self.source),
            (Verdict::Allow, Verdict::Allow) if unruled => (End::Source, self.source),
            (Verdict::Allow, _) => (End::Destination, self.destination),
        }
    }

    /// The permission, when both ends allow.
    pub fn permit(&self) -> Option<Permit> {
        (self.verdict() == Verdict::Allow).then_some(Permit(()))
    }
}

/// Judges a connection, and what is known of the traffic on it, at both ends.
///
/// With [`Exchange::Packet`] this is the projection: it allows iff some request could be allowed, every
/// HTTP condition being unknown (S5).
pub fn decide<'p, T: Trace>(
    program: &'p Program,
    connection: &Connection<'_>,
    exchange: Exchange<'_>,
    trace: &mut T,
) -> Judgement<'p> {
    Question::new::<T>(program, connection, exchange).judge(Rehearsal::No, trace)
}

/// Judges a connection, and what is known of the traffic on it, at one end.
pub fn decide_end<'p, T: Trace>(
    program: &'p Program,
    end: End,
    connection: &Connection<'_>,
    exchange: Exchange<'_>,
    trace: &mut T,
) -> Decision<'p> {
    Question::new::<T>(program, connection, exchange).judge_at(end, Rehearsal::No, trace)
}

/// Judges a connection as if what is only audited were enforced, at both ends (S36). `None` where that says nothing else
/// than the `judgement` that is enforced.
pub fn rehearse<'p, T: Trace>(
    program: &'p Program,
    connection: &Connection<'_>,
    exchange: Exchange<'_>,
    judgement: &Judgement<'p>,
    trace: &mut T,
) -> Option<Judgement<'p>> {
    let question = || Question::new::<T>(program, connection, exchange);
    program.rehearses().then(question)?.rehearse(judgement, trace)
}

/// Judges a connection as if what is only audited were enforced, at one end (S36). `None` where that says nothing else
/// than the `decision` that is enforced there.
pub fn rehearse_end<'p, T: Trace>(
    program: &'p Program,
    end: End,
    connection: &Connection<'_>,
    exchange: Exchange<'_>,
    decision: &Decision<'p>,
    trace: &mut T,
) -> Option<Decision<'p>> {
    let question = || Question::new::<T>(program, connection, exchange);
    let rehearsed = program.rehearses().then(question)?.judge_at(end, Rehearsal::Yes, trace);
    (rehearsed != *decision).then_some(rehearsed)
}

/// What [`decide`] and [`rehearse`] say, for the price of finding the rules once.
pub(crate) fn decide_and_rehearse<'p>(
    program: &'p Program,
    connection: &Connection<'_>,
    exchange: Exchange<'_>,
) -> (Judgement<'p>, Option<Judgement<'p>>) {
    let question = Question::new::<NoTrace>(program, connection, exchange);
    let judgement = question.judge(Rehearsal::No, &mut NoTrace);
    let rehearsed = if program.rehearses() { question.rehearse(&judgement, &mut NoTrace) } else { None };
    (judgement, rehearsed)
}

/// What [`decide_end`] and [`rehearse_end`] say, for the price of finding the rules once.
pub(crate) fn decide_and_rehearse_end<'p>(
    program: &'p Program,
    end: End,
    connection: &Connection<'_>,
    exchange: Exchange<'_>,
) -> (Decision<'p>, Option<Decision<'p>>) {
    let question = Question::new::<NoTrace>(program, connection, exchange);
    let decision = question.judge_at(end, Rehearsal::No, &mut NoTrace);
    let rehearse = || question.judge_at(end, Rehearsal::Yes, &mut NoTrace);
    let rehearsed = program.rehearses().then(rehearse).filter(|rehearsed| *rehearsed != decision);
    (decision, rehearsed)
}

/// A question, and the rules that it is tried on.
struct Question<'p, 'c> {
    program: &'p Program,
    rules: Tried<'p, Rule>,
    connection: &'c Connection<'c>,
    exchange: Exchange<'c>,
}

impl<'p, 'c> Question<'p, 'c> {
    fn new<T: Trace>(program: &'p Program, connection: &'c Connection<'c>, exchange: Exchange<'c>) -> Self {
        let rules = Tried::rules::<T>(program, connection, exchange);
        Self { program, rules, connection, exchange }
    }

    fn judge<T: Trace>(&self, rehearsal: Rehearsal, trace: &mut T) -> Judgement<'p> {
        let mut at = |end| self.judge_at(end, rehearsal, trace);
        Judgement { source: at(End::Source), destination: at(End::Destination) }
    }

    fn judge_at<T: Trace>(&self, end: End, rehearsal: Rehearsal, trace: &mut T) -> Decision<'p> {
        let Self { program, rules, connection, exchange } = self;
        let exchange = *exchange;
        let isolations = Tried::isolations::<T>(program, &connection.at(end).identity);
        // Whoever comes from a workload's address without proving anything is held to that workload's policy (S25).
        if let (End::Source, Identity::Claimed(workload)) = (end, &connection.source.identity) {
            let source = connection.source.known_as(Identity::Workload(workload));
            let own = Connection { source, ..(*connection).clone() };
            let course = Course::<false> { rehearsal, end, connection: &own, exchange };
            return course.run(rules, &isolations, trace);
        }
        let course = Course::<false> { rehearsal, end, connection, exchange };
        course.run(rules, &isolations, trace)
    }

    /// The denial at the source by a rule that names where the destination is, if there is one (S72).
    fn judge_naming<T: Trace>(&self, rehearsal: Rehearsal, trace: &mut T) -> Option<Decision<'p>> {
        let Self { program, rules, connection, exchange } = self;
        let isolations = Tried::isolations::<T>(program, &connection.source.identity);
        let (end, exchange) = (End::Source, *exchange);
        let course = Course::<true> { rehearsal, end, connection, exchange };
        let decision = course.run(rules, &isolations, trace);
        let denies = matches!(decision.cause, Cause::Rule(rule) if rule.action == Action::Deny);
        denies.then_some(decision)
    }

    /// The judgement with what is only audited, where it says something else than the one without.
    fn rehearse<T: Trace>(&self, judgement: &Judgement<'p>, trace: &mut T) -> Option<Judgement<'p>> {
        let rehearsed = self.judge(Rehearsal::Yes, trace);
        (rehearsed.deciding().1 != judgement.deciding().1).then_some(rehearsed)
    }
}

#[cfg(test)]
mod tests;
