//! What Istio's policies mean depends on: the mesh, and what of its authentication is known.

use std::collections::BTreeSet;

use super::{fold, trust::TrustDomains};
use crate::document::{Encryption, IsolateDocument, PolicyDocument, RuleDocument, Spanned, TlsMode};

/// The namespace whose policies are for all, unless an inventory says otherwise.
pub(crate) const ROOT_NAMESPACE: &str = "istio-system";

/// Claims of words with spaces between them, wherever they come (Istio, `JWTRule.spaceDelimitedClaims`).
const SPLIT: [&str; 2] = ["scope", "permission"];

/// A mesh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mesh {
    pub(crate) root_namespace: String,
    pub(crate) trust_domains: TrustDomains,
    /// Which peers must prove who they are, as all documents say it.
    pub(crate) encryption: Vec<Encryption>,
    /// Claims that some proxies divide at spaces and others may not, by the namespace of the document that says so.
    pub(crate) split_claims: BTreeSet<(String, String)>,
}

impl Default for Mesh {
    fn default() -> Self {
        Self {
            root_namespace: ROOT_NAMESPACE.to_owned(),
            trust_domains: TrustDomains(vec!["cluster.local".to_owned()]),
            encryption: Vec::new(),
            split_claims: BTreeSet::new(),
        }
    }
}

impl Mesh {
    /// Whether policies of a namespace are for all.
    pub(super) fn is_root(&self, namespace: &str) -> bool {
        self.root_namespace == namespace
    }

    /// The mode of workloads for which `own` says none: that of their namespace, or that of the mesh. Of several documents the
    /// strictest counts.
    pub(super) fn inherited(&self, own: &Encryption) -> TlsMode {
        let of = |namespace: &str| {
            let wide = self
                .encryption
                .iter()
                .filter(|other| other.namespace == namespace && other.labels.is_empty());
            wide.filter_map(|other| other.mode).max()
        };
        of(&own.namespace).or_else(|| of(&self.root_namespace)).unwrap_or(TlsMode::Permissive)
    }

    /// Whether a claim is divided at spaces. Where some proxies do so and others do not, it is what denies more: `wide` is a
    /// condition that denies more the more texts meet it. A policy of a `namespace` knows the proxies there, and what they divide is
    /// said there or in the root namespace; one of the root namespace knows all.
    pub(super) fn splits(&self, namespace: &str, names: &[String], wide: bool) -> bool {
        let [name] = names else { return false };
        let concerned = |other: &str| other == namespace || self.is_root(other) || self.is_root(namespace);
        let divided = || self.split_claims.iter().any(|(other, claim)| claim == name && concerned(other));
        SPLIT.contains(&name.as_str()) || wide && divided()
    }

    /// The policy of `namespace` with these parts: of no namespace where that is the root namespace, and named after it, unless it is
    /// for that namespace `alone`.
    pub(super) fn housed(
        &self,
        (namespace, alone): (&str, bool),
        name: Spanned<String>,
        isolate: Vec<IsolateDocument>,
        rules: Vec<RuleDocument>,
    ) -> PolicyDocument {
        let tier = Some(fold::tier(name.span));
        if self.is_root(namespace) && !alone {
            let value = format!("{namespace}/{}", name.value);
            return PolicyDocument { namespace: None, name: Spanned { value, ..name }, tier, isolate, rules };
        }
        PolicyDocument { namespace: Some(namespace.to_owned()), name, tier, isolate, rules }
    }
}
