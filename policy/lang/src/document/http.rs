//! HTTP conditions as they were written.

use bookend_engine::{Clause, PathPattern};

use super::Spanned;
use crate::Span;

/// An element of `http`, or of the `not` of one. All that is said must hold; something is said.
#[derive(Clone, Debug)]
pub(crate) struct ConditionDocument {
    pub(crate) span: Span,
    pub(crate) methods: Clause<String>,
    pub(crate) hosts: Clause<Spanned<String>>,
    pub(crate) paths: Clause<Spanned<PathPattern>>,
    pub(crate) headers: Vec<FieldDocument>,
    pub(crate) query: Vec<FieldDocument>,
    pub(crate) grpc: Clause<GrpcDocument>,
    pub(crate) jwt: Clause<TokenDocument>,
    pub(crate) when: Option<Spanned<String>>,
    pub(crate) not: Vec<ConditionDocument>,
}

/// A header or a query parameter, and what its value should be.
#[derive(Clone, Debug)]
pub(crate) struct FieldDocument {
    /// Of a header in lower case.
    pub(crate) name: Spanned<String>,
    pub(crate) value: ValueDocument,
}

/// What a value should be.
#[derive(Clone, Debug)]
pub(crate) enum ValueDocument {
    /// Whether it is there at all.
    Present(bool),
    /// Alternatives; never empty.
    OneOf(Vec<Spanned<Comparison>>),
}

/// One way for a value to be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Exact(String),
    Prefix(String),
    Suffix(String),
    Regex(String),
}

/// An element of `grpc`.
#[derive(Clone, Debug)]
pub(crate) struct GrpcDocument {
    pub(crate) service: String,
    /// `None`: every method.
    pub(crate) method: Option<String>,
}

/// An element of `jwt`: conditions on one token, at least one.
#[derive(Clone, Debug)]
pub(crate) struct TokenDocument {
    /// Alternatives; none where nothing is said.
    pub(crate) issuers: Vec<String>,
    pub(crate) subject: Vec<Spanned<Comparison>>,
    pub(crate) audiences: Vec<String>,
    pub(crate) claims: Vec<ClaimDocument>,
}

/// An element of `claims`.
#[derive(Clone, Debug)]
pub(crate) struct ClaimDocument {
    /// The keys on the way to it, from the outside; never empty.
    pub(crate) path: Vec<String>,
    pub(crate) value: ValueDocument,
}
