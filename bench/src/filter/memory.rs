//! The memory of an Envoy.

use std::fs;

use anyhow::Context as _;

/// V8 reserves at least this much behind a module's memory, so that no address of 32 bits reaches anything else.
const GUARD: u64 = 4 << 30;

/// What an Envoy holds, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Memory {
    /// Everything that is resident.
    pub(super) resident: u64,
    /// The largest memory of a module: what it has taken, and never gives back.
    pub(super) linear: u64,
}

impl Memory {
    /// That of a process, now.
    ///
    /// # Errors
    /// When the process is gone.
    pub(super) fn of(pid: u32) -> anyhow::Result<Self> {
        let read = |name: &str| {
            fs::read_to_string(format!("/proc/{pid}/{name}"))
                .with_context(|| format!("process {pid} is gone"))
        };
        let rollup = read("smaps_rollup")?;
        let line =
            rollup.lines().find_map(|line| line.strip_prefix("Rss:")).context("a process without memory")?;
        let kilobytes: u64 = line.trim().trim_end_matches(" kB").trim().parse()?;
        Ok(Self { resident: kilobytes << 10, linear: largest_linear(&read("maps")?) })
    }
}

/// The largest mapping that may be read and written, and lies right before a guard.
fn largest_linear(maps: &str) -> u64 {
    let mappings: Vec<(u64, u64, &str)> = maps.lines().filter_map(mapping).collect();
    let linear = mappings.windows(2).filter_map(|pair| {
        let [(start, end, rights), (next, last, guarded)] = pair else { return None };
        let guard = next == end && *guarded == "---p" && last - next >= GUARD;
        (guard && *rights == "rw-p").then_some(end - start)
    });
    linear.max().unwrap_or_default()
}

/// Start, end and rights, from a line of `maps` (proc_pid_maps(5)).
fn mapping(line: &str) -> Option<(u64, u64, &str)> {
    let (range, rest) = line.split_once(' ')?;
    let (start, end) = range.split_once('-')?;
    let number = |text| u64::from_str_radix(text, 16).ok();
    Some((number(start)?, number(end)?, rest.split(' ').next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_of_a_module_lies_before_its_guard() {
        let maps = "52c93a400000-52c940000000 rw-p 00000000 00:00 0\n\
                    7f2576810000-7f2578800000 rw-p 00000000 00:00 0\n\
                    7f2578800000-7f2776818000 ---p 00000000 00:00 0\n\
                    7f277683c000-7f278683c000 ---p 00000000 00:00 0\n";
        assert_eq!(largest_linear(maps), 0x7f2578800000 - 0x7f2576810000);
    }
}
