//! What the numbers in the tables stand for.

use bookend_engine::WorkloadIdentity;
use std::collections::{BTreeMap, HashMap};

use crate::{PlanError, number};

/// An identity that the tables speak of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownIdentity {
    /// The identity.
    pub identity: WorkloadIdentity,
    /// The workloads that have it, `namespace/name`, ascending; none if it is only retained.
    pub workloads: Vec<String>,
}

impl KnownIdentity {
    /// What people call it: its workloads, or where there are none its account.
    #[must_use]
    pub fn name(&self) -> String {
        if self.workloads.is_empty() { Self::account(&self.identity) } else { self.workloads.join(", ") }
    }

    /// An identity that no workload has, by its account.
    pub(crate) fn account(identity: &WorkloadIdentity) -> String {
        format!("the service account {}/{}", identity.namespace, identity.service_account)
    }
}

/// The numbers of rule ids, each computed once.
#[derive(Default)]
pub(crate) struct RuleNumbers {
    numbers: HashMap<String, u64>,
    ids: BTreeMap<u64, String>,
}

impl RuleNumbers {
    /// The number of the rule with this `id`.
    pub(crate) fn of(&mut self, id: &str) -> Result<u64, PlanError> {
        if let Some(number) = self.numbers.get(id) {
            return Ok(*number);
        }
        let number = number::of_rule(id);
        if let Some(first) = self.ids.insert(number, id.to_owned()) {
            return Err(PlanError::SameNumber { what: "the rules", first, second: id.to_owned() });
        }
        self.numbers.insert(id.to_owned(), number);
        Ok(number)
    }

    /// What each number stands for.
    pub(crate) fn into_ids(self) -> BTreeMap<u64, String> {
        self.ids
    }
}
