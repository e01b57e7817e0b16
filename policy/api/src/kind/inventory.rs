//! `kind: Inventory`.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::list::{Distinct, Listing};
use crate::port::{NumberOrName, PortNumber, Transport};
use crate::selector::{Labels, labels, some_labels};
use crate::status::PolicyStatus;
use crate::text::{Address, AddressOrCidr, Cidr, DnsLabel, InterfaceName, PortName, Subdomain};

/// What an Inventory says.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "bookend.dev",
    version = "v1alpha1",
    kind = "Inventory",
    plural = "inventories",
    namespaced,
    schema = "disabled",
    doc = "Which workloads exist, and what manifests do not say about them.",
    status = "PolicyStatus",
    category = "bookend",
    printcolumn(
        name = "Accepted",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Accepted")].status"#
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-map-type" = "atomic"))]
pub struct InventorySpec {
    /// The trust domain of SPIFFE ids; `cluster.local` when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trust_domain: Option<Subdomain>,
    /// Other names of the trust domain (S92).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trust_domain_aliases: Option<Distinct<Subdomain, 1000>>,
    /// The namespace whose policies Istio applies everywhere (S91); `istio-system` when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root_namespace: Option<DnsLabel>,
    /// Whether every node runs the enforcer (S24).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trust_addresses: Option<bool>,
    /// The entity `node` (S43).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nodes: Option<Distinct<AddressOrCidr, 20_000>>,
    /// The entity `kube-apiserver`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kube_apiserver: Option<Distinct<AddressOrCidr, 20_000>>,
    /// Addresses of the cluster though no workload is known there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_cidrs: Option<Distinct<Cidr, 20_000>>,
    /// The workloads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workloads: Option<Listing<Workload, 1_000_000>>,
    /// Services that no manifest describes (S70).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub services: Option<Distinct<Service, 100_000>>,
}

/// What kind of manifest describes a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum Kind {
    /// A CronJob.
    CronJob,
    /// A DaemonSet.
    DaemonSet,
    /// A Deployment.
    Deployment,
    /// A Job.
    Job,
    /// A Pod.
    Pod,
    /// A ReplicaSet.
    ReplicaSet,
    /// A ReplicationController.
    ReplicationController,
    /// A StatefulSet.
    StatefulSet,
}

/// A set of processes with one identity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Workload {
    /// Joined with a manifest of the same namespace and name.
    pub name: Subdomain,
    /// Its namespace; `default` when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<DnsLabel>,
    /// Only where manifests of several kinds have the name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// The service account it runs under; `default` when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_account: Option<Subdomain>,
    /// What policies select it by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "labels")]
    pub labels: Option<Labels>,
    /// Whether a Bookend filter stands before it; false when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy: Option<bool>,
    /// Whether its proxy verifies JSON web tokens before the filter (S54).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwt: Option<bool>,
    /// Its named ports (S44).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ports: Option<Listing<NamedPort, 1000>>,
    /// Where it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instances: Option<Distinct<Instance, 1_000_000>>,
}

/// A port of a workload that has a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct NamedPort {
    /// The name.
    pub name: PortName,
    /// The number.
    pub port: PortNumber,
    /// TCP when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Transport>,
}

/// Where a workload runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct Instance {
    /// Its addresses.
    pub addresses: Distinct<Address, 1000>,
    /// The host side of its network interface.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interface: Option<InterfaceName>,
}

/// Addresses behind which others are reached; by `selector` or by `backends`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend(
    "anyOf" = [{ "required": ["selector"] }, { "required": ["backends"] }],
    "not" = { "required": ["selector", "backends"] },
    "x-kubernetes-validations" = [{
        "rule": "has(self.selector) != has(self.backends)",
        "message": "who is behind a service is said by `selector` or by `backends`: write one of them"
    }]
))]
pub struct Service {
    /// Its name.
    pub name: Subdomain,
    /// Its namespace; `default` when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<DnsLabel>,
    /// What is dialled; no workload has any of them.
    pub addresses: Distinct<Address, 1000>,
    /// Workloads of its namespace with all of these labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "some_labels")]
    pub selector: Option<Labels>,
    /// The addresses of whoever is reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backends: Option<Distinct<Address, 20_000>>,
    /// Its ports.
    pub ports: Listing<ServicePort, 1000>,
}

/// A port of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub struct ServicePort {
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<PortName>,
    /// What is dialled.
    pub port: PortNumber,
    /// TCP when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Transport>,
    /// The port of whoever is reached, by number or by its name there; the same number when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_port: Option<NumberOrName>,
}
