//! What documents say about the world: workloads, namespaces, names.

use bookend_engine::{Instance, Labels};

use super::Spanned;

/// `kind: Inventory`.
#[derive(Clone, Debug)]
pub(crate) struct InventoryDocument {
    pub(crate) trust_domain: Option<Spanned<String>>,
    pub(crate) trust_addresses: Option<Spanned<bool>>,
    pub(crate) workloads: Vec<WorkloadDocument>,
}

/// A workload, from an inventory or from a Kubernetes manifest. What is `None` may be said elsewhere.
#[derive(Clone, Debug)]
pub(crate) struct WorkloadDocument {
    pub(crate) namespace: String,
    pub(crate) name: Spanned<String>,
    pub(crate) service_account: Option<String>,
    pub(crate) labels: Option<Labels>,
    pub(crate) proxied: Option<bool>,
    pub(crate) injection: Injection,
    pub(crate) instances: Vec<Spanned<Instance>>,
}

/// What Istio's injector does with a workload of which nobody says whether it has a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Injection {
    /// It leaves the workload alone, or it is in doubt whether all inbound TCP passes what it injects.
    Never,
    /// It injects where the namespace asks for it.
    ByNamespace,
    /// The workload asks for it; the namespace may refuse.
    Asked,
}

/// `kind: Namespace`.
#[derive(Clone, Debug)]
pub(crate) struct NamespaceDocument {
    pub(crate) name: Spanned<String>,
    /// Whether it asks for Istio's proxy or refuses it: the label `istio-injection`, or a revision.
    pub(crate) injected: Option<bool>,
}

/// A Kubernetes Service: a name for workloads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The labels of the workloads behind it; empty for a Service without a selector.
    pub selector: Labels,
    /// Its ports: the Service's own numbers.
    pub ports: Vec<u16>,
}
