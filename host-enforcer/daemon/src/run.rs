//! The running enforcer: takes over what it finds, applies the files, and follows every change.

use crate::command::RunOptions;
use crate::enforcement::{ApplyError, Enforcement, Notice};
use crate::failure::Failure;
use crate::guard::Guard;
use crate::input::{Complaint, Input, Planned, plan};
use crate::interfaces::Interfaces;
use crate::journal::Journal;
use crate::kernel::{EventRing, Kernel, KernelError, Pinned};
use crate::names::Names;
use crate::requirement;
use crate::watch::Watch;
use bookend_abi::table::Config;
use bookend_lang::{Compiler, Source};
use bookend_plan::Plan;
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::Duration;
use tokio::io::unix::AsyncFd;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, MissedTickBehavior};

/// How long the files must be left alone before they are read: an edit may touch several.
const SETTLE: Duration = Duration::from_millis(50);
/// How often interfaces and directories are looked at without being told to: what failed is tried again.
const TICK: Duration = Duration::from_secs(2);
/// Events told before other things get their turn.
const BATCH: usize = 256;

/// The enforcer with all it speaks to.
struct Enforcer {
    enforcement: Enforcement<Kernel>,
    interfaces: AsyncFd<Interfaces>,
    journal: Journal,
    names: Names,
    names_path: PathBuf,
    compiler: Compiler,
    /// What was read last, good or bad; read again, it is no news.
    last: Option<Vec<Source>>,
    /// Interfaces that cannot be policed and have been complained about.
    failed: Vec<Notice>,
    ready_file: Option<PathBuf>,
    guard: Guard,
    /// Why the guard does not cover what it should.
    unguarded: Option<String>,
    /// The ready file has been written.
    ready: bool,
    /// A step failed, and what it was to bring about is not in force.
    incomplete: bool,
}

/// Runs until a signal ends it. What is pinned stays in force afterwards.
///
/// # Errors
/// If the machine lacks something, or the files are invalid and nothing is enforced yet.
pub async fn run(options: RunOptions) -> Result<(), Failure> {
    let pins = options.pins.pin_dir.clone();
    requirement::check(&pins)?;
    let _lock = requirement::lock(&pins)?;
    if let Some(path) = &options.ready_file {
        forget_ready(path)?;
    }
    let ended = enforce(options, &pins).await;
    if ended.is_err() {
        Kernel::remove_empty(&pins);
    }
    ended
}

async fn enforce(options: RunOptions, pins: &Path) -> Result<(), Failure> {
    let input = Input { policy: options.policy, inventory: options.inventory };
    // Subscribed before the first look, so that nothing falls between.
    let watch = Watch::new(input.files()).map_err(|e| cannot("watch the files", &e))?;
    let interfaces = Interfaces::subscribe().map_err(|e| cannot("follow the network interfaces", &e))?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|e| cannot("wait for signals", &e))?;
    let mut terminate = signal(SignalKind::terminate()).map_err(|e| cannot("wait for signals", &e))?;
    let journal = Journal::new(journal_target(options.events.as_deref())?);

    let sources = input.read();
    let mut compiler = Compiler::default();
    let first = sources
        .as_ref()
        .map_err(Clone::clone)
        .and_then(|sources| plan(&mut compiler, sources, &Plan::default()));
    let pinned = Pinned::open(pins)?.map(|pinned| pinned.attached()).transpose()?.unwrap_or_default();
    if let (Err(complaints), true) = (&first, pinned.is_empty()) {
        complain(complaints);
        return Err(Failure::invalid(
            "the policy or the inventory is invalid and nothing is enforced yet; correct it and start again",
        ));
    }

    let guard = Guard::new(pins);
    guard.check().map_err(|error| Failure::new(error.to_string()))?;
    let object = options.object.map_or_else(default_object, Ok)?;
    let mut kernel = Kernel::load(&object, pins)?;
    let events = kernel.take_events()?;
    let flags = if options.allow_events { Config::ALLOW_EVENTS } else { 0 };
    let enforcement = Enforcement::adopt(kernel, flags, |ifindex| interfaces.name(ifindex))?;
    let names_path = Names::path(&options.pins.state_dir, pins);
    let mut enforcer = Enforcer {
        enforcement,
        interfaces: readiness(interfaces, "follow the network interfaces")?,
        journal,
        names: Names::load(&names_path),
        names_path,
        compiler,
        last: sources.ok(),
        failed: Vec::new(),
        ready_file: options.ready_file,
        guard,
        unguarded: None,
        ready: false,
        incomplete: false,
    };
    match first {
        Ok(planned) => enforcer.put_in_force(planned),
        Err(complaints) => enforcer.refuse(&complaints),
    }
    enforcer.tell_ready()?;

    let stop = async {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };
    let ended = enforcer.follow(&input, watch, events, stop).await;
    if let Some(path) = &enforcer.ready_file {
        // Gone already, if somebody cleaned up.
        let _ = std::fs::remove_file(path);
    }
    say("ending; what is pinned stays in force");
    ended
}

impl Enforcer {
    /// Follows events, files and interfaces until `stop`.
    async fn follow(
        &mut self,
        input: &Input,
        watch: Watch,
        events: EventRing,
        stop: impl Future<Output = ()>,
    ) -> Result<(), Failure> {
        let mut watch = readiness(watch, "watch the files")?;
        let mut events = readiness(events, "wait for events")?;
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut reload: Option<Instant> = None;
        let mut stop = pin!(stop);
        loop {
            let settled = reload.unwrap_or_else(Instant::now);
            tokio::select! {
                () = &mut stop => return Ok(()),
                guard = events.readable_mut() => {
                    let mut guard = guard.map_err(|e| cannot("wait for events", &e))?;
                    if self.tell(guard.get_inner_mut()) {
                        guard.clear_ready();
                    }
                }
                guard = watch.readable_mut() => {
                    let mut guard = guard.map_err(|e| cannot("watch the files", &e))?;
                    if guard.get_inner_mut().changed() {
                        reload = Some(Instant::now() + SETTLE);
                    }
                    guard.clear_ready();
                }
                guard = self.interfaces.readable() => {
                    let mut guard = guard.map_err(|e| cannot("follow the network interfaces", &e))?;
                    guard.get_inner().drain();
                    guard.clear_ready();
                    drop(guard);
                    self.see();
                }
                () = tokio::time::sleep_until(settled), if reload.is_some() => {
                    reload = None;
                    watch.get_mut().reading();
                    self.reload(input);
                }
                _ = tick.tick() => {
                    let watch = watch.get_mut();
                    if watch.renew() | watch.differs() {
                        reload = Some(Instant::now() + SETTLE);
                    }
                    if self.incomplete {
                        self.retry(input);
                    }
                    self.see();
                    self.tell_ready()?;
                    self.journal.tell_suppressed();
                }
            }
        }
    }

    /// Creates the ready file, once every interface that is there is policed.
    fn tell_ready(&mut self) -> Result<(), Failure> {
        if self.ready || self.incomplete || self.unguarded.is_some() || !self.failed.is_empty() {
            return Ok(());
        }
        self.ready = true;
        let Some(path) = &self.ready_file else { return Ok(()) };
        std::fs::write(path, "ready\n").map_err(|e| cannot(&format!("write `{}`", path.display()), &e))
    }

    /// Tells what is in the ring; whether it is empty now.
    fn tell(&mut self, ring: &mut EventRing) -> bool {
        for _ in 0..BATCH {
            let Some(event) = ring.take() else { return true };
            let name = self.interfaces.get_ref().name(event.ifindex);
            self.journal.verdict(&event, name.as_deref(), &self.names);
        }
        false
    }

    /// Reads the files again and applies them, if they say something new.
    fn reload(&mut self, input: &Input) {
        let sources = match input.read() {
            Ok(sources) => sources,
            Err(complaints) => {
                self.last = None;
                return self.refuse(&complaints);
            }
        };
        if self.last.as_ref() == Some(&sources) {
            return;
        }
        match plan(&mut self.compiler, &sources, self.enforcement.plan()) {
            Ok(planned) => self.put_in_force(planned),
            Err(complaints) => self.refuse(&complaints),
        }
        self.last = Some(sources);
    }

    fn put_in_force(&mut self, planned: Planned) {
        let Planned { plan, warnings } = planned;
        complain(&warnings);
        // Before the first verdict of the new plan.
        self.names.learn(&plan);
        match self.enforcement.apply(plan) {
            Ok(steps) => {
                self.incomplete = false;
                let sizes = self.enforcement.plan().sizes();
                say(&format!(
                    "policy in force: {} interfaces, {} policies, {} verdicts ({steps} steps)",
                    sizes.interfaces, sizes.policies, sizes.verdicts
                ));
                self.journal.applied(self.enforcement.plan(), steps, &warnings);
            }
            Err(ApplyError::Refused(error)) => self.refuse(&[Complaint::plain(error.to_string())]),
            Err(ApplyError::Host(error)) => self.recover(&error),
        }
        if let Err(error) = self.names.store(&self.names_path) {
            say(&format!(
                "cannot keep names in `{}`: {error}; `status` will show numbers",
                self.names_path.display()
            ));
        }
        self.see();
    }

    /// An edit that is wrong changes nothing.
    fn refuse(&mut self, complaints: &[Complaint]) {
        complain(complaints);
        say("the edit was refused; the last good policy stays in force");
        self.journal.refused(complaints);
        self.see();
    }

    /// Polices interfaces that have appeared.
    fn see(&mut self) {
        let interfaces = self.interfaces.get_ref();
        let notices =
            match self.enforcement.see(|name| interfaces.index(name), |ifindex| interfaces.name(ifindex)) {
                Ok(notices) => notices,
                Err(error) => return self.recover(&error),
            };
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

    /// Has the guard demand the mark of what comes in where the programs are attached by now.
    fn cover(&mut self) {
        let interfaces = self.interfaces.get_ref();
        let mut attached = match self.enforcement.attached() {
            Ok(attached) => attached,
            Err(error) => return self.recover(&error),
        };
        attached.retain(|ifindex| interfaces.name(*ifindex).is_some());
        let failed = self.guard.cover(&attached).err().map(|error| error.to_string());
        if let Some(reason) = failed.as_ref().filter(|reason| self.unguarded.as_ref() != Some(*reason)) {
            say(&format!("{reason}; trying again"));
            self.journal.refused(&[Complaint::plain(reason.clone())]);
        }
        self.unguarded = failed;
    }

    /// After a step that failed: finds out what is in force, and tries again with the next edit or tick.
    fn recover(&mut self, error: &KernelError) {
        say(&format!("a change was not completed: {error}; trying again"));
        self.journal.refused(&[Complaint::plain(error.to_string())]);
        self.incomplete = true;
        self.last = None;
        self.read_back();
    }

    /// What was left undone, once more.
    fn retry(&mut self, input: &Input) {
        if self.read_back() {
            self.reload(input);
        }
    }

    /// Finds out what is in force; whether that could be done.
    fn read_back(&mut self) -> bool {
        let interfaces = self.interfaces.get_ref();
        let read = self.enforcement.recover(|ifindex| interfaces.name(ifindex));
        if let Err(error) = &read {
            say(&format!("cannot read the tables back: {error}; what is pinned stays in force"));
        }
        read.is_ok()
    }
}

/// Removes the ready file of an enforcer that was killed: it says nothing of this one.
fn forget_ready(path: &Path) -> Result<(), Failure> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(cannot(&format!("remove `{}`; name another with --ready-file", path.display()), &error))
        }
        _ => Ok(()),
    }
}

/// `source`, to be waited for.
fn readiness<T: AsFd + AsRawFd>(source: T, what: &str) -> Result<AsyncFd<T>, Failure> {
    // SAFETY: every `T` here owns the one descriptor it returns and keeps it open for as long as it lives.
    unsafe { AsyncFd::register(source) }.map_err(|error| cannot(what, &error))
}

/// Where the journal goes: standard output, a file, or nowhere.
fn journal_target(target: Option<&Path>) -> Result<Option<Box<dyn Write + Send>>, Failure> {
    let Some(path) = target else { return Ok(None) };
    if path == Path::new("-") {
        return Ok(Some(Box::new(std::io::stdout())));
    }
    let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
    let file = file.map_err(|e| cannot(&format!("write events to `{}`", path.display()), &e))?;
    Ok(Some(Box::new(file)))
}

/// The object beside this program, or where `BOOKEND_DIST` says.
pub(crate) fn default_object() -> Result<PathBuf, Failure> {
    let directory = match std::env::var_os("BOOKEND_DIST") {
        Some(directory) => PathBuf::from(directory),
        None => {
            let program = std::env::current_exe()
                .map_err(|e| cannot("find the BPF object; name it with --object", &e))?;
            program.parent().map(Path::to_owned).unwrap_or_default()
        }
    };
    Ok(directory.join("bookend_ebpf.o"))
}

fn cannot(what: &str, error: &dyn std::fmt::Display) -> Failure {
    Failure::new(format!("cannot {what}: {error}"))
}

fn complain(complaints: &[Complaint]) {
    for complaint in complaints {
        say_line(&complaint.text);
    }
}

/// A line for people, on standard error.
fn say(text: &str) {
    say_line(&format!("bookend-enforcer: {text}"));
}

fn say_line(text: &str) {
    // Nobody reads any more: policing goes on without telling.
    let _ = writeln!(std::io::stderr(), "{text}");
}
