//! What happened, as JSON lines: one object per line, told apart by `kind`. docs/json.md describes each.
//!
//! Lines go to a file or standard output, in a thread of its own, and to whoever listens over HTTP. Nobody who reads can
//! make policing wait: what does not get through is counted, and told as soon as that is possible.

mod allowance;
pub mod audience;
pub mod file;
pub(crate) mod line;

use crate::clock::Clock;
use crate::enforcement::Notice;
use crate::input::Complaint;
use crate::names::Names;
use crate::say::say;
use allowance::{Allowance, Concern};
use audience::{Audience, FlowTold, Told};
use bookend_abi::event::CLOSED;
use bookend_abi::table::{ALLOW, NO_RULE};
use bookend_abi::{Event, Reason};
use bookend_plan::Plan;
use file::Page;
use line::{ClosedLine, InterfaceLine, LostLine, PolicyLine, SuppressedLine, VerdictLine};
use serde::Serialize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Lines that wait for the file. Beyond them they are counted and dropped: policing does not wait.
const WAITING: usize = 4_096;
/// How long the end waits for lines to be written.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// How many events had which fate since the start.
#[derive(Debug, Default)]
pub struct Fates {
    /// Told to the file or to a listener.
    pub told: AtomicU64,
    /// Not told, because there were too many alike.
    pub suppressed: AtomicU64,
    /// Meant for the file, which could not be written.
    pub lost: AtomicU64,
}

/// What the thread that writes is to do.
enum Task {
    Write(String),
    Reopen,
}

/// Where the lines go; nowhere, if nobody asked.
pub struct Journal {
    out: Option<SyncSender<Task>>,
    writer: Option<JoinHandle<()>>,
    audience: Audience,
    fates: Arc<Fates>,
    clock: Clock,
    allowance: Allowance,
    /// Lines for the file that were lost, and how many of them have been told.
    lost: u64,
    confessed: u64,
}

impl Journal {
    /// A journal that writes to `page`, in a thread of its own: whoever reads there may stop to.
    pub fn new(page: Option<Box<dyn Page>>) -> Self {
        let fates = Arc::new(Fates::default());
        let (out, writer) = page.map_or_else(Default::default, |page| {
            let (tasks, waiting) = sync_channel::<Task>(WAITING);
            let fates = Arc::clone(&fates);
            (Some(tasks), Some(std::thread::spawn(move || write(page, &waiting, &fates))))
        });
        let (clock, allowance) = (Clock::new(), Allowance::new(Instant::now()));
        Self { out, writer, audience: Audience::default(), fates, clock, allowance, lost: 0, confessed: 0 }
    }

    /// Those who listen, to whom others may be added.
    pub fn audience(&self) -> &Audience {
        &self.audience
    }

    /// What became of the events so far.
    pub fn fates(&self) -> &Arc<Fates> {
        &self.fates
    }

    /// Opens the file again, which somebody has renamed.
    pub fn reopen(&self) {
        // If the queue is full, the file is not being written, and opening it again would not help.
        if let Some(out) = &self.out {
            let _ = out.try_send(Task::Reopen);
        }
    }

    /// Tells what was suppressed in a second that is over, and how many lines the file lacks.
    pub fn settle(&mut self, names: &Names, name_of: impl Fn(u32) -> Option<String>) {
        let now = Instant::now();
        if self.allowance.is_over(now) {
            for (concern, verdicts) in self.allowance.settle(now) {
                let interface = concern.and_then(|concern| name_of(concern.ifindex));
                let rule = concern.map(|concern| concern.rule).filter(|rule| *rule != NO_RULE);
                let line = SuppressedLine {
                    kind: "suppressed",
                    time: self.clock.now(),
                    verdicts,
                    reason: concern.and_then(|concern| Reason(concern.reason).name()),
                    rule: rule.map(|rule| names.rule(rule)),
                    interface: interface.as_deref(),
                };
                self.fates.suppressed.fetch_add(verdicts, Ordering::Relaxed);
                self.tell(&line, None);
            }
        }
        self.confess();
    }

    /// Tells a verdict, or the end of a connection. `interface` is the name of the event's interface.
    pub fn event(&mut self, event: &Event, interface: Option<&str>, names: &Names) {
        if !self.is_read() {
            return;
        }
        if event.kind == CLOSED {
            if self.allowance.admit() {
                let line = ClosedLine::new(event, interface, names, &self.clock);
                let flow = line.flow();
                self.tell(&line, Some(flow));
            }
            return;
        }
        let noteworthy = event.verdict != ALLOW || event.audit_rule != NO_RULE;
        let admitted = if noteworthy {
            self.allowance.admit_concern(Concern::of(event))
        } else {
            self.allowance.admit()
        };
        if admitted {
            let line = VerdictLine::new(event, interface, names, &self.clock);
            let flow = line.flow();
            self.tell(&line, Some(flow));
        }
    }

    /// Tells that `plan` is in force.
    pub fn applied(&mut self, plan: &Plan, revision: &str, steps: usize, warnings: &[Complaint]) {
        let sizes = plan.sizes();
        let line = PolicyLine {
            kind: "policy",
            time: self.clock.now(),
            outcome: "applied",
            revision: Some(revision),
            interfaces: Some(sizes.interfaces),
            policies: Some(sizes.policies),
            verdicts: Some(sizes.verdicts),
            steps: Some(steps),
            complaints: warnings,
        };
        self.tell(&line, None);
    }

    /// Tells that an edit was refused and changed nothing.
    pub fn refused(&mut self, complaints: &[Complaint]) {
        let (kind, outcome, time) = ("policy", "refused", self.clock.now());
        self.tell(&PolicyLine { kind, time, outcome, complaints, ..PolicyLine::default() }, None);
    }

    /// Tells what became of an interface.
    pub fn interface(&mut self, notice: &Notice) {
        self.tell(&InterfaceLine::new(self.clock.now(), notice), None);
    }

    /// Whether anybody would read a line.
    fn is_read(&self) -> bool {
        self.out.is_some() || !self.audience.is_empty()
    }

    fn tell(&mut self, line: &impl Serialize, flow: Option<FlowTold>) {
        if !self.is_read() {
            return;
        }
        // Only a map with keys that are no strings could fail.
        let Ok(mut line) = serde_json::to_string(line) else { return };
        line.push('\n');
        self.fates.told.fetch_add(1, Ordering::Relaxed);
        if !self.hand_on(&line) {
            self.lost += 1;
            self.fates.lost.fetch_add(1, Ordering::Relaxed);
        }
        if !self.audience.is_empty() {
            self.audience.tell(Told { line, flow });
        }
    }

    /// Tells the readers of the file how many lines they did not get.
    fn confess(&mut self) {
        let events = self.lost - self.confessed;
        if events > 0 && self.hand_on(&LostLine::text(self.clock.now(), events)) {
            self.confessed = self.lost;
        }
    }

    /// Hands a line to the thread that writes; false if too many are waiting.
    fn hand_on(&mut self, line: &str) -> bool {
        let Some(out) = &self.out else { return true };
        match out.try_send(Task::Write(line.to_owned())) {
            Ok(()) => true,
            Err(TrySendError::Full(_)) => false,
            Err(TrySendError::Disconnected(_)) => {
                self.out = None;
                true
            }
        }
    }
}

/// Writes what it is told until nobody tells any more, or nobody reads.
fn write(mut page: Box<dyn Page>, waiting: &Receiver<Task>, fates: &Fates) {
    let mut failing = false;
    // Lines that were not written since the last that was.
    let mut missing = 0;
    for task in waiting {
        let done = match task {
            Task::Write(line) => {
                let confession = (missing > 0).then(|| LostLine::text(Clock::new().now(), missing));
                let told = confession.map_or(Ok(()), |confession| page.write_line(&confession));
                if told.is_ok() {
                    missing = 0;
                }
                let written = told.and_then(|()| page.write_line(&line));
                if written.is_err() {
                    missing += 1;
                    fates.lost.fetch_add(1, Ordering::Relaxed);
                }
                written
            }
            Task::Reopen => page.reopen(),
        };
        match done {
            Ok(()) => failing = false,
            // Nobody reads any more: policing goes on without telling.
            Err(_) if !page.recovers() => return,
            Err(error) if !failing => {
                say(&format!("cannot write events: {error}; they are counted as lost until that works"));
                failing = true;
            }
            Err(_) => {}
        }
    }
}

impl Drop for Journal {
    /// Lets the lines that wait be written, if that can be done soon.
    fn drop(&mut self) {
        self.out = None;
        let end = Instant::now() + LAST_WORDS;
        while self.writer.as_ref().is_some_and(|writer| !writer.is_finished()) && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

#[cfg(test)]
mod tests;
