//! What Envoy is told at its start: who it is and where its configuration lies.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::{address, source};
use crate::world::redirect::ADMIN_PORT;
use crate::world::topology::{Proxy, Workload};

/// The bootstrap configuration of `workload`'s proxy.
pub(super) fn bootstrap(workload: &Workload, directory: &Path) -> Value {
    let Workload { pod, namespace, service_account, .. } = workload;
    let kind = if workload.proxy == Proxy::Gateway { "router" } else { "sidecar" };
    let labels: Map<String, Value> =
        workload.labels.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
    json!({
        "node": {
            "id": format!("{kind}~{}~{pod}.{namespace}~{namespace}.svc.cluster.local", workload.ipv4()),
            "cluster": format!("{}.{namespace}", workload.service.unwrap_or(pod)),
            "metadata": {
                "NAME": pod,
                "NAMESPACE": namespace,
                "SERVICE_ACCOUNT": service_account,
                "LABELS": labels,
                "INSTANCE_IPS": workload.addresses().map(|address| address.to_string()).join(","),
                "MESH_ID": "cluster.local",
                "CLUSTER_ID": "Kubernetes",
            },
        },
        "admin": { "address": address("127.0.0.1", ADMIN_PORT) },
        "dynamic_resources": {
            "lds_config": source(directory, "lds"),
            "cds_config": source(directory, "cds"),
        },
        "layered_runtime": { "layers": [{ "name": "static", "static_layer": {
            // Silences the warning that no limit is set; nothing here comes near it.
            "overload": { "global_downstream_max_connections": 100_000 },
        } }] },
    })
}
