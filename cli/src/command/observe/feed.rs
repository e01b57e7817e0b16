//! Where decisions come from: enforcers, through the API server or by themselves, and the logs of proxies.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use anyhow::ensure;
use bookend_cluster::{Cluster, Scope, kinds};
use futures::StreamExt;
use serde_json::Value;
use tokio::sync::mpsc::Sender;

use super::choice::Choice;
use super::decision::{Layer, Told};
use super::share::{SECOND, Share};
use super::{AGAIN, envoy};
use crate::command::status::enforcers;
use crate::inquiry::{PORT, Page, Place};
use crate::output::count;

/// The container of Istio's proxy.
const PROXY: &str = "istio-proxy";

/// Everybody who is listened to.
pub(super) struct Feed {
    /// What is shown, in words.
    pub(super) title: String,
}

/// A proxy whose log is read.
struct Proxied {
    namespace: String,
    pod: String,
    workload: String,
    node: Option<String>,
}

impl Feed {
    /// Listens to one enforcer.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub(super) async fn enforcer(place: &Place, sender: Sender<Told>) -> anyhow::Result<Self> {
        let page = Page::open(place.connect().await?, "/events").await?;
        let title = format!("decisions of the enforcer at {place}");
        tokio::spawn(async move {
            let mut share = Share::new(sender.clone(), "the enforcer".to_owned());
            let ended = kernel(page, "", &mut share).await;
            let why = ended.err().map_or_else(|| "it ended".to_owned(), |error| format!("{error:#}"));
            sender.send(Told::Trouble(format!("the enforcer tells no more: {why}"))).await.ok();
        });
        Ok(Self { title })
    }

    /// Listens to the enforcers and the proxies of a cluster that `choice` may want something of.
    ///
    /// # Errors
    /// When the cluster cannot be asked, or there are more than `most`.
    pub(super) async fn cluster(
        cluster: &Cluster,
        installation: &str,
        choice: &Choice,
        most: usize,
        sender: Sender<Told>,
    ) -> anyhow::Result<Self> {
        let narrowed = choice.namespace.is_some() || !choice.workloads.is_empty();
        let wants = |layer: Layer| choice.layer.is_none_or(|wanted| wanted == layer);
        let pods = if narrowed || wants(Layer::Proxy) { pods(cluster, choice).await? } else { Vec::new() };
        let mut nodes = BTreeMap::new();
        if wants(Layer::Kernel) {
            nodes = enforcers(cluster, installation).await?;
            if narrowed {
                let needed: BTreeSet<&str> = pods.iter().filter_map(|pod| pod.0.node.as_deref()).collect();
                nodes.retain(|node, _| needed.contains(node.as_str()));
            }
        }
        let proxies: Vec<Proxied> =
            pods.into_iter().filter(|pod| pod.1 && wants(Layer::Proxy)).map(|pod| pod.0).collect();
        let all = nodes.len() + proxies.len();
        ensure!(
            all > 0,
            "there is nobody to listen to: no node runs an enforcer, and no pod has a proxy, that could decide such a thing"
        );
        ensure!(
            all <= most,
            "{} and {} would be followed, each by a connection through the API server, and --most is {most}; narrow it by --namespace, \
             --workload or --layer, or raise --most",
            count(nodes.len(), "node", "nodes"),
            count(proxies.len(), "proxy", "proxies")
        );
        let title = format!(
            "decisions of {} and {}",
            count(nodes.len(), "node", "nodes"),
            count(proxies.len(), "proxy", "proxies")
        );
        let nodes = nodes.into_iter().map(|(node, pod)| Somebody::Node {
            installation: installation.to_owned(),
            pod,
            node,
        });
        for somebody in nodes.chain(proxies.into_iter().map(Somebody::Proxy)) {
            tokio::spawn(somebody.attend(cluster.clone(), sender.clone()));
        }
        Ok(Self { title })
    }
}

/// One who is listened to.
enum Somebody {
    Node { installation: String, pod: String, node: String },
    Proxy(Proxied),
}

impl Somebody {
    /// Listens again and again until nobody wants to know any more; says once that somebody is away.
    async fn attend(self, cluster: Cluster, sender: Sender<Told>) {
        let mut away = false;
        let mut share = Share::new(sender.clone(), self.to_string());
        while !sender.is_closed() {
            match self.listen(&cluster, &mut share).await {
                Ok(()) => away = false,
                Err(error) if !std::mem::replace(&mut away, true) => {
                    let text = format!("{self} cannot be followed, which is tried again: {error:#}");
                    sender.send(Told::Trouble(text)).await.ok();
                }
                Err(_) => {}
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    async fn listen(&self, cluster: &Cluster, share: &mut Share) -> anyhow::Result<()> {
        match self {
            Self::Node { installation, pod, node } => {
                let stream = cluster.forward(installation, pod, PORT).await?;
                kernel(Page::open(stream, "/events").await?, node, share).await
            }
            Self::Proxy(proxy) => follow(cluster, proxy, share).await,
        }
    }
}

impl std::fmt::Display for Somebody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Node { node, .. } => write!(f, "node {node}"),
            Self::Proxy(Proxied { namespace, pod, .. }) => write!(f, "proxy {namespace}/{pod}"),
        }
    }
}

/// Tells what an enforcer tells.
async fn kernel(page: Page, node: &str, share: &mut Share) -> anyhow::Result<()> {
    let mut lines = page.lines();
    loop {
        let line = tokio::select! {
            line = lines.next() => line?,
            () = share.closed() => return Ok(()),
            () = tokio::time::sleep(SECOND) => match share.count(Instant::now()).await {
                true => continue,
                false => return Ok(()),
            },
        };
        let Some(line) = line else { return Ok(()) };
        let told =
            Told::kernel(&line, node).unwrap_or_else(|error| Some(Told::Trouble(format!("{error:#}"))));
        if let Some(told) = told
            && !share.tell(Instant::now(), told).await
        {
            return Ok(());
        }
    }
}

/// Tells what a filter writes into the log of its proxy, from now on.
async fn follow(cluster: &Cluster, proxy: &Proxied, share: &mut Share) -> anyhow::Result<()> {
    let mut lines = cluster.logs(&proxy.namespace, &proxy.pod, PROXY, 1, envoy::LONGEST).await?;
    let pod = format!("{}/{}", proxy.namespace, proxy.pod);
    loop {
        let line = tokio::select! {
            line = lines.next() => line,
            () = share.closed() => return Ok(()),
            () = tokio::time::sleep(SECOND) => match share.count(Instant::now()).await {
                true => continue,
                false => return Ok(()),
            },
        };
        let Some(line) = line else { return Ok(()) };
        if let Some(told) = Told::proxy(&line?, &pod, &proxy.workload)
            && !share.tell(Instant::now(), told).await
        {
            return Ok(());
        }
    }
}

/// The pods that are chosen, and whether they have a proxy.
async fn pods(cluster: &Cluster, choice: &Choice) -> anyhow::Result<Vec<(Proxied, bool)>> {
    // Of several namespaces all pods are listed: there is no question for some of them.
    let mut namespaces: BTreeSet<&str> =
        choice.workloads.iter().filter_map(|workload| Some(workload.split_once('/')?.0)).collect();
    namespaces.extend(choice.namespace.as_deref());
    let mut pods = Vec::new();
    if namespaces.is_empty() {
        pods = cluster.list::<Value>(&kinds::POD, &Scope::all().with_fields("status.phase=Running")).await?;
    }
    for namespace in namespaces {
        let scope = Scope::within(namespace).with_fields("status.phase=Running");
        pods.extend(cluster.list::<Value>(&kinds::POD, &scope).await?);
    }
    let read = pods.iter().filter_map(proxied);
    Ok(read
        .filter(|(pod, _)| choice.workloads.is_empty() || choice.workloads.contains(&pod.workload))
        .collect())
}

fn proxied(pod: &Value) -> Option<(Proxied, bool)> {
    let text = |path: &str| pod.pointer(path).and_then(Value::as_str).map(str::to_owned);
    let (namespace, name) = (text("/metadata/namespace")?, text("/metadata/name")?);
    // Of several owners one made it. Whoever makes a pod may write any into it, so what no object can be called is none.
    let owners = pod.pointer("/metadata/ownerReferences").and_then(Value::as_array).into_iter().flatten();
    let owner = owners.into_iter().find(|owner| owner.get("controller") == Some(&Value::Bool(true)));
    let owner = owner
        .and_then(|owner| Some((owner.get("kind")?.as_str()?, owner.get("name")?.as_str()?)))
        .filter(|(_, owner)| is_name(owner));
    let workload = match owner {
        // A Deployment's set is called as it is, and by the hash of its template.
        Some(("ReplicaSet", set)) => match text("/metadata/labels/pod-template-hash") {
            Some(hash) => set.strip_suffix(&format!("-{hash}")).unwrap_or(set).to_owned(),
            None => set.to_owned(),
        },
        Some((_, owner)) => owner.to_owned(),
        None => name.clone(),
    };
    let containers = ["/spec/containers", "/spec/initContainers"].into_iter();
    let mut containers = containers.filter_map(|path| pod.pointer(path)?.as_array()).flatten();
    let has = containers.any(|container| container.get("name").and_then(Value::as_str) == Some(PROXY));
    let node = text("/spec/nodeName");
    Some((Proxied { workload: format!("{namespace}/{workload}"), namespace, pod: name, node }, has))
}

/// Whether an object may be called so: a DNS subdomain (RFC 1123), as Kubernetes has it.
fn is_name(text: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty()
            && !part.starts_with('-')
            && !part.ends_with('-')
            && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    text.len() <= 253 && text.split('.').all(part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_pod_is_its_workloads() {
        let pod = |owner: Value, containers: Value| {
            json!({
                "metadata": { "namespace": "shop", "name": "web-6d4-x", "ownerReferences": owner, "labels": { "pod-template-hash": "6d4" } },
                "spec": { "nodeName": "n1", "containers": containers }
            })
        };
        let read = |pod: Value| proxied(&pod).map(|(pod, has)| (pod.workload, has)).unwrap();
        let sidecar = json!([{ "name": "app" }, { "name": "istio-proxy" }]);
        assert_eq!(
            read(pod(json!([{ "kind": "ReplicaSet", "name": "web-6d4", "controller": true }]), sidecar)),
            ("shop/web".to_owned(), true)
        );
        assert_eq!(
            read(pod(
                json!([{ "kind": "Other", "name": "other" }, { "kind": "StatefulSet", "name": "db", "controller": true }]),
                json!([])
            )),
            ("shop/db".to_owned(), false)
        );
        assert_eq!(read(pod(Value::Null, json!([]))), ("shop/web-6d4-x".to_owned(), false));
        for forged in ["db\u{1b}[2J", "shop/db", "db,other", "DB", "-db", ""] {
            let owner = json!([{ "kind": "StatefulSet", "name": forged, "controller": true }]);
            assert_eq!(read(pod(owner, json!([]))).0, "shop/web-6d4-x", "{forged}");
        }
    }
}
