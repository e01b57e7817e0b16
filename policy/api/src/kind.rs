//! The kinds of a cluster.

#![expect(clippy::duplicated_attributes, reason = "different columns can have the same type")]

mod enforcer;
pub mod host;
pub mod inventory;
pub mod network;
mod policy;
pub mod reporting;
pub mod tier;

use kube::CustomResourceExt;
use serde_json::Value;

pub use enforcer::{Enforcer, EnforcerSpec, EnforcerStatus, ProxyShare, RefusedObject};
pub use host::{Host, HostSpec};
pub use inventory::{Inventory, InventorySpec};
pub use network::{Network, NetworkSpec};
pub use policy::{ClusterPolicy, ClusterPolicySpec, Policy, PolicySpec};
pub use reporting::{Reporting, ReportingSpec};
pub use tier::{Tier, TierSpec};

/// The definition of `K`, without a schema.
pub(crate) fn bare<K: CustomResourceExt>() -> Value {
    // Names and lists: this cannot fail. The tests show that all are whole.
    serde_json::to_value(K::crd()).unwrap_or_default()
}
