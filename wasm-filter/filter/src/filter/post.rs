//! The place of a gate: a plugin.

use super::Host;
use crate::{Desk, Gate};

/// How often sums are told, in milliseconds.
pub(super) const CALM: u32 = 1000;

/// How often connections that wait are looked after, in milliseconds.
const BUSY: u32 = 10;

/// A plugin.
#[derive(Debug)]
pub(super) struct Post {
    pub(super) gate: Gate,
    pub(super) desk: Desk,
    /// The proxy's numbers of the gate's counters, where it gave them one.
    counters: Vec<Option<u32>>,
    /// Connections that wait, in the order of their numbers.
    pub(super) waiting: Vec<u32>,
    /// Which of them was looked at last.
    pub(super) looked: u32,
    /// Milliseconds between ticks.
    pace: u32,
}

impl Post {
    /// A gate in its place. Ticks are expected to be calm.
    pub(super) fn new(gate: Gate, counters: Vec<Option<u32>>) -> Self {
        let desk = gate.desk();
        Self { gate, desk, counters, waiting: Vec::new(), looked: 0, pace: CALM }
    }

    /// Tells the proxy what was counted.
    pub(super) fn report(&mut self, host: &impl Host) {
        let counters = &self.counters;
        self.desk.drain(|place, count| {
            if let Some(Some(counter)) = counters.get(place) {
                let _uncounted = host.add(*counter, count);
            }
        });
    }

    /// A connection waits.
    pub(super) fn wait(&mut self, context: u32) {
        if let Err(place) = self.waiting.binary_search(&context) {
            self.waiting.insert(place, context);
        }
    }

    /// A connection waits no more, if it did.
    pub(super) fn wait_no_more(&mut self, context: u32) {
        if let Ok(place) = self.waiting.binary_search(&context) {
            self.waiting.remove(place);
        }
    }

    /// Ticks often while connections wait. Never called in a tick, because a proxy may replace the very timer that ticks.
    pub(super) fn keep_pace(&mut self, host: &impl Host) {
        let wanted = if self.waiting.is_empty() { CALM } else { BUSY };
        if self.pace != wanted && host.tick_every(wanted).is_ok() {
            self.pace = wanted;
        }
    }
}
