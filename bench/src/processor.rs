//! A processor of its own for each thread that matters.
//!
//! What else runs on the machine would take turns with them, and leave the caches full of its own.

use std::process::Command;

use anyhow::{Context as _, ensure};

/// Where the measured worker runs.
pub(crate) const WORKER: usize = 1;

/// Where the client runs.
pub(crate) const CLIENT: usize = 0;

/// Above everything that is not of this kind; the scale goes to 99.
const PRIORITY: &str = "10";

/// Keeps a thread on one processor, with a real-time priority: nothing else takes its turn while it wants to run.
///
/// # Errors
/// Where that is not permitted, or there is only one processor.
pub(crate) fn claim(thread: &str, processor: usize) -> anyhow::Result<()> {
    command("taskset", &["--cpu-list", "--pid", &processor.to_string(), thread])?;
    command("chrt", &["--fifo", "--pid", PRIORITY, thread])
}

/// The same for the thread that calls.
///
/// # Errors
/// As above.
pub(crate) fn claim_for_this_thread(processor: usize) -> anyhow::Result<()> {
    let own = std::fs::read_link("/proc/thread-self")?;
    let thread = own.file_name().and_then(|name| name.to_str()).context("a thread without a number")?;
    claim(thread, processor)
}

fn command(program: &str, arguments: &[&str]) -> anyhow::Result<()> {
    let output =
        Command::new(program).args(arguments).output().with_context(|| format!("cannot run `{program}`"))?;
    ensure!(output.status.success(), "`{program}`: {}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(())
}
