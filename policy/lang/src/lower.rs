//! Documents to a program, an inventory and settings: names resolved, defaults filled in, contradictions refused.

mod calico;
mod facts;
mod hosts;
mod mesh;
mod moves;
mod namespace;
mod network;
mod policies;
mod reporting;
mod selecting;
mod services;
mod settled;
mod surroundings;
mod tests;
mod tier;
mod workloads;

pub(crate) use facts::{Facts, World};
pub(crate) use mesh::agent as mesh_agent;
pub(crate) use moves::Moves;
pub(crate) use policies::{RulePlace, policy, similar};
pub(crate) use reporting::settings;
pub(crate) use selecting::Selecting;
pub(crate) use settled::{policy_name, settled};
pub(crate) use surroundings::{
    BUILT_IN_TIERS, DEFAULT_TIER, MESH_TIER, NETWORK_ADMIN_TIER, NETWORK_BASELINE_TIER, NETWORK_TIER,
    Network, PROFILES_TIER, Surroundings, Tier,
};
pub(crate) use tests::tests;
