//! Why a decision is what it is.

use alloc::{borrow::ToOwned, string::String, vec::Vec};

use crate::{Cause, Decision, End, Isolation, Outcome, Plane, Rule, Trace, Verdict};

/// One thing that was tried on the way to a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A rule was tried.
    Rule {
        /// At which end.
        end: End,
        /// Its id.
        id: String,
        /// What came of it.
        outcome: Outcome,
    },
    /// No rule had decided and the workload is isolated.
    Isolation {
        /// At which end.
        end: End,
        /// Its id.
        id: String,
    },
}

/// A record of a decision being made: a [`Trace`] that remembers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Explanation {
    /// What was tried, in order; in every plane, also where an earlier one denies.
    pub steps: Vec<Step>,
    /// What each plane decided at each end, in order.
    pub planes: Vec<PlaneDecision>,
}

/// What one plane alone decides at an end (S83).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaneDecision {
    /// The end.
    pub end: End,
    /// The plane.
    pub plane: Plane,
    /// Its verdict.
    pub verdict: Verdict,
    /// The id of what decided; `None` where nothing in it has anything to say.
    pub id: Option<String>,
}

impl Trace for Explanation {
    fn rule(&mut self, end: End, rule: &Rule, outcome: Outcome) {
        self.steps.push(Step::Rule { end, id: rule.id.clone(), outcome });
    }

    fn isolation(&mut self, end: End, isolation: &Isolation) {
        self.steps.push(Step::Isolation { end, id: isolation.id.clone() });
    }

    fn plane(&mut self, end: End, plane: Plane, decision: &Decision<'_>) {
        let id = (decision.cause != Cause::Default).then(|| decision.cause.id().to_owned());
        self.planes.push(PlaneDecision { end, plane, verdict: decision.verdict, id });
    }
}
