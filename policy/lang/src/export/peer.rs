//! Peers, as what a target can name: labels and networks.

use std::collections::BTreeSet;

use bookend_engine::{
    Clause, Endpoint, HOST_LABEL, Identity, Location, NamespaceMatch, PeerMatch, Selector, Truth,
};

use super::address::Range;
use super::ground::Ground;
use super::pods::{Pods, Requirement};

/// The label that Kubernetes gives every namespace.
pub(super) const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";

/// Workloads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Group {
    pub(super) spaces: Spaces,
    pub(super) pods: Pods,
    /// The accounts under which they run, where a target can name them; every one if it is empty.
    pub(super) accounts: BTreeSet<String>,
}

/// Namespaces.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Spaces {
    /// The one of this name.
    Named(String),
    /// Those with these labels.
    Labelled(Pods),
}

/// Those at the other end.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Remote {
    /// Whoever it is.
    Everybody,
    /// Workloads.
    Group(Group),
    /// Whoever has one of these addresses.
    Addresses(Range),
}

/// What of peers can be said, and why the rest cannot.
#[derive(Clone, Debug)]
pub(super) struct Said<T> {
    pub(super) list: Vec<T>,
    pub(super) missing: Vec<String>,
}

impl<T> Default for Said<T> {
    fn default() -> Self {
        Self { list: Vec::new(), missing: Vec::new() }
    }
}

impl Spaces {
    pub(super) fn of(namespaces: &NamespaceMatch) -> Self {
        match namespaces {
            NamespaceMatch::Named(name) => Self::Named(name.clone()),
            NamespaceMatch::Labelled(labels) => Self::Labelled(Pods::labelled(labels)),
        }
    }

    /// As labels of namespaces.
    pub(super) fn pods(&self) -> Pods {
        match self {
            Self::Named(name) => Pods::label(NAMESPACE_NAME, name),
            Self::Labelled(labels) => labels.clone(),
        }
    }

    /// The namespaces in both; nothing where that is plainly none.
    fn both(&self, other: &Self) -> Option<Self> {
        match (self, other) {
            (Self::Labelled(any), spaces) | (spaces, Self::Labelled(any)) if any.is_any() => {
                Some(spaces.clone())
            }
            (Self::Named(a), Self::Named(b)) => (a == b).then(|| self.clone()),
            _ => self.pods().both(&other.pods()).map(Self::Labelled),
        }
    }
}

impl Group {
    /// Those in both; nothing where that is plainly nobody.
    pub(super) fn both(&self, other: &Self) -> Option<Self> {
        let accounts = match (self.accounts.is_empty(), other.accounts.is_empty()) {
            (true, _) => other.accounts.clone(),
            (_, true) => self.accounts.clone(),
            _ => self.accounts.intersection(&other.accounts).cloned().collect(),
        };
        let nobody = accounts.is_empty() && !(self.accounts.is_empty() && other.accounts.is_empty());
        if nobody {
            return None;
        }
        Some(Self { spaces: self.spaces.both(&other.spaces)?, pods: self.pods.both(&other.pods)?, accounts })
    }

    /// Everybody in these namespaces.
    fn all(spaces: Spaces) -> Self {
        Self { spaces, pods: Pods::default(), accounts: BTreeSet::new() }
    }

    /// Those of which each that is none of this group is one.
    fn negations(&self) -> Vec<Self> {
        let every = || Spaces::Labelled(Pods::default());
        let spaces = match &self.spaces {
            Spaces::Named(name) => {
                vec![Pods::required(Requirement::new(NAMESPACE_NAME, "NotIn", core::slice::from_ref(name)))]
            }
            Spaces::Labelled(labels) => labels.negations(),
        };
        let spaces = spaces.into_iter().map(|pods| Self::all(Spaces::Labelled(pods)));
        let pods = self.pods.negations().into_iter().map(|pods| Self { pods, ..Self::all(every()) });
        spaces.chain(pods).collect()
    }
}

/// The workloads of a selector.
///
/// # Errors
/// When labels cannot say who runs under an account.
pub(super) fn group(selector: &Selector, ground: &Ground<'_>) -> Result<Group, String> {
    if selector.proxied.is_some() {
        return Err("whether a proxy stands before a workload cannot be asked".to_owned());
    }
    let pods = Pods::selected(selector);
    let spaces = Spaces::of(&selector.namespaces);
    let Some(accounts) = selector.service_accounts.alternatives() else {
        return Ok(Group { pods, ..Group::all(spaces) });
    };
    if ground.names_accounts {
        let accounts = accounts.iter().cloned().collect();
        return Ok(Group { spaces, pods, accounts });
    }
    let labels = match &spaces {
        Spaces::Named(namespace) => ground.labels_of_accounts(namespace, accounts, &pods),
        Spaces::Labelled(_) => None,
    };
    let both = labels.and_then(|labels| pods.both(&labels));
    both.map(|pods| Group { pods, ..Group::all(spaces) }).ok_or_else(|| {
        let accounts = accounts.join("`, `");
        format!("a service account cannot be named, and no label tells who runs under `{accounts}`")
    })
}

/// Whether a peer is a selector and nothing else.
fn plain_selector(peer: &PeerMatch) -> Option<&Selector> {
    let only = peer.blocks.is_any() && peer.principals.is_any() && peer.not.is_empty();
    peer.workloads.as_ref().filter(|_| only)
}

/// Whether a peer is a list of blocks and nothing else.
fn plain_ranges(peer: &PeerMatch) -> Option<Vec<Range>> {
    let only = peer.workloads.is_none() && peer.principals.is_any() && peer.not.is_empty();
    let blocks = peer.blocks.alternatives().filter(|_| only)?;
    Some(blocks.iter().map(Range::of).collect())
}

/// Those whom a clause means, as they are seen from the other end.
pub(super) fn remotes(clause: &Clause<PeerMatch>, ground: &Ground<'_>) -> Said<Remote> {
    let mut said = Said::default();
    let Some(list) = clause.alternatives() else {
        said.list.push(Remote::Everybody);
        return said;
    };
    for peer in list {
        match remote(peer, ground) {
            Ok(mut found) => said.list.append(&mut found),
            Err(reason) => said.missing.push(reason),
        }
        said.missing.extend(ground.of_hosts(peer));
    }
    if said.list.contains(&Remote::Everybody) {
        said.list = vec![Remote::Everybody];
    }
    said.list.sort_unstable();
    said.list.dedup();
    said
}

fn remote(peer: &PeerMatch, ground: &Ground<'_>) -> Result<Vec<Remote>, String> {
    if *peer == PeerMatch::default() {
        return Ok(vec![Remote::Everybody]);
    }
    if !peer.principals.is_any() {
        return Err("certificates are not seen in packets, so a principal cannot be named".to_owned());
    }
    match (&peer.workloads, peer.blocks.is_any()) {
        (Some(_), true) => Ok(groups(peer, ground)?.into_iter().map(Remote::Group).collect()),
        (Some(_), false) => Err("labels and addresses cannot be asked of one peer".to_owned()),
        (None, _) => Ok(ranges(peer, ground)?.into_iter().map(Remote::Addresses).collect()),
    }
}

/// The workloads of a peer that has a selector and no blocks.
fn groups(peer: &PeerMatch, ground: &Ground<'_>) -> Result<Vec<Group>, String> {
    let Some(selector) = &peer.workloads else { return Ok(Vec::new()) };
    let mut list = vec![group(selector, ground)?];
    for not in &peer.not {
        if let Some(excepted) = plain_selector(not) {
            let others = group(excepted, &ground.by_labels())?.negations();
            list = list.iter().flat_map(|one| others.iter().filter_map(|other| one.both(other))).collect();
        } else if plain_ranges(not).is_none() || !ground.proves_elsewhere(selector, not) {
            return Err("labels and addresses cannot be asked of one peer".to_owned());
        }
    }
    list.sort_unstable();
    list.dedup();
    Ok(list)
}

/// The addresses of a peer without a selector.
fn ranges(peer: &PeerMatch, ground: &Ground<'_>) -> Result<Vec<Range>, String> {
    let blocks = peer.blocks.alternatives();
    let mut list = blocks.map_or_else(Range::everything, |blocks| blocks.iter().map(Range::of).collect());
    let mut selectors = Vec::new();
    for not in &peer.not {
        if *not == PeerMatch::default() {
            // Everybody is excepted.
            return Ok(Vec::new());
        }
        if let Some(excepted) = plain_ranges(not) {
            for except in &excepted {
                list = list.iter().flat_map(|range| range.without(except)).collect();
            }
        } else if let Some(selector) = plain_selector(not) {
            selectors.push(selector);
        } else {
            return Err("what is excepted of the addresses is no list of addresses".to_owned());
        }
    }
    let left: Vec<_> = list.iter().filter_map(Range::block).collect();
    let Ok(left) = Clause::one_of(left) else { return Ok(Vec::new()) };
    let left = PeerMatch { blocks: left, ..PeerMatch::default() };
    if selectors.into_iter().any(|selector| !ground.proves_elsewhere(selector, &left)) {
        let reason = "workloads cannot be excepted of addresses, and nothing proves that theirs are not among them: \
                      say `clusterCidrs` in an `Inventory`";
        return Err(reason.to_owned());
    }
    Ok(list)
}

/// The workloads that a clause means at an end that a policy of `namespace`, or of the cluster, governs.
pub(super) fn locals(
    clause: &Clause<PeerMatch>,
    namespace: Option<&str>,
    ground: &Ground<'_>,
) -> Said<Group> {
    let everywhere = || Spaces::Labelled(Pods::default());
    let scope = Group::all(namespace.map_or_else(everywhere, |own| Spaces::Named(own.to_owned())));
    let mut said = Said::default();
    let Some(list) = clause.alternatives() else {
        said.list.push(scope);
        return said;
    };
    for peer in list {
        if *peer == PeerMatch::default() {
            said.list.push(scope.clone());
        } else if peer.workloads.is_some() && peer.blocks.is_any() && peer.principals.is_any() {
            match groups(peer, &ground.by_labels()) {
                Ok(found) => said.list.extend(found.iter().filter_map(|group| group.both(&scope))),
                Err(reason) => said.missing.push(reason),
            }
            said.missing.extend(
                ground
                    .of_hosts(peer)
                    .into_iter()
                    .filter(|_| namespace.is_none_or(|own| ground.has_host(own))),
            );
        } else if ground.is_somebody(peer, namespace) {
            said.missing
                .push("workloads are chosen by labels, not by their addresses or principals".to_owned());
        }
    }
    said.list.sort_unstable();
    said.list.dedup();
    said
}

impl Ground<'_> {
    /// Why a peer with a selector is not said as a whole, where it means hosts.
    fn of_hosts(&self, peer: &PeerMatch) -> Option<String> {
        let hosts = peer.workloads.as_ref().is_some_and(|selector| self.selects_hosts(selector));
        hosts.then(|| "hosts are no pods, and labels are asked of pods".to_owned())
    }

    /// Whether a namespace has a host.
    fn has_host(&self, namespace: &str) -> bool {
        self.workloads_in(namespace).any(|identity| identity.labels.contains_key(HOST_LABEL))
    }

    /// Whether it is certain that none of those whom `selector` means is at the addresses of `peer`.
    fn proves_elsewhere(&self, selector: &Selector, peer: &PeerMatch) -> bool {
        let mut known = false;
        let elsewhere = self.selected(selector).all(|workload| {
            let mut addresses = workload.instances.iter().flat_map(|instance| &instance.addresses).peekable();
            known |= addresses.peek().is_some();
            addresses.peek().is_some()
                && addresses.all(|a| peer.holds(&self.inventory.endpoint(*a)) == Truth::No)
        });
        elsewhere && known
    }

    /// Whether a peer means a workload of `namespace`, or any at all.
    fn is_somebody(&self, peer: &PeerMatch, namespace: Option<&str>) -> bool {
        let governed = |identity: &bookend_engine::WorkloadIdentity| {
            namespace.is_none_or(|own| own == identity.namespace)
        };
        self.inventory.workloads().iter().filter(|workload| governed(&workload.identity)).any(|workload| {
            let identity = Identity::Workload(&workload.identity);
            let principal = self.inventory.principal_of(&identity);
            let nowhere = Endpoint { identity, location: Location::Elsewhere, principal };
            let mut addresses = workload.instances.iter().flat_map(|instance| &instance.addresses);
            peer.holds(&nowhere) != Truth::No
                || addresses.any(|address| peer.holds(&self.inventory.endpoint(*address)) != Truth::No)
        })
    }
}
