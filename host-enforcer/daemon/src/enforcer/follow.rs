//! The loop: events, files, interfaces and time, each in its turn.

use super::Enforcer;
use crate::failure::{Failure, cannot};
use crate::kernel::EventRing;
use crate::readiness::readiness;
use crate::source::Source;
use std::pin::pin;
use std::time::Duration;
use tokio::time::MissedTickBehavior;

/// How often what failed is tried again.
const TICK: Duration = Duration::from_secs(2);
/// Events told before other things get their turn.
const BATCH: usize = 256;

impl Enforcer {
    /// Follows events, files and interfaces until `stop`.
    pub(crate) async fn follow(
        &mut self,
        source: &mut impl Source,
        events: EventRing,
        stop: impl Future<Output = ()>,
    ) -> Result<(), Failure> {
        let mut events = readiness(events, "wait for events")?;
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut stop = pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => return Ok(()),
                guard = events.readable_mut() => {
                    let mut guard = guard.map_err(|e| cannot("wait for events", &e))?;
                    if self.tell(guard.get_inner_mut()) {
                        guard.clear_ready();
                    }
                }
                reading = source.next() => {
                    let reading = reading.map_err(|e| cannot("follow what to enforce", &e))?;
                    self.take(reading);
                }
                guard = self.interfaces.readable() => {
                    let mut guard = guard.map_err(|e| cannot("follow the network interfaces", &e))?;
                    guard.get_inner().drain();
                    guard.clear_ready();
                    drop(guard);
                    self.see();
                }
                _ = tick.tick() => {
                    if self.incomplete {
                        self.retry();
                    }
                    self.see();
                    self.tell_ready()?;
                    self.journal.tell_suppressed();
                }
            }
        }
    }

    /// Tells what is in the ring; whether it is empty now.
    fn tell(&mut self, ring: &mut EventRing) -> bool {
        for _ in 0..BATCH {
            let Some(event) = ring.take() else { return true };
            let name = self.interfaces.get_ref().name(event.ifindex);
            self.journal.verdict(&event, name.as_deref(), &self.names);
        }
        false
    }
}
