//! Policies as they were written.

use bookend_engine::{
    Action, Answer, Block, Clause, Ends, HttpMatch, LabelExpression, LabelMatch, Labels, Limits, Mode,
    PortMatch, PrincipalPattern,
};

use super::Spanned;
use crate::Span;

/// `kind: Policy` or `kind: ClusterPolicy`.
#[derive(Clone, Debug)]
pub(crate) struct PolicyDocument {
    /// `None`: a `ClusterPolicy`.
    pub(crate) namespace: Option<String>,
    pub(crate) name: Spanned<String>,
    /// `None`: the tier `default`.
    pub(crate) tier: Option<Spanned<String>>,
    pub(crate) isolate: Vec<IsolateDocument>,
    pub(crate) rules: Vec<RuleDocument>,
}

/// An element of `isolate`.
#[derive(Clone, Debug)]
pub(crate) struct IsolateDocument {
    pub(crate) workloads: WorkloadsDocument,
    pub(crate) ingress: bool,
    pub(crate) egress: bool,
    pub(crate) mode: Mode,
}

/// An element of `allow`, `deny` or `pass`, with what the policy says for all of them.
#[derive(Clone, Debug)]
pub(crate) struct RuleDocument {
    pub(crate) name: Spanned<String>,
    pub(crate) action: Action,
    pub(crate) priority: i32,
    pub(crate) mode: Mode,
    pub(crate) at: Ends,
    /// Where `at` is written.
    pub(crate) at_span: Option<Span>,
    pub(crate) from: Clause<PeerDocument>,
    pub(crate) to: Clause<PeerDocument>,
    pub(crate) ports: Clause<Spanned<PortMatch>>,
    pub(crate) not_ports: Vec<Spanned<PortMatch>>,
    pub(crate) http: Clause<HttpMatch>,
    pub(crate) http_span: Option<Span>,
    pub(crate) answer: Option<Spanned<Answer>>,
    pub(crate) limits: Option<LimitsDocument>,
}

/// `limits` of a rule. Something is limited.
#[derive(Clone, Debug)]
pub(crate) struct LimitsDocument {
    pub(crate) value: Limits,
    pub(crate) span: Span,
    /// Where each kind that is there is written, by its name.
    pub(crate) spans: Vec<(&'static str, Span)>,
}

impl LimitsDocument {
    /// Where the kind `name` is written.
    pub(crate) fn place(&self, name: &str) -> Span {
        self.spans.iter().find(|(known, _)| *known == name).map_or(self.span, |(_, span)| *span)
    }
}

/// An element of `from` or `to`, or of the `not` of one. All that is said must hold; something is said.
#[derive(Clone, Debug)]
pub(crate) struct PeerDocument {
    pub(crate) span: Span,
    pub(crate) workloads: Option<WorkloadsDocument>,
    pub(crate) block: Option<Spanned<Block>>,
    pub(crate) network: Option<NetworksDocument>,
    pub(crate) principals: Clause<PrincipalPattern>,
    pub(crate) entities: Clause<Spanned<Entity>>,
    pub(crate) not: Vec<PeerDocument>,
}

impl PeerDocument {
    /// A peer of which nothing is asked yet.
    pub(crate) fn any(span: Span) -> Self {
        Self {
            span,
            workloads: None,
            block: None,
            network: None,
            principals: Clause::Any,
            entities: Clause::Any,
            not: Vec::new(),
        }
    }

    /// Where its addresses are written, those of whom it does not mean included.
    pub(crate) fn places(&self) -> Vec<Span> {
        let network = self.network.as_ref().map(|network| match network {
            NetworksDocument::Named(name) => name.span,
            NetworksDocument::Labelled(labels) => labels.span,
        });
        let own = self.block.as_ref().map(|block| block.span).into_iter().chain(network);
        own.chain(self.not.iter().flat_map(Self::places)).collect()
    }
}

/// `network: name` or `networks: {…}`.
#[derive(Clone, Debug)]
pub(crate) enum NetworksDocument {
    Named(Spanned<String>),
    Labelled(Spanned<LabelMatch>),
}

/// An element of `entities` (S43).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Entity {
    World,
    Cluster,
    Node,
    KubeApiserver,
}

/// `workloads: {…}`.
#[derive(Clone, Debug)]
pub(crate) struct WorkloadsDocument {
    pub(crate) span: Span,
    pub(crate) namespaces: NamespacesDocument,
    pub(crate) labels: Labels,
    pub(crate) expressions: Vec<LabelExpression>,
    pub(crate) service_accounts: Clause<String>,
    /// `proxy`: whether a Bookend filter must stand before them, or must not.
    pub(crate) proxied: Option<bool>,
}

/// Where the workloads of a selector are.
#[derive(Clone, Debug)]
pub(crate) enum NamespacesDocument {
    /// Nothing is said: the policy's own, or every one.
    Own,
    Named(Spanned<String>),
    Labelled(Spanned<LabelMatch>),
}
