//! How often something is tried.

use std::time::Duration;

use tokio::time::Instant;

/// How long it is waited at most before something that failed is tried again.
const LONGEST: Duration = Duration::from_secs(300);

/// When something is tried next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pace {
    due: Instant,
    failures: u32,
}

impl Pace {
    /// At once.
    pub(crate) fn now() -> Self {
        Self { due: Instant::now(), failures: 0 }
    }

    /// Not before this time has passed.
    pub(crate) fn rest(&mut self, after: Duration) {
        self.due = Instant::now() + after;
        self.failures = 0;
    }

    /// It failed: each time in a row it is waited twice as long.
    pub(crate) fn fail(&mut self, first: Duration) {
        self.due = Instant::now() + first.saturating_mul(1 << self.failures.min(16)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
    }

    /// As soon as it may be, after all: what failed is another thing now.
    pub(crate) fn hurry(&mut self) {
        if self.failures > 0 {
            *self = Self::now();
        }
    }

    /// When.
    pub(crate) fn due(&self) -> Instant {
        self.due
    }
}
