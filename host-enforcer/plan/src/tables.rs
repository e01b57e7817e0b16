//! The plan as plain tables, on which the kernel's decision function runs.

use bookend_abi::plain::PlainTables;
use bookend_abi::table::{ABI_VERSION, Config, Interface, OwnedKey, quota};

use crate::{Plan, role_flags};

impl Plan {
    /// The tables as this plan wants them, without connections. `ifindex` numbers the interfaces, by name; what it
    /// does not number is left out, and so denied.
    pub fn tables(&self, mut ifindex: impl FnMut(&str) -> Option<u32>) -> PlainTables {
        let mut tables = PlainTables {
            config: Config { abi_version: ABI_VERSION, ..Config::default() },
            identities: self.identities.as_ref().clone(),
            limits: self.limits.clone(),
            ..PlainTables::default()
        };
        for (handle, policy) in &self.policies {
            tables.policies.insert(*handle, policy.head);
            tables.blocks.extend(policy.blocks.iter().copied());
            tables.verdicts.extend(policy.verdicts.iter().copied());
        }
        let quota = quota(u32::try_from(self.interfaces.len()).unwrap_or(u32::MAX));
        for interface in &self.interfaces {
            let Some(ifindex) = ifindex(&interface.name) else { continue };
            let (egress, ingress) = (interface.egress, interface.ingress);
            let flags = role_flags(interface.role);
            tables.police(Interface { egress, ingress, flags, ifindex, quota, ..Interface::default() });
            tables.owned.extend(interface.addresses.iter().map(|a| OwnedKey { ifindex, address: *a }));
        }
        tables
    }

    /// The name of the rule, the isolation or the default with this number.
    #[must_use]
    pub fn rule(&self, number: u64) -> Option<&str> {
        self.rules.get(&number).map(String::as_str)
    }
}
