//! What is the machine's own where it forwards for others.
//!
//! There a packet of which neither end is the machine's passes unjudged (S77). So it must be known of every address it
//! has, whatever the documents list: what is sent to another of its interfaces, or from there, is its own.

use super::Enforcement;
use crate::host::Host;
use bookend_abi::Address;
use bookend_abi::table::OwnedKey;
use bookend_plan::{Plan, Role};
use std::collections::BTreeSet;

/// The addresses that `plan` says are the machine's.
pub(super) fn documented(plan: &Plan) -> BTreeSet<Address> {
    let own = plan.interfaces.iter().filter(|interface| interface.role.is_own());
    own.flat_map(|interface| interface.addresses.iter().copied()).collect()
}

impl<H: Host> Enforcement<H> {
    /// Has every interface of `plan` that forwards own all that is the machine's.
    pub(super) fn complete(&self, plan: &mut Plan, documented: &BTreeSet<Address>) {
        let all: Vec<Address> = documented.union(&self.local).copied().collect();
        for interface in plan.interfaces.iter_mut().filter(|interface| interface.role == Role::Router) {
            interface.addresses.clone_from(&all);
        }
    }

    /// Takes note of the addresses that the machine has by now; whether what is in force became another for it.
    pub(super) fn locate(&mut self, local: &BTreeSet<Address>) -> Result<bool, H::Error> {
        self.local.clone_from(local);
        // Of what was found in the tables it is not known which came from a document: none is given up before the next plan.
        let documented = self.documented.clone().unwrap_or_else(|| documented(&self.plan));
        let all: BTreeSet<Address> = documented.union(&self.local).copied().collect();
        let mut changed = Vec::new();
        for interface in self.plan.interfaces.iter_mut().filter(|interface| interface.role == Role::Router) {
            let before: BTreeSet<Address> = interface.addresses.iter().copied().collect();
            if before != all {
                interface.addresses = all.iter().copied().collect();
                changed.push((self.policed.get(&interface.name).copied(), before));
            }
        }
        let any = !changed.is_empty();
        // One that is not there (yet) has no entries; they are written when it comes.
        for (ifindex, before) in changed.into_iter().filter_map(|(ifindex, before)| Some((ifindex?, before)))
        {
            let come: Vec<Address> = all.difference(&before).copied().collect();
            for address in &come {
                self.host.own(OwnedKey { ifindex, address: *address })?;
            }
            for address in before.difference(&all) {
                self.host.disown(OwnedKey { ifindex, address: *address })?;
            }
            if !come.is_empty() {
                for (key, value) in self.host.recall(ifindex, &come)? {
                    self.admit(key, value)?;
                }
            }
        }
        Ok(any)
    }
}
