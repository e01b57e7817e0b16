//! The plan: everything one host's tables should hold.

use bookend_abi::Address;
use bookend_abi::table::Limit;
use bookend_engine::{Inventory, Program, WorkloadIdentity};
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::name::KnownIdentity;
use crate::planner::Planner;
use crate::{InterfacePlan, PlanError, PolicyContents};

/// The contents of one host's tables, and what the numbers in them stand for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The policies by handle. Plans share what is the same in several of them.
    pub policies: BTreeMap<u64, Arc<PolicyContents>>,
    /// The interfaces under policy, ascending by name.
    pub interfaces: Vec<InterfacePlan>,
    /// The entries of `identities`: who has which address, cluster-wide.
    pub identities: Arc<BTreeMap<Address, u64>>,
    /// The identities that the policies know, by number: those of the inventory and the retained ones.
    pub known: Arc<BTreeMap<u64, KnownIdentity>>,
    /// The identities of Services' addresses, by number, as people call them.
    pub services: BTreeMap<u64, String>,
    /// The rules that give some verdict here, by number: rules, isolations and `default-allow` by their ids.
    pub rules: BTreeMap<u64, String>,
    /// The entries of `limits`: what the verdicts here refer to.
    pub limits: BTreeMap<u32, Limit>,
}

impl Plan {
    /// The plan of the host that has the interfaces which `inventory` names.
    ///
    /// The policies also know the `retained` identities, at any address: the identities of the plan in force, so that
    /// neither those who leave nor those who come are strangers while one plan replaces the other. Whoever makes plans one after
    /// the other has a [`Planner`](crate::Planner).
    ///
    /// # Errors
    /// When the inventory contradicts itself, or when the tables cannot express what the engine says.
    pub fn build(
        program: &Program,
        inventory: &Inventory,
        retained: &[WorkloadIdentity],
    ) -> Result<Self, PlanError> {
        Planner::once(program, inventory, retained)
    }

    /// The identities this plan's policies know, to be retained by the plan that replaces it.
    pub fn known_identities(&self) -> impl Iterator<Item = &WorkloadIdentity> {
        self.known.values().map(|known| &known.identity)
    }
}
