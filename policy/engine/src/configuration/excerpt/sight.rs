//! What rules look at to tell sources apart.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use crate::{
    Clause, End, Endpoint, HttpMatch, Identity, Isolation, LabelMatch, Labels, Location, NamespaceMatch,
    PeerMatch, Principal, Rule, Selector, Truth, WorkloadIdentity,
};

/// What some rules and isolations look at in a source.
#[derive(Debug)]
pub(super) struct Sight<'p> {
    /// Those that may govern a source, by the namespace of their policies; cluster-wide ones under `None`.
    governing: BTreeMap<Option<&'p str>, Vec<&'p Rule>>,
    /// Those that isolate sources.
    isolating: Vec<&'p Isolation>,
    /// What selects sources, wherever it stands.
    selectors: Vec<&'p Selector>,
    /// What asks for the labels of namespaces, of sources and of destinations.
    namespaces: Vec<&'p LabelMatch>,
    /// Whether sources are among those.
    of_sources: bool,
    /// The keys of sources' labels that expressions compare.
    compared: BTreeSet<&'p str>,
    /// Whether an expression looks at who the source is.
    compares: bool,
    /// Whether a rule asks for the source's principal.
    asks_for_principal: bool,
}

impl<'p> Sight<'p> {
    pub(super) fn new(rules: &[&'p Rule], isolations: &[&'p Isolation]) -> Self {
        let mut sight = Self {
            governing: BTreeMap::new(),
            isolating: isolations.iter().copied().filter(|isolation| isolation.egress).collect(),
            selectors: Vec::new(),
            namespaces: Vec::new(),
            of_sources: false,
            compared: BTreeSet::new(),
            compares: false,
            asks_for_principal: false,
        };
        for rule in rules {
            if rule.at.source {
                sight.governing.entry(rule.namespace.as_deref()).or_default().push(rule);
            }
            let from = rule.from.alternatives().unwrap_or_default();
            sight.asks_for_principal |= from.iter().any(PeerMatch::asks_for_principal);
            selectors(&rule.from, &mut sight.selectors);
            rule.http.alternatives().unwrap_or_default().iter().for_each(|http| sight.see(http));
        }
        sight.selectors.extend(sight.isolating.iter().map(|isolation| &isolation.workloads));
        sight.namespaces = labelled(&sight.selectors);
        sight.of_sources = !sight.namespaces.is_empty();
        let mut destinations = Vec::new();
        rules.iter().for_each(|rule| selectors(&rule.to, &mut destinations));
        destinations.extend(isolations.iter().map(|isolation| &isolation.workloads));
        sight.namespaces.extend(labelled(&destinations));
        sight
    }

    fn see(&mut self, http: &'p HttpMatch) {
        if let Some(expression) = &http.when {
            let source = expression.looks_at(End::Source);
            self.compares |= source.identity;
            self.asks_for_principal |= source.principal;
            self.compared.extend(source.labels);
        }
        http.not.iter().for_each(|http| self.see(http));
    }

    /// The selectors that tell workloads of an account apart by more than the account, and may mean them.
    pub(super) fn telling_apart(&self, somebody: &WorkloadIdentity) -> Vec<&'p Selector> {
        let may = |selector: &&&Selector| {
            let bare =
                selector.labels.is_empty() && selector.expressions.is_empty() && selector.proxied.is_none();
            !bare && account_may_hold(selector, somebody)
        };
        self.selectors.iter().filter(may).copied().collect()
    }

    /// Whether an expression compares labels of sources.
    pub(super) fn compares_labels(&self) -> bool {
        !self.compared.is_empty()
    }

    /// Whether an expression looks at who the source is.
    pub(super) fn compares(&self) -> bool {
        self.compares
    }

    /// The labels of a workload without those that make no difference to what tells its account's workloads apart.
    pub(super) fn without_rest(&self, labels: &Labels, telling_apart: &[&Selector]) -> Labels {
        let holds = |labels: &Labels| -> Vec<bool> {
            telling_apart.iter().map(|selector| selector.fits(labels)).collect()
        };
        without_rest(labels, &self.compared, holds)
    }

    /// The same for the labels of a namespace.
    pub(super) fn of_namespace(&self, labels: &Labels) -> Labels {
        let holds = |labels: &Labels| -> Vec<bool> {
            self.namespaces.iter().map(|wanted| wanted.holds(labels)).collect()
        };
        without_rest(labels, &BTreeSet::new(), holds)
    }

    /// Whether anything asks for the labels of sources' namespaces.
    pub(super) fn asks_for_namespaces(&self) -> bool {
        self.of_sources
    }

    /// Whether something governs `workload` as a source, so that its address alone says that its policy must hold (S25).
    pub(super) fn convicts(&self, workload: &WorkloadIdentity) -> bool {
        let endpoint = Endpoint {
            identity: Identity::Workload(workload),
            location: Location::Unknown,
            principal: Principal::Unknown,
        };
        let own = self.governing.get(&Some(workload.namespace.as_str()));
        let rules = own.into_iter().chain(self.governing.get(&None)).flatten();
        let mut rules = rules.filter(|rule| rule.from.holds(|peer| peer.holds(&endpoint)) != Truth::No);
        let isolates = |isolation: &&Isolation| isolation.workloads.selects(workload) != Truth::No;
        rules.next().is_some() || self.isolating.iter().any(isolates)
    }

    /// Whether anything tells `workload` from somebody outside.
    pub(super) fn recognizes(&self, workload: &WorkloadIdentity) -> bool {
        self.compares
            || self.asks_for_principal
            || self.selectors.iter().any(|selector| selector.selects(workload) != Truth::No)
    }
}

/// Whether a selector may mean workloads of the account, going by the account alone.
fn account_may_hold(selector: &Selector, somebody: &WorkloadIdentity) -> bool {
    let accounts = selector.service_accounts.alternatives();
    let labels = somebody.namespace_labels.as_deref();
    accounts.is_none_or(|list| list.contains(&somebody.service_account))
        && selector.namespaces.holds(&somebody.namespace, labels) != Truth::No
}

fn selectors<'p>(peers: &'p Clause<PeerMatch>, found: &mut Vec<&'p Selector>) {
    let mut peers: Vec<&PeerMatch> = peers.alternatives().unwrap_or_default().iter().collect();
    while let Some(peer) = peers.pop() {
        found.extend(&peer.workloads);
        peers.extend(&peer.not);
    }
}

fn labelled<'p>(selectors: &[&'p Selector]) -> Vec<&'p LabelMatch> {
    let labelled = selectors.iter().filter_map(|selector| match &selector.namespaces {
        NamespaceMatch::Labelled(wanted) if !wanted.is_any() => Some(wanted),
        _ => None,
    });
    labelled.collect()
}

/// Labels without each one that makes no difference, in the order of their keys.
fn without_rest(labels: &Labels, kept: &BTreeSet<&str>, holds: impl Fn(&Labels) -> Vec<bool>) -> Labels {
    let before = holds(labels);
    let mut poorer = labels.clone();
    loop {
        let given = poorer.len();
        // What made a difference may make none once another one is gone.
        let keys: Vec<_> = poorer.keys().filter(|key| !kept.contains(key.as_str())).cloned().collect();
        for key in keys {
            let Some(value) = poorer.remove(&key) else { continue };
            if holds(&poorer) != before {
                poorer.insert(key, value);
            }
        }
        if poorer.len() == given {
            return poorer;
        }
    }
}
