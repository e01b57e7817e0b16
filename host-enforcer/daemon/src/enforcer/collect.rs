//! Connections that have ended, now and then.

use super::Enforcer;
use crate::clock;
use bookend_abi::event::{CLOSED, EXPIRED};
use bookend_abi::table::{ALLOW, OUTSIDE};
use bookend_abi::{Event, Reason};
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
            let event = Event {
                time: now,
                rule: value.rule,
                policy: value.policy,
                identity,
                bytes: value.bytes,
                packets: value.packets,
                duration: value.last_seen.saturating_sub(value.opened),
                local: key.local,
                remote: key.remote,
                ifindex: key.ifindex,
                local_port: key.local_port,
                remote_port: key.remote_port,
                direction: value.initiator,
                verdict: ALLOW,
                reason: Reason::ESTABLISHED.0,
                // All numbers of protocols have 8 bits.
                protocol: key.protocol as u8,
                kind: CLOSED,
                flags: EXPIRED,
                state: value.state,
                ..Event::default()
            };
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
