//! Pods as they arrive, and what is kept of them: who each is, and where.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::addresses::Addresses;
use super::proxy::{self, Filtered, Proxy, Role};

/// Labels that controllers give to each pod or to each of their versions. Pods that only they tell apart are one workload, unless somebody's
/// policy or Service mentions one of them.
pub(super) const NOISE: [&str; 11] = [
    "pod-template-hash",
    "controller-revision-hash",
    "pod-template-generation",
    "statefulset.kubernetes.io/pod-name",
    "apps.kubernetes.io/pod-index",
    "controller-uid",
    "batch.kubernetes.io/controller-uid",
    "job-name",
    "batch.kubernetes.io/job-name",
    "job-completion-index",
    "batch.kubernetes.io/job-completion-index",
];

/// The annotations by which the pod in the API and the one that a kubelet read from a file are known to be the same: what the kubelet
/// calls it, and that this stands for it (kubernetes, `pkg/kubelet/types`). Both are the hash.
const STATIC: [&str; 2] = ["kubernetes.io/config.hash", "kubernetes.io/config.mirror"];

/// A pod as the API server tells it, without what says nothing about who and where it is.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Pod {
    metadata: Metadata,
    spec: Spec,
    status: Status,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Metadata {
    labels: Option<BTreeMap<String, String>>,
    annotations: Option<BTreeMap<String, String>>,
    owner_references: Option<Vec<Owner>>,
    deletion_timestamp: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Owner {
    kind: String,
    name: String,
    controller: Option<bool>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    node_name: Option<String>,
    service_account_name: Option<String>,
    host_network: Option<bool>,
    containers: Option<Vec<Container>>,
    init_containers: Option<Vec<Container>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Container {
    name: String,
    image: Option<String>,
    args: Option<Vec<String>>,
    restart_policy: Option<String>,
    ports: Option<Vec<Port>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Port {
    name: Option<String>,
    container_port: u16,
    protocol: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    phase: Option<String>,
    #[serde(rename = "podIP")]
    pod_ip: Option<String>,
    #[serde(rename = "podIPs")]
    pod_ips: Option<Vec<PodIp>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct PodIp {
    ip: String,
}

/// Who a pod is: all that a policy can see of it, and what made it. Many pods share one of these.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Who {
    pub(super) namespace: String,
    /// What it is a part of, as people call it.
    pub(super) owner: String,
    account: String,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) host_network: bool,
    proxy: Option<Proxy>,
    /// Its proxy judges whatever comes in; of who is [quiet](Self::quiet).
    filtered: bool,
    /// By name and protocol.
    ports: BTreeMap<(String, String), u16>,
}

/// Where a pod is, and in what state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Whereabouts {
    /// In its status, canonical, ascending.
    pub(super) addresses: Addresses,
    /// It has finished: its address may be another's.
    pub(super) finished: bool,
    /// It is being deleted.
    pub(super) terminating: bool,
}

/// A pod, read.
pub(super) struct Read {
    pub(super) who: Who,
    pub(super) whereabouts: Whereabouts,
    /// Its node.
    pub(super) node: Option<String>,
    /// What the node calls it, if not by its UID.
    pub(super) file: Option<String>,
}

impl Pod {
    /// What matters of it, given its name.
    pub(super) fn read(self, namespace: &str, name: &str) -> Read {
        let Self { metadata, spec, status } = self;
        let labels = metadata.labels.unwrap_or_default();
        let annotations = metadata.annotations.unwrap_or_default();
        let owners = metadata.owner_references.unwrap_or_default();
        let owner = owners.iter().find(|owner| owner.controller == Some(true));
        let node = spec.node_name.filter(|node| !node.is_empty());
        let file = static_hash(&annotations, owner, node.as_deref());
        let owner = called(name, owner, &labels, node.as_deref());
        let (containers, init) =
            (spec.containers.unwrap_or_default(), spec.init_containers.unwrap_or_default());
        // Of those that run before the others only sidecars are still there when somebody connects (KEP-753).
        let (stay, init): (Vec<Container>, Vec<Container>) =
            init.into_iter().partition(|one| one.restart_policy.as_deref() == Some("Always"));
        let stay: Vec<Container> = containers.into_iter().chain(stay).collect();
        let host_network = spec.host_network == Some(true);
        let seen = |all: &'_ [Container]| -> Option<Proxy> {
            let (stay, init): (Vec<_>, Vec<_>) =
                (all.iter().map(Container::seen).collect(), init.iter().map(Container::seen).collect());
            proxy::of(&stay, &init, &annotations)
        };
        // The network of a node has no proxy before it.
        let proxy = if host_network { None } else { seen(&stay) };
        let mut ports = BTreeMap::new();
        for container in stay {
            for Port { name, container_port, protocol } in container.ports.unwrap_or_default() {
                let Some(name) = name.filter(|name| !name.is_empty() && container_port > 0) else { continue };
                let protocol = protocol.filter(|protocol| !protocol.is_empty());
                // Where two have one name, the first one is meant, as Kubernetes finds them (`FindPort`).
                ports.entry((name, protocol.unwrap_or_else(|| "TCP".to_owned()))).or_insert(container_port);
            }
        }
        let listed = status.pod_ips.unwrap_or_default().into_iter().map(|entry| entry.ip);
        let mut addresses: Vec<IpAddr> =
            listed.chain(status.pod_ip).filter_map(|text| address(&text)).collect();
        addresses.sort_unstable();
        addresses.dedup();
        Read {
            who: Who {
                namespace: namespace.to_owned(),
                owner,
                account: spec
                    .service_account_name
                    .filter(|name| !name.is_empty())
                    .unwrap_or_else(|| "default".to_owned()),
                labels,
                host_network,
                proxy,
                filtered: false,
                ports,
            },
            whereabouts: Whereabouts {
                addresses: addresses.into(),
                finished: matches!(status.phase.as_deref(), Some("Succeeded" | "Failed")),
                terminating: metadata.deletion_timestamp.is_some(),
            },
            node,
            file,
        }
    }
}

impl Container {
    fn seen(&self) -> proxy::Container<'_> {
        proxy::Container {
            name: &self.name,
            image: self.image.as_deref(),
            arguments: self.args.as_deref().unwrap_or_default(),
        }
    }
}

/// What the node calls the pod, if it stands for one that was read from a file: both annotations say the same hash, which no UID looks
/// like, and it belongs to its node, as kubelets write it.
fn static_hash(
    annotations: &BTreeMap<String, String>,
    owner: Option<&Owner>,
    node: Option<&str>,
) -> Option<String> {
    let [hash, mirror] = STATIC.map(|key| annotations.get(key));
    let of_node = owner.is_some_and(|owner| owner.kind == "Node" && Some(owner.name.as_str()) == node);
    let hash = hash.filter(|_| of_node && hash == mirror)?;
    let is_hash = hash.len() == 32 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hash.then(|| hash.clone())
}

/// The address of one host, canonical.
pub(super) fn address(text: &str) -> Option<IpAddr> {
    let address = text.parse::<IpAddr>().ok()?.to_canonical();
    let broadcast = matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
    let odd = address.is_unspecified() || address.is_multicast() || address.is_loopback() || broadcast;
    (!odd).then_some(address)
}

/// What people call what a pod is a part of: its Deployment, its CronJob, the file on every node.
fn called(
    name: &str,
    owner: Option<&Owner>,
    labels: &BTreeMap<String, String>,
    node: Option<&str>,
) -> String {
    let Some(owner) = owner else { return name.to_owned() };
    let without = |end: Option<&str>| {
        let base = end.and_then(|end| owner.name.strip_suffix(end)?.strip_suffix('-'));
        base.filter(|base| !base.is_empty()).unwrap_or(&owner.name).to_owned()
    };
    match owner.kind.as_str() {
        "ReplicaSet" => without(labels.get("pod-template-hash").map(String::as_str)),
        "Job" => {
            // A CronJob names its Jobs by the minute.
            let end = owner.name.rsplit('-').next().unwrap_or_default();
            without((end.len() >= 8 && end.bytes().all(|byte| byte.is_ascii_digit())).then_some(end))
        }
        "Node" => {
            let base = node.and_then(|node| name.strip_suffix(node)?.strip_suffix('-'));
            base.filter(|base| !base.is_empty()).unwrap_or(name).to_owned()
        }
        _ => owner.name.clone(),
    }
}

impl Who {
    /// The same without the noise that nobody mentions, and with the word of who knows whether its proxy has a filter: `None` takes it of
    /// every proxy.
    pub(super) fn quiet(&self, mentioned: impl Fn(usize) -> bool, filtered: Option<&Filtered>) -> Self {
        let mut quiet = self.clone();
        quiet.filtered = match (filtered, self.proxy) {
            (None, proxy) => proxy.is_some(),
            (Some(filtered), Some(proxy)) => proxy.tight && filtered.has(proxy.role, &self.labels),
            (Some(_), None) => false,
        };
        // What it is there for matters to nobody else.
        quiet.proxy = filtered.is_none().then_some(self.proxy).flatten();
        for (number, key) in NOISE.iter().enumerate() {
            if !mentioned(number) {
                quiet.labels.remove(*key);
            }
        }
        quiet
    }

    /// What its proxy is there for, if it has one.
    pub(super) fn role(&self) -> Option<Role> {
        self.proxy.map(|proxy| proxy.role)
    }

    /// The manifest of a Pod that is this. What makes two of these differ, and can be seen by a policy, is in it.
    pub(super) fn manifest(&self) -> String {
        let ports = self.ports.iter().map(
            |((name, protocol), port)| json!({ "name": name, "protocol": protocol, "containerPort": port }),
        );
        let mut containers = vec![json!({ "name": "main", "ports": ports.collect::<Value>() })];
        // A manifest alone leaves it to guesses about injection; this one says it.
        let mut annotations = Map::new();
        match self.filtered {
            true => containers.push(json!({ "name": "istio-proxy" })),
            false => _ = annotations.insert("sidecar.istio.io/interceptionMode".to_owned(), "NONE".into()),
        }
        let mut spec = Map::new();
        spec.insert("serviceAccountName".to_owned(), self.account.clone().into());
        spec.insert("containers".to_owned(), containers.into());
        if self.host_network {
            spec.insert("hostNetwork".to_owned(), true.into());
        }
        let manifest = json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": { "name": "pod", "namespace": self.namespace, "labels": self.labels, "annotations": annotations },
            "spec": spec,
        });
        manifest.to_string()
    }
}

/// The same value once, however many hold it.
#[derive(Debug)]
pub(super) struct Pool<T>(std::collections::HashSet<Arc<T>>);

impl<T> Default for Pool<T> {
    fn default() -> Self {
        Self(Default::default())
    }
}

impl<T: Eq + std::hash::Hash> Pool<T> {
    pub(super) fn take(&mut self, value: T) -> Arc<T> {
        if let Some(known) = self.0.get(&value) {
            return Arc::clone(known);
        }
        let new = Arc::new(value);
        self.0.insert(Arc::clone(&new));
        new
    }

    /// Forgets what nobody else holds.
    pub(super) fn forget(&mut self) {
        self.0.retain(|value| Arc::strong_count(value) > 1);
        self.0.shrink_to_fit();
    }
}
