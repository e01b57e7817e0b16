//! What this node says of itself to the cluster: the status of its `Enforcer` (docs/semantics.md, S121).
//!
//! It is written when it changes and not for each pod, at most every few seconds, so that 5,000 nodes are no load for an
//! API server; and nobody has to reach a node to know how it does. Enforcing never waits for it: while the API is away,
//! that is said once, and what is true then is written when it is back.
//!
//! This module must not know: what a policy says, or how anything is enforced.

mod answer;
mod namespace;
mod state;
mod survey;
mod writing;

use std::collections::BTreeSet;
use std::time::Duration;

use bookend_api::RefusedObject;
use bookend_cluster::{Cluster, Trouble, chance};
use clap::Args;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::attachment::Attachments;
use crate::health::Health;
use crate::say::say;
use state::Draft;
use survey::Survey;
use writing::Writer;

/// How long after one report the next one may follow, at least.
const PAUSE: Duration = Duration::from_secs(5);
/// How often it is looked whether anything changed, and how often proxies are asked. Both stay on this node.
const LOOK: Duration = Duration::from_secs(2);
const ASK: Duration = Duration::from_secs(15);
/// How long to wait after a report could not be written: at first, and at most.
const RETRY: (Duration, Duration) = (PAUSE, Duration::from_secs(120));

/// How this node reports.
#[derive(Clone, Debug, Default, Args)]
pub struct ReportOptions {
    /// Ask the proxies of this node's pods which policies they have.
    ///
    /// They are asked inside of their pods' network namespaces, which takes CAP_SYS_ADMIN and CAP_SYS_PTRACE: with these, whoever takes over the
    /// enforcer can do anything on the node. Without, the cluster is told how many proxies did not say.
    #[arg(long)]
    pub ask_proxies: bool,
}

/// What only the source of policies knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// The policy revision in force on this node; none before there is one.
    pub policies: Option<String>,
    /// Pods of this node at whose interfaces policy is enforced.
    pub pods: usize,
    /// The UIDs of this node's pods that have a Bookend filter, as attachments call them.
    pub proxied: BTreeSet<String>,
    /// Documents in whose place something else is in force.
    pub refused: Vec<RefusedObject>,
}

/// The other end of a [`Report`]: whoever knows tells it here.
#[derive(Debug)]
pub struct Reporter(watch::Sender<Known>);

impl Reporter {
    /// This is known now.
    pub fn know(&self, known: Known) {
        self.0.send_if_modified(|before| {
            let differs = *before != known;
            *before = known;
            differs
        });
    }
}

/// Reports, for as long as it is awaited.
pub struct Report {
    cluster: Cluster,
    node: String,
    health: Health,
    attachments: Option<Attachments>,
    known: watch::Receiver<Known>,
}

impl Report {
    /// Reports as the node `node`. Proxies are asked where `attachments` say that pods are; without, none is.
    pub fn new(
        cluster: Cluster,
        node: impl Into<String>,
        health: Health,
        attachments: Option<Attachments>,
    ) -> (Reporter, Self) {
        let (sender, known) = watch::channel(Known::default());
        let report = Self { cluster, node: node.into(), health, attachments, known };
        (Reporter(sender), report)
    }

    /// Reports until the [`Reporter`] is gone. Dropping the future loses nothing but the report that waits.
    pub async fn run(mut self) {
        let mut writer = Writer::new(self.cluster.clone(), self.node.clone());
        let mut survey = Survey::default();
        let mut draft = Draft::default();
        let mut outage: Option<Duration> = None;
        let mut told_of_proxies = false;
        let (mut allowed, mut asking) = (Instant::now(), Instant::now());
        loop {
            let known = self.known.borrow_and_update().clone();
            if Instant::now() >= asking {
                survey = self.ask(&known).await;
                asking = Instant::now() + jittered(ASK);
            }
            if survey.forbidden && !std::mem::replace(&mut told_of_proxies, true) {
                say(survey::FORBIDDEN);
            }
            let status = draft.status(&known, &self.health.read(), &survey);
            if writer.differs(&status) && Instant::now() >= allowed {
                match writer.write(&status).await {
                    Ok(()) => {
                        if outage.take().is_some() {
                            say("the cluster is told again how this node does");
                        }
                        allowed = Instant::now() + jittered(PAUSE);
                    }
                    Err(trouble) => {
                        let wait = outage.map_or(RETRY.0, |before| (before * 2).min(RETRY.1));
                        if outage.is_none() {
                            say(&told(&trouble));
                        }
                        outage = Some(wait);
                        allowed = Instant::now() + jittered(wait);
                    }
                }
            }
            tokio::select! {
                changed = self.known.changed() => if changed.is_err() { return },
                () = sleep_until(Instant::now() + LOOK) => {}
            }
        }
    }

    /// Asks the proxies of this node's pods, each in its own network namespace.
    async fn ask(&mut self, known: &Known) -> Survey {
        // Whoever is not asked does not say.
        let Some(attachments) = &mut self.attachments else { return Survey::unasked(known.proxied.len()) };
        let mut pods: Vec<(String, Option<u32>)> = Vec::new();
        for attachment in attachments.current().iter().filter(|one| known.proxied.contains(&one.uid)) {
            match pods.last_mut().filter(|(uid, _)| *uid == attachment.uid) {
                Some((_, process)) => *process = process.or(attachment.process),
                None => pods.push((attachment.uid.clone(), attachment.process)),
            }
        }
        survey::survey(pods).await
    }
}

fn told(trouble: &Trouble) -> String {
    format!(
        "the cluster cannot be told how this node does, which is tried again; enforcing goes on: {trouble}"
    )
}

/// A little longer, by chance, so that nodes that began together do not stay together.
fn jittered(pause: Duration) -> Duration {
    pause + pause.mul_f64(chance())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_differ_and_are_at_most_twice_as_long() {
        let pauses: BTreeSet<Duration> = (0..64).map(|_| jittered(PAUSE)).collect();
        assert!(pauses.len() > 8, "{pauses:?}");
        assert!(pauses.iter().all(|pause| (PAUSE..PAUSE * 2).contains(pause)), "{pauses:?}");
    }

    #[tokio::test]
    async fn what_is_known_already_wakes_nobody() {
        let (sender, mut receiver) = watch::channel(Known::default());
        let reporter = Reporter(sender);
        reporter.know(Known::default());
        assert!(!receiver.has_changed().unwrap());
        reporter.know(Known { pods: 3, ..Known::default() });
        assert!(receiver.has_changed().unwrap());
        assert_eq!(receiver.borrow_and_update().pods, 3);
    }
}
