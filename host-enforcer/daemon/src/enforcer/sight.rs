//! Interfaces that come and go.

use super::{Enforcer, Notice, Sight, say};
use crate::input::Complaint;
use std::time::{Duration, Instant};

/// How long interfaces are policed before other things get their turn.
const SLICE: Duration = Duration::from_millis(50);
/// So many interfaces that wait are worth asking the kernel to hurry.
const MANY: usize = 8;

impl Enforcer {
    /// Polices interfaces that have appeared, as many as there is time for.
    pub(super) fn see(&mut self) {
        let begun = Instant::now();
        let mut any = false;
        // One at least.
        let more = || !std::mem::replace(&mut any, true) || begun.elapsed() < SLICE;
        let links = self.interfaces.get_ref().links();
        let seen = self.enforcement.see(&links, more);
        drop(links);
        let Sight { notices, waiting } = match seen {
            Ok(sight) => sight,
            Err(error) => return self.recover(&error),
        };
        self.held = waiting.iter().filter(|waiting| !waiting.open).map(|waiting| waiting.ifindex).collect();
        self.waiting = waiting.into_iter().map(|waiting| waiting.ifindex).collect();
        if self.waiting.len() >= MANY {
            self.haste.begin();
        } else if self.waiting.is_empty() {
            self.haste.end();
        }
        let mut failed = Vec::new();
        for notice in notices {
            if matches!(notice, Notice::Failed { .. }) {
                failed.push(notice.clone());
                // It is tried again with every tick; once is enough to be told.
                if self.failed.contains(&notice) {
                    continue;
                }
            }
            say(&notice.to_string());
            self.journal.interface(&notice);
        }
        self.failed = failed;
        self.cover();
    }

    /// Puts the tables of this version in the place of those of others, now that the plan is in them.
    pub(super) fn succeed(&mut self) {
        if self.incomplete
            || self.unknown.is_some()
            || !self.waiting.is_empty()
            || !self.enforcement.is_successor()
        {
            return;
        }
        match self.enforcement.succeed() {
            Ok(succession) => {
                let told = format!(
                    "took over from tables of another version: {} interfaces, {} connections",
                    succession.interfaces, succession.flows
                );
                say(&told);
                self.journal.refused(&[Complaint::plain(told)]);
            }
            Err(error) => self.recover(&error),
        }
    }

    /// Puts back what somebody removed from the pins.
    pub(super) fn restore_pins(&mut self) {
        match self.enforcement.host_mut().restore_pins() {
            Ok(0) => {}
            Ok(restored) => {
                let told = format!("{restored} pins were removed by somebody and are back");
                say(&told);
                self.journal.refused(&[Complaint::plain(told)]);
            }
            Err(error) => {
                let told = format!("{error}; what was pinned is in force for as long as this enforcer runs");
                if self.unpinned.as_ref() != Some(&told) {
                    say(&told);
                    self.journal.refused(&[Complaint::plain(told.clone())]);
                }
                self.unpinned = Some(told);
                return;
            }
        }
        self.unpinned = None;
    }
}
