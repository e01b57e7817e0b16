//! What rules cost while nobody asks: to take them, and to keep them.

use std::time::Duration;

use anyhow::Context as _;
use bookend_testenv::envoy::plugin::{self, Layer};
use bookend_testenv::{Running, Stand};

use super::chain::Parts;
use super::clock::Clock;
use super::memory::Memory;
use super::rules::{Kind, Rules};
use super::variant::{Subject, Variant};
use crate::spread::Spread;

/// How many rules a filter must be able to take.
pub(super) const MANY: usize = 10_000;

/// How many workers the second Envoy has, to tell what each adds.
const WORKERS: u16 = 4;

/// A thread that has done next to nothing for so long has done what there was to do.
const SILENCE: Duration = Duration::from_millis(150);

/// Next to nothing.
const IDLE: Duration = Duration::from_millis(1);

/// How often a configuration is taken.
const TIMES: u64 = 4;

/// The time to take a configuration.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taking {
    pub(super) rules: Rules,
    /// Bytes of the configuration.
    pub(super) size: usize,
    /// Milliseconds of the worker's time at the start, when V8 has compiled nothing well yet.
    pub(super) first: f64,
    /// Milliseconds of the worker's time at later times.
    pub(super) again: Spread,
    /// Bytes of the module's memory after the first time, and after all.
    pub(super) linear: (u64, u64),
}

/// The memory of an Envoy and of each of its workers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Keeping {
    pub(super) variant: Variant,
    /// With one worker.
    pub(super) one: Memory,
    /// What each further worker adds, in bytes.
    pub(super) worker: u64,
}

/// Many rules of each kind.
pub(super) fn many() -> [Rules; 3] {
    [Kind::Path, Kind::Principal, Kind::Label].map(|kind| Rules { kind, count: MANY })
}

/// The variants whose memory is told.
pub(super) fn kept(native: bool) -> Vec<Variant> {
    let few = Rules { kind: Kind::Path, count: 1 };
    let mut subjects = vec![Subject::Nothing, Subject::DoNothing, Subject::Module(few)];
    subjects.extend(many().map(Subject::Module));
    if native {
        subjects.extend(many().map(Subject::Native));
    }
    subjects.into_iter().map(Variant::of).collect()
}

impl Taking {
    /// Starts an Envoy with one rule, and gives it many again and again.
    ///
    /// # Errors
    /// When Envoy refuses a configuration.
    pub(super) fn measure(rules: Rules, number: u16, stand: &Stand, parts: &Parts) -> anyhow::Result<Self> {
        let directory = stand.directory().join(format!("discovery-{number}"));
        let (few, many) = (parts.typed(Rules { count: 1, ..rules })?, parts.typed(rules)?);
        let size =
            many.pointer("/config/configuration/value").and_then(|text| text.as_str()).map_or(0, str::len);
        plugin::publish(&directory, 0, &few)?;
        let filter = plugin::discovered(&directory, Layer::Http);
        let bootstrap = Variant::of(Subject::Module(rules)).bootstrap_with(number, parts, Some(filter));
        let running = stand.start_with(&bootstrap, &["--concurrency", "1", "--log-level", "error"])?;
        let clock = Clock::of_worker(running.pid())?;
        let mut times = Vec::new();
        let mut linear = None;
        for time in 0..TIMES {
            let before = settled(&clock)?;
            take(&running, &directory, 2 * time + 1, &many)?;
            times.push((settled(&clock)? - before).as_secs_f64() * 1e3);
            linear = linear.or(Some(Memory::of(running.pid())?.linear));
            take(&running, &directory, 2 * time + 2, &few)?;
        }
        let (first, again) = times.split_first().context("a configuration that was never taken")?;
        Ok(Self {
            rules,
            size,
            first: *first,
            again: Spread::of(again.iter().copied()).context("a configuration that was taken once")?,
            linear: (linear.unwrap_or_default(), Memory::of(running.pid())?.linear),
        })
    }
}

/// Gives Envoy a configuration, and waits until it has taken it.
fn take(
    running: &Running,
    directory: &std::path::Path,
    version: u64,
    typed: &serde_json::Value,
) -> anyhow::Result<()> {
    let before = running.sum(".config_reload")?;
    plugin::publish(directory, version, typed)?;
    running.await_that("a new configuration", || Ok(running.sum(".config_reload")? > before))?;
    anyhow::ensure!(running.sum(".config_fail")? == 0, "Envoy refused a configuration: {}", running.log());
    Ok(())
}

/// What the clock shows when the thread does nothing but look at its timers, as Envoy's does ten times a second.
fn settled(clock: &Clock) -> anyhow::Result<Duration> {
    let mut shown = clock.now()?;
    loop {
        std::thread::sleep(SILENCE);
        let now = clock.now()?;
        if now - shown < IDLE {
            return Ok(now);
        }
        shown = now;
    }
}

impl Keeping {
    /// Starts Envoys with one worker and with several.
    ///
    /// # Errors
    /// When one does not start.
    pub(super) fn measure(
        variant: Variant,
        number: u16,
        stand: &Stand,
        parts: &Parts,
    ) -> anyhow::Result<Self> {
        let bootstrap = variant.bootstrap(number, parts)?;
        let with = |workers: u16| -> anyhow::Result<Memory> {
            let flags = ["--concurrency", &workers.to_string(), "--log-level", "error"];
            let running = stand.start_with(&bootstrap, &flags)?;
            settled(&Clock::of_worker(running.pid())?)?;
            Memory::of(running.pid())
        };
        let (one, all) = (with(1)?, with(WORKERS)?);
        let worker = all.resident.saturating_sub(one.resident) / u64::from(WORKERS - 1);
        Ok(Self { variant, one, worker })
    }
}
