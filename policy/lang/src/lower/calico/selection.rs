//! Conditions that must all hold, as the selector of a policy.

use std::collections::{BTreeMap, BTreeSet};

use super::form::{Literal, Subject};
use crate::{
    Span,
    decode::NAMESPACE_NAME,
    dialect::Test,
    document::{HOSTS, NamespacesDocument, PeerDocument, Spanned, WorkloadsDocument},
};
use bookend_engine::{Affix, Clause, HOST_LABEL, LabelExpression, LabelMatch, Labels};

/// Workloads that a selector means.
#[derive(Clone, Debug)]
pub(super) struct Selection {
    pub(super) workloads: WorkloadsDocument,
    /// Accounts under which they do not run.
    pub(super) not: Vec<PeerDocument>,
}

impl Selection {
    /// The workloads of which all of this holds, in a policy of the namespace `own`; `None` where nothing can be.
    pub(super) fn of(literals: &[Literal], own: Option<&str>, span: Span) -> Option<Self> {
        let mut labels: BTreeMap<(Subject, &str), Asked<'_>> = BTreeMap::new();
        let mut accounts: Option<BTreeSet<&String>> = None;
        let mut not_accounts: Vec<(Option<&String>, &BTreeSet<String>)> = Vec::new();
        for literal in literals {
            match literal {
                Literal::Label { of, key, test, negated } => {
                    labels.entry((*of, key)).or_default().add(test, *negated);
                }
                Literal::Accounts { names, negated: false, .. } => {
                    let names: BTreeSet<&String> = names.iter().collect();
                    accounts = Some(match accounts {
                        None => names,
                        Some(before) => before.intersection(&names).copied().collect(),
                    });
                }
                Literal::Accounts { namespace, names, negated: true } => {
                    not_accounts.push((namespace.as_ref(), names));
                }
            }
        }
        let lies = labels.get(&(Subject::Namespace, NAMESPACE_NAME)).and_then(Asked::only).cloned();
        let mut of = LabelMatch::default();
        let mut namespaces = LabelMatch::default();
        for ((subject, key), asked) in labels {
            let found = match subject {
                Subject::Workload => &mut of,
                Subject::Namespace => &mut namespaces,
            };
            asked.say(key, found)?;
        }
        // An account of another namespace is none of theirs.
        not_accounts.retain(|(namespace, _)| match (&lies, namespace) {
            (Some(lies), Some(namespace)) => lies == *namespace,
            _ => true,
        });
        let mut service_accounts = Clause::Any;
        if let Some(mut names) = accounts {
            let everywhere =
                not_accounts.iter().filter(|(namespace, _)| namespace.is_none() || lies.is_some());
            for (_, gone) in everywhere {
                names.retain(|name| !gone.contains(*name));
            }
            not_accounts.retain(|(namespace, _)| namespace.is_some() && lies.is_none());
            service_accounts = Clause::one_of(names.into_iter().cloned().collect()).ok()?;
        }
        let only_name = namespaces.expressions.is_empty() && namespaces.labels.len() == 1;
        let namespaces = match lies.filter(|_| only_name) {
            Some(name) if own == Some(&name) => NamespacesDocument::Own,
            Some(name) => NamespacesDocument::Named(Spanned { value: name, span }),
            None if namespaces.is_any() && own.is_none() => NamespacesDocument::Own,
            None => NamespacesDocument::Labelled(Spanned { value: namespaces, span }),
        };
        let workloads = WorkloadsDocument {
            span,
            namespaces,
            labels: of.labels,
            expressions: of.expressions,
            service_accounts,
            proxied: None,
        };
        let not = not_accounts.into_iter().filter_map(|(namespace, names)| running(namespace, names, span));
        Some(Self { workloads, not: not.collect() })
    }

    /// Whether an isolation can name them in a policy of the namespace `own`.
    pub(super) fn is_plain(&self, own: Option<&str>) -> bool {
        self.not.is_empty() && (own.is_none() || matches!(self.workloads.namespaces, NamespacesDocument::Own))
    }

    /// Whether the endpoint of a host may be among them.
    pub(super) fn may_be_host(&self) -> bool {
        let none = |expression: &LabelExpression| matches!(expression, LabelExpression::DoesNotExist { key } if key == HOST_LABEL);
        if self.workloads.expressions.iter().any(none) {
            return false;
        }
        match &self.workloads.namespaces {
            NamespacesDocument::Own => true,
            NamespacesDocument::Named(name) => name.value == HOSTS,
            NamespacesDocument::Labelled(labels) => {
                labels.value.holds(&Labels::from([(NAMESPACE_NAME.to_owned(), HOSTS.to_owned())]))
            }
        }
    }

    /// As a peer.
    pub(super) fn peer(self) -> PeerDocument {
        let span = self.workloads.span;
        PeerDocument { workloads: Some(self.workloads), not: self.not, ..PeerDocument::any(span) }
    }
}

/// Whoever runs under one of these accounts.
fn running(namespace: Option<&String>, names: &BTreeSet<String>, span: Span) -> Option<PeerDocument> {
    let namespaces = match namespace {
        Some(name) => NamespacesDocument::Named(Spanned { value: name.clone(), span }),
        None => NamespacesDocument::Labelled(Spanned { value: LabelMatch::default(), span }),
    };
    let workloads = WorkloadsDocument {
        span,
        namespaces,
        labels: Labels::new(),
        expressions: Vec::new(),
        service_accounts: Clause::one_of(names.iter().cloned().collect()).ok()?,
        proxied: None,
    };
    Some(PeerDocument { workloads: Some(workloads), ..PeerDocument::any(span) })
}

/// All that is asked of one label.
#[derive(Default)]
struct Asked<'t> {
    present: bool,
    absent: bool,
    /// One of these.
    among: Option<BTreeSet<&'t String>>,
    /// None of these.
    not: BTreeSet<&'t String>,
    affixes: Vec<(Affix, &'t String)>,
    not_affixes: Vec<(Affix, &'t String)>,
}

impl<'t> Asked<'t> {
    fn add(&mut self, test: &'t Test, negated: bool) {
        match (test, negated) {
            (Test::Has, false) => self.present = true,
            (Test::Has, true) => self.absent = true,
            (Test::In(values), false) => {
                let values = values.iter().collect();
                self.among = Some(match self.among.take() {
                    None => values,
                    Some(before) => before.intersection(&values).copied().collect(),
                });
            }
            (Test::In(values), true) => self.not.extend(values),
            (Test::Affix(affix, part), false) => self.affixes.push((*affix, part)),
            (Test::Affix(affix, part), true) => self.not_affixes.push((*affix, part)),
        }
    }

    /// The values it may have, if it must have one of some.
    fn values(&self) -> Option<Vec<&'t String>> {
        let fits = |value: &&String| {
            !self.not.contains(*value)
                && self.affixes.iter().all(|(affix, part)| affix.holds(value, part))
                && !self.not_affixes.iter().any(|(affix, part)| affix.holds(value, part))
        };
        Some(self.among.as_ref()?.iter().copied().filter(|value| fits(value)).collect())
    }

    /// The only value it may have.
    fn only(&self) -> Option<&'t String> {
        match self.values()?.as_slice() {
            [only] => Some(*only),
            _ => None,
        }
    }

    /// Says it of the label `key`; `None` where nothing can have it.
    fn say(&self, key: &str, found: &mut LabelMatch) -> Option<()> {
        let key = key.to_owned();
        let of = |values: Vec<&String>| Clause::one_of(values.into_iter().cloned().collect()).ok();
        if self.absent {
            let contradicts = self.present || self.among.is_some() || !self.affixes.is_empty();
            found.expressions.push(LabelExpression::DoesNotExist { key });
            return (!contradicts).then_some(());
        }
        if let Some(values) = self.values() {
            match values.as_slice() {
                [] => return None,
                [only] => drop(found.labels.insert(key, (*only).clone())),
                _ => found.expressions.push(LabelExpression::In { key, values: of(values)? }),
            }
            return Some(());
        }
        if self.present && self.affixes.is_empty() {
            found.expressions.push(LabelExpression::Exists { key: key.clone() });
        }
        for (affixes, negated) in [(&self.affixes, false), (&self.not_affixes, true)] {
            for (affix, part) in affixes {
                let (key, values) = (key.clone(), Clause::only((*part).clone()));
                found.expressions.push(LabelExpression::Affix { key, affix: *affix, values, negated });
            }
        }
        if !self.not.is_empty() {
            let values = of(self.not.iter().copied().collect())?;
            found.expressions.push(LabelExpression::NotIn { key, values });
        }
        Some(())
    }
}
