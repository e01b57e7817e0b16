//! What a selector asks of workloads: Calico's own labels become namespaces, their labels, and service accounts.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Context,
    form::{Formula, Literal, Subject},
};
use crate::{
    decode::{
        NAMESPACE_NAME,
        name::{label_key, label_part, label_value},
    },
    dialect::{Selector, Test},
    document::HOSTS,
};
use bookend_engine::HOST_LABEL;

const NAMESPACE: &str = "projectcalico.org/namespace";
const ACCOUNT: &str = "projectcalico.org/serviceaccount";
const ORCHESTRATOR: &str = "projectcalico.org/orchestrator";
/// The orchestrator of every workload that Kubernetes runs.
const KUBERNETES: &str = "k8s";
/// The label that Calico gives namespaces and service accounts: their names.
const NAME: &str = "projectcalico.org/name";

/// Whether labels of service accounts are asked for, which Bookend's own selectors cannot do.
pub(super) fn asks_accounts(selector: &Selector) -> bool {
    match selector {
        Selector::All | Selector::Global => false,
        Selector::Label { key, .. } => key.strip_prefix("pcsa.").is_some_and(|key| key != NAME),
        Selector::Not(inner) => asks_accounts(inner),
        Selector::And(parts) | Selector::Or(parts) => parts.iter().any(asks_accounts),
    }
}

/// Reads selectors.
pub(super) struct Meaning<'m> {
    pub(super) context: &'m Context,
    /// What is said instead of what cannot be said.
    pub(super) unsayable: Formula,
    /// Whether something could not be said.
    pub(super) inexact: bool,
    /// Whether labels of service accounts were asked for.
    pub(super) asks_accounts: bool,
}

impl Meaning<'_> {
    /// What `selector`, or its opposite, asks.
    pub(super) fn of(&mut self, selector: &Selector, negated: bool) -> Formula {
        match (selector, negated) {
            (Selector::All | Selector::Global, false) => Formula::Always,
            (Selector::All | Selector::Global, true) => Formula::Never,
            (Selector::Not(inner), _) => self.of(inner, !negated),
            (Selector::And(parts), false) | (Selector::Or(parts), true) => {
                parts.iter().map(|part| self.of(part, negated)).fold(Formula::Always, Formula::and)
            }
            (Selector::Or(parts), false) | (Selector::And(parts), true) => {
                parts.iter().map(|part| self.of(part, negated)).fold(Formula::Never, Formula::or)
            }
            (Selector::Label { key, test }, _) => self.label(key, test, negated),
        }
    }

    fn label(&mut self, key: &str, test: &Test, negated: bool) -> Formula {
        match key {
            NAMESPACE => self.namespace(test, negated),
            ACCOUNT => self.account(test, negated),
            ORCHESTRATOR => match (test.holds(KUBERNETES), negated) {
                (true, _) => self.lies_in_some(negated),
                (false, true) => Formula::Always,
                (false, false) => Formula::Never,
            },
            _ => match (key.strip_prefix("pcns."), key.strip_prefix("pcsa.")) {
                (Some(NAME | NAMESPACE_NAME), _) => self.namespace(test, negated),
                (Some(key), _) => compared(Subject::Namespace, key, test, negated),
                (_, Some(NAME)) => self.account(test, negated),
                (_, Some(key)) => self.account_label(key, test, negated),
                _ => compared(Subject::Workload, key, test, negated),
            },
        }
    }

    /// Whether it lies in a namespace at all, which endpoints of hosts do not; negated: whether it is one of those.
    fn lies_in_some(&self, negated: bool) -> Formula {
        match (self.context.hosts, negated) {
            (true, _) => compared(Subject::Workload, HOST_LABEL, &Test::Has, !negated),
            (false, false) => Formula::Always,
            (false, true) => Formula::Never,
        }
    }

    /// What is asked of the name of the namespace.
    fn namespace(&self, test: &Test, negated: bool) -> Formula {
        match test {
            Test::Has => self.lies_in_some(negated),
            Test::In(_) | Test::Affix(..) => {
                // A namespace of the cluster may have the name of that of the hosts, which to Calico lie in none.
                let formula = compared(Subject::Namespace, NAMESPACE_NAME, test, negated);
                match (test.holds(HOSTS), negated) {
                    (false, _) => formula,
                    (true, false) => formula.and(self.lies_in_some(false)),
                    (true, true) => formula.or(self.lies_in_some(true)),
                }
            }
        }
    }

    /// What is asked of the name of the service account.
    fn account(&mut self, test: &Test, negated: bool) -> Formula {
        match test {
            Test::Has => self.lies_in_some(negated),
            Test::In(names) if names.is_empty() => constant(negated),
            Test::In(names) => {
                let names = names.iter().cloned().collect();
                let formula = Formula::Literal(Literal::Accounts { namespace: None, names, negated });
                match negated {
                    false => formula.and(self.lies_in_some(false)),
                    true => formula.or(self.lies_in_some(true)),
                }
            }
            Test::Affix(..) => {
                self.inexact = true;
                self.unsayable.clone()
            }
        }
    }

    /// What is asked of a label of the service account: the accounts that have it.
    fn account_label(&mut self, key: &str, test: &Test, negated: bool) -> Formula {
        self.asks_accounts = true;
        let mut meant: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for ((namespace, name), labels) in &self.context.accounts {
            if labels.get(key).is_some_and(|value| test.holds(value)) {
                meant.entry(namespace).or_default().insert(name.clone());
            }
        }
        let each = meant.into_iter().map(|(namespace, names)| match negated {
            false => {
                let accounts = Literal::Accounts { namespace: None, names, negated };
                named(vec![namespace.to_owned()], false).and(Formula::Literal(accounts))
            }
            true => {
                Formula::Literal(Literal::Accounts { namespace: Some(namespace.to_owned()), names, negated })
            }
        });
        match negated {
            false => each.fold(Formula::Never, Formula::or),
            true => each.fold(Formula::Always, Formula::and),
        }
    }
}

/// One of these namespaces, or none of them.
fn named(values: Vec<String>, negated: bool) -> Formula {
    let key = NAMESPACE_NAME.to_owned();
    Formula::Literal(Literal::Label { of: Subject::Namespace, key, test: Test::In(values), negated })
}

/// A comparison that never holds, or its opposite.
fn constant(negated: bool) -> Formula {
    if negated { Formula::Always } else { Formula::Never }
}

/// A comparison of a label. What no label can be is no label's.
fn compared(of: Subject, key: &str, test: &Test, negated: bool) -> Formula {
    let test = match test {
        _ if !label_key(key) => return constant(negated),
        Test::Has => Test::Has,
        Test::In(values) => {
            let values: Vec<String> = values.iter().filter(|value| label_value(value)).cloned().collect();
            if values.is_empty() {
                return constant(negated);
            }
            Test::In(values)
        }
        Test::Affix(_, part) if part.is_empty() => Test::Has,
        Test::Affix(_, part) if !label_part(part) => return constant(negated),
        Test::Affix(affix, part) => Test::Affix(*affix, part.clone()),
    };
    Formula::Literal(Literal::Label { of, key: key.to_owned(), test, negated })
}
