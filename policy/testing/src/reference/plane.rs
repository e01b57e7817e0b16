//! Planes, each by itself.

use bookend_engine::{Protocol, Verdict};

use super::document::{Action, Rule, Step};
use super::{End, Facts, Ruling, UNRULED};

impl Facts<'_> {
    /// Each plane by itself (S83): the first that denies, or else the last that has something to say.
    pub(super) fn planes(&self, end: End, rehearsal: bool) -> Ruling {
        let all = self.documents.planes.iter().enumerate();
        // A mesh sees TCP alone.
        let speaking = all.filter(|(number, _)| *number < 2 || self.protocol == Protocol::Tcp);
        let mut rulings: Vec<Ruling> = speaking
            .map(|(number, tiers)| self.plane(number, end, tiers, rehearsal))
            .filter(|r| self.counts(r))
            .collect();
        let denied = rulings.iter().position(|ruling| ruling.verdict == Verdict::Deny);
        match denied.or_else(|| rulings.iter().rposition(|ruling| ruling.id != UNRULED)) {
            Some(position) => rulings.swap_remove(position),
            None => Ruling::default(),
        }
    }

    fn plane(&self, number: usize, end: End, tiers: &[Step], rehearsal: bool) -> Ruling {
        let lies = |tier: &Step| tier.0 == number;
        let says = self.documents.rules.iter().any(|rule| lies(&rule.tier))
            || self.documents.isolations.iter().any(|isolation| lies(&isolation.tier));
        // The ports of a mesh's own agent never reach it.
        if number == 2 && says && end == End::Destination && [15020, 15021, 15090].contains(&self.port) {
            return Ruling::new(Verdict::Allow, "mesh-agent");
        }
        self.tier(end, tiers, rehearsal)
    }

    /// Whether a ruling counts: only what a deny rule says, where only that is asked for (S72).
    fn counts(&self, ruling: &Ruling) -> bool {
        let denies = |rule: &Rule| rule.id == ruling.id && rule.action == Action::Deny;
        !self.naming || self.documents.rules.iter().any(denies)
    }
}
