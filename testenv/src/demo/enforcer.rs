//! The host enforcer as a process on the world's node.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::documents::Documents;
use super::event::{Change, Events};
use super::traffic;
use crate::error::{Error, Result};
use crate::process::Process;
use crate::world::World;

/// How long the enforcer may take to be in force, to answer an edit, or to end.
const LIMIT: Duration = Duration::from_secs(20);

/// The host enforcer of one world. What it put into the kernel outlives its process, on purpose.
#[derive(Debug)]
pub struct Enforcer {
    program: PathBuf,
    object: PathBuf,
    documents: Documents,
    events: Events,
    starts: u32,
    process: Option<Process>,
}

impl Enforcer {
    /// An enforcer that is not running yet: its executable, and its programs for the kernel.
    pub fn new(world: &World, program: PathBuf, object: PathBuf, documents: Documents) -> Self {
        let events = Events::new(world.run().directory().join("events.jsonl"));
        Self { program, object, documents, events, starts: 0, process: None }
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
        self.starts += 1;
        let name = format!("bookend-enforcer-{}", self.starts);
        let ready = world.run().directory().join(format!("{name}.ready"));
        arguments.extend(["--ready-file".into(), (&ready).into()]);
        arguments.extend(["--events".into(), self.events.path().into(), "--sample".into(), "1".into()]);
        arguments.extend(["--object".into(), (&self.object).into()]);
        arguments.extend(pins(world));
        let mut process = world.start_on_node(&name, self.program.clone(), arguments)?;
        process.await_ready(LIMIT, || ready.exists())?;
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
        process.await_end(LIMIT).map(drop)
    }

    /// Waits for its answer to an edit that was made after `position` of its events.
    ///
    /// # Errors
    /// If it does not answer in time.
    pub fn answer(&self, position: u64) -> Result<Change> {
        let change = self.events.change(position, LIMIT)?;
        change.ok_or_else(|| Error::new(format!("the host enforcer did not answer an edit within {LIMIT:?}")))
    }

    /// Takes its programs out of the kernel: the control, in which nothing is stopped there.
    pub fn detach(&mut self, world: &World) -> Result<()> {
        self.process = None;
        let mut arguments: Vec<OsString> = vec!["detach".into()];
        arguments.extend(pins(world));
        let mut process = world.start_on_node("bookend-enforcer-detach", self.program.clone(), arguments)?;
        if !process.await_end(LIMIT)?.success() {
            let words = process.last_words();
            return Err(Error::new(format!("the host enforcer could not be detached: {words}")));
        }
        // The kernel lets go of a link a moment after its last name is gone.
        traffic::await_passage(world, LIMIT)
    }
}

/// Where it keeps its state: under the names of the run, which are taken away with the world.
fn pins(world: &World) -> [OsString; 4] {
    let state = world.run().directory().join("enforcer");
    ["--pin-dir".into(), world.run().pins().into(), "--state-dir".into(), state.into()]
}
