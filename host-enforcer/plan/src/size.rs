//! How much of the tables a plan takes.

use bookend_abi::table::capacity;
use std::collections::BTreeSet;

use crate::difference::Differences;
use crate::{Plan, PlanError};

/// Entries needed in each table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sizes {
    /// In `interfaces`.
    pub interfaces: usize,
    /// In `owned`.
    pub owned: usize,
    /// In `identities`.
    pub identities: usize,
    /// In `blocks`.
    pub blocks: usize,
    /// In `policies`.
    pub policies: usize,
    /// In `verdicts`.
    pub verdicts: usize,
    /// In `limits`.
    pub limits: usize,
    /// In `rules`, once every rule has been counted.
    pub rules: usize,
}

impl Plan {
    /// The entries this plan needs by itself.
    #[must_use]
    pub fn sizes(&self) -> Sizes {
        Sizes {
            interfaces: self.interfaces.len(),
            owned: self.interfaces.iter().map(|interface| interface.addresses.len()).sum(),
            identities: self.identities.len(),
            blocks: self.policies.values().map(|policy| policy.blocks.len()).sum(),
            policies: self.policies.len(),
            verdicts: self.policies.values().map(|policy| policy.verdicts.len()).sum(),
            limits: self.limits.len(),
            rules: self.rules.len(),
        }
    }

    /// The entries needed while this plan replaces `old`, when both stand side by side.
    #[must_use]
    pub fn sizes_replacing(&self, old: &Self) -> Sizes {
        let mut sizes = self.sizes();
        for (_, gone) in old.policies.iter().filter(|(handle, _)| !self.policies.contains_key(handle)) {
            sizes.policies += 1;
            sizes.blocks += gone.blocks.len();
            sizes.verdicts += gone.verdicts.len();
        }
        sizes.rules += old.rules.keys().filter(|rule| !self.rules.contains_key(rule)).count();
        sizes.limits += old.limits.keys().filter(|limit| !self.limits.contains_key(limit)).count();
        // Interfaces and addresses that go are removed before those that come are written, but those that stay on
        // another interface are in `owned` twice for a moment; count all of both, each once.
        sizes.interfaces = names(self).union(&names(old)).count();
        sizes.owned = self.owned().union(&old.owned()).count();
        sizes.identities +=
            Differences::new(&old.identities, &self.identities).filter(|(_, _, is)| is.is_none()).count();
        sizes
    }

    /// Refuses a plan that does not fit the kernel's tables while it replaces `old` (for the first plan, the empty
    /// one).
    ///
    /// # Errors
    /// Names the first table that would overflow.
    pub fn check_capacity(&self, old: &Self) -> Result<(), PlanError> {
        const SELECT: &str = "every identity that a rule means takes entries in each policy the rule concerns, so let \
             rules that concern many workloads here mean fewer peers, or run fewer workloads on this host";
        const CIDRS: &str = "merge CIDR blocks that lie side by side";
        const FEWER: &str = "run fewer workloads on this host";
        const CLUSTER: &str = "split the cluster";
        const RULES: &str = "merge rules that differ only in their peers or ports";
        const LIMITS: &str = "let fewer rules have `limits`";
        let Sizes { interfaces, owned, identities, blocks, policies, verdicts, limits, rules } =
            self.sizes_replacing(old);
        let tables = [
            ("interfaces", interfaces, capacity::INTERFACES, FEWER),
            ("owned", owned, capacity::OWNED, FEWER),
            ("identities", identities, capacity::IDENTITIES, CLUSTER),
            ("blocks", blocks, capacity::BLOCKS, CIDRS),
            ("policies", policies, capacity::POLICIES, FEWER),
            ("verdicts", verdicts, capacity::VERDICTS, SELECT),
            ("limits", limits, capacity::LIMITS, LIMITS),
            ("rules", rules, capacity::RULES, RULES),
        ];
        // A table of more entries than a `u32` counts does not exist.
        match tables.into_iter().find(|(_, needed, capacity, _)| *needed as u64 > u64::from(*capacity)) {
            Some((table, needed, capacity, cure)) => {
                Err(PlanError::OverCapacity { table, needed, capacity, cure })
            }
            None => Ok(()),
        }
    }
}

fn names(plan: &Plan) -> BTreeSet<&str> {
    plan.interfaces.iter().map(|interface| interface.name.as_str()).collect()
}
