//! What came of a run, in numbers.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::time::Instant;

use crate::data::Fate;
use crate::field::Outcome;
use crate::judge::{Breach, Finding};
use crate::proxy::Normalization;
use crate::server::SERVERS;

/// How many findings are told in full.
const TOLD: usize = 60;

/// Counts.
#[derive(Debug)]
pub(crate) struct Report {
    title: &'static str,
    begin: Instant,
    classes: BTreeMap<String, BTreeMap<&'static str, Count>>,
    servers: BTreeMap<&'static str, usize>,
    findings: Vec<Finding>,
    sent: BTreeSet<Vec<u8>>,
}

#[derive(Debug, Default)]
struct Count {
    sent: usize,
    reached: usize,
    breached: usize,
}

impl Report {
    pub(crate) fn new(title: &'static str) -> Self {
        Self {
            title,
            begin: Instant::now(),
            classes: BTreeMap::new(),
            servers: BTreeMap::new(),
            findings: Vec::new(),
            sent: BTreeSet::new(),
        }
    }

    /// Adds what came of a request.
    pub(crate) fn count(&mut self, outcome: &Outcome<'_>, breaches: BTreeSet<Breach>) {
        let shot = &outcome.shot;
        let class = self.classes.entry(shot.attack.class.clone()).or_default();
        let count = class.entry(shot.normalization.name()).or_default();
        count.sent += 1;
        count.reached += usize::from(!outcome.received.is_empty());
        count.breached += usize::from(!breaches.is_empty());
        self.sent.insert(shot.wire.parts.iter().flat_map(|part| part.0.clone()).collect());
        if shot.attack.fate == Fate::Passes {
            return;
        }
        let servers: BTreeSet<&str> = breaches.iter().map(|breach| breach.server).collect();
        for server in servers {
            *self.servers.entry(server).or_default() += 1;
        }
        if !breaches.is_empty() {
            self.fail(Finding::new(outcome, breaches));
        }
    }

    /// Adds a finding of another kind.
    pub(crate) fn fail(&mut self, finding: Finding) {
        let other = match self.findings.last_mut() {
            Some(last) => last.join(finding),
            None => Some(finding),
        };
        self.findings.extend(other);
    }

    /// Prints the numbers: of each class and setting, how many requests were sent, reached the upstream, and would have
    /// done what is forbidden.
    pub(crate) fn print(&self) {
        let mut text = String::new();
        let total: usize = self.classes.values().flat_map(BTreeMap::values).map(|count| count.sent).sum();
        let distinct = self.sent.len();
        let seconds = self.begin.elapsed().as_secs_f32();
        let title = self.title;
        text.push_str(&format!("\n{title}: {distinct} requests, sent {total} times in {seconds:.1} s\n"));
        text.push_str(&format!("{:<22}", "sent/reached/forbidden"));
        for normalization in Normalization::ALL {
            text.push_str(&format!(" {:>24}", normalization.name()));
        }
        text.push('\n');
        for (class, counts) in &self.classes {
            text.push_str(&format!("{class:<22}"));
            for normalization in Normalization::ALL {
                let cell = counts
                    .get(normalization.name())
                    .map(|count| format!("{}/{}/{}", count.sent, count.reached, count.breached));
                text.push_str(&format!(" {:>24}", cell.unwrap_or_default()));
            }
            text.push('\n');
        }
        let servers = SERVERS.iter().map(|server| server.name).chain(["any"]);
        let told: Vec<String> = servers
            .map(|name| format!("{name} {}", self.servers.get(name).copied().unwrap_or_default()))
            .collect();
        text.push_str(&format!("forbidden to, as read by: {}\n", told.join(", ")));
        // Not by `println!`, which is shown only where a test fails.
        drop(std::io::stderr().write_all(text.as_bytes()));
    }

    /// Fails if there is a finding, and tells them.
    #[track_caller]
    pub(crate) fn verdict(&self) {
        let told: Vec<String> = self.findings.iter().take(TOLD).map(ToString::to_string).collect();
        let count = self.findings.len();
        assert!(
            count == 0,
            "{count} attacks should not have come to what they came to:\n{}",
            told.join("\n")
        );
    }
}
