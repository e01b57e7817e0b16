//! What a target cannot say.

use std::collections::BTreeSet;

use bookend_engine::{Mode, Plane};

use super::Wish;

/// What becomes of something that a target cannot say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// The target lets pass what the policy denies, because the denial could not be written.
    Open,
    /// The target lets more pass than the rule does, in a way that it cannot tell apart.
    Looser,
    /// The target lets less pass.
    Stricter,
    /// Nothing changes what passes.
    Same,
}

impl Effect {
    /// `open`, `looser`, `stricter` or `same`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Looser => "looser",
            Self::Stricter => "stricter",
            Self::Same => "same",
        }
    }
}

/// Something that a target cannot say, or says in another way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gap {
    /// The id of the rule or the isolation.
    pub rule: String,
    /// What becomes of it.
    pub effect: Effect,
    /// Why.
    pub reason: String,
    /// What the target does instead.
    pub instead: String,
}

/// Gaps while they are found.
#[derive(Debug, Default)]
pub(super) struct Gaps(BTreeSet<Gap>);

impl Gaps {
    pub(super) fn add(
        &mut self,
        rule: &str,
        effect: Effect,
        reason: impl Into<String>,
        instead: impl Into<String>,
    ) {
        let (reason, instead) = (reason.into(), instead.into());
        self.0.insert(Gap { rule: rule.to_owned(), effect, reason, instead });
    }

    pub(super) fn note(&mut self, rule: &str, reason: impl Into<String>, instead: impl Into<String>) {
        self.add(rule, Effect::Same, reason, instead);
    }

    /// By rule.
    pub(super) fn into_list(self) -> Vec<Gap> {
        self.0.into_iter().collect()
    }
}

/// Tells of what is not exported because of where it lies, or because it is only rehearsed.
pub(super) fn of_the_rest(id: &str, plane: Plane, mode: Mode, wish: Wish, gaps: &mut Gaps) {
    if plane != wish.plane {
        let reason = format!("it lies in the plane `{}`, which decides alone", plane.name());
        gaps.note(id, reason, format!("only the plane `{}` is written", wish.plane.name()));
    } else if !wish.target.writes(mode) {
        gaps.note(id, "the target enforces all it reads, and this is in audit mode", "it is left out");
    }
}
