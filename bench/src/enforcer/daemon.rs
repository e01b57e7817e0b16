//! A running enforcer, in a namespace.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bookend_abi::table::ABI_VERSION;
use bookend_testenv::namespace::Namespace;
use bookend_testenv::process::{Launch, Process};
use bookend_testenv::requirement;
use bookend_testenv::run::Run;

use super::estate::Estate;

/// How long it may take to start: far longer than it should.
const PATIENCE: Duration = Duration::from_secs(120);

/// A daemon with the pins of a run of its own. It is killed when this is dropped, and its pins go with the run.
pub(super) struct Daemon {
    /// `None` only while this is dropped.
    process: Option<Process>,
    run: Run,
    policies: Vec<PathBuf>,
    /// How long it took until everything was enforced.
    pub(super) start: Duration,
}

impl Daemon {
    /// Starts one that enforces an estate in `host`, and waits until it does.
    ///
    /// # Errors
    /// If it is not built, or says why not.
    pub(super) fn start(host: &Namespace, estate: &Estate) -> anyhow::Result<Self> {
        let run = Run::start()?;
        let directory = run.directory();
        let (policies, inventories) = estate.files();
        let mut arguments: Vec<OsString> = vec!["run".into()];
        let mut written = Vec::new();
        for (option, files) in [("--policy", policies), ("--inventory", inventories)] {
            for (number, text) in files.into_iter().enumerate() {
                let path = directory.join(format!("{}-{number}.yaml", option.trim_start_matches('-')));
                fs::write(&path, text).with_context(|| format!("cannot write `{}`", path.display()))?;
                arguments.extend([option.into(), path.clone().into()]);
                written.push(path);
            }
        }
        written
            .retain(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("policy")));
        let ready = directory.join("ready");
        for (option, value) in [
            ("--pin-dir", run.pins()),
            ("--state-dir", directory.join("state")),
            ("--ready-file", ready.clone()),
            ("--object", requirement::artifact("bookend_ebpf.o")?),
            ("--events", directory.join("events")),
        ] {
            arguments.extend([option.into(), value.into()]);
        }
        let launch = Launch {
            name: "the enforcer".to_owned(),
            program: requirement::artifact("bookend-enforcer")?,
            arguments,
            uid: 0,
            log: directory.join("enforcer.log"),
        };
        let begin = Instant::now();
        let mut process = Process::start(host, launch)?;
        process.await_ready(PATIENCE, || ready.exists())?;
        let start = begin.elapsed();
        Ok(Self { process: Some(process), run, policies: written, start })
    }

    /// Where its tables are pinned.
    pub(super) fn tables(&self) -> PathBuf {
        self.run.pins().join(format!("v{ABI_VERSION}"))
    }

    /// Replaces the files with policies as an editor does, by renaming; in the order of [`Estate::policies`].
    ///
    /// # Errors
    /// If a file cannot be written.
    pub(super) fn edit(&self, policies: &[String]) -> anyhow::Result<Instant> {
        let mut new = Vec::new();
        for (path, text) in self.policies.iter().zip(policies) {
            if fs::read_to_string(path)? != *text {
                let beside = path.with_extension("new");
                fs::write(&beside, text)?;
                new.push((beside, path));
            }
        }
        let edited = Instant::now();
        for (beside, path) in new {
            fs::rename(beside, path)?;
        }
        Ok(edited)
    }

    /// Its process, as `/proc` knows it.
    pub(super) fn pid(&self) -> u32 {
        self.process.as_ref().map_or(0, Process::id)
    }

    /// What it said last.
    pub(super) fn words(&self) -> String {
        self.process.as_ref().map(Process::last_words).unwrap_or_default()
    }

    /// Ends it as a crash would: what is pinned stays in force.
    pub(super) fn end(&mut self) {
        drop(self.process.take());
    }

    /// Fails if it has ended by itself, with its last words.
    pub(super) fn alive(&mut self) -> anyhow::Result<()> {
        Ok(self.process.as_mut().map_or(Ok(()), Process::alive)?)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Ended first, or it would miss its pins and make them again.
        self.end();
        if let Err(error) = self.run.remove() {
            eprintln!("bench-enforcer: something was left behind: {error}");
        }
    }
}
