//! Long work over a network, for whoever watches a terminal; for everybody else, a line for each thing that is done.

use std::io::{self, IsTerminal};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use bookend_text::{lines, plain};

use crate::output;

/// How often a line that waits shows that it does.
const BEAT: Duration = Duration::from_millis(120);

/// A line on standard error that says what is going on now. It is wiped out when it is dropped.
///
/// Where nobody watches a terminal only what is said stays: `now` prints nothing.
pub(crate) struct Line {
    bar: ProgressBar,
    watched: bool,
}

impl Line {
    /// Begins, with what is going on.
    pub(crate) fn new(now: &str) -> Self {
        let watched = io::stderr().is_terminal();
        let bar = if watched { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
        bar.enable_steady_tick(BEAT);
        let line = Self { bar, watched };
        line.now(now);
        line
    }

    /// Something else is going on now.
    pub(crate) fn now(&self, now: &str) {
        self.bar.set_message(plain(now).into_owned());
    }

    /// Something happened that is worth a line of its own.
    pub(crate) fn say(&self, what: &str) {
        // What an API server answers is somebody else's text.
        let what = &*lines(what);
        if self.watched {
            self.bar.println(what);
        } else {
            output::print_error(&format!("{what}\n"));
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// A bar on standard error for bytes that are sent, one thing after another. It is wiped out when it is dropped.
pub(crate) struct Bytes {
    watched: bool,
    shown: Mutex<Option<(String, ProgressBar)>>,
}

impl Bytes {
    /// Begins with nothing.
    pub(crate) fn new() -> Self {
        Self { watched: io::stderr().is_terminal(), shown: Mutex::new(None) }
    }

    /// So many bytes of something are sent.
    pub(crate) fn at(&self, what: &str, sent: u64, total: u64) {
        if !self.watched {
            return;
        }
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((name, bar)) = shown.as_ref() {
            if name == what {
                bar.set_position(sent);
                return;
            }
            bar.finish_and_clear();
        }
        let bar = ProgressBar::new(total);
        let template = "{bar:24} {bytes:>11} of {total_bytes} {binary_bytes_per_sec:>12} {msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_message(what.to_owned());
        bar.set_position(sent);
        *shown = Some((what.to_owned(), bar));
    }

    /// Something happened that is worth a line of its own.
    pub(crate) fn say(&self, what: &str) {
        let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        match shown.as_ref() {
            Some((_, bar)) if self.watched => bar.println(what),
            _ => output::print_error(&format!("{what}\n")),
        }
    }
}

impl Drop for Bytes {
    fn drop(&mut self) {
        let shown = self.shown.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, bar)) = shown.take() {
            bar.finish_and_clear();
        }
    }
}
