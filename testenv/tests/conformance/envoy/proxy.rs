//! A running Envoy that takes new policies while it runs, and tells from its log what the filter said.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Seek, SeekFrom};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use bookend_engine::{End, FilterEnd};
use bookend_testenv::envoy::plugin::{self, Layer};
use bookend_testenv::{Running, Stand};
use bookend_testing::World;
use serde::Deserialize;

use super::Build;
use super::configuration::{self, Parts};

/// How long Envoy may take to write a line.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) struct Proxy {
    running: Running,
    directory: PathBuf,
    version: u64,
    build: Build,
    end: End,
    world: Arc<World>,
}

/// A line of the log.
#[derive(Debug, Deserialize)]
pub(super) struct Logged {
    kind: String,
    peer: SocketAddr,
    /// Why the answer was given; none for streams.
    pub(super) details: Option<String>,
    pub(super) rule: Option<String>,
    pub(super) audit: Option<String>,
}

impl Proxy {
    pub(super) fn start(
        stand: &Stand,
        parts: &Parts<'_>,
        module: &Path,
        world: &Arc<World>,
    ) -> anyhow::Result<Self> {
        let directory = parts.directory.clone();
        fs::create_dir_all(&directory)?;
        fs::write(configuration::log(&directory), "")?;
        publish(&directory, 1, (parts.build, parts.end), module, world)?;
        let options = ["--concurrency", "1", "--log-level", "warning", "--file-flush-interval-msec", "1"];
        let running = stand.start_with(&configuration::bootstrap(parts), &options)?;
        Ok(Self {
            running,
            directory,
            version: 1,
            build: parts.build,
            end: parts.end,
            world: Arc::clone(world),
        })
    }

    /// Puts the policies of a world in force, if they are not yet.
    pub(super) fn enter(&mut self, world: &Arc<World>, module: &Path) -> anyhow::Result<()> {
        if Arc::ptr_eq(&self.world, world) {
            return Ok(());
        }
        let before = self.reloads()?;
        self.version += 1;
        publish(&self.directory, self.version, (self.build, self.end), module, world)?;
        self.running.await_that("the change of a filter", || {
            let now = self.reloads().map_err(|error| bookend_testenv::Error::new(error.to_string()))?;
            Ok(now.iter().all(|(name, count)| before.get(name).is_none_or(|old| count > old)))
        })?;
        self.world = Arc::clone(world);
        Ok(())
    }

    /// How often each filter was accepted; fails if one was refused.
    fn reloads(&self) -> anyhow::Result<BTreeMap<String, u64>> {
        let counters = self.running.statistics("extension_config_discovery")?;
        let refused = |(name, count): &(String, u64)| {
            *count > 0 && (name.ends_with(".config_fail") || name.ends_with(".update_rejected"))
        };
        ensure!(!counters.iter().any(refused), "Envoy refused the filter: {}", self.running.log());
        Ok(counters.into_iter().filter(|(name, _)| name.ends_with(".update_success")).collect())
    }

    /// The end of the log's last whole line, for [`Proxy::logged`].
    pub(super) fn end(&self) -> anyhow::Result<u64> {
        let text = fs::read(configuration::log(&self.directory))?;
        Ok(u64::try_from(text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1))?)
    }

    /// What was logged behind `end` of the `kind` of thing that came from `peer`.
    pub(super) fn logged(&self, end: u64, kind: &str, peer: SocketAddr) -> anyhow::Result<Logged> {
        let limit = Instant::now() + PATIENCE;
        loop {
            let mut text = String::new();
            let mut file = fs::File::open(configuration::log(&self.directory))?;
            file.seek(SeekFrom::Start(end))?;
            file.read_to_string(&mut text)?;
            // The last line may be half written.
            let whole = text.rfind('\n').and_then(|end| text.get(..end)).unwrap_or_default();
            for line in whole.lines() {
                let logged: Logged = serde_json::from_str(line).with_context(|| format!("`{line}`"))?;
                if logged.kind == kind && logged.peer == peer {
                    return Ok(logged);
                }
            }
            ensure!(Instant::now() < limit, "Envoy logged nothing of {peer}: {}", self.running.log());
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Writes the filter's configuration where Envoy watches for it, for both layers. What is let pass is to be seen as well
/// as what is not.
fn publish(
    directory: &Path,
    version: u64,
    (build, end): (Build, End),
    module: &Path,
    world: &World,
) -> anyhow::Result<()> {
    let mut configuration = world.configuration.clone();
    configuration.settings.access_log.allowed = true;
    configuration.settings.end = match end {
        End::Destination => FilterEnd::Destination,
        End::Source => FilterEnd::Source,
    };
    let configuration = String::from_utf8(configuration.to_json()?)?;
    for layer in [Layer::Http, Layer::Network] {
        let directory = configuration::filter(directory, layer);
        plugin::publish(&directory, version, &build.typed(module, configuration.clone(), layer))?;
    }
    Ok(())
}
