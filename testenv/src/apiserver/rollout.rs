//! Scripted nodes: what DaemonSets and Deployments ask for appears on them as pods, which become ready or do not.
//!
//! Source: the counters and conditions that `k8s.io/kubernetes/pkg/controller/daemon` and `…/deployment` write. Simplified: scheduling
//! looks at node selectors and taints only; a Deployment starts all new pods before it ends the old ones (`maxSurge: 100%`).

mod daemon_set;
mod deployment;
mod pod;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::ApiServer;
use super::clock;
use super::refusal::set;
use super::shared::{Shared, locked};
use super::store::Store;
use crate::error::Result;

/// What becomes of pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fate {
    /// They run and are ready.
    #[default]
    Ready,
    /// They run and are never ready.
    Unready,
    /// They are never placed on a node.
    Unschedulable,
    /// Their image cannot be pulled.
    ErrImagePull,
    /// They end as soon as they begin.
    CrashLoop,
}

/// Which pods; what is left out matches all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pods {
    owner: Option<String>,
    node: Option<String>,
    image: Option<String>,
}

impl Pods {
    /// All pods.
    pub fn all() -> Self {
        Self::default()
    }

    /// Those of the DaemonSet or Deployment of this name.
    #[must_use]
    pub fn of(mut self, owner: &str) -> Self {
        self.owner = Some(owner.to_owned());
        self
    }

    /// Those on this node.
    #[must_use]
    pub fn on(mut self, node: &str) -> Self {
        self.node = Some(node.to_owned());
        self
    }

    /// Those with an image whose name has this in it.
    #[must_use]
    pub fn image(mut self, part: &str) -> Self {
        self.image = Some(part.to_owned());
        self
    }

    fn matches(&self, owner: &str, pod: &Value) -> bool {
        let is =
            |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|wanted| wanted == found);
        let node = pod.pointer("/spec/nodeName").and_then(Value::as_str).unwrap_or_default();
        let images = pod.pointer("/spec/containers").and_then(Value::as_array).into_iter().flatten();
        let mut images = images.filter_map(|container| container.get("image").and_then(Value::as_str));
        is(&self.owner, owner)
            && is(&self.node, node)
            && self.image.as_deref().is_none_or(|part| images.any(|image| image.contains(part)))
    }
}

/// What is said about nodes and pods.
#[derive(Debug)]
pub(crate) struct Script {
    /// Whether there are scripted nodes at all.
    pub(crate) active: bool,
    pace: Duration,
    fates: Vec<(Pods, Fate)>,
    addresses: u32,
}

impl Default for Script {
    fn default() -> Self {
        Self { active: false, pace: Duration::from_millis(20), fates: Vec::new(), addresses: 0 }
    }
}

impl Script {
    fn fate(&self, owner: &str, pod: &Value) -> Fate {
        let found = self.fates.iter().rev().find(|(pods, _)| pods.matches(owner, pod));
        found.map_or(Fate::Ready, |(_, fate)| *fate)
    }

    /// The next address of a pod: 10.244.0.1 and on.
    fn address(&mut self) -> String {
        self.addresses += 1;
        std::net::Ipv4Addr::from(0x0af4_0000_u32.wrapping_add(self.addresses)).to_string()
    }
}

/// Does what controllers and kubelets do, one step after the other, for as long as the server runs.
pub(crate) async fn run(shared: Arc<Shared>) {
    let mut signal = shared.signal();
    loop {
        if signal.borrow_and_update().over {
            return;
        }
        let (active, pace) = {
            let script = locked(&shared.script);
            (script.active, script.pace)
        };
        if active {
            tokio::time::sleep(pace).await;
            let changed = shared.change(|store| step(store, &mut locked(&shared.script)));
            if changed {
                continue;
            }
        }
        if signal.changed().await.is_err() {
            return;
        }
    }
}

/// One step of everybody; whether anything changed.
fn step(store: &mut Store, script: &mut Script) -> bool {
    let before = store.revision();
    // Pods first: what is made in this step moves on in the next.
    pod::advance(store, script);
    for set in store.kept("daemonsets.apps") {
        daemon_set::sync(store, &set);
    }
    for deployment in store.kept("deployments.apps") {
        deployment::sync(store, &deployment);
    }
    store.revision() != before
}

/// Writes a status if it is another than before.
fn write_status(store: &mut Store, kind: &str, object: &Value, status: Value) {
    if object.get("status") == Some(&status) {
        return;
    }
    let mut object = object.clone();
    set(&mut object, "status", status);
    let text = |path: &str| object.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
    let place = (text("/metadata/namespace"), text("/metadata/name"));
    store.put(kind, place, object);
}

/// A short name for a template: equal templates have equal ones.
fn hash(template: &Value) -> String {
    // FNV-1a.
    let text = template.to_string();
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!("{:010x}", hash >> 24)
}

impl ApiServer {
    /// Adds a node on which pods appear. From then on DaemonSets and Deployments make pods, and the server keeps their status.
    ///
    /// # Errors
    /// If the node cannot be put.
    pub fn node(&self, name: &str, address: &str) -> Result<()> {
        self.node_with(name, address, &json!({}))
    }

    /// Adds a node with labels beside those that every node has.
    ///
    /// # Errors
    /// If the node cannot be put.
    pub fn node_with(&self, name: &str, address: &str, labels: &Value) -> Result<()> {
        let mut all = json!({
            "kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64",
        });
        for (key, value) in labels.as_object().into_iter().flatten() {
            set(&mut all, key, value.clone());
        }
        locked(&self.shared.script).active = true;
        self.put(json!({
            "apiVersion": "v1", "kind": "Node", "metadata": { "name": name, "labels": all },
            "spec": {},
            "status": {
                "addresses": [
                    { "type": "InternalIP", "address": address }, { "type": "Hostname", "address": name },
                ],
                "conditions": [{
                    "type": "Ready", "status": "True", "reason": "KubeletReady", "message": "kubelet is posting ready status",
                    "lastHeartbeatTime": clock::now(), "lastTransitionTime": clock::now(),
                }],
                "nodeInfo": {
                    "kubeletVersion": super::discovery::VERSION, "osImage": "Debian GNU/Linux 13", "kernelVersion": "6.12.0",
                    "architecture": "amd64", "operatingSystem": "linux", "containerRuntimeVersion": "containerd://2.1.0",
                    "machineID": "", "systemUUID": "", "bootID": "", "kubeProxyVersion": "",
                },
            },
        }))
        .map(drop)
    }

    /// Says what becomes of some pods from now on, those included that are there. What is said last counts.
    pub fn fate(&self, pods: Pods, fate: Fate) {
        locked(&self.shared.script).fates.push((pods, fate));
        // Wakes the nodes, which wait for changes.
        self.shared.tell(|_| {});
    }

    /// How long controllers and nodes take for each step; 20 ms if it is not said.
    pub fn pace(&self, pace: Duration) {
        locked(&self.shared.script).pace = pace;
    }
}
