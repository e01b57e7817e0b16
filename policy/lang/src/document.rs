//! Documents as they were written, each value already of its type, with the places diagnostics need.

use bookend_engine::{Action, Block, Clause, HttpMatch, Instance, LabelExpression, Labels, PortMatch};

use crate::Span;

/// A value and where it was written.
#[derive(Clone, Debug)]
pub(crate) struct Spanned<T> {
    pub(crate) value: T,
    pub(crate) span: Span,
}

/// Anything a source can hold that matters.
#[derive(Clone, Debug)]
pub(crate) enum Document {
    Policy(PolicyDocument),
    Inventory(InventoryDocument),
    Workload(WorkloadDocument),
    Namespace(NamespaceDocument),
    Service(Spanned<Service>),
}

/// `kind: Policy`.
#[derive(Clone, Debug)]
pub(crate) struct PolicyDocument {
    pub(crate) namespace: String,
    pub(crate) name: Spanned<String>,
    pub(crate) isolate: Vec<IsolateDocument>,
    pub(crate) rules: Vec<RuleDocument>,
}

/// An element of `isolate`.
#[derive(Clone, Debug)]
pub(crate) struct IsolateDocument {
    pub(crate) workloads: WorkloadsDocument,
    pub(crate) ingress: bool,
    pub(crate) egress: bool,
}

/// An element of `allow` or `deny`.
#[derive(Clone, Debug)]
pub(crate) struct RuleDocument {
    pub(crate) name: Spanned<String>,
    pub(crate) action: Action,
    pub(crate) from: Clause<PeerDocument>,
    pub(crate) to: Clause<PeerDocument>,
    pub(crate) ports: Clause<PortMatch>,
    pub(crate) http: Clause<HttpMatch>,
    pub(crate) http_span: Option<Span>,
}

/// An element of `from` or `to`.
#[derive(Clone, Debug)]
pub(crate) enum PeerDocument {
    Workloads(WorkloadsDocument),
    Block(Block),
}

/// `workloads: {…}`.
#[derive(Clone, Debug)]
pub(crate) struct WorkloadsDocument {
    pub(crate) span: Span,
    /// `None`: the policy's own.
    pub(crate) namespace: Option<Spanned<String>>,
    pub(crate) labels: Labels,
    pub(crate) expressions: Vec<LabelExpression>,
    pub(crate) service_accounts: Clause<String>,
}

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
