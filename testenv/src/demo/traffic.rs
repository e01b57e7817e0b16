//! Traffic that goes on while something else happens: one side that is allowed, one that is not.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::attempt::Attempt;
use crate::error::{Error, Result};
use crate::link::Link;
use crate::packet::{Forgery, Payload};
use crate::world::World;
use crate::world::topology::{APP_PORT, HOST_MAC, workload};

/// Between two denied packets: short enough to hit any gap in enforcement.
const PAUSE: Duration = Duration::from_micros(500);
/// How long packets may be on their way.
const FLIGHT: Duration = Duration::from_millis(250);
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
    pub fn is_seamless(&self) -> bool {
        self.requests > 0 && self.failed == 0 && self.packets > 0 && self.arrived == 0
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { requests, failed, packets, arrived } = self;
        write!(f, "{requests} requests, {failed} failed; {packets} denied packets, {arrived} arrived")
    }
}

/// Does `task` while productpage asks details for pages, which is to be allowed, and sends packets to ratings, which
/// is to be denied. Both begin before the task and end after it.
pub fn during<T>(world: &World, task: impl FnOnce() -> Result<T>) -> Result<(T, Tally)> {
    let (Some(from), Some(to)) = (workload("productpage"), workload("ratings")) else {
        return Err(Error::new("the world has no productpage or no ratings"));
    };
    let witness = world.witness(to.ipv4().into())?;
    let position = witness.position();
    let stop = AtomicBool::new(false);
    let (result, requests, packets) = thread::scope(|scope| {
        let requests = scope.spawn(|| ask(world, &stop));
        let packets = scope.spawn(|| {
            let source = IpAddr::from(from.ipv4());
            let forgery = Forgery {
                source,
                source_port: 40_405,
                to: SocketAddr::new(to.ipv4().into(), APP_PORT),
                payload: Payload::Syn,
            };
            let frame = forgery.frame(from.mac(), HOST_MAC, MARK)?;
            world.pod("productpage")?.namespace().run(|| send(&frame, &stop))?
        });
        let result = task();
        stop.store(true, Ordering::Relaxed);
        (result, requests.join(), packets.join())
    });
    let lost = |_| Error::new("the traffic broke off");
    let (requests, failed) = requests.map_err(lost)??;
    let packets = packets.map_err(lost)??;
    let arrived = witness.since(position, FLIGHT, |arrival| arrival.bears(MARK))?.len();
    Ok((result?, Tally { requests, failed, packets, arrived }))
}

fn ask(world: &World, stop: &AtomicBool) -> Result<(usize, usize)> {
    let attempt = Attempt::http("productpage", "GET", "details", "/details/0");
    let (mut requests, mut failed) = (0, 0);
    while !stop.load(Ordering::Relaxed) {
        let observation = world.attempt(&attempt)?;
        requests += 1;
        failed += usize::from(observation.status() != Some(200));
    }
    Ok((requests, failed))
}

fn send(frame: &[u8], stop: &AtomicBool) -> Result<usize> {
    let link = Link::open("eth0")?;
    let mut packets = 0;
    while !stop.load(Ordering::Relaxed) {
        link.send(frame)?;
        packets += 1;
        thread::sleep(PAUSE);
    }
    Ok(packets)
}
