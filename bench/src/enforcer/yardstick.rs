//! Programs run on made-up packets, each of which may have another port (`BPF_PROG_TEST_RUN`).

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use aya::maps::{Array, MapData, ProgramArray};
use aya::programs::{ProgramFd, SchedClassifier, TestRun as _, TestRunOptions};
use aya::{Ebpf, EbpfLoader};

/// tcx: let the programs after this one judge as well.
const TCX_NEXT: u32 = u32::MAX;
/// tcx: drop.
const DROP: u32 = 2;

/// Which packets to make: the value of `turns`, see the yardstick's own source.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
struct Turns {
    offset: u32,
    first: u32,
    count: u32,
    next: u32,
}

// SAFETY: four integers without padding; any bytes are a value.
unsafe impl aya::Pod for Turns {}

/// What is sent: a frame, of which each copy has another port.
#[derive(Clone, Debug)]
pub(super) struct Series {
    pub(super) frame: Vec<u8>,
    /// Where in the frame the port is.
    pub(super) offset: u32,
    /// The least port.
    pub(super) first: u16,
    /// How many different ports; then the first comes again.
    pub(super) count: u32,
}

/// The yardstick: programs that do nothing, loaded into the kernel.
pub(super) struct Yardstick {
    ebpf: Ebpf,
    turns: Array<MapData, Turns>,
    measured: ProgramArray<MapData>,
}

impl Yardstick {
    /// Loads what `scripts/build yardstick` made.
    ///
    /// # Errors
    /// If it is not there, or the kernel does not take it, which needs root.
    pub(super) fn load(object: &Path) -> anyhow::Result<Self> {
        let bytes = std::fs::read(object)
            .with_context(|| format!("cannot read `{}`; run scripts/build yardstick", object.display()))?;
        let mut ebpf =
            EbpfLoader::new().load(&bytes).context("the kernel does not take the yardstick; run as root")?;
        for name in ["empty", "vary"] {
            program(&mut ebpf, name)?.load().with_context(|| format!("the kernel refuses `{name}`"))?;
        }
        let turns = ebpf.take_map("turns").context("the yardstick has no `turns`")?.try_into()?;
        let measured = ebpf.take_map("measured").context("the yardstick has no `measured`")?.try_into()?;
        Ok(Self { ebpf, turns, measured })
    }

    /// The program that does nothing, to be measured itself.
    pub(super) fn empty(&mut self) -> anyhow::Result<ProgramFd> {
        Ok(program(&mut self.ebpf, "empty")?.fd()?.try_clone()?)
    }

    /// Runs `measured` on so many packets of a series, beginning with its first; the mean time of a run, which begins with the
    /// writing of the port, and whether the last packet passed.
    ///
    /// # Errors
    /// If the kernel does not run it.
    pub(super) fn run(
        &mut self,
        measured: &ProgramFd,
        series: &Series,
        packets: u32,
    ) -> anyhow::Result<(Duration, bool)> {
        self.measured.set(0, measured, 0)?;
        let Series { frame, offset, first, count } = series;
        let turns = Turns { offset: *offset, first: u32::from(*first), count: *count, next: 0 };
        self.turns.set(0, turns, 0)?;
        let options = TestRunOptions { data_in: Some(frame), repeat: packets, ..TestRunOptions::default() };
        let result = program(&mut self.ebpf, "vary")?.test_run(options)?;
        let verdict = result.return_value;
        ensure!(verdict == TCX_NEXT || verdict == DROP, "the program says {verdict}; was it called at all?");
        Ok((result.duration, verdict == TCX_NEXT))
    }
}

fn program<'e>(ebpf: &'e mut Ebpf, name: &str) -> anyhow::Result<&'e mut SchedClassifier> {
    let program = ebpf.program_mut(name).with_context(|| format!("the yardstick has no program `{name}`"))?;
    Ok(program.try_into()?)
}
