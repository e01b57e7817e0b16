//! How many verdicts are told: whoever is denied chooses how often, and a scan must not fill the disk, nor may one flood
//! keep another denial from being told.

use bookend_abi::Event;
use bookend_abi::table::NO_RULE;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Denials and audits told in one second about everything together, and as many of what passed.
pub(super) const TOGETHER: u32 = 2_000;
/// Denials and audits told in one second about one [`Concern`].
pub(super) const EACH: u32 = 100;
/// Concerns that are told apart in one second; further ones are counted as one.
const CONCERNS: usize = 4_096;
/// What an allowance is for.
const SPAN: Duration = Duration::from_secs(1);

/// What denials have in common that are one to a reader.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Concern {
    /// The number of a reason.
    pub(super) reason: u8,
    /// The rule that decided; of an audit the audit's.
    pub(super) rule: u64,
    /// The interface.
    pub(super) ifindex: u32,
}

impl Concern {
    /// What `event` is about.
    pub(super) fn of(event: &Event) -> Self {
        let rule = if event.audit_rule == NO_RULE { event.rule } else { event.audit_rule };
        Self { reason: event.reason, rule, ifindex: event.ifindex }
    }
}

/// What was told in the present second.
pub(super) struct Allowance {
    since: Instant,
    /// Of what passed.
    passed: u32,
    /// Of all concerns together.
    told: u32,
    /// By concern: told, and suppressed.
    concerns: BTreeMap<Concern, (u32, u64)>,
    /// Suppressed because of all together, or beyond [`CONCERNS`].
    others: u64,
}

impl Allowance {
    pub(super) fn new(now: Instant) -> Self {
        Self { since: now, passed: 0, told: 0, concerns: BTreeMap::new(), others: 0 }
    }

    /// Whether the second is over; then [`settle`](Self::settle).
    pub(super) fn is_over(&self, now: Instant) -> bool {
        now.duration_since(self.since) >= SPAN
    }

    /// Whether one more may be told about what passed.
    pub(super) fn admit(&mut self) -> bool {
        let admitted = self.passed < TOGETHER;
        self.passed += u32::from(admitted);
        self.others += u64::from(!admitted);
        admitted
    }

    /// Whether one more may be told about `concern`.
    pub(super) fn admit_concern(&mut self, concern: Concern) -> bool {
        let room = self.concerns.len() < CONCERNS || self.concerns.contains_key(&concern);
        if !room || self.told >= TOGETHER {
            self.others += 1;
            return false;
        }
        let (told, suppressed) = self.concerns.entry(concern).or_default();
        let admitted = *told < EACH;
        *told += u32::from(admitted);
        *suppressed += u64::from(!admitted);
        self.told += u32::from(admitted);
        admitted
    }

    /// Begins another second; what was suppressed in the last one, by concern and without one.
    pub(super) fn settle(&mut self, now: Instant) -> Vec<(Option<Concern>, u64)> {
        let old = std::mem::replace(self, Self::new(now));
        let others = (old.others > 0).then_some((None, old.others));
        let concerns = old.concerns.into_iter().filter(|(_, (_, suppressed))| *suppressed > 0);
        concerns.map(|(concern, (_, suppressed))| (Some(concern), suppressed)).chain(others).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_one_concern_keeps_no_other_from_being_told() {
        let now = Instant::now();
        let mut allowance = Allowance::new(now);
        let (flood, other) = (Concern { reason: 2, rule: 1, ifindex: 7 }, Concern::default());
        let told = (0..10_000).filter(|_| allowance.admit_concern(flood)).count();
        assert_eq!(told, EACH as usize);
        assert!(allowance.admit_concern(other));
        assert!(allowance.is_over(now + SPAN));
        assert_eq!(allowance.settle(now + SPAN), [(Some(flood), 10_000 - u64::from(EACH))]);
        assert_eq!(allowance.settle(now), []);
    }

    #[test]
    fn a_flood_of_concerns_is_bounded_and_counted() {
        let mut allowance = Allowance::new(Instant::now());
        let concerns = (0..100_000).map(|ifindex| Concern { ifindex, ..Concern::default() });
        let told = concerns.filter(|concern| allowance.admit_concern(*concern)).count() as u64;
        assert_eq!(told, u64::from(TOGETHER));
        assert_eq!(allowance.settle(Instant::now()), [(None, 100_000 - told)]);
    }
}
