//! The time a worker of Envoy has run for, by the kernel's books.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context as _;

/// How Envoy calls its first worker.
const WORKER: &str = "wrk:worker_0";

/// The clock of one thread: it stands still while the thread sleeps, or waits for a processor.
#[derive(Debug)]
pub(super) struct Clock {
    file: PathBuf,
}

impl Clock {
    /// The clock of the first worker of an Envoy.
    ///
    /// # Errors
    /// When the process has no such thread.
    pub(super) fn of_worker(pid: u32) -> anyhow::Result<Self> {
        Self::of(pid, WORKER)
    }

    /// The clock of the process' first thread of this name.
    fn of(pid: u32, name: &str) -> anyhow::Result<Self> {
        let threads =
            fs::read_dir(format!("/proc/{pid}/task")).with_context(|| format!("process {pid} is gone"))?;
        let named = |thread: &PathBuf| {
            fs::read_to_string(thread.join("comm")).is_ok_and(|found| found.trim() == name)
        };
        let thread = threads.flatten().map(|thread| thread.path()).find(named);
        let thread = thread.with_context(|| format!("process {pid} has no thread `{name}`"))?;
        Ok(Self { file: thread.join("schedstat") })
    }

    /// The number of the thread.
    ///
    /// # Errors
    /// Never: [`Self::of`] took it from there.
    pub(super) fn thread(&self) -> anyhow::Result<&str> {
        let directory = self.file.parent().and_then(std::path::Path::file_name);
        directory.and_then(|name| name.to_str()).context("a thread without a number")
    }

    /// How long the thread has run (`schedstat`, proc(5)). What the kernel adds up at its ticks lags for a thread that runs,
    /// so this waits until it sleeps.
    ///
    /// # Errors
    /// When the thread is gone.
    pub(super) fn now(&self) -> anyhow::Result<Duration> {
        const PAUSE: Duration = Duration::from_micros(40);
        let mut before = self.read()?;
        // A worker that never sleeps is told as it stands after as many looks.
        for _ in 0..200 {
            let since = Instant::now();
            while since.elapsed() < PAUSE {
                std::hint::spin_loop();
            }
            let now = self.read()?;
            if now == before && self.sleeps()? {
                break;
            }
            before = now;
        }
        Ok(before)
    }

    /// Whether the thread waits for something else than a processor (proc_pid_stat(5)).
    fn sleeps(&self) -> anyhow::Result<bool> {
        let stat = fs::read_to_string(self.file.with_file_name("stat"))?;
        // The name may hold anything, so count from its closing bracket.
        Ok(stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('S')))
    }

    fn read(&self) -> anyhow::Result<Duration> {
        let text = fs::read_to_string(&self.file)?;
        let nanoseconds = text.split(' ').next().context("a scheduler without statistics")?.trim();
        Ok(Duration::from_nanos(nanoseconds.parse()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_of_a_thread_that_sleeps_stands_still() {
        let name = "bench-sleeper";
        let (wake, sleep) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || sleep.recv()).unwrap();
        let clock = loop {
            // The thread gives itself its name when it has begun.
            match Clock::of(std::process::id(), name) {
                Ok(clock) => break clock,
                Err(_) => std::thread::yield_now(),
            }
        };
        let before = clock.now().unwrap();
        assert_eq!(clock.now().unwrap(), before);
        drop(wake);
        assert!(thread.join().unwrap().is_err());
    }
}
