//! Documents as they were written, each value already of its type, with the places diagnostics need.

mod calico;
mod facts;
mod host;
mod mesh;
mod policy;
mod probe;
mod service;
mod test;

pub(crate) use calico::{
    AccountDocument, Behind, CalicoEntity, CalicoPolicy, CalicoRule, CalicoSet, CalicoTier, HOSTS, IpVersion,
    Order, ServiceName,
};
pub(crate) use facts::{
    Injection, InventoryDocument, Kind, NamespaceDocument, NetworkDocument, NodeDocument, ReportingDocument,
    TierDocument, WorkloadDocument,
};
pub(crate) use host::{FailsafeDocument, FailsafePort, HostDocument};
pub use mesh::Verifier;
pub(crate) use mesh::{
    AuthorizationAction, AuthorizationDocument, AuthorizationRule, Encryption, Part,
    PeerAuthenticationDocument, RequestAuthenticationDocument, Requirement, Targets, TlsMode,
};
pub(crate) use policy::{
    Entity, IsolateDocument, LimitsDocument, NamespacesDocument, NetworksDocument, PeerDocument,
    PolicyDocument, RuleDocument, WorkloadsDocument,
};
pub use probe::{Probe, Purpose};
pub(crate) use probe::{ProbeDocument, Rewriting};
pub use service::Service;
pub(crate) use service::{ServiceDocument, ServicePortDocument, SliceDocument, SlicePort, Target};
pub(crate) use test::TestDocument;
pub use test::{
    Expected, ExpectedAudit, Test, TestPort, TestProtocol, TestRequest, TestSuite, TestTraffic, Written,
};

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
    Authorization(AuthorizationDocument),
    Calico(Box<CalicoPolicy>),
    CalicoTier(CalicoTier),
    CalicoSet(CalicoSet),
    Account(AccountDocument),
    PeerAuthentication(PeerAuthenticationDocument),
    RequestAuthentication(RequestAuthenticationDocument),
    Inventory(InventoryDocument),
    Workload(WorkloadDocument),
    Host(HostDocument),
    Namespace(NamespaceDocument),
    Node(NodeDocument),
    Network(NetworkDocument),
    Tier(TierDocument),
    Reporting(ReportingDocument),
    Service(ServiceDocument),
    Slice(SliceDocument),
    Test(TestDocument),
}
