//! The DaemonSet of the enforcers.

use serde_json::{Value, json};

use super::labels::within;
use super::{ENFORCER, Installation, Part, capability, labels, selector};

/// Where an enforcer answers over HTTP; nobody but its own node can ask.
pub const ADDRESS: (&str, u16) = ("127.0.0.1", 9466);
/// What is pinned in the kernel.
pub const PINS: &str = "/sys/fs/bpf/bookend";
/// Names of rules and workloads, and the last good policies.
pub const STATE: &str = "/run/bookend-enforcer";
/// The socket by which the CNI plugin asks.
pub const SOCKET: &str = "/run/bookend/cni.sock";

/// A directory of the node, in the container.
struct Mount {
    name: &'static str,
    path: String,
    /// Whether the node must have it already.
    existing: bool,
    read_only: bool,
    /// Whether what is mounted below it later on the node is seen.
    follows: bool,
}

impl Mount {
    fn volume(&self) -> Value {
        let kind = if self.existing { "Directory" } else { "DirectoryOrCreate" };
        json!({ "name": self.name, "hostPath": { "path": self.path, "type": kind } })
    }

    fn mount(&self) -> Value {
        let mut mount = json!({ "name": self.name, "mountPath": self.path });
        if let Some(fields) = mount.as_object_mut() {
            if self.read_only {
                fields.insert("readOnly".to_owned(), json!(true));
            }
            if self.follows {
                fields.insert("mountPropagation".to_owned(), json!("HostToContainer"));
            }
        }
        mount
    }
}

fn mounts(installation: &Installation) -> Vec<Mount> {
    let mount = |name, path: &str| Mount {
        name,
        path: path.to_owned(),
        existing: false,
        read_only: false,
        follows: false,
    };
    let mut mounts = vec![
        // The BPF file system is the node's, and may be mounted after the pod has started.
        Mount { existing: true, follows: true, ..mount("bpf", "/sys/fs/bpf") },
        mount("state", STATE),
        mount("socket", "/run/bookend"),
        // Network namespaces that a runtime keeps by a mount, made after the pod has started.
        Mount { read_only: true, follows: true, ..mount("netns", "/run/netns") },
    ];
    if let Some(cni) = &installation.enforcer.cni {
        mounts.push(mount("cni-programs", &cni.programs));
        mounts.push(mount("cni-configurations", &cni.configurations));
    }
    mounts
}

/// What both ways of running it share: where its things are.
fn places(installation: &Installation) -> Vec<Value> {
    let mut arguments = vec![json!("--pin-dir"), json!(PINS), json!("--state-dir"), json!(STATE)];
    match &installation.enforcer.cni {
        Some(cni) => {
            let pairs = [
                ("--cni-bin-dir", &*cni.programs),
                ("--cni-conf-dir", &cni.configurations),
                ("--cni-socket", SOCKET),
            ];
            arguments.extend(pairs.into_iter().flat_map(|(option, value)| [json!(option), json!(value)]));
        }
        None => arguments.push(json!("--no-cni")),
    }
    arguments
}

fn arguments(installation: &Installation) -> Vec<Value> {
    let (address, port) = ADDRESS;
    let mut arguments = vec![
        json!("run"),
        json!("--kubernetes"),
        json!("--node"),
        json!("$(NODE_NAME)"),
        json!("--listen"),
        json!(format!("{address}:{port}")),
        json!("--events"),
        json!("-"),
        json!("--sample"),
        json!(installation.enforcer.sample.to_string()),
    ];
    // Where there are no filters, nobody says there that there are.
    arguments.extend([json!("--filters"), json!(installation.namespace)]);
    arguments.extend(places(installation));
    if installation.audit {
        arguments.push(json!("--dry-run"));
    }
    if installation.enforcer.ask_proxies {
        arguments.push(json!("--ask-proxies"));
    }
    arguments
}

/// The enforcers.
pub(super) fn daemon_set(installation: &Installation) -> Value {
    of(installation, arguments(installation), &json!({}))
}

/// The same pods, that take away what enforcers left on their nodes, and stay to say that it is done.
pub(super) fn leaving(installation: &Installation) -> Value {
    let mut arguments = vec![json!("leave"), json!("--stay")];
    arguments.extend(places(installation));
    // All nodes at once: nothing is policed any more.
    of(installation, arguments, &json!({ "maxUnavailable": "100%" }))
}

fn of(installation: &Installation, arguments: Vec<Value>, update: &Value) -> Value {
    let enforcer = &installation.enforcer;
    let update = match update.get("maxUnavailable") {
        Some(all) => all.clone(),
        None => enforcer.max_unavailable.clone(),
    };
    let asks = arguments.iter().any(|argument| argument == "--ask-proxies");
    let mut pod = json!({
        "serviceAccountName": ENFORCER,
        "automountServiceAccountToken": true,
        // The interfaces that are policed are the node's ends.
        "hostNetwork": true,
        // Which process is in which pod, and so which interface leads to it.
        "hostPID": true,
        "dnsPolicy": "Default",
        "priorityClassName": enforcer.priority_class,
        "nodeSelector": enforcer.node_selector,
        "tolerations": enforcer.tolerations,
        // What is enforced stays so; there is nothing to wait for.
        "terminationGracePeriodSeconds": 10,
        "securityContext": {
            "runAsUser": 0,
            "runAsGroup": 0,
            "seccompProfile": { "type": "RuntimeDefault" },
            // The usual profile forbids to write below /sys, and so to pin anything.
            "appArmorProfile": { "type": "Unconfined" },
            // The same for SELinux, where there is any.
            "seLinuxOptions": { "type": "spc_t" },
        },
        "containers": [container(installation, arguments, asks)],
        "volumes": mounts(installation).iter().map(Mount::volume).collect::<Vec<_>>(),
    });
    if let (Some(fields), Some(secret)) = (pod.as_object_mut(), &installation.pull_secret) {
        fields.insert("imagePullSecrets".to_owned(), json!([{ "name": secret }]));
    }
    json!({
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": within(installation, ENFORCER, Part::Enforcer),
        "spec": {
            "selector": { "matchLabels": selector(Part::Enforcer) },
            "updateStrategy": { "type": "RollingUpdate", "rollingUpdate": { "maxUnavailable": update, "maxSurge": 0 } },
            "template": {
                "metadata": {
                    "labels": labels(&installation.name, Part::Enforcer),
                    "annotations": { "kubectl.kubernetes.io/default-container": "enforcer" },
                },
                "spec": pod,
            },
        },
    })
}

fn container(installation: &Installation, arguments: Vec<Value>, asks: bool) -> Value {
    let (address, port) = ADDRESS;
    let probe = |path: &str, period: u32, failures: u32| {
        json!({
            "httpGet": { "host": address, "port": port, "path": path },
            "periodSeconds": period,
            "failureThreshold": failures,
            "timeoutSeconds": 5,
        })
    };
    let capabilities = capability::needed(asks);
    let capabilities: Vec<_> = capabilities.iter().map(|capability| capability.name).collect();
    let mut environment =
        vec![json!({ "name": "NODE_NAME", "valueFrom": { "fieldRef": { "fieldPath": "spec.nodeName" } } })];
    if let Some((host, port)) = installation.api_server.as_deref().and_then(|server| server.rsplit_once(':'))
    {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        environment.push(json!({ "name": "KUBERNETES_SERVICE_HOST", "value": host }));
        environment.push(json!({ "name": "KUBERNETES_SERVICE_PORT", "value": port }));
    }
    json!({
        "name": "enforcer",
        "image": installation.enforcer_image,
        "imagePullPolicy": "IfNotPresent",
        "args": arguments,
        "env": environment,
        "resources": installation.enforcer.resources,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": {
            "privileged": false,
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": { "drop": ["ALL"], "add": capabilities },
        },
        // Reading 100,000 pods takes some time; a start that takes longer is none.
        "startupProbe": probe("/healthz", 2, 60),
        "livenessProbe": probe("/healthz", 20, 6),
        "readinessProbe": probe("/readyz", 5, 2),
        "volumeMounts": mounts(installation).iter().map(Mount::mount).collect::<Vec<_>>(),
    })
}
