//! One run's names on the machine, and what to do with the leftovers of a run that crashed.
//!
//! Everything a run puts on the machine carries its id: namespaces `bkd-<run>-<name>`, the directory
//! `/run/bookend-<run>` and the pins below `/sys/fs/bpf/bookend-<run>`. The id begins with the process id of the
//! owner, and the directory's `owner` file holds the owner's start time, so a reused process id does not
//! keep leftovers alive. No dots: the BPF file system reserves them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::error::{Doing, Error, Result};
use crate::namespace;

const RUN_ROOT: &str = "/run";
const PIN_ROOT: &str = "/sys/fs/bpf";
const DIRECTORY_PREFIX: &str = "bookend-";
const NAMESPACE_PREFIX: &str = "bkd-";

/// The runs of this process that have not been taken away yet.
static OWN: Mutex<Vec<Run>> = Mutex::new(Vec::new());

/// The names of one world on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    id: String,
}

impl Run {
    /// A run of this process; its directory exists afterwards.
    pub fn start() -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let pid = std::process::id();
        let id = format!("{pid}_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let run = Self { id };
        OWN.lock().unwrap_or_else(PoisonError::into_inner).push(run.clone());
        let directory = run.directory();
        fs::create_dir_all(&directory).doing(format!("create `{}`", directory.display()))?;
        // Envoy and the services run as other users and read their files here.
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o755))
            .doing(format!("open up `{}`", directory.display()))?;
        // By rename: a run that starts at this moment and cleans up must not read half of it, and take the owner for
        // somebody else. Without the file it leaves the directory alone.
        let (new, owner) = (directory.join("owner.new"), directory.join("owner"));
        fs::write(&new, start_time(pid).unwrap_or_default())
            .and_then(|()| fs::rename(&new, &owner))
            .doing(format!("write `{}`", owner.display()))?;
        Ok(run)
    }

    /// The id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Where configuration, certificates, logs and journals live.
    pub fn directory(&self) -> PathBuf {
        Path::new(RUN_ROOT).join(format!("{DIRECTORY_PREFIX}{}", self.id))
    }

    /// Where the host enforcer of this run pins its programs, maps and links.
    pub fn pins(&self) -> PathBuf {
        Path::new(PIN_ROOT).join(format!("{DIRECTORY_PREFIX}{}", self.id))
    }

    /// The full name of this run's namespace `name`.
    pub fn namespace(&self, name: &str) -> String {
        format!("{NAMESPACE_PREFIX}{}-{name}", self.id)
    }

    /// Takes everything away that carries this run's id. Goes on after a failure and reports the first.
    pub fn remove(&self) -> Result<()> {
        OWN.lock().unwrap_or_else(PoisonError::into_inner).retain(|own| own != self);
        let prefix = self.namespace("");
        let names: Vec<_> = namespace::names().into_iter().filter(|name| name.starts_with(&prefix)).collect();
        let pins = remove_directory(&self.pins());
        let namespaces = if names.is_empty() { Ok(()) } else { namespace::remove(&names) };
        let directory = remove_directory(&self.directory());
        pins.and(namespaces).and(directory)
    }

    /// The pid of the owner and whether that very process still runs.
    fn owned(&self) -> bool {
        let Some(pid) = self.id.split('_').next().and_then(|pid| pid.parse().ok()) else { return true };
        let Some(now) = start_time(pid) else { return false };
        fs::read_to_string(self.directory().join("owner")).map_or(true, |then| then == now)
    }
}

/// Takes every run of this process away; returns what could not be.
pub(crate) fn remove_own() -> Vec<Error> {
    let own = OWN.lock().unwrap_or_else(PoisonError::into_inner).clone();
    own.iter().filter_map(|run| run.remove().err()).collect()
}

/// Takes away what crashed runs left on the machine; returns their ids.
pub fn remove_leftovers() -> Result<Vec<String>> {
    let mut ids: Vec<String> = namespace::names()
        .iter()
        .filter_map(|name| name.strip_prefix(NAMESPACE_PREFIX)?.split('-').next().map(str::to_owned))
        .collect();
    for root in [RUN_ROOT, PIN_ROOT] {
        let entries = fs::read_dir(root).into_iter().flatten().flatten();
        ids.extend(entries.filter_map(|entry| {
            Some(entry.file_name().to_str()?.strip_prefix(DIRECTORY_PREFIX)?.to_owned())
        }));
    }
    ids.retain(|id| is_run_id(id));
    ids.sort();
    ids.dedup();
    let mut removed = Vec::new();
    for run in ids.into_iter().map(|id| Run { id }) {
        if !run.owned() {
            run.remove()?;
            removed.push(run.id);
        }
    }
    Ok(removed)
}

fn is_run_id(text: &str) -> bool {
    let number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    matches!(text.split_once('_'), Some((pid, count)) if number(pid) && number(count))
}

fn remove_directory(path: &Path) -> Result<()> {
    // Asked first: where no BPF file system is mounted the removal of what is not there is "not permitted".
    if !path.exists() {
        return Ok(());
    }
    fs::remove_dir_all(path).doing(format!("remove `{}`", path.display()))
}

/// When the process started, in clock ticks since boot: field 22 of `/proc/<pid>/stat` (proc(5)).
fn start_time(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The command name may hold anything, so count from its closing bracket: field 3 follows.
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(19).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_made_by_a_run_are_ever_cleaned() {
        assert!(is_run_id("4711_0"));
        for other in ["4711", "events", "", "_", "4711_", "a_b", "4711_0.socket"] {
            assert!(!is_run_id(other), "{other}");
        }
    }

    #[test]
    fn our_own_start_time_is_known() {
        let pid = std::process::id();
        assert!(start_time(pid).is_some_and(|ticks| ticks.parse::<u64>().is_ok()));
    }
}
