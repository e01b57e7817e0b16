//! Which rules can speak of a workload: an index, so that not every rule is asked about every workload.

use bookend_engine::{End, NamespaceMatch, PeerMatch, PrincipalPattern, Program, Selector, WorkloadIdentity};
use std::collections::HashMap;

/// A label, or any.
type Label<'p> = Option<(&'p str, &'p str)>;

/// What a workload must have for a rule to speak of it: a namespace, a label, both, or nothing.
pub(crate) type Mark<'p> = (Option<&'p str>, Label<'p>);

/// The positions of rules, by what a workload must have for them to speak of it: first its namespace, then a label.
pub(crate) struct Near<'p> {
    by_namespace: HashMap<Option<&'p str>, HashMap<Label<'p>, Vec<usize>>>,
}

impl<'p> Near<'p> {
    /// The index of the peers of `program` at `end`.
    pub(crate) fn new(program: &'p Program, end: End, trust_domain: &str) -> Self {
        let ids = format!("spiffe://{trust_domain}/ns/");
        let mut near = Self { by_namespace: HashMap::new() };
        for (position, rule) in program.rules().iter().enumerate() {
            for peer in rule.peers(end).alternatives().unwrap_or_default() {
                near.index(position, peer, &ids);
            }
        }
        near
    }

    fn index(&mut self, position: usize, peer: &'p PeerMatch, ids: &str) {
        if let Some(selector) = &peer.workloads {
            // Who is not selected is not meant, whatever the other parts say.
            return self.insert(mark(selector), position);
        }
        for pattern in peer.principals.alternatives().unwrap_or_default() {
            match namespace_of(pattern, ids) {
                Meant::Nobody => {}
                Meant::In(namespace) => self.insert((Some(namespace), None), position),
                Meant::Anybody => self.insert((None, None), position),
            }
        }
        for peer in &peer.not {
            self.index(position, peer, ids);
        }
    }

    fn insert(&mut self, (namespace, label): Mark<'p>, position: usize) {
        let positions = self.by_namespace.entry(namespace).or_default().entry(label).or_default();
        if positions.last() != Some(&position) {
            positions.push(position);
        }
    }

    /// The positions of the rules that may speak of `identity`, ascending.
    pub(crate) fn of(&self, identity: &WorkloadIdentity) -> Vec<usize> {
        let mut positions = Vec::new();
        for namespace in [Some(identity.namespace.as_str()), None] {
            let Some(by_label) = self.by_namespace.get(&namespace) else { continue };
            let labels = identity.labels.iter().map(|(key, value)| Some((key.as_str(), value.as_str())));
            for label in std::iter::once(None).chain(labels) {
                positions.extend(by_label.get(&label).into_iter().flatten());
            }
        }
        positions.sort_unstable();
        positions.dedup();
        positions
    }
}

/// What every selected workload has.
pub(crate) fn mark(selector: &Selector) -> Mark<'_> {
    let namespace = match &selector.namespaces {
        NamespaceMatch::Named(name) => Some(name.as_str()),
        NamespaceMatch::Labelled(_) => None,
    };
    (namespace, selector.labels.iter().next().map(|(key, value)| (key.as_str(), value.as_str())))
}

/// Which workloads can have an id that a pattern means.
pub(crate) enum Meant<'p> {
    Nobody,
    In(&'p str),
    Anybody,
}

/// Where workloads are whose ids the pattern may mean; all their ids begin with `ids`.
pub(crate) fn namespace_of<'p>(pattern: &'p PrincipalPattern, ids: &str) -> Meant<'p> {
    let text = pattern.as_str();
    let (literal, starred) = text.strip_suffix('*').map_or((text, false), |literal| (literal, true));
    match literal.strip_prefix(ids) {
        Some(rest) => rest.split_once('/').map_or(Meant::Anybody, |(namespace, _)| Meant::In(namespace)),
        None if literal.starts_with('*') || (starred && ids.starts_with(literal)) => Meant::Anybody,
        None => Meant::Nobody,
    }
}
