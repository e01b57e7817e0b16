//! The inventory: which workloads exist, and who is behind an address or a SPIFFE id.

use alloc::{string::String, vec::Vec};
use core::net::IpAddr;
use serde::{Deserialize, Serialize};

use crate::{Identity, Peer, Workload};

/// One place where a workload runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Instance {
    /// Its addresses, IPv4 and IPv6. No two instances share one.
    #[serde(default)]
    pub addresses: Vec<IpAddr>,
    /// The host side of its network interface, when it runs on the host that reads this inventory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface: Option<String>,
}

/// Everything that is known about who runs where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Inventory {
    /// The SPIFFE trust domain of the mesh; `cluster.local` unless said otherwise, as in Istio.
    pub trust_domain: String,
    /// Whether every node runs the enforcer, so that a source address proves who sent (S24).
    #[serde(default)]
    pub trust_addresses: bool,
    /// The workloads.
    pub workloads: Vec<Workload>,
}

impl Default for Inventory {
    fn default() -> Self {
        Self { trust_domain: String::from("cluster.local"), trust_addresses: false, workloads: Vec::new() }
    }
}

impl Inventory {
    /// The workload that has `address`, if any. An IPv4-mapped address is the IPv4 address (S14).
    pub fn at(&self, address: IpAddr) -> Option<&Workload> {
        let address = address.to_canonical();
        let has = |i: &Instance| i.addresses.iter().any(|own| own.to_canonical() == address);
        self.workloads.iter().find(|w| w.instances.iter().any(has))
    }

    /// The workload `name` in `namespace`, if any.
    pub fn workload(&self, namespace: &str, name: &str) -> Option<&Workload> {
        self.workloads.iter().find(|w| w.identity.namespace == namespace && w.name == name)
    }

    /// Who is behind `address` to an observer that trusts addresses: the kernel (S23).
    pub fn behind_address(&self, address: IpAddr) -> Identity<'_> {
        self.at(address).map_or(Identity::Outside, |w| Identity::Workload(&w.identity))
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
        let mut candidates: Vec<_> = self.workloads.iter().filter(runs_under).map(|w| &w.identity).collect();
        candidates.sort_unstable();
        candidates.dedup();
        match candidates.as_slice() {
            [] => Identity::Account {
                namespace: String::from(namespace),
                service_account: String::from(service_account),
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
            },
            instances: [Instance { addresses: [address.parse().unwrap()].into(), interface: None }].into(),
        }
    }

    fn inventory() -> Inventory {
        Inventory {
            workloads: [workload("a", "shared", "1", "10.0.0.1"), workload("b", "shared", "2", "10.0.0.2")]
                .into(),
            ..Inventory::default()
        }
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
        let mut inventory = inventory();
        inventory.workloads.push(workload("c", "other", "3", "10.0.0.3"));
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
