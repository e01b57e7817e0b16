//! What was delivered, remembered on the cluster: a ConfigMap `<install>-deploy`.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Delivery, Key, Step, Tell};
use crate::{Kind, Trouble, kinds};

/// How often whoever delivers says that they still do.
const BEAT: Duration = Duration::from_secs(2);
/// For how long somebody else has to have said nothing to be taken for gone.
const SILENCE: u32 = 4;

/// An object that was delivered.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    api_version: String,
    kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    name: String,
}

/// How far the last delivery came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It is under way, or was when it ended.
    Applying,
    /// It came to its end.
    Done,
}

/// What an installation has delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ledger {
    /// How far the last delivery came.
    pub state: State,
    /// Who delivered.
    pub holder: String,
    /// What was delivered and not pruned since, in the order of its kinds and names.
    pub entries: Vec<Entry>,
    /// Changes while somebody delivers.
    beat: String,
    version: Option<String>,
}

/// Says from time to time that somebody still delivers.
#[derive(Debug)]
pub(super) struct Pulse {
    last: Instant,
    count: u64,
}

impl Pulse {
    pub(super) fn new() -> Self {
        Self { last: Instant::now(), count: 0 }
    }

    /// Says so, if it is time.
    ///
    /// # Errors
    /// When somebody else took over; that it cannot be said now is no reason to end.
    pub(super) async fn keep(&mut self, delivery: &Delivery) -> Result<(), Trouble> {
        if self.last.elapsed() < BEAT {
            return Ok(());
        }
        (self.last, self.count) = (Instant::now(), self.count + 1);
        match delivery.beat(self.count).await {
            Err(trouble) if !trouble.is_transient() => Err(trouble),
            _ => Ok(()),
        }
    }
}

impl Entry {
    /// The entry of an object.
    pub fn of(key: &Key) -> Self {
        Self {
            api_version: key.kind.api_version(),
            kind: key.kind.kind.to_string(),
            namespace: key.namespace.clone(),
            name: key.name.clone(),
        }
    }

    /// What it is called; nothing if its kind is not known here any more.
    pub fn key(&self) -> Option<Key> {
        let object = json!({ "apiVersion": self.api_version, "kind": self.kind });
        let kind = Kind::of(&object)?.clone();
        Some(Key { kind, namespace: self.namespace.clone(), name: self.name.clone() })
    }
}

impl Delivery {
    /// The name of the ledger.
    pub fn ledger_name(&self) -> String {
        format!("{}-deploy", self.install)
    }

    /// What was delivered before; nothing if nothing was.
    ///
    /// # Errors
    /// See [`Trouble`]; and when it makes no sense.
    pub async fn ledger(&self) -> Result<Option<Ledger>, Trouble> {
        let name = self.ledger_name();
        let found: Option<Value> = self.cluster.get(&kinds::CONFIG_MAP, Some(&self.namespace), &name).await?;
        let Some(object) = found else { return Ok(None) };
        let text = |field: &str| object.pointer(&format!("/data/{field}")).and_then(Value::as_str);
        let garbage = |reason: String| Trouble::Unusable {
            what: format!("`configmap/{name}`, which remembers what was deployed"),
            reason: format!("{reason}; nothing can be pruned until it is corrected or deleted"),
        };
        let entries = serde_json::from_str(text("objects").unwrap_or("[]"));
        let entries = entries.map_err(|error| garbage(format!("its `objects` make no sense: {error}")))?;
        Ok(Some(Ledger {
            state: if text("state") == Some("done") { State::Done } else { State::Applying },
            holder: text("holder").unwrap_or_default().to_owned(),
            beat: text("beat").unwrap_or_default().to_owned(),
            version: object.pointer("/metadata/resourceVersion").and_then(Value::as_str).map(str::to_owned),
            entries,
        }))
    }

    /// Takes the ledger, so that nobody else delivers at the same time. Returns what was delivered before.
    ///
    /// # Errors
    /// When somebody else delivers, or takes it first.
    pub(super) async fn take(&self, wanted: &[Key], tell: Tell<'_>) -> Result<Vec<Entry>, Trouble> {
        let mut before = self.ledger().await?;
        if let Some(ledger) = &before
            && ledger.state == State::Applying
            && ledger.holder != self.holder
        {
            self.outlive(ledger, &mut *tell).await?;
            before = self.ledger().await?;
        }
        let (entries, version) = before.map(|ledger| (ledger.entries, ledger.version)).unwrap_or_default();
        let all: BTreeSet<Entry> = entries.iter().cloned().chain(wanted.iter().map(Entry::of)).collect();
        let all: Vec<Entry> = all.into_iter().collect();
        self.write(&all, State::Applying, "0", version.as_deref()).await?;
        Ok(entries)
    }

    /// Waits whether somebody who has not said to be done still is there.
    async fn outlive(&self, ledger: &Ledger, tell: Tell<'_>) -> Result<(), Trouble> {
        tell(Step::Note(format!("`{}` did not finish; looking whether it still works", ledger.holder)));
        for _ in 0..SILENCE {
            tokio::time::sleep(BEAT.min(self.pace * 2)).await;
            let now = self.ledger().await?;
            let Some(now) = now else { return Ok(()) };
            if now.state == State::Done {
                return Ok(());
            }
            if (&now.beat, &now.holder) != (&ledger.beat, &ledger.holder) {
                return Err(Trouble::Unusable {
                    what: format!("the installation `{}`", self.install),
                    reason: format!(
                        "`{}` is deploying it right now; wait for it to end, then run this again",
                        now.holder
                    ),
                });
            }
        }
        tell(Step::Note(format!("`{}` is gone; what it began is completed now", ledger.holder)));
        Ok(())
    }

    /// Says that this delivery is still under way; fails if somebody else took it over.
    async fn beat(&self, count: u64) -> Result<(), Trouble> {
        let Some(ledger) = self.ledger().await? else { return Ok(()) };
        if ledger.holder != self.holder {
            return Err(Trouble::Unusable {
                what: format!("the installation `{}`", self.install),
                reason: format!(
                    "`{}` has taken over deploying it; look at what it did, and run this again",
                    ledger.holder
                ),
            });
        }
        self.write(&ledger.entries, State::Applying, &count.to_string(), ledger.version.as_deref()).await
    }

    /// Says that this delivery is done, and what the installation consists of now.
    pub(super) async fn finish(&self, entries: &[Entry]) -> Result<(), Trouble> {
        let version = self.ledger().await?.and_then(|ledger| ledger.version);
        self.write(entries, State::Done, "", version.as_deref()).await
    }

    /// Writes the ledger, if it is still as it was when it was read.
    async fn write(
        &self,
        entries: &[Entry],
        state: State,
        beat: &str,
        version: Option<&str>,
    ) -> Result<(), Trouble> {
        let name = self.ledger_name();
        let listed = serde_json::to_string(entries)
            .map_err(|error| Trouble::Unusable { what: name.clone(), reason: error.to_string() })?;
        let mut object = json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": name,
                "namespace": self.namespace,
                "labels": {
                    "app.kubernetes.io/name": "bookend",
                    "app.kubernetes.io/component": "common",
                    "app.kubernetes.io/managed-by": "bookend",
                    self.label: self.install,
                },
            },
            "data": {
                "state": if state == State::Done { "done" } else { "applying" },
                "holder": self.holder,
                "beat": beat,
                "objects": listed,
            },
        });
        match version {
            Some(version) => {
                if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
                    metadata.insert("resourceVersion".to_owned(), json!(version));
                }
                self.cluster.replace(&object, &self.applying).await?;
            }
            None => {
                self.cluster.create(&object, &self.applying).await?;
            }
        }
        Ok(())
    }
}
