//! A large cluster that is made up on the fly: nodes and pods as real ones look, none of which is kept in memory.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::ApiServer;
use super::store::Maker;
use crate::error::Result;

/// How many pods an application has.
const REPLICAS: u32 = 20;
/// Over how many namespaces they are spread.
const NAMESPACES: u32 = 100;

/// A crowd of pods on nodes: pod `i` is one of 20 of the application `i / 20`, on node `i % nodes`.
#[derive(Debug)]
pub struct Crowd {
    nodes: u32,
    pods: Vec<AtomicU32>,
}

#[derive(Debug)]
struct Nodes;

#[derive(Debug)]
struct Pods {
    nodes: u32,
}

/// What a pod of a crowd looks like from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its namespace, `team-007`.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The value of its label `app`.
    pub app: String,
    /// The value of its label `color`, which changes: `blue` or `green`.
    pub color: &'static str,
    /// Its address, which changes as well.
    pub address: Ipv4Addr,
    /// The node it is on.
    pub node: String,
}

fn node_name(index: u32) -> String {
    format!("node-{index:05}")
}

fn member(nodes: u32, index: u32, edition: u32) -> Member {
    let app = index / REPLICAS;
    // Readiness changes each time, labels each second time, addresses each fourth.
    let color = if (edition / 2).is_multiple_of(2) { "blue" } else { "green" };
    let base: u32 = if (edition / 4).is_multiple_of(2) { 0x0a80_0000 } else { 0x0a40_0000 };
    Member {
        namespace: format!("team-{:03}", app % NAMESPACES),
        name: format!("app-{app:05}-6d9f7b5c4d-{index:06x}"),
        app: format!("app-{app:05}"),
        color,
        address: Ipv4Addr::from(base + index + 1),
        node: node_name(index % nodes.max(1)),
    }
}

impl Maker for Nodes {
    fn place(&self, index: u32) -> (String, String) {
        (String::new(), node_name(index))
    }

    fn make(&self, index: u32, edition: u32) -> Value {
        let name = node_name(index);
        let address = Ipv4Addr::from(0xac10_0000 + index + 1);
        let beat = super::clock::written(1_760_000_000 + u64::from(edition) * 10);
        json!({
            "apiVersion": "v1", "kind": "Node",
            "metadata": {
                "name": name, "uid": format!("20000000-0000-4000-8000-{index:012x}"),
                "creationTimestamp": "2026-01-01T00:00:00Z",
                "labels": {
                    "kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64",
                    "topology.kubernetes.io/zone": format!("zone-{}", index % 3),
                },
                "annotations": { "volumes.kubernetes.io/controller-managed-attach-detach": "true" },
            },
            "spec": { "podCIDR": "", "providerID": format!("made-up:///{name}") },
            "status": {
                "addresses": [
                    { "type": "InternalIP", "address": address }, { "type": "Hostname", "address": name },
                ],
                "capacity": { "cpu": "64", "memory": "256Gi", "pods": "250" },
                "conditions": [{
                    "type": "Ready", "status": "True", "reason": "KubeletReady", "lastHeartbeatTime": beat,
                    "lastTransitionTime": "2026-01-01T00:00:00Z", "message": "kubelet is posting ready status",
                }],
                "nodeInfo": { "kubeletVersion": "v1.34.1", "osImage": "Debian GNU/Linux 13", "architecture": "amd64" },
            },
        })
    }
}

impl Maker for Pods {
    fn place(&self, index: u32) -> (String, String) {
        let member = member(self.nodes, index, 0);
        (member.namespace, member.name)
    }

    fn make(&self, index: u32, edition: u32) -> Value {
        let Member { namespace, name, app, color, address, node } = member(self.nodes, index, edition);
        let host = Ipv4Addr::from(0xac10_0000 + index % self.nodes.max(1) + 1);
        let ready = if edition.is_multiple_of(2) { "True" } else { "False" };
        let fields = json!({
            "f:metadata": { "f:generateName": {}, "f:labels": { ".": {}, "f:app": {}, "f:color": {} } },
            "f:spec": { "f:containers": { "k:{\"name\":\"main\"}": {
                ".": {}, "f:image": {}, "f:imagePullPolicy": {}, "f:name": {}, "f:resources": {}, "f:ports": {},
            } } },
        });
        let container = |name: &str, image: &str| {
            json!({
                "name": name, "image": image, "imagePullPolicy": "IfNotPresent",
                "ports": [{ "name": "http", "containerPort": 8080, "protocol": "TCP" }],
                "env": [
                    { "name": "POD_NAME", "valueFrom": { "fieldRef": { "apiVersion": "v1", "fieldPath": "metadata.name" } } },
                    { "name": "DATABASE", "value": "postgres.data.svc.cluster.local:5432" },
                    { "name": "LOG_LEVEL", "value": "info" },
                ],
                "resources": { "limits": { "cpu": "1", "memory": "512Mi" }, "requests": { "cpu": "100m", "memory": "128Mi" } },
                "livenessProbe": {
                    "httpGet": { "path": "/healthz", "port": 8080, "scheme": "HTTP" }, "timeoutSeconds": 1, "periodSeconds": 10,
                },
                "volumeMounts": [{
                    "name": "kube-api-access", "readOnly": true, "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
                }],
                "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
                "securityContext": { "allowPrivilegeEscalation": false, "capabilities": { "drop": ["ALL"] } },
            })
        };
        let at = "2026-01-01T00:00:00Z";
        let condition = |kind: &str, status: &str| json!({ "type": kind, "status": status, "lastProbeTime": null, "lastTransitionTime": at });
        json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {
                "name": name, "namespace": namespace, "generateName": format!("{app}-6d9f7b5c4d-"),
                "uid": format!("10000000-0000-4000-8000-{index:012x}"), "creationTimestamp": at,
                "labels": { "app": app, "color": color, "pod-template-hash": "6d9f7b5c4d", "tier": "backend" },
                "annotations": { "prometheus.io/scrape": "true", "prometheus.io/port": "8080" },
                "ownerReferences": [{
                    "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": format!("{app}-6d9f7b5c4d"),
                    "uid": format!("30000000-0000-4000-8000-{:012x}", index / REPLICAS), "controller": true,
                    "blockOwnerDeletion": true,
                }],
                "managedFields": [
                    { "manager": "kube-controller-manager", "operation": "Update", "apiVersion": "v1", "time": at, "fieldsType": "FieldsV1", "fieldsV1": fields },
                    { "manager": "kubelet", "operation": "Update", "apiVersion": "v1", "time": at, "fieldsType": "FieldsV1", "subresource": "status", "fieldsV1": { "f:status": { "f:conditions": {}, "f:containerStatuses": {}, "f:hostIP": {}, "f:phase": {}, "f:podIP": {}, "f:podIPs": {}, "f:startTime": {} } } },
                ],
            },
            "spec": {
                "nodeName": node, "serviceAccountName": app, "serviceAccount": app, "restartPolicy": "Always",
                "dnsPolicy": "ClusterFirst", "schedulerName": "default-scheduler", "terminationGracePeriodSeconds": 30,
                "enableServiceLinks": true, "preemptionPolicy": "PreemptLowerPriority", "priority": 0,
                "securityContext": { "runAsNonRoot": true },
                "containers": [container("main", "registry.example.com/team/app:1.2.3"), container("sidecar", "registry.example.com/infra/log:7")],
                "tolerations": [
                    { "key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300 },
                    { "key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300 },
                ],
                "volumes": [{ "name": "kube-api-access", "projected": { "defaultMode": 420, "sources": [
                    { "serviceAccountToken": { "expirationSeconds": 3607, "path": "token" } },
                    { "configMap": { "name": "kube-root-ca.crt", "items": [{ "key": "ca.crt", "path": "ca.crt" }] } },
                ] } }],
            },
            "status": {
                "phase": "Running", "qosClass": "Burstable", "startTime": at, "hostIP": host, "podIP": address,
                "hostIPs": [{ "ip": host }], "podIPs": [{ "ip": address }],
                "conditions": [
                    condition("PodScheduled", "True"), condition("Initialized", "True"),
                    condition("ContainersReady", ready), condition("Ready", ready),
                ],
                "containerStatuses": [{
                    "name": "main", "image": "registry.example.com/team/app:1.2.3", "ready": ready == "True", "restartCount": edition / 2,
                    "imageID": "registry.example.com/team/app@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                    "containerID": format!("containerd://{index:064x}"), "started": true, "state": { "running": { "startedAt": at } },
                }],
            },
        })
    }
}

impl Crowd {
    /// A crowd of so many nodes and pods.
    pub fn new(nodes: u32, pods: u32) -> Self {
        Self { nodes, pods: (0..pods).map(|_| AtomicU32::new(0)).collect() }
    }

    fn makers(&self) -> (Arc<dyn Maker>, Arc<dyn Maker>) {
        (Arc::new(Nodes), Arc::new(Pods { nodes: self.nodes }))
    }

    /// Lets them be there as if they always had been.
    pub fn settle(&self, server: &ApiServer) {
        let (nodes, pods) = self.makers();
        server.populate("nodes", &nodes, self.nodes);
        server.populate("pods", &pods, u32::try_from(self.pods.len()).unwrap_or(u32::MAX));
    }

    /// How a pod is now.
    pub fn member(&self, index: u32) -> Member {
        let edition = self.pods.get(index as usize).map_or(0, |edition| edition.load(Ordering::Relaxed));
        member(self.nodes, index, edition)
    }

    /// Changes one pod: its readiness each time, its label `color` each second time, its address each fourth. Returns it as it is then.
    pub fn change(&self, server: &ApiServer, index: u32) -> Member {
        let edition =
            self.pods.get(index as usize).map_or(0, |edition| edition.fetch_add(1, Ordering::Relaxed) + 1);
        let (_, pods) = self.makers();
        server.remake("pods", &pods, index, edition);
        member(self.nodes, index, edition)
    }

    /// Changes pods at an even rate for a time, pod after pod with large steps; returns how many changes it made.
    ///
    /// # Errors
    /// If there are no pods.
    pub fn churn(&self, server: &ApiServer, per_second: u32, time: Duration) -> Result<u32> {
        let count = u32::try_from(self.pods.len()).unwrap_or(u32::MAX);
        if count == 0 || per_second == 0 {
            return Err(crate::error::Error::new("there is nothing to change"));
        }
        let (begin, step) = (Instant::now(), Duration::from_secs(1) / per_second);
        let mut made = 0;
        while begin.elapsed() < time {
            // A prime step meets every pod once before any a second time.
            self.change(server, (u64::from(made) * 7_919 % u64::from(count)) as u32);
            made += 1;
            let due = begin + step * made;
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        Ok(made)
    }
}
