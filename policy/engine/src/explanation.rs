//! Why a decision is what it is.

use alloc::{string::String, vec::Vec};

use crate::{End, Isolation, Outcome, Rule, Trace};

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
    /// What was tried, in order.
    pub steps: Vec<Step>,
}

impl Trace for Explanation {
    fn rule(&mut self, end: End, rule: &Rule, outcome: Outcome) {
        self.steps.push(Step::Rule { end, id: rule.id.clone(), outcome });
    }

    fn isolation(&mut self, end: End, isolation: &Isolation) {
        self.steps.push(Step::Isolation { end, id: isolation.id.clone() });
    }
}
