//! What Istio's policies mean depends on: the mesh, and what of its authentication is known.

use std::collections::BTreeSet;

use super::{fold, trust::TrustDomains};
use crate::document::{IsolateDocument, PolicyDocument, RuleDocument, Spanned};

/// The namespace whose policies are for all, unless an inventory says otherwise.
pub(crate) const ROOT_NAMESPACE: &str = "istio-system";

/// Claims of words with spaces between them, wherever they come (Istio, `JWTRule.spaceDelimitedClaims`).
const SPLIT: [&str; 2] = ["scope", "permission"];

/// A mesh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mesh {
    pub(crate) root_namespace: String,
    pub(crate) trust_domains: TrustDomains,
    /// Claims that some proxies divide at spaces and others may not.
    pub(crate) split_claims: BTreeSet<String>,
}

impl Default for Mesh {
    fn default() -> Self {
        Self {
            root_namespace: ROOT_NAMESPACE.to_owned(),
            trust_domains: TrustDomains(vec!["cluster.local".to_owned()]),
            split_claims: BTreeSet::new(),
        }
    }
}

impl Mesh {
    /// Whether a claim is divided at spaces. Where some proxies do so and others do not, it is what denies more: `wide` is a
    /// condition that denies more the more texts meet it.
    pub(super) fn splits(&self, names: &[String], wide: bool) -> bool {
        let [name] = names else { return false };
        SPLIT.contains(&name.as_str()) || wide && self.split_claims.contains(name)
    }

    /// The policy of `namespace` with these parts: of no namespace where that is the root namespace, and named after it.
    pub(super) fn housed(
        &self,
        namespace: &str,
        name: Spanned<String>,
        isolate: Vec<IsolateDocument>,
        rules: Vec<RuleDocument>,
    ) -> PolicyDocument {
        let tier = Some(fold::tier(name.span));
        if namespace == self.root_namespace {
            let value = format!("{namespace}/{}", name.value);
            return PolicyDocument { namespace: None, name: Spanned { value, ..name }, tier, isolate, rules };
        }
        PolicyDocument { namespace: Some(namespace.to_owned()), name, tier, isolate, rules }
    }
}
