//! Which pods run on this host, and in which network namespaces: by their processes.

use super::cgroup;
use super::crossing::Kernel;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// A network namespace of a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Room {
    /// The pod's UID, as its cgroup says.
    pub(super) uid: String,
    /// The namespace's number.
    pub(super) netns: u32,
    /// The process that has been in it for the longest.
    pub(super) process: u32,
}

/// A process of a pod.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Process {
    /// Ticks of the clock from the start of the machine to its own.
    begun: u64,
    id: u32,
    uid: String,
}

/// The namespaces of all pods that have processes, each given to the pod whose process has been in it for the longest:
/// a sandbox is there before anybody else can come in, and whoever enters another pod's namespace does not make it its own. Those
/// that run in the namespace of the host itself are there as well, with its number.
///
/// # Errors
/// If processes cannot be listed, or the kernel does not know this one.
pub(super) fn rooms(proc: &Path, kernel: &Kernel) -> io::Result<Vec<Room>> {
    let mut processes = processes(proc)?;
    processes.sort_unstable();
    let mut rooms: BTreeMap<u32, Room> = BTreeMap::new();
    let host = kernel.own_netns()?;
    let mut hosted: BTreeMap<String, Room> = BTreeMap::new();
    // By pod: whether its first process was seen.
    let mut begun = std::collections::BTreeSet::new();
    for process in processes {
        // Gone meanwhile.
        let Ok(netns) = kernel.netns_of(process.id) else { continue };
        let first = begun.insert(process.uid.clone());
        let room = Room { uid: process.uid, netns, process: process.id };
        if netns != host {
            rooms.entry(netns).or_insert(room);
        } else if first {
            // One that went there later is not a pod of the host's network.
            hosted.insert(room.uid.clone(), room);
        }
    }
    Ok(rooms.into_values().chain(hosted.into_values()).collect())
}

fn processes(proc: &Path) -> io::Result<Vec<Process>> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(proc)? {
        let Ok(entry) = entry else { continue };
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let path = entry.path();
        // Each may end at any time.
        let Ok(cgroup) = std::fs::read_to_string(path.join("cgroup")) else { continue };
        let Some(uid) = cgroup::uid(&cgroup) else { continue };
        let Some(begun) = std::fs::read_to_string(path.join("stat")).ok().and_then(|stat| begun(&stat))
        else {
            continue;
        };
        all.push(Process { begun, id, uid });
    }
    Ok(all)
}

/// The time at which a process began, in a text like `/proc/<pid>/stat`; of one that has ended and is not forgotten, none.
fn begun(stat: &str) -> Option<u64> {
    // The name may contain anything, brackets and spaces too.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    // The third is its state, the twenty-second the time.
    let state = fields.next()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_begin_of_a_process_is_found_behind_any_name() {
        let rest = "S 1 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4711 0 0";
        assert_eq!(begun(&format!("7 (pause) {rest}")), Some(4711));
        assert_eq!(begun(&format!("7 (a) S 1) {rest}")), Some(4711));
        assert_eq!(begun(&format!("7 (pause) {}", rest.replace('S', "Z"))), None);
        let own = std::fs::read_to_string("/proc/self/stat").unwrap();
        assert!(begun(&own).is_some());
    }
}
