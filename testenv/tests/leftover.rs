//! What remains when a run does not end as it should: nothing, or nothing for long.

#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const DEMO: &str = env!("CARGO_BIN_EXE_bookend-demo");

/// A world in a process of its own; returns it once the world is ready, with the directory of its run.
fn start() -> (Child, PathBuf) {
    let mut child = Command::new(DEMO).arg("world").stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let last = lines.into_iter().find(|line| line.starts_with("files are in ")).unwrap();
    let directory = last.trim_start_matches("files are in ").split(';').next().unwrap();
    (child, PathBuf::from(directory))
}

fn namespaces(child: &Child) -> usize {
    let prefix = format!("bkd-{}_", child.id());
    bookend_testenv::namespace::names().iter().filter(|name| name.starts_with(&prefix)).count()
}

fn processes(directory: &Path) -> usize {
    let directory = format!("{}/", directory.display());
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = entries.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    lines.filter(|line| String::from_utf8_lossy(line).contains(&directory)).count()
}

#[test]
fn ctrl_c_takes_everything_away() {
    let (mut child, directory) = start();
    assert!(namespaces(&child) > 0 && processes(&directory) > 0);
    kill(Pid::from_raw(child.id() as i32), Signal::SIGINT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!((namespaces(&child), processes(&directory), directory.exists()), (0, 0, false));
}

#[test]
fn after_a_crash_no_process_lives_on_and_the_next_start_takes_the_rest_away() {
    let (mut child, directory) = start();
    let (mut other, other_directory) = start();
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(9));
    let end = Instant::now() + Duration::from_secs(5);
    while processes(&directory) > 0 {
        assert!(Instant::now() < end, "children outlived their parent");
        std::thread::sleep(Duration::from_millis(10));
    }
    let status = Command::new(DEMO).arg("--clean").stdout(Stdio::null()).status().unwrap();
    assert!(status.success());
    assert_eq!((namespaces(&child), directory.exists()), (0, false));
    // A world whose owner lives is nobody's leftover.
    assert!(namespaces(&other) > 0 && processes(&other_directory) > 0);
    kill(Pid::from_raw(other.id() as i32), Signal::SIGTERM).unwrap();
    assert_eq!(other.wait().unwrap().code(), Some(143));
}
