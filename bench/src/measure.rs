//! Time and peak memory of this process.

use std::{
    process::{Command, ExitCode},
    time::Duration,
};

/// Prints what was measured, with the most memory this process ever had.
///
/// # Panics
/// Where there is no `/proc`.
pub fn report(title: &str, time: Duration) {
    println!("{title}: {:.3} s, peak {} MiB", time.as_secs_f64(), peak_kib() / 1024);
}

/// How long this thread has run: unlike the time of day, not longer on a machine that is busy with other things
/// (`schedstat`, proc(5)).
///
/// # Panics
/// Where there is no `/proc`, or it has no statistics of the scheduler.
#[must_use]
pub fn running() -> Duration {
    let text =
        std::fs::read_to_string("/proc/thread-self/schedstat").expect("a Linux with scheduler statistics");
    let nanoseconds = text.split(' ').next().expect("a first number");
    Duration::from_nanos(nanoseconds.parse().expect("a number of nanoseconds"))
}

/// The most memory this process had resident at any time, in KiB, its input included (`VmHWM`, proc(5)).
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("a Linux with /proc");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a line `VmHWM`");
    line.trim().trim_end_matches(" kB").parse().expect("a number of KiB")
}

/// Runs the scenario that the command line names, or each in a process of its own, because peak memory is a process's.
///
/// # Panics
/// When this program cannot be started again.
pub fn scenarios(names: &[&str], run: impl FnOnce(&str)) -> ExitCode {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    if let Some(scenario) = arguments.next() {
        run(&scenario);
        return ExitCode::SUCCESS;
    }
    for name in names {
        let own = std::env::current_exe().expect("the path of this program");
        let status = Command::new(own).arg(name).status().expect("this program starts again");
        if !status.success() {
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
