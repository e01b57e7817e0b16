//! Edits, starts and memory of a running enforcer.

use std::io::{Read as _, Write as _};
use std::mem::offset_of;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use aya::maps::{Array, Map, MapData};
use bookend_abi::table::Config;
use bookend_testenv::namespace::{self, Namespace};
use bookend_testenv::run::Run;

use super::daemon::Daemon;
use super::estate::{Estate, Kind, interface, own_v4, peer_v4};
use super::ground::Ground;
use super::latency::Latency;
use super::memory::Memory;

/// How long an edit may take: far longer than it should.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often the tables are looked at for the end of an edit.
const LOOK: Duration = Duration::from_micros(50);
/// How long the enforcer is left alone between two edits: an editor's hands are not faster.
const REST: Duration = Duration::from_millis(20);
/// How long nothing gets through before a connection counts as stopped.
const SILENCE: Duration = Duration::from_millis(300);

/// An enforcer that started.
#[derive(Clone, Debug)]
pub(super) struct Start {
    pub(super) estate: Estate,
    /// From the start of the process until everything was enforced, without anything to take over.
    pub(super) start: Latency,
    pub(super) memory: Memory,
}

/// Edits while it runs.
#[derive(Clone, Debug)]
pub(super) struct Edit {
    pub(super) estate: Estate,
    /// How many workloads get another policy by it.
    pub(super) concerned: usize,
    /// What says that it is enforced.
    pub(super) judged: &'static str,
    pub(super) latency: Latency,
}

/// The estates to start with: the first is the least, and the others have more of one thing each.
pub(super) fn starts(quick: bool) -> Vec<Estate> {
    let of = |rules, identities, local| Estate { local, ..Estate::new(Kind::Workloads, rules, identities) };
    let mut all = vec![of(10, 1_000, 1), of(10, 100_000, 1), of(10_000, 1_000, 1), of(10, 1_000, 1_000)];
    if !quick {
        all.push(of(1_000, 100_000, 1_000));
    }
    all
}

/// A host with the interfaces of an estate and nothing behind them.
fn host(run: &Run, name: &str, estate: &Estate) -> anyhow::Result<Namespace> {
    let name = run.namespace(name);
    namespace::add(std::slice::from_ref(&name))?;
    let host = Namespace::open(&name)?;
    let links: String = (0..estate.local)
        .map(|own| format!("link add {} type veth peer name peer{own}\n", interface(own)))
        .collect();
    host.ip(&format!("link set lo up\n{links}"))?;
    Ok(host)
}

/// Starts an enforcer `times` times, each time on an untouched host.
///
/// # Errors
/// If it does not start.
pub(super) fn start(run: &Run, number: usize, estate: Estate, times: usize) -> anyhow::Result<Start> {
    let host = host(run, &format!("s{number}"), &estate)?;
    let mut found = Vec::new();
    let mut memory = Memory::default();
    for _ in 0..times {
        let daemon = Daemon::start(&host, &estate)?;
        found.push(daemon.start);
        // What it frees after the start it has freed by then.
        std::thread::sleep(SILENCE);
        memory = Memory::of(daemon.pid(), &daemon.tables())?;
    }
    Ok(Start { estate, start: Latency::of(found).context("never started")?, memory })
}

/// Edits, judged by the tables: of a rule that concerns all local workloads, or of one that is taken away and put back, which
/// concerns one.
///
/// # Errors
/// If an edit is not enforced.
pub(super) fn edits(
    run: &Run,
    number: usize,
    estate: Estate,
    all: bool,
    times: usize,
) -> anyhow::Result<Edit> {
    let host = host(run, &format!("e{number}"), &estate)?;
    let mut daemon = Daemon::start(&host, &estate)?;
    let epoch = Epoch::open(&daemon)?;
    let mut found = Vec::new();
    for edit in 0..times {
        std::thread::sleep(REST);
        let policies = if all {
            estate.policies(&"x".repeat(1 + edit % 50))
        } else {
            Estate { rules: estate.rules - 1 + edit % 2, ..estate }.policies("")
        };
        found.push(epoch.awaits(&mut daemon, |daemon| daemon.edit(&policies))?);
    }
    let concerned = if all { estate.local } else { 1 };
    Ok(Edit { estate, concerned, judged: "tables", latency: Latency::of(found).context("no edits")? })
}

/// Edits that take the rule away by which a connection is open, judged by its last packet.
///
/// # Errors
/// If the connection does not stop, or is not made again when the rule is back.
pub(super) fn stops(run: &Run, number: usize, times: usize) -> anyhow::Result<Edit> {
    let estate = Estate::new(Kind::Workloads, 10, 1_000);
    let last = estate.rules - 1;
    let (peer, port) = (peer_v4(estate.peer(last)), estate.port(last));
    let ground = Ground::new(run, &format!("p{number}"), Some(peer))?;
    let mut daemon = Daemon::start(&ground.host, &estate)?;
    let epoch = Epoch::open(&daemon)?;
    let listener = ground.own.run(|| TcpListener::bind((own_v4(0), port)))??;
    let (with, without) = (estate.policies(""), Estate { rules: last, ..estate }.policies(""));
    let mut found = Vec::new();
    for _ in 0..times {
        std::thread::sleep(REST);
        let near = ground
            .far
            .run(|| TcpStream::connect_timeout(&SocketAddr::from((own_v4(0), port)), PATIENCE))??;
        let (far, _) = listener.accept()?;
        let (edited, stopped) = until_stopped(near, far, || daemon.edit(&without))?;
        found.push(stopped.saturating_duration_since(edited));
        epoch.awaits(&mut daemon, |daemon| daemon.edit(&with))?;
    }
    Ok(Edit {
        estate,
        concerned: 1,
        judged: "the last packet",
        latency: Latency::of(found).context("no edits")?,
    })
}

/// Sends a byte again and again while `edit` happens; when it happened, and when the last byte arrived.
fn until_stopped(
    mut near: TcpStream,
    mut far: TcpStream,
    edit: impl FnOnce() -> anyhow::Result<Instant>,
) -> anyhow::Result<(Instant, Instant)> {
    near.set_nodelay(true)?;
    far.set_read_timeout(Some(SILENCE))?;
    let flowing = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let sender = scope.spawn(|| {
            let begin = Instant::now();
            let mut last = begin;
            while near.write_all(&[1]).is_ok() && far.read_exact(&mut [0]).is_ok() {
                last = Instant::now();
                flowing.store(true, Ordering::Relaxed);
                ensure!(begin.elapsed() < PATIENCE, "the connection goes on after its rule is gone");
                std::thread::sleep(LOOK);
            }
            Ok(last)
        });
        while !flowing.load(Ordering::Relaxed) && !sender.is_finished() {
            std::thread::sleep(LOOK);
        }
        let edited = edit()?;
        let last = sender.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        Ok((edited, last))
    })
}

/// The number in the tables that the enforcer raises when a change is complete.
struct Epoch(Array<MapData, [u8; size_of::<Config>()]>);

impl Epoch {
    fn open(daemon: &Daemon) -> anyhow::Result<Self> {
        let map = Map::from_map_data(MapData::from_pin(daemon.tables().join("config"))?)?;
        Ok(Self(map.try_into()?))
    }

    fn now(&self) -> anyhow::Result<u32> {
        let config = self.0.get(&0, 0)?;
        let bytes = config.iter().skip(offset_of!(Config, epoch)).take(4);
        Ok(bytes.rev().fold(0, |number, byte| number << 8 | u32::from(*byte)))
    }

    /// How long it takes from `edit` until a change is complete.
    fn awaits(
        &self,
        daemon: &mut Daemon,
        edit: impl FnOnce(&Daemon) -> anyhow::Result<Instant>,
    ) -> anyhow::Result<Duration> {
        let before = self.now()?;
        let edited = edit(daemon)?;
        while self.now()? == before {
            if edited.elapsed() > PATIENCE {
                daemon.alive()?;
                ensure!(
                    edited.elapsed() < PATIENCE,
                    "an edit is not enforced in {PATIENCE:?}: {}",
                    daemon.words()
                );
            }
            std::thread::sleep(LOOK);
        }
        Ok(edited.elapsed())
    }
}
