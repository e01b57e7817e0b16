//! Leaving a node: nothing of Bookend stays on it.

use crate::cni::{CniOptions, Install};
use crate::command::PinOptions;
use crate::detach::detach;
use crate::failure::{Failure, cannot};
use crate::health::Health;
use crate::journal::Journal;
use crate::names::Names;
use crate::say::say;
use crate::server::{self, Listen, Subject};
use clap::Args;
use std::io;
use std::path::Path;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// How long until it is tried again, and how often whoever asks is told that it lives.
const AGAIN: Duration = Duration::from_secs(2);
/// What an enforcer keeps in its state directory besides names.
const KEPT: [&str; 4] = ["attachments.json", "attachments.new", "policies.json", "policies.new"];

/// Options of `leave`.
#[derive(Debug, Args)]
pub struct LeaveOptions {
    /// Try until nothing is left, answer `/readyz` at --listen from then on, and stay until a signal comes.
    #[arg(long)]
    pub stay: bool,
    /// With --stay: answer there whether the node is clean.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9466")]
    pub listen: Listen,
    /// The CNI plugin.
    #[command(flatten)]
    pub cni: CniOptions,
    /// Where the pins are.
    #[command(flatten)]
    pub pins: PinOptions,
}

/// Removes guard, programs, tables, the CNI plugin with its place in the network configuration, and state. Done twice, the second
/// time does nothing.
///
/// # Errors
/// If an enforcer runs, or something cannot be removed.
pub async fn leave(options: LeaveOptions) -> Result<(), Failure> {
    let install = options.cni.install(true)?;
    if !options.stay {
        return clean(&options.pins, install.as_ref());
    }
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|e| cannot("wait for signals", &e))?;
    let mut terminate = signal(SignalKind::terminate()).map_err(|e| cannot("wait for signals", &e))?;
    let health = Health::default();
    health.judged(vec!["something of Bookend is still on this node".to_owned()], 0, 0);
    if options.listen != Listen::Nowhere {
        let journal = Journal::new(None);
        let subject = Subject {
            health: health.clone(),
            audience: journal.audience().clone(),
            fates: journal.fates().clone(),
            pins: options.pins.pin_dir.clone(),
            names: Names::path(&options.pins.state_dir, &options.pins.pin_dir),
        };
        server::start(options.listen.clone(), subject).map_err(|error| cannot("answer over HTTP", &error))?;
    }
    let mut said = None;
    let mut clean_now = false;
    loop {
        health.turned();
        if !clean_now {
            let told = match clean(&options.pins, install.as_ref()) {
                Ok(()) => {
                    clean_now = true;
                    health.judged(Vec::new(), 0, 0);
                    "nothing of Bookend is left on this node".to_owned()
                }
                Err(failure) => {
                    health.judged(vec![failure.message.clone()], 0, 0);
                    format!("{failure}; trying again")
                }
            };
            if said.as_ref() != Some(&told) {
                say(&told);
                said = Some(told);
            }
        }
        tokio::select! {
            _ = interrupt.recv() => break,
            _ = terminate.recv() => break,
            () = tokio::time::sleep(AGAIN) => {}
        }
    }
    if clean_now { Ok(()) } else { Err(Failure::new(said.unwrap_or_default())) }
}

fn clean(pins: &PinOptions, install: Option<&Install>) -> Result<(), Failure> {
    // Refuses while an enforcer runs, which would put everything back.
    detach(pins)?;
    if let Some(install) = install {
        install.remove().map_err(|error| Failure::new(error.to_string()))?;
    }
    forget(&pins.state_dir)
        .map_err(|error| cannot(&format!("remove the state in `{}`", pins.state_dir.display()), &error))
}

/// Removes what enforcers keep, and their directory if nothing else is in it.
fn forget(state: &Path) -> io::Result<()> {
    let entries = match std::fs::read_dir(state) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let names = (name.starts_with("names_") && name.ends_with(".json")) || name.starts_with("haste_");
        if !names && !KEPT.contains(&&*name) {
            continue;
        }
        let path = entry.path();
        if entry.file_type()?.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) }?;
    }
    // A mount stays, and so do others' files.
    let _ = std::fs::remove_dir(state);
    Ok(())
}
