//! Selecting workloads by what they are.

use alloc::{string::String, vec::Vec};
use serde::Serialize;

use crate::{
    Clause, Identity, LabelExpression, Labels, Truth, WorkloadIdentity,
    tape::{Mismatch, Read, Value, object},
};

/// Selects workloads; every part that is present must hold (S11).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Selector {
    /// Their namespaces.
    pub namespaces: NamespaceMatch,
    /// Labels the workload must have, with these values.
    pub labels: Labels,
    /// Expressions over its labels, all of which must hold.
    pub expressions: Vec<LabelExpression>,
    /// Service accounts, one of which it must run under.
    pub service_accounts: Clause<String>,
    /// Whether a Bookend filter must stand before it, or must not; `None`: either.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxied: Option<bool>,
}

/// Which namespaces a selector speaks of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum NamespaceMatch {
    /// The one of this name.
    Named(String),
    /// Those whose labels fit; all of them if nothing is asked of their labels (S40).
    Labelled(LabelMatch),
}

/// A condition on labels.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LabelMatch {
    /// Labels there must be, with these values.
    pub labels: Labels,
    /// Expressions, all of which must hold.
    pub expressions: Vec<LabelExpression>,
}

object!(Selector {
    namespaces: "namespaces",
    labels: "labels",
    expressions: "expressions",
    service_accounts: "serviceAccounts",
    proxied: "proxied" or None,
});

object!(LabelMatch { labels: "labels", expressions: "expressions" });

impl Read for NamespaceMatch {
    fn read(value: Value<'_>) -> Result<Self, Mismatch> {
        match value.variant()? {
            ("named", name) => name.read().map(Self::Named),
            ("labelled", labels) => labels.read().map(Self::Labelled),
            (other, _) => Err(Mismatch::unknown(other)),
        }
    }
}

impl LabelMatch {
    /// Whether nothing is asked.
    pub fn is_any(&self) -> bool {
        self.labels.is_empty() && self.expressions.is_empty()
    }

    /// Whether `labels` fit.
    pub fn holds(&self, labels: &Labels) -> bool {
        fit(&self.labels, &self.expressions, labels)
    }
}

fn fit(required: &Labels, expressions: &[LabelExpression], labels: &Labels) -> bool {
    required.iter().all(|(key, value)| labels.get(key) == Some(value))
        && expressions.iter().all(|expression| expression.holds(labels))
}

impl NamespaceMatch {
    /// Every namespace.
    pub fn any() -> Self {
        Self::Labelled(LabelMatch::default())
    }

    /// Whether the namespace `name` is meant, which has these labels if they are known.
    pub fn holds(&self, name: &str, labels: Option<&Labels>) -> Truth {
        match self {
            Self::Named(named) => (named == name).into(),
            Self::Labelled(wanted) if wanted.is_any() => Truth::Yes,
            Self::Labelled(wanted) => labels.map_or(Truth::Unknown, |labels| wanted.holds(labels).into()),
        }
    }
}

impl Selector {
    /// Every workload of these namespaces.
    pub fn all(namespaces: NamespaceMatch) -> Self {
        Self {
            namespaces,
            labels: Labels::new(),
            expressions: Vec::new(),
            service_accounts: Clause::Any,
            proxied: None,
        }
    }

    /// Whether the selector means a workload that is known exactly. In doubt only where the labels of its namespace are
    /// asked for and not known.
    pub fn selects(&self, workload: &WorkloadIdentity) -> Truth {
        let own = self.account_holds(&workload.service_account)
            && self.proxied.is_none_or(|wanted| wanted == workload.proxied)
            && self.fits(&workload.labels);
        if !own {
            return Truth::No;
        }
        self.namespaces.holds(&workload.namespace, workload.namespace_labels.as_deref())
    }

    /// Whether the selector means whoever is known by `identity`.
    pub fn holds(&self, identity: &Identity<'_>) -> Truth {
        match identity {
            Identity::Outside => Truth::No,
            Identity::Workload(workload) => self.selects(workload),
            Identity::Candidates(list) => Truth::agreed(list.iter().map(|w| self.selects(w))),
            Identity::Account { namespace, service_account, namespace_labels } => {
                let any = self.labels.is_empty() && self.expressions.is_empty() && self.proxied.is_none();
                let rest = if any { Truth::Yes } else { Truth::Unknown };
                Truth::from(self.account_holds(service_account))
                    .and(self.namespaces.holds(namespace, namespace_labels.as_deref()))
                    .and(rest)
            }
            Identity::Anonymous | Identity::Claimed(_) => Truth::Unknown,
        }
    }

    /// Whether a workload's labels are those that are asked for.
    pub(crate) fn fits(&self, labels: &Labels) -> bool {
        fit(&self.labels, &self.expressions, labels)
    }

    fn account_holds(&self, service_account: &str) -> bool {
        self.service_accounts.alternatives().is_none_or(|list| list.iter().any(|a| a == service_account))
    }
}
