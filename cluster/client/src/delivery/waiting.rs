//! Waiting until what was applied is so.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;
use tokio::time::Instant;

use super::ledger::Pulse;
use super::{Delivery, Goal, Key, Progress, Stage, Step, Tell};
use crate::{Scope, Trouble, kinds};

/// How often a container may have crashed until nobody waits for it any more.
const CRASHES: u64 = 3;

/// What is waited for, and how far it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The object.
    pub key: Key,
    /// How far it is.
    pub progress: Progress,
    /// Pods that do not get on.
    pub stuck: Vec<Stuck>,
    /// Nodes that are not ready, and so can have no ready pod.
    pub absent: Vec<String>,
}

/// A pod that does not get on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stuck {
    /// Its name.
    pub pod: String,
    /// Its node; empty if it has none.
    pub node: String,
    /// Why.
    pub reason: String,
    /// Whether it is of no use to wait any longer.
    pub hopeless: bool,
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Progress { done, total, .. } = self.progress;
        write!(f, "{}: {done} of {total}", self.key)?;
        if let Some(stuck) = self.stuck.first() {
            write!(f, "; {stuck}")?;
            if self.stuck.len() > 1 {
                write!(f, " (and {} more)", self.stuck.len() - 1)?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Stuck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let node = if self.node.is_empty() { String::new() } else { format!(" on `{}`", self.node) };
        write!(f, "pod `{}`{node}: {}", self.pod, self.reason)
    }
}

impl Delivery {
    /// Waits until every object of a stage is what it should be, or never will be, or the time is over.
    pub(super) async fn wait(&self, stage: &Stage, until: Instant, tell: Tell<'_>) -> Result<(), Trouble> {
        if stage.goal == Goal::Nothing {
            return Ok(());
        }
        let mut pulse = Pulse::new();
        let mut told: Option<Waiting> = None;
        for object in &stage.objects {
            let key = Key::of(object)?;
            loop {
                match self.waiting(&key, stage.goal).await {
                    Ok(None) => break,
                    Ok(Some(waiting)) => {
                        if Instant::now() >= until {
                            return Err(self.late(&waiting));
                        }
                        if told.as_ref() != Some(&waiting) {
                            tell(Step::Waiting(waiting.clone()));
                            told = Some(waiting);
                        }
                    }
                    Err(trouble) if trouble.is_transient() && Instant::now() < until => {
                        tell(Step::Note(trouble.to_string()));
                    }
                    Err(trouble) => return Err(trouble),
                }
                pulse.keep(self).await?;
                tokio::time::sleep(self.pace).await;
            }
        }
        Ok(())
    }

    fn late(&self, waiting: &Waiting) -> Trouble {
        let absent = match waiting.absent.len() {
            0 => String::new(),
            _ => format!("; nodes that are not ready: {}", waiting.absent.join(", ")),
        };
        Trouble::Unusable {
            what: waiting.key.to_string(),
            reason: format!(
                "it did not become ready in {} s ({waiting}{absent}); look at it with `kubectl describe {}`, or give it more with \
                 `--timeout`",
                self.timeout.as_secs(),
                waiting.key.command()
            ),
        }
    }

    /// How far an object is toward a goal; nothing if it has come there.
    async fn waiting(&self, key: &Key, goal: Goal) -> Result<Option<Waiting>, Trouble> {
        let gone = || Trouble::NotFound {
            resource: key.kind.resource(),
            namespace: key.namespace.clone(),
            name: key.name.clone(),
        };
        let object = self.live(key).await?.ok_or_else(gone)?;
        let mut progress = Progress::toward(goal, &object);
        let hopeless = |reason: &str| Trouble::Unusable {
            what: key.to_string(),
            reason: format!("{reason}; look at it with `kubectl describe {}`", key.command()),
        };
        if let Some(reason) = &progress.failed {
            return Err(hopeless(reason));
        }
        if progress.complete {
            return Ok(None);
        }
        let mut waiting =
            Waiting { key: key.clone(), progress: progress.clone(), stuck: Vec::new(), absent: Vec::new() };
        if goal == Goal::RolledOut {
            let pods = self.pods(key, &object).await?;
            waiting.stuck = pods.iter().filter_map(stuck).collect();
            if key.kind == kinds::DAEMON_SET {
                waiting.absent = self.absent().await?;
                let absent: BTreeSet<&str> = waiting.absent.iter().map(String::as_str).collect();
                // What stands still because its node does is no reason to wait, nor one to go back.
                waiting.stuck.retain(|stuck| !absent.contains(stuck.node.as_str()));
                let missing = pods.iter().filter(|pod| absent.contains(node(pod)) && !is_ready(pod)).count();
                let observed = progress.total > 0 || progress.complete;
                progress.complete = observed && progress.done + missing as u64 >= progress.total;
                if progress.complete {
                    return Ok(None);
                }
            }
            if let Some(stuck) = waiting.stuck.iter().find(|stuck| stuck.hopeless) {
                return Err(hopeless(&stuck.to_string()));
            }
        }
        Ok(Some(waiting))
    }

    /// The pods of a workload.
    pub(super) async fn pods(&self, key: &Key, object: &Value) -> Result<Vec<Value>, Trouble> {
        let labels = object.pointer("/spec/selector/matchLabels").and_then(Value::as_object);
        let selector: Vec<_> = labels
            .into_iter()
            .flatten()
            .filter_map(|(name, value)| Some(format!("{name}={}", value.as_str()?)))
            .collect();
        let scope =
            Scope { namespace: key.namespace.clone(), labels: Some(selector.join(",")), fields: None };
        self.cluster.list(&kinds::POD, &scope).await
    }

    /// The nodes that are not ready. Who may not list nodes waits for all of them.
    pub(super) async fn absent(&self) -> Result<Vec<String>, Trouble> {
        match self.cluster.list::<Value>(&kinds::NODE, &Scope::all()).await {
            Ok(nodes) => Ok(nodes.iter().filter(|node| !is_ready(node)).filter_map(name).collect()),
            Err(Trouble::Forbidden { .. }) => Ok(Vec::new()),
            Err(trouble) => Err(trouble),
        }
    }
}

fn name(object: &Value) -> Option<String> {
    object.pointer("/metadata/name").and_then(Value::as_str).map(str::to_owned)
}

pub(super) fn node(pod: &Value) -> &str {
    pod.pointer("/spec/nodeName").and_then(Value::as_str).unwrap_or_default()
}

/// Whether a pod or a node says that it is ready.
pub(super) fn is_ready(object: &Value) -> bool {
    let conditions = object.pointer("/status/conditions").and_then(Value::as_array);
    let is = |condition: &Value, field: &str, value: &str| condition.get(field).is_some_and(|of| of == value);
    conditions
        .into_iter()
        .flatten()
        .any(|condition| is(condition, "type", "Ready") && is(condition, "status", "True"))
}

/// Why a pod does not get on, if it does not.
fn stuck(pod: &Value) -> Option<Stuck> {
    let told = |reason: String, hopeless: bool| {
        Some(Stuck { pod: name(pod).unwrap_or_default(), node: node(pod).to_owned(), reason, hopeless })
    };
    let containers = pod.pointer("/status/containerStatuses").and_then(Value::as_array);
    for container in containers.into_iter().flatten() {
        let text = |path: &str| container.pointer(path).and_then(Value::as_str).unwrap_or_default();
        let (reason, message) = (text("/state/waiting/reason"), text("/state/waiting/message"));
        let crashes = container.get("restartCount").and_then(Value::as_u64).unwrap_or_default();
        match reason {
            "" | "ContainerCreating" | "PodInitializing" => {}
            "CrashLoopBackOff" => {
                let last =
                    text("/lastState/terminated/message").lines().last().unwrap_or_default().to_owned();
                let said = if last.is_empty() { "look at its log".to_owned() } else { last };
                return told(format!("it crashed {crashes} times: {said}"), crashes >= CRASHES);
            }
            "InvalidImageName" | "ErrImageNeverPull" | "CreateContainerConfigError" => {
                return told(format!("{reason}: {message}"), true);
            }
            // The second time that the image could not be had.
            "ImagePullBackOff" => return told(format!("its image cannot be had: {message}"), true),
            _ => return told(format!("{reason}: {message}"), false),
        }
    }
    let conditions = pod.pointer("/status/conditions").and_then(Value::as_array);
    let unscheduled = conditions.into_iter().flatten().find(|condition| {
        condition.get("type").is_some_and(|of| of == "PodScheduled")
            && condition.get("status").is_some_and(|of| of == "False")
    })?;
    let message = unscheduled.get("message").and_then(Value::as_str).unwrap_or_default();
    told(format!("no node takes it: {message}"), false)
}
