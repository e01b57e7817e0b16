//! Ctrl-C and its relatives: put everything away, then go.

use std::fs;
use std::process;
use std::thread;

use nix::sys::signal::{SigSet, Signal, kill};
use nix::unistd::Pid;

use crate::error::{Doing, Result};
use crate::run;

/// From now on SIGINT, SIGTERM and SIGHUP end every child, take every run of this process away, and end the
/// process with status 128 + signal. To be called before any other thread is started.
///
/// # Errors
/// If the system refuses to block the signals.
pub fn put_away_on_signals() -> Result<()> {
    let mut signals = SigSet::empty();
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        signals.add(signal);
    }
    // Blocked everywhere and awaited on one thread, which may then do what a handler may not. Children start
    // with nothing blocked: the standard library sees to that.
    signals.thread_block().doing("block signals")?;
    thread::spawn(move || {
        if let Ok(signal) = signals.wait() {
            end_children();
            for error in run::remove_own() {
                eprintln!("bookend: something was left behind: {error}");
            }
            process::exit(128 + signal as i32);
        }
    });
    Ok(())
}

/// Kills the children of every thread of ours; they hold the namespaces and might still make pins.
fn end_children() {
    let threads = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    for thread in threads {
        let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        for child in children.split_whitespace().filter_map(|child| child.parse().ok()) {
            // It fails only if the child is gone already.
            let _ = kill(Pid::from_raw(child), Signal::SIGKILL);
        }
    }
}
