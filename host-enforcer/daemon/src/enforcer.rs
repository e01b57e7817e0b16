//! The enforcer at work: puts in force what it is told, polices what appears, and tells what became of it.

mod collect;
mod entry;
mod follow;
mod sight;

use crate::clock::Clock;
use crate::cni::Door;
use crate::enforcement::{ApplyError, Enforcement, Notice, Sight};
use crate::failure::{Failure, cannot};
use crate::guard::{Cover, Upkeep};
use crate::haste::Haste;
use crate::health::Health;
use crate::here::Here;
use crate::input::{Complaint, Planned, Planning};
use crate::interfaces::Interfaces;
use crate::journal::Journal;
use crate::kernel::{Kernel, KernelError};
use crate::names::Names;
use crate::report::Reporter;
use crate::say::{complain, say};
use crate::server::{self, Listen, Subject};
use crate::service::Service;
use crate::source::{Reading, Said, Source};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Instant;
use tokio::io::unix::AsyncFd;
use tokio::signal::unix::Signal;

/// The enforcer with all it speaks to.
pub(crate) struct Enforcer {
    pub(crate) enforcement: Enforcement<Kernel>,
    pub(crate) interfaces: AsyncFd<Interfaces>,
    pub(crate) journal: Journal,
    pub(crate) names: Names,
    pub(crate) names_path: PathBuf,
    pub(crate) planning: Planning,
    /// Which host this machine is.
    pub(crate) here: Here,
    /// The revision that was last read without an error; read again, it is no news.
    pub(crate) last: Option<u64>,
    /// Why it is not known what to enforce; what is pinned stays in force.
    pub(crate) unknown: Option<String>,
    /// Where a cluster is told.
    pub(crate) reporter: Option<Reporter>,
    /// The source could not be read meanwhile, so that even the same again is worth telling.
    pub(crate) unread: bool,
    /// Interfaces that cannot be policed and have been complained about.
    pub(crate) failed: Vec<Notice>,
    pub(crate) ready_file: Option<PathBuf>,
    pub(crate) guard: AsyncFd<Upkeep>,
    /// Why the guard does not cover what it should.
    pub(crate) unguarded: Option<String>,
    /// The ready file has been written.
    pub(crate) ready: bool,
    /// A step failed, and what it was to bring about is not in force.
    pub(crate) incomplete: bool,
    /// Interfaces that wait to be policed: to attach programs takes long, and other things must get their turn.
    pub(crate) waiting: BTreeSet<u32>,
    /// Those of them that are closed meanwhile.
    pub(crate) held: BTreeSet<u32>,
    /// Why what is in force is not pinned as it should be.
    pub(crate) unpinned: Option<String>,
    /// The kernel is asked to hurry, while many wait.
    pub(crate) haste: Haste,
    /// What those are told who ask how it is.
    pub(crate) health: Health,
    pub(crate) service: Service,
    /// Pods that wait to be let in.
    pub(crate) door: Door,
    /// Somebody wants the files read and the events' file opened again.
    pub(crate) hangup: Signal,
}

impl Enforcer {
    /// Creates the ready file, once every interface that is there is policed.
    pub(crate) fn tell_ready(&mut self) -> Result<(), Failure> {
        if !self.judge() || self.ready {
            return Ok(());
        }
        self.ready = true;
        let Some(path) = &self.ready_file else { return Ok(()) };
        std::fs::write(path, "ready\n").map_err(|e| cannot(&format!("write `{}`", path.display()), &e))
    }

    /// Lets others ask how the enforcer is.
    pub(crate) fn answer(&self, listen: Listen, pins: &Path) -> Result<(), Failure> {
        if listen == Listen::Nowhere {
            return Ok(());
        }
        let subject = Subject {
            health: self.health.clone(),
            audience: self.journal.audience().clone(),
            fates: self.journal.fates().clone(),
            pins: pins.to_owned(),
            names: self.names_path.clone(),
        };
        server::start(listen, subject).map_err(|error| cannot("answer over HTTP", &error))
    }

    /// Finds out whether everything planned is enforced, and has others know.
    fn judge(&self) -> bool {
        let incomplete = self.incomplete.then(|| "a change was not completed, and is tried again".to_owned());
        let failed = self.failed.iter().map(ToString::to_string);
        let waiting = self.waiting.len();
        let waiting = (waiting > 0).then(|| format!("{waiting} interfaces wait to be policed"));
        // Before anything is known, nothing was begun or ended: only a dry run of an enforcer before goes on.
        let known = self.unknown.is_none() || self.enforcement.is_dry() || self.enforcement.wants_dry();
        let unsettled = (known && self.enforcement.is_unsettled()).then(|| self.unsettled());
        let incomplete = incomplete.into_iter().chain(self.unknown.clone()).chain(unsettled).chain(waiting);
        let door = self.door.obstacle();
        let obstacles: Vec<_> = incomplete.chain(self.unguarded.clone()).chain(failed).chain(door).collect();
        let ready = obstacles.is_empty();
        self.health.judged(obstacles, self.enforcement.policed().len(), self.failed.len());
        ready
    }

    fn unsettled(&self) -> String {
        let (change, danger) = match self.enforcement.wants_dry() {
            true => ("begun", "something may be dropped"),
            false => ("ended", "something may be let through"),
        };
        format!("the dry run is not {change} everywhere, so {danger}; it is tried again")
    }

    /// Applies what a source says now, if it is new.
    pub(crate) fn take(&mut self, source: &mut impl Source) {
        let begun = Instant::now();
        let Reading { revision, said } = source.read();
        let news = self.unread || self.last != Some(revision);
        match said {
            Said::Documents(..) if news => {
                self.unread = false;
                self.plan(source.last());
            }
            Said::Documents(..) => {}
            Said::Nothing(why) => self.unknown = Some(why),
            Said::Wrong(complaints) => {
                self.unread = true;
                self.refuse(&complaints);
            }
        }
        self.health.followed(source.health());
        if let (Some(reporter), Some(known)) = (&self.reporter, source.known()) {
            reporter.know(known);
        }
        source.worked(begun.elapsed());
    }

    /// Puts in force what is asked for.
    fn plan(&mut self, reading: Reading<'_>) {
        let Said::Documents(compiled, warnings) = reading.said else { return };
        let planned = self.planning.plan(compiled, warnings, self.enforcement.plan(), &self.here);
        self.last = Some(reading.revision);
        match planned {
            Ok(planned) => self.put_in_force(planned),
            Err(complaints) => self.refuse(&complaints),
        }
    }

    pub(crate) fn put_in_force(&mut self, planned: Planned) {
        let Planned { plan, warnings, quiet } = planned;
        complain(&warnings);
        // Before the first verdict of the new plan.
        let learned = !quiet && self.names.learn(&plan);
        match self.enforcement.apply(plan) {
            Ok(steps) => {
                self.incomplete = false;
                let known = self.unknown.take().is_some();
                let revision = self.health.applied(self.enforcement.plan());
                if !quiet || known {
                    let sizes = self.enforcement.plan().sizes();
                    say(&format!(
                        "policy in force: {} interfaces, {} policies, {} verdicts ({steps} steps)",
                        sizes.interfaces, sizes.policies, sizes.verdicts
                    ));
                    self.names.record(&revision, Clock::new().now());
                    self.journal.applied(self.enforcement.plan(), &revision, steps, &warnings);
                }
            }
            Err(ApplyError::Refused(error)) => self.refuse(&[Complaint::plain(error.to_string())]),
            Err(ApplyError::Host(error)) => self.recover(&error),
        }
        if (learned || !quiet)
            && let Err(error) = self.names.store(&self.names_path)
        {
            say(&format!(
                "cannot keep names in `{}`: {error}; `status` will show numbers",
                self.names_path.display()
            ));
        }
        self.see();
        self.succeed();
    }

    /// Begins or ends a dry run, now that what is planned is in force.
    pub(crate) fn observe(&mut self, dry: bool) {
        if dry {
            say("dry run: what would be dropped is told, and nothing is dropped");
        }
        if let Err(error) = self.enforcement.observe(dry) {
            return self.recover(&error);
        }
        self.cover();
    }

    /// Begins or ends a dry run where that failed. It is not ended before what is planned is in force, as at the start.
    fn settle_dry(&mut self) {
        if self.enforcement.is_unsettled()
            && (self.enforcement.wants_dry() || !self.incomplete && self.unknown.is_none())
        {
            self.observe(self.enforcement.wants_dry());
        }
    }

    /// An edit that is wrong changes nothing.
    pub(crate) fn refuse(&mut self, complaints: &[Complaint]) {
        complain(complaints);
        say("the edit was refused; the last good policy stays in force");
        self.health.refused();
        self.journal.refused(complaints);
        self.see();
    }

    /// Has the guard demand the mark of what comes in where the programs are attached by now.
    fn cover(&mut self) {
        let interfaces = self.interfaces.get_ref();
        let mut attached = match self.enforcement.attached() {
            Ok(attached) => attached,
            Err(error) => return self.recover(&error),
        };
        // What the machine itself sends or receives never had the mark, and a dry run drops nothing.
        let own = self.enforcement.own();
        let dry = self.enforcement.is_dry();
        attached.retain(|ifindex| !dry && !own.contains(ifindex) && interfaces.name(*ifindex).is_some());
        let cover = Cover { policed: attached, held: self.held.clone() };
        let failed = self.guard.get_mut().cover(&cover).err().map(|error| error.to_string());
        if let Some(reason) = failed.as_ref().filter(|reason| self.unguarded.as_ref() != Some(*reason)) {
            say(&format!("{reason}; trying again"));
            self.journal.refused(&[Complaint::plain(reason.clone())]);
        }
        self.unguarded = failed;
    }

    /// Puts the guard up again, if somebody else changed it.
    fn repair_guard(&mut self) {
        if self.guard.get_mut().disturbed().is_none() {
            return;
        }
        self.cover();
        if self.unguarded.is_none() {
            let told = "somebody changed the guard behind the programs, and it was put up again";
            say(told);
            self.journal.refused(&[Complaint::plain(told)]);
        }
    }

    /// After a step that failed: finds out what is in force, and has it tried again with the next edit or tick.
    fn recover(&mut self, error: &KernelError) {
        say(&format!("a change was not completed: {error}; trying again"));
        self.journal.refused(&[Complaint::plain(error.to_string())]);
        self.incomplete = true;
        self.unread = true;
        self.read_back();
    }

    /// What was left undone, once more.
    fn retry(&mut self, source: &impl Source) {
        if !self.read_back() {
            return;
        }
        let reading = source.last();
        match (&reading.said, self.last.is_some()) {
            (Said::Documents(..), true) => self.plan(reading),
            // Nothing good was read yet: what is pinned stays as it is.
            _ => self.incomplete = false,
        }
    }

    /// Finds out what is in force; whether that could be done.
    fn read_back(&mut self) -> bool {
        let interfaces = self.interfaces.get_ref();
        let read = self.enforcement.recover(&interfaces.links());
        if let Err(error) = &read {
            say(&format!("cannot read the tables back: {error}; what is pinned stays in force"));
        }
        read.is_ok()
    }
}
