//! Workloads: who sends and receives.

use alloc::{collections::BTreeMap, string::String, vec::Vec};
use serde::{Deserialize, Serialize};

use crate::Instance;

/// Kubernetes labels: unique keys, compared byte for byte.
pub type Labels = BTreeMap<String, String>;

/// What a policy can select a workload by. Two workloads with the same identity are one to every policy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WorkloadIdentity {
    /// Its namespace.
    pub namespace: String,
    /// Its service account; `default` where none is named, as in Kubernetes.
    pub service_account: String,
    /// Its labels.
    pub labels: Labels,
    /// Whether its inbound TCP passes an Envoy that runs the Bookend filter.
    #[serde(default)]
    pub proxied: bool,
}

/// A set of processes with one identity: a Deployment, a Pod, a VM, a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Workload {
    /// Its name, unique within its namespace.
    pub name: String,
    /// What policies select it by.
    pub identity: WorkloadIdentity,
    /// Where it runs: one entry per pod or host.
    #[serde(default)]
    pub instances: Vec<Instance>,
}
