//! Policies as they were written.

use bookend_engine::{Action, Block, Clause, HttpMatch, LabelExpression, Labels, PortMatch};

use super::Spanned;
use crate::Span;

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
