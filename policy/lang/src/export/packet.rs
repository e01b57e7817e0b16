//! Rules as those see them who see packets and no requests (S5).

use bookend_engine::{Action, Rule};

use super::gap::{Effect, Gaps};
use super::ground::{Filtered, Ground};

/// A rule as packets see it; nothing where it says nothing of them.
pub(super) fn packet_rule<'r>(rule: &'r Rule, ground: &Ground<'_>, gaps: &mut Gaps) -> Option<&'r Rule> {
    if rule.limits.is_some() {
        gaps.add(
            &rule.id,
            Effect::Looser,
            "nothing counts connections or packets",
            "its limits are left out",
        );
    }
    match ground.packets(rule) {
        Ok(projected) => {
            if projected {
                let reason = "HTTP conditions are not seen in packets; with Istio, export them too";
                gaps.add(&rule.id, Effect::Looser, reason, "every request to these ports is allowed");
            }
            Some(rule)
        }
        Err((effect, reason)) => {
            let instead = match effect {
                Effect::Open => "nothing denies it",
                _ => "it allows nothing",
            };
            gaps.add(&rule.id, effect, reason, instead);
            None
        }
    }
}

impl Ground<'_> {
    /// Whether a rule is wider in packets than it is written.
    ///
    /// # Errors
    /// When packets say nothing of it, with what becomes of it and why (S5, S9).
    pub(super) fn packets(&self, rule: &Rule) -> Result<bool, (Effect, &'static str)> {
        if rule.http.is_any() {
            return Ok(false);
        }
        match (rule.action, self.filtered(&rule.to)) {
            (Action::Allow, Filtered::All) => Ok(true),
            (Action::Allow, _) => {
                let reason = "it has HTTP conditions, and not all destinations have a proxy, so it may not be allowed without them";
                Err((Effect::Stricter, reason))
            }
            // Nobody could tell requests apart there, so the policy denies them all.
            (Action::Deny, Filtered::None) => Ok(false),
            (Action::Deny | Action::Pass, _) => Err((
                Effect::Open,
                "HTTP conditions are not seen in packets, and not everything it may concern is meant",
            )),
        }
    }
}
