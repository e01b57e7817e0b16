//! How far long work has come, for whoever watches a terminal.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use bookend_answers::progress::Progress;

/// Work shorter than this says nothing.
const PATIENCE: Duration = Duration::from_millis(500);

/// How often the line is written again.
const PACE: Duration = Duration::from_millis(100);

/// A line on standard error that counts; it is wiped out when the work is done or given up.
pub(crate) struct Running {
    what: &'static str,
    total: usize,
    done: usize,
    started: Instant,
    shown: Option<Instant>,
    watched: bool,
}

impl Running {
    /// `what` has been done of how many.
    pub(crate) fn new(what: &'static str, total: usize) -> Self {
        let watched = io::stderr().is_terminal();
        Self { what, total, done: 0, started: Instant::now(), shown: None, watched }
    }

    /// One more is done.
    pub(crate) fn step(&mut self) {
        self.done += 1;
        let due = self.shown.map_or(self.started.elapsed() > PATIENCE, |shown| shown.elapsed() > PACE);
        if self.watched && due {
            self.shown = Some(Instant::now());
            let _ = write!(io::stderr(), "\r{} {} of {}", self.what, self.done, self.total);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.shown.is_some() {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

/// Shows how far an answer has come.
#[derive(Default)]
pub(crate) struct Line(Option<Running>);

impl Progress for Line {
    fn begin(&mut self, what: &'static str, total: usize) {
        self.0 = Some(Running::new(what, total));
    }

    fn step(&mut self) {
        if let Some(running) = &mut self.0 {
            running.step();
        }
    }
}
