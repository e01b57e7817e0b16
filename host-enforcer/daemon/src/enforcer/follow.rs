//! The loop: events, files, interfaces and time, each in its turn.

use super::Enforcer;
use crate::failure::{Failure, cannot};
use crate::kernel::{EventRing, PinWatch};
use crate::readiness::readiness;
use crate::source::Source;
use std::pin::pin;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior};

/// How often what failed is tried again.
const TICK: Duration = Duration::from_secs(2);
/// How long after the start connections are looked at first.
const COLLECTING: Duration = Duration::from_secs(1);
/// Events told before other things get their turn.
const BATCH: usize = 256;

impl Enforcer {
    /// Follows events, files and interfaces until `stop`.
    pub(crate) async fn follow(
        &mut self,
        source: &mut impl Source,
        events: EventRing,
        pinned: PinWatch,
        stop: impl Future<Output = ()>,
    ) -> Result<(), Failure> {
        let mut events = readiness(events, "wait for events")?;
        let mut pinned = readiness(pinned, "watch the pins")?;
        let mut collect_at = Instant::now() + COLLECTING;
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut stop = pin!(stop);
        loop {
            self.turned();
            // What is always ready must not keep timers, signals and sockets from being looked at.
            tokio::task::coop::consume_budget().await;
            tokio::select! {
                () = &mut stop => return Ok(()),
                guard = events.readable_mut() => {
                    let mut guard = guard.map_err(|e| cannot("wait for events", &e))?;
                    if self.tell(guard.get_inner_mut()) {
                        guard.clear_ready();
                    }
                }
                _ = self.hangup.recv() => {
                    self.service.reloading();
                    self.journal.reopen();
                    self.unread = true;
                    self.take(source);
                    self.service.reloaded();
                }
                changed = source.next() => {
                    changed.map_err(|e| cannot("follow what to enforce", &e))?;
                    self.take(source);
                }
                guard = self.interfaces.readable() => {
                    let mut guard = guard.map_err(|e| cannot("follow the network interfaces", &e))?;
                    let changed = guard.get_inner().update();
                    guard.clear_ready();
                    drop(guard);
                    if changed.map_err(|e| cannot("follow the network interfaces", &e))? {
                        self.see();
                    }
                }
                // Answered with the next turn.
                () = self.door.rung() => {}
                () = std::future::ready(()), if !self.waiting.is_empty() => {
                    self.see();
                    self.succeed();
                    self.tell_ready()?;
                }
                () = tokio::time::sleep_until(collect_at) => {
                    collect_at = Instant::now() + self.collect();
                }
                guard = pinned.readable_mut() => {
                    let mut guard = guard.map_err(|e| cannot("watch the pins", &e))?;
                    guard.get_inner_mut().drain();
                    guard.clear_ready();
                    guard.clear_ready();
                    self.restore_pins();
                }
                guard = self.guard.readable() => {
                    guard.map_err(|e| cannot("follow nftables", &e))?.clear_ready();
                    self.repair_guard();
                }
                _ = tick.tick() => {
                    if self.incomplete {
                        self.retry(source);
                    }
                    self.settle_dry();
                    self.see();
                    self.succeed();
                    pinned.get_mut().renew();
                    self.restore_pins();
                    self.tell_ready()?;
                    self.settle();
                    self.health.followed(source.health());
                    self.service.turned(&self.health.read().summary());
                }
            }
        }
    }

    /// Once more round: others may know.
    fn turned(&self) {
        self.judge();
        self.let_in();
        self.health.turned();
    }

    /// Tells what was not told.
    fn settle(&mut self) {
        let interfaces = self.interfaces.get_ref();
        self.journal.settle(&self.names, |ifindex| interfaces.name(ifindex));
    }

    /// Tells what is in the ring; whether it is empty now.
    fn tell(&mut self, ring: &mut EventRing) -> bool {
        self.settle();
        for _ in 0..BATCH {
            let Some(event) = ring.take() else { return true };
            let name = self.interfaces.get_ref().name(event.ifindex);
            self.journal.event(&event, name.as_deref(), &self.names);
        }
        false
    }
}
