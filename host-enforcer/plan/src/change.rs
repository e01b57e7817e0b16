//! The way from one plan to the next.

use bookend_abi::Address;
use bookend_abi::table::SERVICE;
use bookend_engine::Role;
use std::collections::BTreeMap;

use crate::difference::Differences;
use crate::{InterfacePlan, Plan};

/// One write, or the writes and removals of one policy's contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Write an entry of `limits`.
    WriteLimit(u32),
    /// Write the contents of a policy: blocks and verdicts first, the head last.
    WritePolicy(u64),
    /// Remove the entry of an interface: everything there is denied.
    RemoveInterface(String),
    /// Remove an address from `owned`.
    DisownAddress {
        /// The interface.
        interface: String,
        /// The address.
        address: Address,
    },
    /// Remove an address from `identities`: whoever is there is a stranger.
    RemoveIdentity(Address),
    /// Write the entry of an interface.
    SwitchInterface {
        /// The interface.
        interface: String,
        /// Its policy for connections the workload opens.
        egress: u64,
        /// Its policy for connections opened to the workload.
        ingress: u64,
        /// What it is to the host. One that becomes something else is attached anew.
        role: Role,
    },
    /// Write the identity at an address.
    WriteIdentity {
        /// The address.
        address: Address,
        /// The number of the identity.
        identity: u64,
    },
    /// Write an address to `owned`.
    OwnAddress {
        /// The interface.
        interface: String,
        /// The address.
        address: Address,
    },
    /// Remove the contents of a policy: the head first.
    RemovePolicy(u64),
    /// Remove an entry of `limits`.
    RemoveLimit(u32),
}

/// The steps from one plan to another, to be taken in order.
///
/// The order is such that every state on the way is one that the old or the new program decides exactly, for what
/// the inventory was before or is now, provided the new plan retained the identities of the old one:
/// 1. New limits are written, and then new policies, which refer to them; nobody uses them yet.
/// 2. What is gone is removed: interfaces (denied from then on), addresses of workloads (denied as spoofed), and
///    identities of addresses (strangers), so that nothing the new policies allow can go to who is no longer there.
/// 3. Interfaces are switched, one write each.
/// 4. Identities are written where they are new or have changed: only the new policies are sure to know them. An
///    address passes from one identity to the other without being a stranger's in between.
/// 5. Addresses of workloads are added: the last thing that opens a door.
/// 6. Policies that nobody uses any more are removed, and then limits that no policy refers to any more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// The steps.
    pub steps: Vec<Step>,
}

impl Plan {
    /// The change that leads from `old` (for the first plan, the empty one) to this plan.
    #[must_use]
    pub fn change_from(&self, old: &Self) -> Change {
        let was = by_name(old);
        let is = by_name(self);
        let mut steps = Vec::new();

        let changed = self.limits.iter().filter(|(number, limit)| old.limits.get(number) != Some(limit));
        steps.extend(changed.map(|(number, _)| Step::WriteLimit(*number)));
        let written = self.policies.keys().filter(|handle| !old.policies.contains_key(handle));
        steps.extend(written.map(|handle| Step::WritePolicy(*handle)));

        let gone = was.keys().filter(|name| !is.contains_key(*name));
        steps.extend(gone.map(|name| Step::RemoveInterface((*name).to_owned())));
        let (owned, owns) = (old.owned(), self.owned());
        steps.extend(owned.difference(&owns).map(|(interface, address)| Step::DisownAddress {
            interface: (*interface).to_owned(),
            address: *address,
        }));
        // The new policies know no Service that is gone, though its address may be another's.
        let is_gone = |number: &u64| number & SERVICE != 0 && !self.services.contains_key(number);
        let differences = || Differences::new(&old.identities, &self.identities);
        let strangers =
            differences().filter(|(_, was, is)| was.is_some_and(|was| is.is_none() || is_gone(&was)));
        steps.extend(strangers.map(|(address, ..)| Step::RemoveIdentity(address)));

        let entry = |interface: &InterfacePlan| (interface.egress, interface.ingress, interface.role);
        for (name, interface) in &is {
            let (egress, ingress, role) = entry(interface);
            if was.get(name).is_none_or(|before| entry(before) != (egress, ingress, role)) {
                steps.push(Step::SwitchInterface { interface: (*name).to_owned(), egress, ingress, role });
            }
        }

        let changed = differences().filter_map(|(address, _, is)| Some((address, is?)));
        steps.extend(changed.map(|(address, identity)| Step::WriteIdentity { address, identity }));
        steps.extend(owns.difference(&owned).map(|(interface, address)| Step::OwnAddress {
            interface: (*interface).to_owned(),
            address: *address,
        }));

        let unused = old.policies.keys().filter(|handle| !self.policies.contains_key(handle));
        steps.extend(unused.map(|handle| Step::RemovePolicy(*handle)));
        let unused = old.limits.keys().filter(|number| !self.limits.contains_key(number));
        steps.extend(unused.map(|number| Step::RemoveLimit(*number)));
        Change { steps }
    }
}

fn by_name(plan: &Plan) -> BTreeMap<&str, &InterfacePlan> {
    plan.interfaces.iter().map(|interface| (interface.name.as_str(), interface)).collect()
}
