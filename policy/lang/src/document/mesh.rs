//! Istio's policies as they were written: what they mean depends on the mesh that they are in.

use bookend_engine::{Block, HttpMatch, Labels, Mode, TextMatch, WorkloadIdentity};

use super::{PeerDocument, Spanned};
use crate::Span;

/// `kind: AuthorizationPolicy`.
#[derive(Clone, Debug)]
pub(crate) struct AuthorizationDocument {
    pub(crate) namespace: String,
    pub(crate) name: Spanned<String>,
    pub(crate) action: AuthorizationAction,
    /// Only rehearsed: the annotation `istio.io/dry-run`.
    pub(crate) mode: Mode,
    pub(crate) targets: Targets,
    pub(crate) rules: Vec<AuthorizationRule>,
}

/// `action` of an AuthorizationPolicy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AuthorizationAction {
    Allow,
    Deny,
    Audit,
    /// Who decides is asked elsewhere.
    Custom,
}

/// The workloads that a policy is for.
#[derive(Clone, Debug)]
pub(crate) struct Targets {
    pub(crate) span: Span,
    /// Alternatives; all labels of one must be there.
    pub(crate) labels: Vec<Labels>,
    /// Whether it is for objects that are named, which are in its own namespace in any case.
    pub(crate) named: bool,
    /// Whether it is for others too, and nobody can say which.
    pub(crate) unsayable: bool,
}

/// An element of `rules`: one of `from`, one of `to`, and all of `when`.
#[derive(Clone, Debug)]
pub(crate) struct AuthorizationRule {
    pub(crate) span: Span,
    /// Never empty; one without requirements is everybody.
    pub(crate) from: Vec<Vec<Requirement>>,
    /// Never empty; one without requirements is everything.
    pub(crate) to: Vec<Vec<Requirement>>,
    pub(crate) when: Vec<Requirement>,
}

/// What must hold, or must not: one of the values of a field.
#[derive(Clone, Debug)]
pub(crate) struct Requirement {
    pub(crate) span: Span,
    pub(crate) negated: bool,
    /// The values that can be said; there may be none.
    pub(crate) part: Part,
    /// Whether there are others, which cannot be said. That is refused, or the policy is narrowed.
    pub(crate) unsayable: bool,
}

/// What values are about. Several are alternatives.
#[derive(Clone, Debug)]
pub(crate) enum Part {
    /// SPIFFE ids without their scheme, with `*` at an end.
    Principals(Vec<String>),
    /// Trust domains, or `*`.
    TrustDomains(Vec<String>),
    Peers(Vec<PeerDocument>),
    /// Of the destination.
    Ports(Vec<u16>),
    /// Of the destination.
    Addresses(Vec<Block>),
    Requests(Vec<HttpMatch>),
    /// A claim of a token, by the names that lead to it.
    Claim(Vec<String>, Option<TextMatch>),
}

impl Part {
    /// Whether it is about what only a request has.
    pub(crate) fn is_http(&self) -> bool {
        matches!(self, Self::Requests(_) | Self::Claim(..))
    }
}

/// `kind: PeerAuthentication`.
#[derive(Clone, Debug)]
pub(crate) struct PeerAuthenticationDocument {
    pub(crate) name: Spanned<String>,
    pub(crate) encryption: Encryption,
}

/// Which peers must prove who they are, and at which workloads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Encryption {
    pub(crate) namespace: String,
    /// Empty: for the namespace, or, in the root namespace, for the mesh.
    pub(crate) labels: Labels,
    /// `None`: as the namespace has it, or the mesh.
    pub(crate) mode: Option<TlsMode>,
    /// Ports that differ; `None`: as the workload has it.
    pub(crate) ports: Vec<(u16, Option<TlsMode>)>,
}

/// Whether peers encrypt and prove who they are. The order is that of strictness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TlsMode {
    Disable,
    Permissive,
    Strict,
}

/// What the proxies in front of some workloads verify of JSON web tokens, as a RequestAuthentication of Istio says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verifier {
    /// The namespace of the workloads; `None` where they may be in any.
    pub namespace: Option<String>,
    /// Alternatives: labels of the workloads, all of which they have.
    pub labels: Vec<Labels>,
    /// Those whose tokens are verified.
    pub issuers: Vec<String>,
    /// Where it is written.
    pub place: Span,
}

impl Verifier {
    /// Whether the proxy in front of a workload is one of these.
    pub fn is_for(&self, workload: &WorkloadIdentity) -> bool {
        let has = |labels: &Labels| labels.iter().all(|(key, value)| workload.labels.get(key) == Some(value));
        workload.proxied
            && self.namespace.as_ref().is_none_or(|own| *own == workload.namespace)
            && self.labels.iter().any(has)
    }
}

/// `kind: RequestAuthentication`.
#[derive(Clone, Debug)]
pub(crate) struct RequestAuthenticationDocument {
    pub(crate) namespace: String,
    pub(crate) name: Spanned<String>,
    pub(crate) targets: Targets,
    /// Whose tokens are verified.
    pub(crate) issuers: Vec<Spanned<String>>,
    /// Claims that are divided at spaces.
    pub(crate) split_claims: Vec<String>,
}
