//! Connections that have ended, now and then.

use super::Enforcer;
use crate::clock;
use bookend_abi::decide::closed;
use bookend_abi::event::EXPIRED;
use bookend_abi::table::OUTSIDE;
use std::time::Duration;

/// Between two looks at all connections.
const REST: Duration = Duration::from_secs(10);
/// The same, when slots wait to be free.
const SHORT_REST: Duration = Duration::from_secs(1);
/// Between two batches of a look.
const PAUSE: Duration = Duration::from_millis(20);

impl Enforcer {
    /// Looks at the next batch of connections; how long to wait before the one after it.
    pub(super) fn collect(&mut self) -> Duration {
        let now = clock::monotonic();
        let collected = match self.enforcement.collect(now) {
            Ok(collected) => collected,
            Err(error) => {
                self.recover(&error);
                return REST;
            }
        };
        for (key, value) in &collected.ended {
            let identity = self.enforcement.plan().identities.get(&key.remote).copied().unwrap_or(OUTSIDE);
            let event = closed(key, value, EXPIRED, now, identity);
            let name = self.interfaces.get_ref().name(key.ifindex);
            self.journal.event(&event, name.as_deref(), &self.names);
        }
        match collected.census {
            None => PAUSE,
            Some(_) if self.enforcement.has_left_slots() => SHORT_REST,
            Some(_) => REST,
        }
    }
}
