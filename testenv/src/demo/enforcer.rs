//! The host enforcer as a process on the world's node.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::documents::Documents;
use super::event::Events;
use crate::error::{Doing, Error, Result};
use crate::process::Process;
use crate::world::World;

/// How long the enforcer may take to be in force.
const READY: Duration = Duration::from_secs(20);
/// The line it writes to its log once every interface is under its policy.
const IN_FORCE: &str = "in force";

/// The host enforcer of one world. What it put into the kernel outlives its process, on purpose.
#[derive(Debug)]
pub struct Enforcer {
    program: PathBuf,
    documents: Documents,
    events: Events,
    starts: u32,
    process: Option<Process>,
}

impl Enforcer {
    /// An enforcer that is not running yet.
    pub fn new(world: &World, program: PathBuf, documents: Documents) -> Self {
        let events = Events::new(world.run().directory().join("events.jsonl"));
        Self { program, documents, events, starts: 0, process: None }
    }

    /// What it reports.
    pub fn events(&self) -> &Events {
        &self.events
    }

    /// Starts it and waits until its policy is in force.
    pub fn start(&mut self, world: &World) -> Result<()> {
        let mut arguments: Vec<OsString> = vec!["run".into()];
        for policy in &self.documents.policies {
            arguments.extend(["--policy".into(), policy.into()]);
        }
        for inventory in &self.documents.inventories {
            arguments.extend(["--inventory".into(), inventory.into()]);
        }
        arguments.extend(["--pin-dir".into(), world.run().pins().into()]);
        arguments.extend(["--events".into(), self.events.path().into()]);
        self.starts += 1;
        let name = format!("bookend-enforcer-{}", self.starts);
        let mut process = world.start_on_node(&name, self.program.clone(), arguments)?;
        let log = process.log().to_owned();
        process
            .await_ready(READY, || std::fs::read_to_string(&log).is_ok_and(|text| text.contains(IN_FORCE)))?;
        self.process = Some(process);
        Ok(())
    }

    /// Kills it without a warning.
    ///
    /// # Errors
    /// If it does not run, or does not end.
    pub fn kill(&mut self) -> Result<()> {
        let mut process = self.process.take().ok_or_else(|| Error::new("the host enforcer does not run"))?;
        process.signal(Signal::SIGKILL)?;
        if process.await_end(READY)? { Ok(()) } else { Err(Error::new("the host enforcer survived SIGKILL")) }
    }

    /// How much it has said so far.
    pub fn said(&self) -> usize {
        self.log().len()
    }

    /// Waits until it says one of `words` after its first `position` bytes, and returns what it said.
    ///
    /// # Errors
    /// If it ends or does not say so in time.
    pub fn await_words(&mut self, position: usize, words: &[&str]) -> Result<String> {
        let log = self.process.as_ref().map(|process| process.log().to_owned()).unwrap_or_default();
        let process = self.process.as_mut().ok_or_else(|| Error::new("the host enforcer does not run"))?;
        let mut said = String::new();
        process.await_ready(READY, || {
            let text = std::fs::read_to_string(&log).unwrap_or_default();
            said = text.get(position..).unwrap_or_default().to_owned();
            words.iter().any(|word| said.contains(word))
        })?;
        Ok(said)
    }

    /// Takes its programs out of the kernel: the control, in which nothing is stopped there.
    pub fn detach(&mut self, world: &World) -> Result<()> {
        self.process = None;
        let arguments = vec!["detach".into(), "--pin-dir".into(), world.run().pins().into()];
        let mut process = world.start_on_node("bookend-enforcer-detach", self.program.clone(), arguments)?;
        if process.await_end(READY).doing("detach the host enforcer")? {
            Ok(())
        } else {
            Err(Error::new("the host enforcer did not detach in time"))
        }
    }

    fn log(&self) -> String {
        let path = self.process.as_ref().map(Process::log);
        path.and_then(|path| std::fs::read_to_string(path).ok()).unwrap_or_default()
    }
}
