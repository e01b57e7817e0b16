//! The inventory: which workloads exist, and who is behind an address or a SPIFFE id.

mod moving;
mod service;

use alloc::{borrow::Cow, collections::BTreeMap, string::String, sync::Arc, vec::Vec};
use core::{cmp::Ordering, net::IpAddr};
use serde::Serialize;

use crate::{
    Endpoint, Identity, Labels, Location, Peer, Principal, Role, Workload, WorkloadIdentity, tape::object,
};
pub use service::{Backend, Dialled, Service, ServicePort};

/// One place where a workload runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Instance {
    /// Its addresses, IPv4 and IPv6. No two instances share one.
    pub addresses: Vec<IpAddr>,
    /// The host side of its network interface, when it runs on the host that reads this inventory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interface: Option<String>,
    /// What the interface is to the machine that has it. Instances of one host may share addresses, others may not.
    /// Filters have no use for it, so their configuration leaves it out.
    #[serde(skip)]
    pub role: Role,
}

object!(Instance {
    addresses: "addresses" or Vec::new(),
    interface: "interface" or None;
    role = Role::Workload,
});

/// The labels of namespaces, by name; shared by all workloads of a namespace.
pub type Namespaces = BTreeMap<String, Arc<Labels>>;

/// Everything that is known about who runs where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Inventory {
    trust_domain: String,
    trust_addresses: bool,
    namespaces: Namespaces,
    workloads: Vec<Workload>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    services: Vec<Service>,
    #[serde(skip)]
    index: Index,
    #[serde(skip)]
    by_service_address: service::ByServiceAddress,
}

/// Positions of workloads. Of workloads that share an address, which documents never describe, the first counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Index {
    /// By address.
    by_address: Vec<(IpAddr, usize)>,
    /// All, by namespace, then account, then position.
    by_account: Vec<usize>,
    /// One of each identity, in the order of identities: by namespace, then account. Found once and not for every request.
    distinct: Vec<usize>,
}

impl Index {
    fn new(workloads: &[Workload]) -> Self {
        let mut by_address: Vec<(IpAddr, usize)> = Vec::new();
        for (position, workload) in workloads.iter().enumerate() {
            let addresses = workload.instances.iter().flat_map(|instance| &instance.addresses);
            by_address.extend(addresses.map(|address| (address.to_canonical(), position)));
        }
        by_address.sort_unstable();
        by_address.dedup_by_key(|(address, _)| *address);
        // As for a clause's alternatives.
        #[cfg(not(target_family = "wasm"))]
        by_address.shrink_to_fit();
        let identity = |position: &usize| workloads.get(*position).map(|workload| &workload.identity);
        let mut by_account: Vec<usize> = (0..workloads.len()).collect();
        by_account.sort_unstable_by_key(|position| (identity(position).map(account), *position));
        let mut distinct = by_account.clone();
        distinct.sort_unstable_by_key(|position| (identity(position), *position));
        distinct.dedup_by(|a, b| identity(a) == identity(b));
        Self { by_address, by_account, distinct }
    }
}

/// What an identity is found by.
fn account(identity: &WorkloadIdentity) -> (&str, &str) {
    (&identity.namespace, &identity.service_account)
}

impl Default for Inventory {
    fn default() -> Self {
        Self::new(String::from("cluster.local"), false, Namespaces::new(), Vec::new())
    }
}

impl Inventory {
    /// An inventory.
    ///
    /// * `trust_domain`: the SPIFFE trust domain of the mesh; Istio's default is `cluster.local`.
    /// * `trust_addresses`: whether every node runs the enforcer, so that a source address proves who sent (S24).
    /// * `namespaces`: the labels of the namespaces that are known.
    /// * `workloads`: the labels of their namespaces are filled in.
    pub fn new(
        trust_domain: String,
        trust_addresses: bool,
        namespaces: Namespaces,
        mut workloads: Vec<Workload>,
    ) -> Self {
        for workload in &mut workloads {
            workload.identity.namespace_labels = namespaces.get(&workload.identity.namespace).cloned();
        }
        let index = Index::new(&workloads);
        Self {
            trust_domain,
            trust_addresses,
            namespaces,
            workloads,
            services: Vec::new(),
            index,
            by_service_address: Vec::new(),
        }
    }

    /// The SPIFFE trust domain of the mesh.
    pub fn trust_domain(&self) -> &str {
        &self.trust_domain
    }

    /// The namespaces that are known, and their labels.
    pub fn namespaces(&self) -> &Namespaces {
        &self.namespaces
    }

    /// The workloads.
    pub fn workloads(&self) -> &[Workload] {
        &self.workloads
    }

    /// The same inventory with other workloads.
    #[must_use]
    pub fn with_workloads(self, workloads: Vec<Workload>) -> Self {
        let Self { trust_domain, trust_addresses, namespaces, services, by_service_address, .. } = self;
        let same = Self::new(trust_domain, trust_addresses, namespaces, workloads);
        Self { services, by_service_address, ..same }
    }

    /// Whether a source address proves who sent (S24).
    pub fn trust_addresses(&self) -> bool {
        self.trust_addresses
    }

    /// The workloads that are hosts: machines whose own interfaces are policed (S76).
    pub fn hosts(&self) -> impl Iterator<Item = &Workload> {
        let own = |workload: &&Workload| workload.instances.iter().any(|instance| instance.role.is_own());
        self.workloads.iter().filter(own)
    }

    /// The inventory without what interfaces are to their machines: as filters get it.
    #[must_use]
    pub fn without_roles(self) -> Self {
        if self.hosts().next().is_none() {
            return self;
        }
        let mut seen = self;
        for instance in seen.workloads.iter_mut().flat_map(|workload| &mut workload.instances) {
            instance.role = Role::Workload;
        }
        seen
    }

    /// The inventory as the machine reads it that is `host`, by namespace and name, or that is none of the hosts: the interfaces of
    /// the others are not here.
    #[must_use]
    pub fn seen_from(&self, host: Option<(&str, &str)>) -> Cow<'_, Self> {
        let is_here = |workload: &Workload| {
            host == Some((workload.identity.namespace.as_str(), workload.name.as_str()))
        };
        if self.hosts().all(is_here) {
            return Cow::Borrowed(self);
        }
        let mut seen = self.clone();
        for workload in seen.workloads.iter_mut().filter(|workload| !is_here(workload)) {
            let own = workload.instances.iter_mut().filter(|instance| instance.role.is_own());
            own.for_each(|instance| instance.interface = None);
        }
        Cow::Owned(seen)
    }

    /// The workload that has `address`, if any. An IPv4-mapped address is the IPv4 address (S14).
    pub fn at(&self, address: IpAddr) -> Option<&Workload> {
        self.position_at(address).and_then(|position| self.workloads.get(position))
    }

    /// The workloads that run under an account.
    pub fn under<'i>(
        &'i self,
        namespace: &str,
        service_account: &str,
    ) -> impl Iterator<Item = &'i Workload> + use<'i> {
        let all =
            self.found(&self.index.by_account, |known| account(known).cmp(&(namespace, service_account)));
        all.iter().filter_map(|position| self.workloads.get(*position))
    }

    /// The workload `name` in `namespace`, if any.
    pub fn workload(&self, namespace: &str, name: &str) -> Option<&Workload> {
        let all = self.found(&self.index.by_account, |known| known.namespace.as_str().cmp(namespace));
        let mut workloads = all.iter().filter_map(|position| self.workloads.get(*position));
        workloads.find(|workload| workload.name == name)
    }

    /// The part of a list of positions whose identities compare equal to what is looked for; `compare` must agree with the order
    /// of the list.
    fn found<'i>(&self, list: &'i [usize], compare: impl Fn(&WorkloadIdentity) -> Ordering) -> &'i [usize] {
        let compare = |position: &usize| {
            self.workloads.get(*position).map_or(Ordering::Greater, |workload| compare(&workload.identity))
        };
        let start = list.partition_point(|position| compare(position).is_lt());
        let rest = list.get(start..).unwrap_or_default();
        rest.get(..rest.partition_point(|position| compare(position).is_eq())).unwrap_or_default()
    }

    /// Who is behind `address` to an observer that trusts addresses: the kernel (S23).
    pub fn behind_address(&self, address: IpAddr) -> Identity<'_> {
        self.at(address).map_or(Identity::Outside, |w| Identity::Workload(&w.identity))
    }

    /// The end of a connection at `address`, as the kernel sees it (S23, S41).
    pub fn endpoint(&self, address: IpAddr) -> Endpoint<'_> {
        let identity = self.behind_address(address);
        let principal = self.principal_of(&identity);
        Endpoint { identity, location: Location::of(address), principal }
    }

    /// What the kernel knows of the principal of somebody whom it knows as `identity` (S41).
    pub fn principal_of(&self, identity: &Identity<'_>) -> Principal<'_> {
        match identity {
            Identity::Workload(_) => Principal::Derived { trust_domain: &self.trust_domain },
            _ => Principal::Open,
        }
    }

    /// Who is behind a verified SPIFFE id, refined by the direct peer address (S22).
    ///
    /// The address only ever picks among the workloads that run under the id; it never overrules it.
    pub fn behind_spiffe(&self, id: &str, address: Option<IpAddr>) -> Identity<'_> {
        let Some((namespace, service_account)) = self.account(id) else { return Identity::Anonymous };
        let runs_under = |w: &&Workload| {
            w.identity.namespace == namespace && w.identity.service_account == service_account
        };
        if let Some(exact) = address.and_then(|a| self.at(a)).filter(runs_under) {
            return Identity::Workload(&exact.identity);
        }
        let distinct =
            self.found(&self.index.distinct, |known| account(known).cmp(&(namespace, service_account)));
        let candidates: Vec<_> = distinct
            .iter()
            .filter_map(|position| self.workloads.get(*position).map(|workload| &workload.identity))
            .collect();
        match candidates.as_slice() {
            [] => Identity::Account {
                namespace: String::from(namespace),
                service_account: String::from(service_account),
                namespace_labels: self.namespaces.get(namespace).cloned(),
            },
            [only] => Identity::Workload(only),
            _ => Identity::Candidates(candidates),
        }
    }

    /// Who a proxy's peer is: by its certificate (S21, S22), or, for a plaintext peer, by its address where addresses
    /// are trusted (S24). Where neither proves anything, the address still says whose policy must hold (S25).
    pub fn behind_peer(&self, peer: Peer<'_>) -> Identity<'_> {
        let proven = match (peer.uri_sans, peer.address) {
            ([id], address) => self.behind_spiffe(id, address),
            ([], Some(address)) if self.trust_addresses => self.behind_address(address),
            // Plaintext without trusted addresses, or a certificate that names several identities.
            _ => Identity::Anonymous,
        };
        match (&proven, peer.address.and_then(|address| self.at(address))) {
            (Identity::Anonymous, Some(workload)) => Identity::Claimed(&workload.identity),
            _ => proven,
        }
    }

    /// A proxy's peer, as the source of a connection.
    pub fn peer_endpoint<'a>(&'a self, peer: Peer<'a>) -> Endpoint<'a> {
        let identity = self.behind_peer(peer);
        let principal = match (peer.uri_sans, &identity) {
            ([], Identity::Workload(_)) => Principal::Derived { trust_domain: &self.trust_domain },
            ([], _) => Principal::Unknown,
            (ids, _) => Principal::Verified(ids),
        };
        let location = peer.address.map_or(Location::Unknown, Location::of);
        Endpoint { identity, location, principal }
    }

    /// Namespace and service account of a SPIFFE id of this mesh's trust domain, in Istio's form
    /// `spiffe://<trust domain>/ns/<namespace>/sa/<service account>`.
    fn account<'i>(&self, id: &'i str) -> Option<(&'i str, &'i str)> {
        let path = id.strip_prefix("spiffe://")?.strip_prefix(self.trust_domain.as_str())?;
        let (namespace, service_account) = path.strip_prefix("/ns/")?.split_once("/sa/")?;
        let plain = |name: &str| !name.is_empty() && !name.contains('/');
        (plain(namespace) && plain(service_account)).then_some((namespace, service_account))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Labels, WorkloadIdentity};
    use alloc::string::ToString;

    fn workload(name: &str, account: &str, version: &str, address: &str) -> Workload {
        Workload {
            name: name.to_string(),
            identity: WorkloadIdentity {
                namespace: "default".to_string(),
                service_account: account.to_string(),
                labels: Labels::from([("version".to_string(), version.to_string())]),
                proxied: true,
                ..WorkloadIdentity::default()
            },
            instances: [Instance { addresses: [address.parse().unwrap()].into(), ..Instance::default() }]
                .into(),
        }
    }

    fn inventory() -> Inventory {
        Inventory::default().with_workloads(
            [workload("a", "shared", "1", "10.0.0.1"), workload("b", "shared", "2", "10.0.0.2")].into(),
        )
    }

    #[test]
    fn an_address_tells_workloads_of_one_account_apart() {
        let inventory = inventory();
        let id = "spiffe://cluster.local/ns/default/sa/shared";
        assert!(matches!(inventory.behind_spiffe(id, Some("10.0.0.2".parse().unwrap())),
            Identity::Workload(w) if w.labels["version"] == "2"));
        assert!(matches!(inventory.behind_spiffe(id, None), Identity::Candidates(c) if c.len() == 2));
        assert!(matches!(
            inventory.behind_spiffe(id, Some("10.0.0.9".parse().unwrap())),
            Identity::Candidates(_)
        ));
    }

    #[test]
    fn a_workload_is_found_at_its_address_in_either_form() {
        let inventory = inventory();
        let found = inventory.at("::ffff:10.0.0.2".parse().unwrap());
        assert_eq!(found.map(|w| w.name.as_str()), Some("b"));
    }

    #[test]
    fn an_address_never_overrules_a_verified_id() {
        let mut workloads = inventory().workloads;
        workloads.push(workload("c", "other", "3", "10.0.0.3"));
        let inventory = Inventory::default().with_workloads(workloads);
        let id = "spiffe://cluster.local/ns/default/sa/other";
        assert!(matches!(inventory.behind_spiffe(id, Some("10.0.0.1".parse().unwrap())),
            Identity::Workload(w) if w.labels["version"] == "3"));
    }

    #[test]
    fn a_foreign_or_odd_id_is_nobody_we_know() {
        let inventory = inventory();
        for id in [
            "spiffe://elsewhere/ns/default/sa/shared",
            "spiffe://cluster.local.evil/ns/default/sa/shared",
            "spiffe://cluster.local/ns/default/sa/shared/x",
            "spiffe://cluster.local/ns//sa/shared",
            "",
        ] {
            assert!(matches!(inventory.behind_spiffe(id, None), Identity::Anonymous), "{id}");
        }
    }
}
