//! The status of policies.

mod compose;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bookend_api::PolicyStatus;
use bookend_cluster::view::{ObjectName, Standing};
use bookend_cluster::{Applying, Cluster, Kind, Leadership, Scope, Trouble, kinds};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::fleet::{Fleet, Proxies};
use crate::pace::Pace;
use crate::say::say;
use crate::writer::{MANAGER, Writer};
use compose::{Circumstances, compose};

/// How often the status of one object is written at most: while nodes catch up, the numbers change all the time.
const REST: Duration = Duration::from_secs(5);
const AGAIN: Duration = Duration::from_secs(2);
const SELDOM: Duration = Duration::from_secs(60);
/// How many are written at once, before news are heard again.
const BATCH: usize = 32;

/// Writes the status of policies: only what changed, and never too often.
pub(crate) struct Statuses {
    cluster: Cluster,
    entries: BTreeMap<ObjectName, Entry>,
    /// The revisions of the policies that were seen in force, the newest last.
    history: Vec<String>,
    told: Option<String>,
    pub(crate) written: u64,
}

struct Entry {
    standing: Standing,
    /// As the cluster has it, as far as is known.
    there: Option<PolicyStatus>,
    wanted: PolicyStatus,
    pace: Pace,
}

#[derive(Deserialize)]
struct Listed {
    metadata: Named,
    #[serde(default)]
    status: Option<PolicyStatus>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
    #[serde(default)]
    namespace: Option<String>,
}

impl Statuses {
    pub(crate) fn new(cluster: &Cluster) -> Self {
        Self {
            cluster: cluster.clone(),
            entries: BTreeMap::new(),
            history: Vec::new(),
            told: None,
            written: 0,
        }
    }

    /// Reads what is there, before anything is written.
    ///
    /// # Errors
    /// When it cannot be read. A kind that is not served has no objects.
    pub(crate) async fn take_stock(&mut self) -> Result<(), Trouble> {
        for kind in kinds::DOCUMENTS {
            let listed: Vec<Listed> = match self.cluster.list(kind, &Scope::all()).await {
                Ok(listed) => listed,
                Err(trouble) if trouble.is_absent() => continue,
                Err(trouble) => return Err(trouble),
            };
            for Listed { metadata: Named { name, namespace }, status } in listed {
                let object = ObjectName { kind: kind.kind.to_string(), namespace, name };
                if let Some(entry) = self.entries.get_mut(&object) {
                    entry.there = status;
                }
            }
        }
        Ok(())
    }

    /// Takes note of how objects stand.
    pub(crate) fn stand(&mut self, standings: impl Iterator<Item = Standing>, policies: &str) {
        if self.history.last().is_none_or(|last| last != policies) {
            self.history.retain(|known| known != policies);
            self.history.push(policies.to_owned());
            // Who is that far behind is behind, whatever happened since.
            let surplus = self.history.len().saturating_sub(1_000);
            self.history.drain(..surplus);
        }
        let mut before = std::mem::take(&mut self.entries);
        for standing in standings.filter(|standing| of_kind(&standing.object).is_some()) {
            let known = before.remove(&standing.object).filter(|entry| entry.standing.uid == standing.uid);
            let entry = match known {
                Some(mut entry) => {
                    if entry.standing != standing {
                        entry.pace = Pace::now();
                    }
                    Entry { standing, ..entry }
                }
                None => Entry { standing, there: None, wanted: PolicyStatus::default(), pace: Pace::now() },
            };
            self.entries.insert(entry.standing.object.clone(), entry);
        }
    }

    /// Says how each should be told, as things are.
    pub(crate) fn compose(&mut self, fleet: &Fleet, writer: &Writer, filters: bool) -> Proxies {
        let current: BTreeSet<&str> =
            writer.shares().map(|(_, share)| share.configuration.revision.as_str()).collect();
        let proxies = fleet.proxies(&current);
        let troubles = writer.troubles();
        let mut concerned: BTreeMap<(Option<String>, String), Vec<&str>> = BTreeMap::new();
        for (namespace, share) in writer.shares() {
            for policy in share.policies() {
                concerned.entry(policy).or_default().push(namespace);
            }
        }
        let history: Vec<&str> = self.history.iter().map(String::as_str).collect();
        for entry in self.entries.values_mut() {
            let object = &entry.standing.object;
            let is_policy = matches!(object.kind.as_str(), "Policy" | "ClusterPolicy");
            let namespaces = concerned.get(&(object.namespace.clone(), object.name.clone()));
            let namespaces = namespaces.filter(|_| is_policy).map(Vec::as_slice).unwrap_or_default();
            let told =
                namespaces.iter().filter_map(|namespace| Some((*namespace, *troubles.get(namespace)?)));
            let circumstances = Circumstances {
                history: &history,
                fleet,
                proxies: filters.then_some(proxies),
                filtered: !namespaces.is_empty(),
                troubles: told.collect(),
            };
            entry.wanted = compose(&entry.standing, entry.there.as_ref(), &circumstances);
        }
        proxies
    }

    /// When there is something to write.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.entries.values().filter(|entry| entry.differs()).map(|entry| entry.pace.due()).min()
    }

    /// Writes what is due, as long as this one leads.
    pub(crate) async fn write(&mut self, leadership: &Leadership) {
        let now = Instant::now();
        let due = self.entries.values_mut().filter(|entry| entry.differs() && entry.pace.due() <= now);
        let mut told = self.told.clone();
        for entry in due.take(BATCH) {
            if !leadership.leads() {
                return;
            }
            let object = status_of(entry);
            match self.cluster.apply_status(&object, &Applying::by(MANAGER).forced(true)).await {
                Ok(_) => {
                    entry.there = Some(entry.wanted.clone());
                    entry.pace.rest(REST);
                    self.written += 1;
                    told = None;
                }
                // It is gone, or will be in a moment.
                Err(trouble) if trouble.is_absent() => entry.there = Some(entry.wanted.clone()),
                Err(trouble) => {
                    match trouble.is_transient() {
                        true => entry.pace.fail(AGAIN),
                        false => entry.pace.rest(SELDOM),
                    }
                    told = Some(format!("the status of policies cannot be written: {trouble}"));
                }
            }
        }
        if told != self.told {
            say(told.as_deref().unwrap_or("the status of policies can be written again"));
            self.told = told;
        }
    }

    /// The revision of the policies that is in force.
    pub(crate) fn newest(&self) -> &str {
        self.history.last().map(String::as_str).unwrap_or_default()
    }

    /// How many objects are not accepted.
    pub(crate) fn refused(&self) -> usize {
        self.entries.values().filter(|entry| !entry.standing.is_accepted()).count()
    }
}

impl Entry {
    fn differs(&self) -> bool {
        self.there.as_ref() != Some(&self.wanted)
    }
}

fn of_kind(object: &ObjectName) -> Option<&'static Kind> {
    kinds::DOCUMENTS.into_iter().find(|kind| *kind.kind == *object.kind)
}

fn status_of(entry: &Entry) -> Value {
    let object = &entry.standing.object;
    json!({
        "apiVersion": of_kind(object).map(Kind::api_version),
        "kind": object.kind,
        "metadata": { "name": object.name, "namespace": object.namespace },
        "status": entry.wanted,
    })
}
