//! The Deployment of the controller.

use serde_json::{Value, json};

use super::labels::within;
use super::{CONTROLLER, Installation, Part, labels, selector};

/// Where the controller tells everything: for whoever may forward ports of its pod, which reaches loopback.
pub(super) const ADDRESS: (&str, u16) = ("127.0.0.1", 9467);
/// Where it tells kubelet and whoever collects numbers that it lives, at the pod's address.
pub(super) const PROBES: u16 = 9468;

/// The user that it runs as: nobody in particular.
const USER: u32 = 65532;

/// The Deployment, and how many of its pods may be missing.
pub(super) fn objects(installation: &Installation) -> [Value; 2] {
    [deployment(installation), budget(installation)]
}

fn arguments(installation: &Installation) -> Vec<Value> {
    let mut arguments = vec![
        json!("controller"),
        json!("--namespace"),
        json!(installation.namespace),
        json!("--install"),
        json!(installation.name),
        json!("--listen"),
        json!(format!("{}:{}", ADDRESS.0, ADDRESS.1)),
        json!("--probes"),
        json!(format!("$(POD_IP):{PROBES}")),
        json!("--identity"),
        json!("$(POD_NAME)"),
        json!("--istio"),
        json!(installation.istio.name()),
    ];
    if let Some(image) = &installation.filter_image {
        arguments.extend([json!("--filter-image"), json!(image)]);
    }
    if let Some(secret) = &installation.pull_secret {
        arguments.extend([json!("--filter-pull-secret"), json!(secret)]);
    }
    arguments
}

fn deployment(installation: &Installation) -> Value {
    let controller = &installation.controller;
    let probe = |path: &str, period: u32, failures: u32| {
        json!({
            "httpGet": { "port": "probes", "path": path },
            "periodSeconds": period,
            "failureThreshold": failures,
            "timeoutSeconds": 5,
        })
    };
    let mut pod = json!({
        "serviceAccountName": CONTROLLER,
        "automountServiceAccountToken": true,
        "priorityClassName": controller.priority_class,
        "nodeSelector": controller.node_selector,
        "tolerations": controller.tolerations,
        "affinity": { "podAntiAffinity": { "preferredDuringSchedulingIgnoredDuringExecution": [{
            "weight": 100,
            "podAffinityTerm": {
                "labelSelector": { "matchLabels": selector(Part::Controller) },
                "topologyKey": "kubernetes.io/hostname",
            },
        }] } },
        "securityContext": {
            "runAsNonRoot": true,
            "runAsUser": USER,
            "runAsGroup": USER,
            "seccompProfile": { "type": "RuntimeDefault" },
        },
        "containers": [{
            "name": "controller",
            "image": installation.enforcer_image,
            "imagePullPolicy": "IfNotPresent",
            "args": arguments(installation),
            "env": [
                { "name": "POD_NAME", "valueFrom": { "fieldRef": { "fieldPath": "metadata.name" } } },
                { "name": "POD_IP", "valueFrom": { "fieldRef": { "fieldPath": "status.podIP" } } },
            ],
            "ports": [{ "name": "probes", "containerPort": PROBES }],
            "resources": controller.resources,
            "terminationMessagePolicy": "FallbackToLogsOnError",
            "securityContext": {
                "privileged": false,
                "allowPrivilegeEscalation": false,
                "readOnlyRootFilesystem": true,
                "capabilities": { "drop": ["ALL"] },
            },
            "startupProbe": probe("/healthz", 2, 60),
            "livenessProbe": probe("/healthz", 20, 6),
            "readinessProbe": probe("/readyz", 5, 2),
        }],
    });
    if let (Some(fields), Some(secret)) = (pod.as_object_mut(), &installation.pull_secret) {
        fields.insert("imagePullSecrets".to_owned(), json!([{ "name": secret }]));
    }
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": within(installation, CONTROLLER, Part::Controller),
        "spec": {
            "replicas": controller.replicas,
            "selector": { "matchLabels": selector(Part::Controller) },
            // The one that leads is replaced when another one can lead.
            "strategy": { "type": "RollingUpdate", "rollingUpdate": { "maxUnavailable": 0, "maxSurge": 1 } },
            "template": {
                "metadata": {
                    "labels": labels(&installation.name, Part::Controller),
                    "annotations": { "kubectl.kubernetes.io/default-container": "controller" },
                },
                "spec": pod,
            },
        },
    })
}

fn budget(installation: &Installation) -> Value {
    json!({
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": within(installation, CONTROLLER, Part::Controller),
        "spec": { "maxUnavailable": 1, "selector": { "matchLabels": selector(Part::Controller) } },
    })
}
