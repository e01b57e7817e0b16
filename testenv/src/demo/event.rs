//! What the host enforcer reports: one JSON object per line, one line per verdict.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::net::IpAddr;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::expectation::SPOOFED;
use crate::attempt::{Act, Attempt, Target};
use crate::error::{Doing, Result};
use crate::world::topology;

/// A verdict of the kernel, as `bookend-enforcer run --events` writes it. Fields not named here are ignored.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Event {
    /// `allow` or `deny`.
    pub verdict: String,
    /// `source` or `destination`: the end at which the interface is.
    pub end: String,
    /// Why; the name of the kernel's reason.
    pub reason: String,
    /// The id of the rule or isolation; absent where a reason alone decided.
    #[serde(default)]
    pub rule: Option<String>,
    /// Source address of the packet.
    pub source: IpAddr,
    /// Destination address of the packet.
    pub destination: IpAddr,
    /// Destination port; 0 or absent where there is none.
    #[serde(default)]
    pub destination_port: u16,
}

/// The file the enforcer writes its events to.
#[derive(Debug, Clone)]
pub struct Events {
    path: PathBuf,
}

impl Event {
    /// What names the cause: the rule, else the reason.
    pub fn cause(&self) -> &str {
        self.rule.as_deref().unwrap_or(&self.reason)
    }

    /// Whether it is about a packet of this attempt.
    pub fn concerns(&self, attempt: &Attempt) -> bool {
        let (hosts, ports) = match &attempt.act {
            Act::Http { to: Target::Service(name), .. } => {
                let pods = topology::service(name).map(topology::Service::workloads).into_iter().flatten();
                (pods.map(|it| it.ipv4().into()).collect(), topology::APP_PORT..=topology::APP_PORT)
            }
            Act::Http { to: Target::Address(to), .. } | Act::Connect { to } | Act::Datagram { to } => {
                (vec![to.ip()], to.port()..=to.port())
            }
            Act::Echo { to } => (vec![*to], 0..=u16::MAX),
            Act::Forge(forgery) => (vec![forgery.to.ip()], 0..=u16::MAX),
            Act::Scan { to, ports } => (vec![*to], ports.clone()),
        };
        let sources: Vec<IpAddr> = match &attempt.act {
            Act::Forge(forgery) => vec![forgery.source],
            _ => topology::external(attempt.from)
                .map(topology::External::addresses)
                .or_else(|| topology::workload(attempt.from).map(topology::Workload::addresses))
                .into_iter()
                .flatten()
                .collect(),
        };
        sources.contains(&self.source)
            && hosts.contains(&self.destination)
            && (self.reason == SPOOFED || ports.contains(&self.destination_port))
    }
}

impl Events {
    /// The file at `path`; it need not exist yet.
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Where it is.
    pub fn path(&self) -> &PathBuf {
        &self.path
    }

    /// How long it is now; later events are found from here.
    pub fn position(&self) -> u64 {
        std::fs::metadata(&self.path).map_or(0, |metadata| metadata.len())
    }

    /// The first denial after `position` that concerns `attempt`; waits for it, but not longer than `limit`.
    pub fn denial(&self, position: u64, attempt: &Attempt, limit: Duration) -> Result<Option<Event>> {
        let end = Instant::now() + limit;
        loop {
            let events = self.since(position)?;
            let found = events.into_iter().find(|event| event.verdict == "deny" && event.concerns(attempt));
            if found.is_some() || Instant::now() >= end {
                return Ok(found);
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn since(&self, position: u64) -> Result<Vec<Event>> {
        let Ok(mut file) = File::open(&self.path) else { return Ok(Vec::new()) };
        file.seek(SeekFrom::Start(position)).doing("seek in the events")?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).doing("read the events")?;
        // The last line may be half written.
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let text = String::from_utf8_lossy(bytes.get(..whole).unwrap_or_default()).into_owned();
        text.lines().map(|line| serde_json::from_str(line).doing(format!("read the event {line}"))).collect()
    }
}
