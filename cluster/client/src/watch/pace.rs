//! How often something is tried again: later and later, and never by all at the same time.

use std::time::Duration;

use crate::{Trouble, chance};

const FIRST: Duration = Duration::from_millis(500);
const LAST: Duration = Duration::from_secs(30);
/// Over how long those who have to list again do so.
const AGAIN: Duration = Duration::from_secs(2);

/// When something is tried next.
#[derive(Debug, Default)]
pub(super) struct Pace {
    failures: u32,
    wait: Option<Duration>,
}

impl Pace {
    /// Waits as long as it should be left alone.
    pub(super) async fn wait(&mut self) {
        if let Some(wait) = self.wait {
            tokio::time::sleep(wait).await;
            // Not before: whoever stops waiting in between waits again.
            self.wait = None;
        }
    }

    pub(super) fn worked(&mut self) {
        self.failures = 0;
    }

    pub(super) fn failed(&mut self, trouble: &Trouble) {
        let wait = FIRST.saturating_mul(1 << self.failures.min(16)).min(LAST);
        self.failures = self.failures.saturating_add(1);
        let asked = match trouble {
            Trouble::Overloaded { after } => after.unwrap_or_default().min(LAST * 4),
            _ => Duration::ZERO,
        };
        self.wait = Some(spread(wait).max(asked));
    }

    /// What was opened was closed without a word: that must not become a busy loop.
    pub(super) fn idle(&mut self) {
        self.wait = Some(spread(FIRST));
    }

    /// Everything has to be asked for again, and by others too.
    pub(super) fn spread(&mut self) {
        self.wait = Some(spread(AGAIN));
    }
}

/// A time between half of this one and all of it.
pub(super) fn spread(time: Duration) -> Duration {
    time / 2 + (time / 2).mul_f64(chance())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_is_tried_later_and_later_and_not_too_late() {
        let mut pace = Pace::default();
        let trouble = Trouble::Failing { code: 500, reason: String::new() };
        let mut waits = Vec::new();
        for _ in 0..40 {
            pace.failed(&trouble);
            waits.push(pace.wait.unwrap());
        }
        assert!(waits[0] >= FIRST / 2 && waits[0] <= FIRST, "{waits:?}");
        assert!(waits[4] >= 4 * FIRST);
        assert!(waits.iter().all(|wait| *wait <= LAST));
        pace.worked();
        pace.failed(&trouble);
        assert!(pace.wait.unwrap() <= FIRST);
    }

    #[test]
    fn two_who_wait_do_not_wait_for_the_same_time() {
        let waits: std::collections::BTreeSet<Duration> = (0..20).map(|_| spread(LAST)).collect();
        assert!(waits.len() > 10);
        assert!(waits.iter().all(|wait| *wait >= LAST / 2 && *wait <= LAST));
    }
}
