//! What one worker of a proxy keeps beside a gate.

use bookend_engine::DecisionLog;

use crate::journal::Journal;
use crate::proxy::{Level, Proxy};
use crate::recent::Recent;
use crate::tally::{Counters, Tally};

/// What one worker keeps: whom it met recently, what it counted, what it logged. A gate is the same for all workers and never
/// changes; a desk belongs to one of them, and to one gate. All of it is bounded.
#[derive(Debug)]
pub struct Desk {
    pub(crate) recent: Recent,
    pub(crate) books: Books,
}

/// What is written down about decisions.
#[derive(Debug)]
pub(crate) struct Books {
    pub(crate) tally: Tally,
    pub(crate) journal: Journal,
}

impl Desk {
    pub(crate) fn new(counters: &Counters) -> Self {
        let books = Books { tally: Tally::new(counters), journal: Journal::default() };
        Self { recent: Recent::default(), books }
    }

    /// Tells each counter that was met since this was last asked, by its place among
    /// [`Gate::counters`](crate::Gate::counters), and how often. Costs next to nothing where none was.
    pub fn drain(&mut self, each: impl FnMut(usize, u64)) {
        self.books.tally.drain(each);
    }
}

impl Books {
    /// Logs a line, or counts it if there are too many.
    pub(crate) fn log(
        &mut self,
        proxy: &impl Proxy,
        log: &DecisionLog,
        level: Level,
        line: impl FnOnce() -> String,
    ) {
        if !self.journal.write(proxy, log, level, line) {
            self.tally.add(Counters::SUPPRESSED);
        }
    }
}
