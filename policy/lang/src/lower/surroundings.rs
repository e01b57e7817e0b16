//! What policies refer to by name, besides workloads: tiers, networks and the addresses of the cluster itself.

use std::collections::BTreeMap;

use super::Facts;
use crate::{
    diagnostic::Report,
    dialect::istio::Mesh,
    document::InventoryDocument,
    lower::{calico, mesh, network, tier},
};
use bookend_engine::{Block, Inventory, IpNet, Labels, Plane};

/// Everything outside a policy that its meaning depends on. Two policies lowered in equal surroundings mean the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Surroundings {
    /// The tiers by name, the built-in ones included.
    pub(crate) tiers: BTreeMap<String, Tier>,
    /// The Network documents by name.
    pub(crate) networks: BTreeMap<String, Network>,
    /// The addresses of the cluster's nodes (S43); empty where nobody names any.
    pub(crate) nodes: Vec<Block>,
    /// The addresses of the API server (S43); empty where nobody names any.
    pub(crate) kube_apiserver: Vec<Block>,
    /// All addresses that belong to the cluster whether or not a workload is known there: those of its nodes and of
    /// its API server, and `clusterCidrs` (S43).
    pub(crate) cluster: Vec<Block>,
    /// What Istio's policies depend on.
    pub(crate) mesh: Mesh,
    /// What Calico's policies depend on.
    pub(crate) calico: calico::Context,
    /// What is known of nodes and networks comes and goes by itself: where nobody is left of what a peer says, it means nobody.
    pub(crate) passing: bool,
}

/// A step in the order in which policies are asked (S2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tier {
    /// The plane it is a step of (S83).
    pub(crate) plane: Plane,
    /// Its place, from 1 to 100,000,000; the lowest is asked first. No two tiers of a plane share one.
    pub(crate) order: u32,
    /// Whether a `Policy` of a namespace may be in it, and not only a `ClusterPolicy`.
    pub(crate) namespaced: bool,
}

/// A named set of addresses (S42).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Network {
    /// Its labels, by which a peer can name several networks.
    pub(crate) labels: Labels,
    /// Its addresses; never empty.
    pub(crate) blocks: Vec<Block>,
}

/// The tier of a policy that names none.
pub(crate) const DEFAULT_TIER: &str = "default";

/// The tier of ClusterNetworkPolicies for administrators.
pub(crate) const NETWORK_ADMIN_TIER: &str = "network-admin";
/// The tier of NetworkPolicies, and Calico's default.
pub(crate) const NETWORK_TIER: &str = "network";
/// The tier of ClusterNetworkPolicies that hold where nothing else does.
pub(crate) const NETWORK_BASELINE_TIER: &str = "network-baseline";
/// The tier of what endpoints of hosts have by themselves, as Calico's profiles are behind all policies.
pub(crate) const PROFILES_TIER: &str = "network-profiles";
/// Its order, which no other tier of the plane exceeds.
pub(crate) const PROFILES_TIER_ORDER: u32 = 100_000_000;
/// The tier of Istio's policies.
pub(crate) const MESH_TIER: &str = "mesh";

/// The tiers that are always there.
pub(crate) const BUILT_IN_TIERS: [(&str, Tier); 8] = [
    ("admin", Tier { plane: Plane::Bookend, order: 100, namespaced: false }),
    (DEFAULT_TIER, Tier { plane: Plane::Bookend, order: bookend_engine::DEFAULT_TIER, namespaced: true }),
    ("baseline", Tier { plane: Plane::Bookend, order: 10_000, namespaced: false }),
    // Calico's numbers: kube-admin, default, kube-baseline.
    (NETWORK_ADMIN_TIER, Tier { plane: Plane::Network, order: 1_000, namespaced: false }),
    (NETWORK_TIER, Tier { plane: Plane::Network, order: 1_000_000, namespaced: true }),
    (NETWORK_BASELINE_TIER, Tier { plane: Plane::Network, order: 10_000_000, namespaced: false }),
    (PROFILES_TIER, Tier { plane: Plane::Network, order: PROFILES_TIER_ORDER, namespaced: true }),
    (MESH_TIER, Tier { plane: Plane::Mesh, order: 1_000, namespaced: true }),
];

impl Default for Surroundings {
    fn default() -> Self {
        Self {
            tiers: BUILT_IN_TIERS.iter().map(|(name, tier)| ((*name).to_owned(), *tier)).collect(),
            networks: BTreeMap::new(),
            nodes: Vec::new(),
            kube_apiserver: Vec::new(),
            cluster: Vec::new(),
            mesh: Mesh::default(),
            calico: calico::Context::default(),
            passing: false,
        }
    }
}

/// The surroundings that documents describe.
pub(super) fn surroundings(facts: &Facts<'_>, inventory: &Inventory, report: &mut Report) -> Surroundings {
    let of = |blocks: fn(&InventoryDocument) -> &Vec<Block>| {
        facts.inventories.iter().flat_map(move |inventory| blocks(inventory)).cloned()
    };
    let nodes = of(|inventory| &inventory.nodes);
    let nodes = set(nodes.chain(facts.nodes.iter().flat_map(|node| &node.addresses).cloned()).collect());
    let kube_apiserver = set(of(|inventory| &inventory.kube_apiserver).collect());
    let cidrs = of(|inventory| &inventory.cluster_cidrs);
    let cluster = set(nodes.iter().chain(&kube_apiserver).cloned().chain(cidrs).collect());
    let mut tiers = tier::tiers(&facts.tiers, report);
    calico::place(&mut tiers, &facts.calico_tiers, report);
    let mut networks = network::networks(&facts.networks, report);
    networks.extend(calico::networks(&facts.calico_sets, &facts.networks, inventory, report));
    Surroundings {
        tiers,
        networks,
        nodes,
        kube_apiserver,
        cluster,
        mesh: mesh::mesh(facts, report),
        calico: calico::context(facts, inventory),
        passing: false,
    }
}

/// The same addresses in as few blocks as possible, because every rule that names them gets them all; in an order that does
/// not depend on that of the documents.
fn set(blocks: Vec<Block>) -> Vec<Block> {
    let (plain, mut others): (Vec<_>, Vec<_>) =
        blocks.into_iter().partition(|block| block.nets().count() == 1);
    let nets: Vec<IpNet> = plain.iter().flat_map(Block::nets).collect();
    let aggregated = IpNet::aggregate(&nets).into_iter();
    others.extend(aggregated.filter_map(|net| Block::new(net, Vec::new()).ok()));
    others.sort_by_cached_key(|block| block.nets().collect::<Vec<IpNet>>());
    others.dedup();
    others
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_one_block() {
        let blocks = ["10.0.0.1/32", "10.0.0.0/32", "10.0.0.2/31", "fd00::1/128", "10.0.0.1/32"];
        let blocks = blocks.map(|net| Block::new(net.parse().unwrap(), Vec::new()).unwrap());
        let nets: Vec<String> =
            set(blocks.into()).iter().flat_map(Block::nets).map(|net| net.to_string()).collect();
        assert_eq!(nets, ["10.0.0.0/30", "fd00::1/128"]);
    }

    #[test]
    fn a_policy_that_names_no_tier_has_one_that_takes_namespaced_policies() {
        let surroundings = Surroundings::default();
        assert_eq!(surroundings.tiers.get(DEFAULT_TIER).map(|tier| tier.namespaced), Some(true));
        let orders: Vec<_> =
            ["admin", "default", "baseline"].map(|name| surroundings.tiers.get(name).map(|t| t.order)).into();
        assert!(orders.is_sorted());
    }
}
