//! Documents to a program and an inventory: names resolved, defaults filled in, contradictions refused.

mod policies;
mod workloads;

pub(crate) use policies::{RulePlace, policies};
pub(crate) use workloads::inventory;
