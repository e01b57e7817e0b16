//! What an enforcer keeps, in its own memory and in the kernel's.

use std::collections::BTreeMap;
use std::fs;
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::path::Path;

use anyhow::Context as _;
use aya::maps::MapData;

/// Bytes that are kept.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory {
    /// Of the process, resident at rest.
    pub(super) resident: u64,
    /// Of the process, at most so far.
    pub(super) peak: u64,
    /// Of the kernel, by table.
    pub(super) tables: BTreeMap<String, u64>,
}

impl Memory {
    /// Of the process `pid`, and of the tables pinned in `pins`.
    ///
    /// # Errors
    /// If the process is gone, or a table cannot be opened.
    pub(super) fn of(pid: u32, pins: &Path) -> anyhow::Result<Self> {
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let kib = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim_start_matches(':').trim().trim_end_matches(" kB").parse::<u64>().ok()
        };
        let mut tables = BTreeMap::new();
        for entry in fs::read_dir(pins)? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                tables.insert(entry.file_name().to_string_lossy().into_owned(), bytes(&entry.path())?);
            }
        }
        Ok(Self {
            resident: kib("VmRSS").context("a process without memory")? * 1024,
            peak: kib("VmHWM").context("a process without memory")? * 1024,
            tables,
        })
    }

    /// Of all tables together.
    pub(super) fn kernel(&self) -> u64 {
        self.tables.values().sum()
    }
}

/// What the kernel says that a pinned table takes (`memlock` in fdinfo, which counts entries that are allocated as they come).
fn bytes(pin: &Path) -> anyhow::Result<u64> {
    let map = MapData::from_pin(pin).with_context(|| format!("cannot open `{}`", pin.display()))?;
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{}", map.fd().as_fd().as_raw_fd()))?;
    let line = info.lines().find_map(|line| line.strip_prefix("memlock:"));
    line.and_then(|line| line.trim().parse().ok()).context("the kernel does not say what a table takes")
}
