//! How often something may happen: the generic cell rate algorithm (ITU-T I.371), which needs one number per bucket and
//! so one compare-and-exchange.
//!
//! The number is the theoretical arrival time of the next, if all came at the steady rate. What comes earlier than that
//! by more than the [depth](Rate::depth) does not conform, and changes nothing.

use crate::table::Rate;

/// Attempts at a bucket that others change at the same time. Whoever fails so often is one of too many anyway, and is
/// denied.
pub const ATTEMPTS: u32 = 8;

const SECOND: u64 = 1_000_000_000;

/// Events about what was denied that one interface may tell: 200 at once, then 100 in a second.
pub const DENIALS: Rate = Rate { interval: SECOND / 100, depth: 2 * SECOND };

/// Events about connections that opened or ended that one interface may tell: 2,000 at once, then 1,000 in a second.
pub const CONNECTIONS: Rate = Rate { interval: SECOND / 1_000, depth: 2 * SECOND };

/// The theoretical arrival time after one more at `now`, if it conforms; `theoretical` is the one before, 0 at first.
#[inline(always)]
#[must_use]
pub const fn conform(theoretical: u64, rate: &Rate, now: u64) -> Option<u64> {
    let start = if theoretical > now { theoretical } else { now };
    let next = start.saturating_add(rate.interval);
    if next <= now.saturating_add(rate.depth) { Some(next) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// How many of `times` conform.
    fn conforming(rate: &Rate, times: &[u64]) -> u64 {
        let mut theoretical = 0;
        times
            .iter()
            .filter(|now| conform(theoretical, rate, **now).map(|next| theoretical = next).is_some())
            .count() as u64
    }

    #[test]
    fn a_burst_passes_at_once_and_then_the_steady_rate() {
        let rate = Rate { interval: 10, depth: 30 };
        assert_eq!(conforming(&rate, &[1_000; 10]), 3);
        assert_eq!(conforming(&rate, &[1_000, 1_000, 1_000, 1_009, 1_010, 1_010, 1_020]), 5);
        // Idle for long, it holds a burst and no more.
        assert_eq!(conforming(&rate, &[&[1_000; 9][..], &[9_000; 9]].concat()), 6);
    }

    #[test]
    fn a_rate_without_depth_lets_nothing_pass() {
        assert_eq!(conform(0, &Rate { interval: 10, depth: 0 }, 1_000), None);
    }

    proptest! {
        #[test]
        fn in_no_span_of_time_does_more_pass_than_a_burst_and_the_rate(
            interval in 1..50_u64,
            burst in 1..20_u64,
            gaps in proptest::collection::vec(0..40_u64, 1..200),
        ) {
            let rate = Rate { interval, depth: interval * burst };
            let (mut theoretical, mut now) = (0, 1_000_u64);
            let mut passed = Vec::new();
            for gap in gaps {
                now += gap;
                if let Some(next) = conform(theoretical, &rate, now) {
                    theoretical = next;
                    passed.push(now);
                }
            }
            for (first, start) in passed.iter().enumerate() {
                for (last, end) in passed.iter().enumerate().skip(first) {
                    prop_assert!((last - first + 1) as u64 <= burst + (end - start) / interval);
                }
            }
        }

        #[test]
        fn what_keeps_to_the_rate_always_passes(interval in 1..50_u64, extra in 0..9_u64, start in 0..u64::MAX / 2) {
            let rate = Rate { interval, depth: interval };
            let times: Vec<u64> = (0..100).map(|n| start + n * (interval + extra)).collect();
            prop_assert_eq!(conforming(&rate, &times), 100);
        }
    }
}
