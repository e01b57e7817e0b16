//! Traffic that goes on while something else happens: one side that is allowed, one that is not.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::attempt::{Act, Attempt};
use crate::error::{Error, Result};
use crate::link::Link;
use crate::packet::{Forgery, Payload};
use crate::world::World;
use crate::world::topology::{APP_PORT, HOST_MAC, WORKLOADS, Workload, workload};

/// Between two denied packets: short enough to hit any gap in enforcement.
const PAUSE: Duration = Duration::from_millis(1);
/// How long packets may be on their way.
const FLIGHT: Duration = Duration::from_millis(250);
/// How long both sides may take to get going.
const START: Duration = Duration::from_secs(5);
const MARK: &str = "bkd-traffic-denied";

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// Allowed requests made.
    pub requests: usize,
    /// Those that were not served.
    pub failed: usize,
    /// Denied packets sent.
    pub packets: usize,
    /// Those that arrived.
    pub arrived: usize,
}

impl Tally {
    /// Whether there was no gap: everything allowed was served, nothing denied arrived, and there was some of both.
    /// Packets that are denied can only be spoken of where the host enforcer is in force (`kernel`).
    pub fn is_seamless(&self, kernel: bool) -> bool {
        self.requests > 0 && self.failed == 0 && self.packets > 0 && (self.arrived == 0 || !kernel)
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { requests, failed, packets, arrived } = self;
        write!(f, "{requests} requests, {failed} failed; {packets} denied packets, {arrived} arrived")
    }
}

/// The two sides as attempts: what is to be allowed, and what is to be denied.
pub fn both() -> [Attempt; 2] {
    let ratings = workload("ratings").map_or(std::net::Ipv4Addr::UNSPECIFIED, Workload::ipv4);
    let denied = Act::Connect { to: SocketAddr::from((ratings, APP_PORT)) };
    [asking(), Attempt::around_the_proxy("productpage", denied)]
}

fn asking() -> Attempt {
    Attempt::http("productpage", "GET", "details", "/details/0")
}

/// Does `task` while productpage asks details for pages, which is to be allowed, and sends packets to ratings, which
/// is to be denied. Both begin before the task and end after it.
pub fn during<T>(world: &World, task: impl FnOnce() -> Result<T>) -> Result<(T, Tally)> {
    let both = workload("productpage").zip(workload("ratings"));
    let (from, to) = both.ok_or_else(|| Error::new("the world has no productpage or no ratings"))?;
    let witness = world.witness(to.ipv4().into())?;
    let position = witness.position();
    let frame = frame(from, to)?;
    let (stop, requested, sent) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    let (result, requests, packets) = thread::scope(|scope| {
        let requests = scope.spawn(|| ask(world, &stop, &requested));
        let packets =
            scope.spawn(|| world.pod("productpage")?.namespace().run(|| send(&frame, &stop, &sent))?);
        await_more(&requested, &sent);
        let result = task();
        await_more(&requested, &sent);
        stop.store(true, Ordering::Relaxed);
        (result, requests.join(), packets.join())
    });
    let lost = |_| Error::new("the traffic broke off");
    let failed = requests.map_err(lost)??;
    packets.map_err(lost)??;
    let (requests, packets) = (requested.into_inner(), sent.into_inner());
    let arrived = witness.since(position, FLIGHT, |arrival| arrival.bears(MARK))?.len();
    Ok((result?, Tally { requests, failed, packets, arrived }))
}

/// Waits until nothing is stopped any more, at any interface in any direction: sends packets around the ring of
/// all pods until each has had one.
///
/// # Errors
/// If some are still stopped after `limit`.
pub fn await_passage(world: &World, limit: Duration) -> Result<()> {
    let end = Instant::now() + limit;
    let ring = WORKLOADS.iter().zip(WORKLOADS.iter().cycle().skip(1));
    for (from, to) in ring {
        let (witness, frame) = (world.witness(to.ipv4().into())?, frame(from, to)?);
        let position = witness.position();
        loop {
            world.pod(from.key)?.namespace().run(|| Link::open("eth0")?.send(&frame))??;
            let arrived = witness.since(position, Duration::from_millis(5), |it| it.bears(MARK))?;
            if !arrived.is_empty() {
                break;
            }
            if Instant::now() >= end {
                let (from, to) = (from.key, to.key);
                return Err(Error::new(format!(
                    "packets from {from} to {to} are still stopped after {limit:?}"
                )));
            }
        }
    }
    Ok(())
}

/// A frame that opens a connection.
fn frame(from: &Workload, to: &Workload) -> Result<Vec<u8>> {
    let to = SocketAddr::new(to.ipv4().into(), APP_PORT);
    let forgery = Forgery { source: from.ipv4().into(), source_port: 40_405, to, payload: Payload::Syn };
    forgery.frame(from.mac(), HOST_MAC, MARK)
}

/// Waits until a few more of both have gone out, or gives up: the tally shows what went out.
fn await_more(requested: &AtomicUsize, sent: &AtomicUsize) {
    let end = Instant::now() + START;
    let (asked, went) = (requested.load(Ordering::Relaxed) + 2, sent.load(Ordering::Relaxed) + 20);
    while Instant::now() < end
        && (requested.load(Ordering::Relaxed) < asked || sent.load(Ordering::Relaxed) < went)
    {
        thread::sleep(PAUSE);
    }
}

fn ask(world: &World, stop: &AtomicBool, requested: &AtomicUsize) -> Result<usize> {
    let attempt = asking();
    let mut failed = 0;
    while !stop.load(Ordering::Relaxed) {
        let observation = world.attempt(&attempt)?;
        requested.fetch_add(1, Ordering::Relaxed);
        failed += usize::from(observation.status() != Some(200));
    }
    Ok(failed)
}

fn send(frame: &[u8], stop: &AtomicBool, sent: &AtomicUsize) -> Result<()> {
    let link = Link::open("eth0")?;
    while !stop.load(Ordering::Relaxed) {
        link.send(frame)?;
        sent.fetch_add(1, Ordering::Relaxed);
        thread::sleep(PAUSE);
    }
    Ok(())
}
