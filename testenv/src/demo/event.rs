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
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// `allow` or `deny`.
    pub verdict: String,
    /// `from-workload` or `to-workload`: which way the packet went at the interface.
    pub direction: String,
    /// Why; the name of the kernel's reason.
    pub reason: String,
    /// The id of the rule or isolation; absent where a reason alone decided.
    pub rule: Option<String>,
    /// The workload's address, or the one it claimed.
    pub local: Option<IpAddr>,
    /// The workload's port; 0 where there is none.
    pub local_port: u16,
    /// The peer's address.
    pub remote: Option<IpAddr>,
    /// The peer's port; 0 where there is none.
    pub remote_port: u16,
}

/// An edit of the policy, as the enforcer answers it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Change {
    /// `applied` or `refused`.
    pub outcome: String,
    /// What is wrong with it, or probably not meant.
    pub complaints: Vec<Complaint>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Complaint {
    /// The line, from 1.
    pub line: Option<usize>,
    /// The column, from 1.
    pub column: Option<usize>,
    /// What, and the cure.
    pub message: String,
}

/// A line of the file.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase", tag = "kind")]
enum Entry {
    Verdict(Event),
    Policy(Change),
    #[serde(other)]
    Other,
}

/// The file the enforcer writes its events to.
#[derive(Debug, Clone)]
pub struct Events {
    path: PathBuf,
}

impl Event {
    /// What names the cause: the rule, `default-allow` where there is none to name, else the reason.
    pub fn cause(&self) -> &str {
        match (&self.rule, self.reason.as_str()) {
            (Some(rule), _) => rule,
            (None, "default") => "default-allow",
            (None, reason) => reason,
        }
    }

    /// The end of the connection at which the interface is, for a packet that opens one.
    pub fn end(&self) -> &'static str {
        if self.leaves() { "source" } else { "destination" }
    }

    fn leaves(&self) -> bool {
        self.direction == "from-workload"
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
        let (source, destination, port) = if self.leaves() {
            (self.local, self.remote, self.remote_port)
        } else {
            (self.remote, self.local, self.local_port)
        };
        source.is_some_and(|source| sources.contains(&source))
            && destination.is_some_and(|destination| hosts.contains(&destination))
            && (self.reason == SPOOFED || ports.contains(&port))
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

    /// Where the last whole line ends now; later events are found from here. How long the file is does not tell: a line that
    /// is longer than what is left of a page is seen half written.
    pub fn position(&self) -> u64 {
        std::fs::read(&self.path).map_or(0, |bytes| whole(&bytes) as u64)
    }

    /// The verdict after `position` that stands for the whole of `attempt`: the first denial, or if it was `allowed`
    /// the last word of an end that has a rule. Waits for it, but not longer than `limit`.
    pub fn verdict(
        &self,
        position: u64,
        attempt: &Attempt,
        allowed: bool,
        limit: Duration,
    ) -> Result<Option<Event>> {
        let wanted = if allowed { "allow" } else { "deny" };
        self.await_some(position, limit, |entries| {
            let events = entries.into_iter().filter_map(|entry| match entry {
                Entry::Verdict(event) => Some(event),
                _ => None,
            });
            let mut events = events.filter(|event| event.verdict == wanted && event.concerns(attempt));
            let first = events.next()?;
            let better = if first.rule.is_none() { events.find(|event| event.rule.is_some()) } else { None };
            Some(better.unwrap_or(first))
        })
    }

    /// The enforcer's answer to an edit made after `position`; waits for it, but not longer than `limit`.
    pub fn change(&self, position: u64, limit: Duration) -> Result<Option<Change>> {
        self.await_some(position, limit, |entries| {
            entries.into_iter().find_map(|entry| match entry {
                Entry::Policy(change) => Some(change),
                _ => None,
            })
        })
    }

    fn await_some<T>(
        &self,
        position: u64,
        limit: Duration,
        choose: impl Fn(Vec<Entry>) -> Option<T>,
    ) -> Result<Option<T>> {
        let end = Instant::now() + limit;
        loop {
            let found = choose(self.since(position)?);
            if found.is_some() || Instant::now() >= end {
                return Ok(found);
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn since(&self, position: u64) -> Result<Vec<Entry>> {
        let Ok(mut file) = File::open(&self.path) else { return Ok(Vec::new()) };
        file.seek(SeekFrom::Start(position)).doing("seek in the events")?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).doing("read the events")?;
        // The last line may be half written.
        let text = String::from_utf8_lossy(bytes.get(..whole(&bytes)).unwrap_or_default()).into_owned();
        text.lines().map(|line| serde_json::from_str(line).doing(format!("read the event {line}"))).collect()
    }
}

/// How many of these bytes are whole lines.
fn whole(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_line_is_read_and_unknown_ones_are_passed_over() {
        let lines = [
            r#"{"kind":"verdict","time":"","verdict":"deny","reason":"isolation","rule":"a/b/isolate[0]","interface":"bkd-details","workload":null,"direction":"from-workload","protocol":"tcp","local":"10.244.0.12","localPort":4,"remote":"10.244.0.16","remotePort":9080,"peer":null,"bytes":60,"policy":null}"#,
            r#"{"kind":"policy","time":"","outcome":"refused","complaints":[{"file":"p","line":3,"column":4,"message":"m"}]}"#,
            r#"{"kind":"interface","time":"","outcome":"policed","interface":"bkd-details","ifindex":4}"#,
        ];
        let path = std::env::temp_dir().join(format!("bookend-events-{}", std::process::id()));
        std::fs::write(&path, format!("{}\n{{\"kind\":", lines.join("\n"))).unwrap();
        let events = Events::new(path.clone());
        let attempt = Attempt::http("details", "GET", "ratings", "/ratings/1");
        let denial = events.verdict(0, &attempt, false, Duration::ZERO).unwrap().unwrap();
        assert_eq!((denial.end(), denial.cause()), ("source", "a/b/isolate[0]"));
        let other = Attempt::http("reviews-v1", "GET", "ratings", "/ratings/1");
        assert_eq!(events.verdict(0, &other, false, Duration::ZERO).unwrap(), None);
        assert_eq!(events.position(), lines.iter().map(|line| line.len() as u64 + 1).sum::<u64>());
        let change = events.change(0, Duration::ZERO).unwrap().unwrap();
        assert_eq!((change.outcome.as_str(), change.complaints[0].line), ("refused", Some(3)));
        std::fs::remove_file(path).unwrap();
    }
}
