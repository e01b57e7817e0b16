//! What the numbers in the tables stand for.

use bookend_abi::table::{Limit, Rate};
use bookend_engine::{End, Limits, Workload, WorkloadIdentity};
use std::collections::{BTreeMap, HashMap};

use crate::world::title;
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

    /// Whether `workload` is among those that have it.
    pub(crate) fn is_named(&self, workload: &Workload) -> bool {
        self.workloads.binary_search(&title(workload)).is_ok()
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
    limits: BTreeMap<u32, Limited>,
}

/// What a number in `limits` stands for.
struct Limited {
    rule: String,
    end: End,
    limit: Limit,
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

    /// The number of what the rule with this `id` limits at `end`.
    pub(crate) fn limit(&mut self, id: &str, end: End, limits: &Limits) -> Result<u32, PlanError> {
        let limit = entry(limits);
        let number = number::of_limit(id, end, &limit);
        let known = self.limits.entry(number).or_insert_with(|| Limited { rule: id.to_owned(), end, limit });
        if (known.rule.as_str(), known.end, known.limit) != (id, end, limit) {
            let (first, second) = (known.rule.clone(), id.to_owned());
            return Err(PlanError::SameNumber { what: "the limits of", first, second });
        }
        Ok(number)
    }

    /// What a rule's number stands for.
    pub(crate) fn id(&self, number: u64) -> Option<&String> {
        self.ids.get(&number)
    }

    /// What a limit's number stands for.
    pub(crate) fn limit_of(&self, number: u32) -> Option<Limit> {
        self.limits.get(&number).map(|limited| limited.limit)
    }
}

/// The entry of `limits` for what a rule limits (S68).
fn entry(limits: &Limits) -> Limit {
    let rate = |rate: Option<bookend_engine::Rate>| {
        rate.map_or_else(Rate::default, |rate| Rate { interval: rate.interval(), depth: rate.depth() })
    };
    let Limits { connections, connections_per_source, packets, packets_per_source } = *limits;
    Limit {
        connections: rate(connections),
        connections_per_source: rate(connections_per_source),
        packets: rate(packets),
        packets_per_source: rate(packets_per_source),
    }
}
