//! Removing connections that have ended, a few at a time.
//!
//! The kernel does without: what is expired counts for nothing, and every interface has a share of its own. But memory,
//! and the telling of an end, need somebody who looks.

use super::Enforcement;
use crate::host::{Host, Place};
use bookend_abi::flow;
use bookend_abi::table::{Counter, FlowKey, FlowValue, NO_RULE, capacity};
use std::collections::{BTreeMap, BTreeSet};

/// With more connections than this on the whole host, none is left to an interface beyond its present quota: the rest is
/// for those that come.
const CROWD: usize = capacity::FLOWS as usize / 4 * 3;

/// A walk through the tables of connections.
#[derive(Debug, Default)]
pub(super) struct Collection {
    stage: Stage,
    place: Option<Place>,
    /// Slots that nobody had when it began: after it, they hold nothing.
    left: BTreeSet<u32>,
    census: BTreeMap<u32, usize>,
    /// The walk before found more than [`CROWD`].
    pub(super) crowded: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Begin,
    Flows,
    Ring,
}

/// What a batch came to.
#[derive(Debug, Default)]
pub struct Collected {
    /// Connections that have ended and of whose opening was told.
    pub ended: Vec<(FlowKey, FlowValue)>,
    /// Connections removed.
    pub removed: usize,
    /// After the last batch of a walk: how many connections live, by the index of their interface.
    pub census: Option<BTreeMap<u32, usize>>,
}

impl<H: Host> Enforcement<H> {
    /// Looks at the next batch of connections, and removes those that are expired at `now` (nanoseconds of the monotonic
    /// clock), belong to no interface any more, or are [beyond](Self::is_beyond) what their interface may have.
    ///
    /// # Errors
    /// If a table cannot be read or written.
    pub fn collect(&mut self, now: u64) -> Result<Collected, H::Error> {
        let mut collected = Collected::default();
        match self.collection.stage {
            Stage::Begin => {
                self.collection = Collection {
                    stage: Stage::Flows,
                    left: self.slots.left().clone(),
                    crowded: self.collection.crowded,
                    ..Collection::default()
                };
                self.collect_flows(now, &mut collected)?;
            }
            Stage::Flows => self.collect_flows(now, &mut collected)?,
            Stage::Ring => self.collect_positions(&mut collected)?,
        }
        Ok(collected)
    }

    /// Whether slots wait to be cleared, so that the next walk should not be long in coming.
    pub fn has_left_slots(&self) -> bool {
        !self.slots.left().is_empty()
    }

    fn collect_flows(&mut self, now: u64, collected: &mut Collected) -> Result<(), H::Error> {
        let (flows, next) = self.host.flows(self.collection.place.as_ref())?;
        for (key, value) in flows {
            if !self.is_over(&key, &value, now) {
                *self.collection.census.entry(key.ifindex).or_default() += 1;
                continue;
            }
            let Some(last) = self.host.take_flow(key)? else { continue };
            // A packet came in between and opened it anew, or kept it alive.
            if !self.is_over(&key, &last, now) {
                self.host.seed_flow(key, last)?;
                continue;
            }
            collected.removed += 1;
            // The packet that opened it was counted with its verdict.
            if last.rule != NO_RULE && last.bytes > 0 {
                self.host.count_ended(last.rule, Counter { packets: 0, bytes: last.bytes })?;
            }
            if last.flags & flow::REPORTED != 0 {
                collected.ended.push((key, last));
            }
        }
        self.collection.place = next;
        if self.collection.place.is_none() {
            self.collection.stage = Stage::Ring;
        }
        Ok(())
    }

    /// Whether a connection counts for nothing any more.
    fn is_over(&self, key: &FlowKey, value: &FlowValue, now: u64) -> bool {
        self.slots.of(key.ifindex) != Some(value.slot)
            || now.saturating_sub(value.last_seen) > flow::timeout(value.state)
            || self.is_beyond(key, value)
    }

    /// Whether a connection has a place that its interface lost when its quota shrank, and must give it up: one that is
    /// not established, or any where room is short. The kernel never comes to that place again, so it would be in the
    /// table beside all that the quotas promise.
    fn is_beyond(&self, key: &FlowKey, value: &FlowValue) -> bool {
        let quota = self.slots.entry(key.ifindex).map(|entry| entry.quota).unwrap_or_default();
        value.position >= quota && (self.collection.crowded || !is_established(value.state))
    }

    fn collect_positions(&mut self, collected: &mut Collected) -> Result<(), H::Error> {
        let (positions, next) = self.host.ring(self.collection.place.as_ref())?;
        for (position, key) in positions {
            let entry =
                self.slots.entry(key.ifindex).filter(|_| self.slots.of(key.ifindex) == Some(position.slot));
            // Within the quota it is written again, and beyond it never.
            let kept = entry.is_some_and(|entry| position.position < entry.quota);
            if !kept {
                self.host.remove_position(position)?;
            }
        }
        self.collection.place = next;
        if self.collection.place.is_none() {
            let Collection { left, census, .. } = std::mem::take(&mut self.collection);
            self.slots.cleared(&left);
            self.collection.crowded = census.values().sum::<usize>() > CROWD;
            collected.census = Some(census);
        }
        Ok(())
    }

    /// Clears the slots that wait for it, at once.
    pub(super) fn clear_left_slots(&mut self) -> Result<(), H::Error> {
        self.collection = Collection::default();
        while self.collect(0)?.census.is_none() {}
        Ok(())
    }
}

/// Whether a connection in `state` need not make room in the kernel either.
const fn is_established(state: u8) -> bool {
    matches!(state, flow::ESTABLISHED | flow::ASSURED)
}
