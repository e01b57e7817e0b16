//! A workload of which little is known.

use crate::{Clause, Inventory, Labels, PeerMatch, Selector, Truth};

/// Some workload of a namespace. A condition that is *no* of it is *no* of every workload that it can be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outline<'n> {
    namespace: &'n str,
    labels_of_namespace: Option<&'n Labels>,
    proxied: Option<bool>,
}

impl<'n> Outline<'n> {
    /// Some workload of `namespace`.
    pub(super) fn anybody(namespace: &'n str, inventory: &'n Inventory) -> Self {
        let labels_of_namespace = inventory.namespaces().get(namespace).map(AsRef::as_ref);
        Self { namespace, labels_of_namespace, proxied: None }
    }

    /// Some workload of `namespace` that has a filter.
    pub(super) fn proxied(namespace: &'n str, inventory: &'n Inventory) -> Self {
        Self { proxied: Some(true), ..Self::anybody(namespace, inventory) }
    }

    /// Its namespace.
    pub(super) fn namespace(&self) -> &'n str {
        self.namespace
    }

    /// Whether it can be among these peers.
    pub(super) fn may_be_among(&self, peers: &Clause<PeerMatch>) -> bool {
        peers.holds(|peer| self.is_meant(peer)) != Truth::No
    }

    /// Whether it can be one of the workloads that are selected.
    pub(super) fn may_be_selected(&self, selector: &Selector) -> bool {
        self.is_selected(selector) != Truth::No
    }

    fn is_meant(&self, peer: &PeerMatch) -> Truth {
        let known = |is_any: bool| if is_any { Truth::Yes } else { Truth::Unknown };
        let workloads = peer.workloads.as_ref().map_or(Truth::Yes, |selector| self.is_selected(selector));
        workloads
            .and(known(peer.blocks.is_any()))
            .and(known(peer.principals.is_any()))
            .and(Truth::any(&peer.not, |peer| self.is_meant(peer)).negated())
    }

    fn is_selected(&self, selector: &Selector) -> Truth {
        let known = |is_any: bool| if is_any { Truth::Yes } else { Truth::Unknown };
        let proxied = match (selector.proxied, self.proxied) {
            (None, _) => Truth::Yes,
            (Some(wanted), Some(proxied)) => (wanted == proxied).into(),
            (Some(_), None) => Truth::Unknown,
        };
        known(selector.labels.is_empty() && selector.expressions.is_empty())
            .and(known(selector.service_accounts.is_any()))
            .and(proxied)
            .and(selector.namespaces.holds(self.namespace, self.labels_of_namespace))
    }
}
