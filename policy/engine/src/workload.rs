//! Workloads: who sends and receives.

use alloc::{collections::BTreeMap, string::String, sync::Arc, vec::Vec};
use serde::Serialize;

use crate::{
    Instance, NamedPort,
    tape::{Mismatch, Read, Value, object},
};

/// Kubernetes labels: unique keys, compared byte for byte.
pub type Labels = BTreeMap<String, String>;

/// What a policy can select a workload by. Two workloads with the same identity are one to every policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadIdentity {
    /// Its namespace.
    pub namespace: String,
    /// Its service account; `default` where none is named, as in Kubernetes.
    pub service_account: String,
    /// Its labels.
    pub labels: Labels,
    /// Whether its inbound TCP passes an Envoy that runs the Bookend filter.
    pub proxied: bool,
    /// Whether that Envoy verifies JSON web tokens before the filter (S54).
    pub jwt: bool,
    /// The ports it has names for, sorted; `None` when they are not known (S44).
    pub ports: Option<Vec<NamedPort>>,
    /// The labels of its namespace, which the [`Inventory`](crate::Inventory) fills in; `None` when they are not known
    /// (S40).
    #[serde(skip)]
    pub namespace_labels: Option<Arc<Labels>>,
}

/// A set of processes with one identity: a Deployment, a Pod, a VM, a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Workload {
    /// Its name, unique within its namespace.
    pub name: String,
    /// What policies select it by.
    pub identity: WorkloadIdentity,
    /// Where it runs: one entry per pod or host.
    pub instances: Vec<Instance>,
}

impl Read for WorkloadIdentity {
    fn read(value: Value<'_>) -> Result<Self, Mismatch> {
        let [namespace, service_account, labels, proxied, jwt, ports] =
            value.members(["namespace", "serviceAccount", "labels", "proxied", "jwt", "ports"])?;
        Ok(Self {
            namespace: namespace.read()?,
            service_account: service_account.read()?,
            labels: labels.read()?,
            proxied: proxied.read_or(false)?,
            jwt: jwt.read_or(false)?,
            ports: ports.read_or(None)?,
            namespace_labels: None,
        })
    }
}

object!(Workload {
    name: "name",
    identity: "identity",
    instances: "instances" or Vec::new(),
});
