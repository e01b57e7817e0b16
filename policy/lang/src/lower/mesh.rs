//! The mesh that inventories and Istio's own documents describe.

use super::{Facts, facts::agreed};
use crate::{
    diagnostic::Report,
    dialect::istio::{Mesh, TrustDomains},
};
use bookend_engine::Inventory;

/// What is said of the mesh.
pub(super) fn mesh(facts: &Facts<'_>, report: &mut Report) -> Mesh {
    let inventories = || facts.inventories.iter();
    let root = inventories().filter_map(|inventory| inventory.root_namespace.as_ref());
    let root = agreed(root, "root namespace", report).cloned();
    // Where two contradict each other, that is said where the inventory is put together.
    let domain = inventories().find_map(|inventory| inventory.trust_domain.as_ref());
    let domain =
        domain.map_or_else(|| Inventory::default().trust_domain().to_owned(), |domain| domain.value.clone());
    let mut domains = vec![domain];
    for alias in inventories().flat_map(|inventory| &inventory.trust_domain_aliases) {
        if !domains.contains(&alias.value) {
            domains.push(alias.value.clone());
        }
    }
    let default = Mesh::default();
    Mesh {
        root_namespace: root.unwrap_or(default.root_namespace),
        trust_domains: TrustDomains(domains),
        ..default
    }
}
