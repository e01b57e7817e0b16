//! Files, and word when they change.

use crate::input::{Complaint, Input};
use crate::watch::{Change, Watch};
use bookend_lang::Source as Text;
use std::time::Duration;
use tokio::io::unix::AsyncFd;
use tokio::time::{Instant, Interval, MissedTickBehavior};

/// How long files that were written in place must be left alone before they are read: an edit may write several, and
/// in several goes. One that was renamed into its place is complete.
const SETTLE: Duration = Duration::from_millis(20);
/// How often files are looked at that lie where nobody tells of changes, on another machine for example.
const LOOK: Duration = Duration::from_secs(2);

/// Files, as texts.
pub(super) struct Texts {
    input: Input,
    watch: AsyncFd<Watch>,
    /// When the files are to be read.
    due: Option<Instant>,
    look: Interval,
}

impl Texts {
    /// Watches the files of `input`; whatever happens to them from now on is noticed.
    ///
    /// # Errors
    /// If the kernel cannot watch anything.
    pub(super) fn new(input: Input) -> std::io::Result<Self> {
        let watch = Watch::new(input.files())?;
        // SAFETY: a watch owns the one descriptor it returns and keeps it open for as long as it lives.
        let watch = unsafe { AsyncFd::register(watch) }?;
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Self { input, watch, due: None, look })
    }

    /// Waits until the files may have changed. Nothing is lost if the future is dropped.
    pub(super) async fn next(&mut self) -> std::io::Result<()> {
        loop {
            let due = self.due.unwrap_or_else(Instant::now);
            tokio::select! {
                guard = self.watch.readable_mut() => {
                    let mut guard = guard?;
                    match guard.get_inner_mut().changed() {
                        Some(Change::Whole) => self.due = Some(Instant::now()),
                        Some(Change::Part) => self.due = Some(Instant::now() + SETTLE),
                        None => {}
                    }
                    guard.clear_ready();
                }
                () = tokio::time::sleep_until(due), if self.due.is_some() => {
                    self.due = None;
                    return Ok(());
                }
                _ = self.look.tick() => {
                    if self.watch.get_mut().differs() {
                        self.due = Some(Instant::now());
                    }
                }
            }
        }
    }

    /// Reads all of them.
    ///
    /// # Errors
    /// One complaint for each that cannot be read.
    pub(super) fn read(&mut self) -> Result<Vec<Text>, Vec<Complaint>> {
        // Before reading, so that what changes meanwhile is read again.
        self.watch.get_mut().reading();
        self.input.read()
    }
}
