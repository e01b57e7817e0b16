//! Documents to a program and an inventory: names resolved, defaults filled in, contradictions refused.

mod policies;
mod surroundings;
mod tests;
mod workloads;

pub(crate) use policies::{RulePlace, policies};
pub(crate) use surroundings::{BUILT_IN_TIERS, DEFAULT_TIER, Network, Surroundings, Tier};
pub(crate) use tests::tests;
pub(crate) use workloads::inventory;
