//! Istio's policies as they were written: what they mean depends on the mesh that they are in.

use bookend_engine::{Block, HttpMatch, Labels, Mode, TextMatch};

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
    /// Alternatives; all labels of one must be there. Never empty: every workload has no labels in particular.
    pub(crate) labels: Vec<Labels>,
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
    /// Trust domains, with `*` at the end.
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
