//! The loop: events, files, interfaces and time, each in its turn.

use super::Enforcer;
use crate::failure::{Failure, cannot};
use crate::input::Input;
use crate::kernel::EventRing;
use crate::readiness::readiness;
use crate::watch::Watch;
use std::pin::pin;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior};

/// How long the files must be left alone before they are read: an edit may touch several.
const SETTLE: Duration = Duration::from_millis(50);
/// How often interfaces and directories are looked at without being told to: what failed is tried again.
const TICK: Duration = Duration::from_secs(2);
/// Events told before other things get their turn.
const BATCH: usize = 256;

impl Enforcer {
    /// Follows events, files and interfaces until `stop`.
    pub(crate) async fn follow(
        &mut self,
        input: &Input,
        watch: Watch,
        events: EventRing,
        stop: impl Future<Output = ()>,
    ) -> Result<(), Failure> {
        let mut watch = readiness(watch, "watch the files")?;
        let mut events = readiness(events, "wait for events")?;
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut reload: Option<Instant> = None;
        let mut stop = pin!(stop);
        loop {
            let settled = reload.unwrap_or_else(Instant::now);
            tokio::select! {
                () = &mut stop => return Ok(()),
                guard = events.readable_mut() => {
                    let mut guard = guard.map_err(|e| cannot("wait for events", &e))?;
                    if self.tell(guard.get_inner_mut()) {
                        guard.clear_ready();
                    }
                }
                guard = watch.readable_mut() => {
                    let mut guard = guard.map_err(|e| cannot("watch the files", &e))?;
                    if guard.get_inner_mut().changed() {
                        reload = Some(Instant::now() + SETTLE);
                    }
                    guard.clear_ready();
                }
                guard = self.interfaces.readable() => {
                    let mut guard = guard.map_err(|e| cannot("follow the network interfaces", &e))?;
                    guard.get_inner().drain();
                    guard.clear_ready();
                    drop(guard);
                    self.see();
                }
                () = tokio::time::sleep_until(settled), if reload.is_some() => {
                    reload = None;
                    watch.get_mut().reading();
                    self.reload(input);
                }
                _ = tick.tick() => {
                    let watch = watch.get_mut();
                    if watch.renew() | watch.differs() {
                        reload = Some(Instant::now() + SETTLE);
                    }
                    if self.incomplete {
                        self.retry(input);
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
