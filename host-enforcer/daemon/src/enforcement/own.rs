//! What must not be closed: interfaces of the machine itself, and everything in a dry run.

use super::Enforcement;
use crate::host::Host;
use bookend_abi::table::OwnedKey;
use bookend_plan::{Plan, Role};
use std::collections::{BTreeMap, BTreeSet};

impl<H: Host> Enforcement<H> {
    /// Whether nothing is dropped.
    pub fn is_dry(&self) -> bool {
        self.dry
    }

    /// The interfaces, by index, that are the machine's own. Their packets take other ways than a workload's, and no mark is
    /// demanded of them.
    pub fn own(&self) -> BTreeSet<u32> {
        let own = self.plan.interfaces.iter().filter(|interface| interface.role.is_own());
        own.filter_map(|interface| self.policed.get(&interface.name).copied()).collect()
    }

    /// Whether a dry run was begun or ended, and not at every interface.
    pub fn is_unsettled(&self) -> bool {
        self.dry != self.settings.dry || self.mixed
    }

    /// Whether a dry run is wanted, begun or not.
    pub fn wants_dry(&self) -> bool {
        self.settings.dry
    }

    /// Begins a dry run or ends it, at every interface; live connections are judged again. What is wanted stays wanted if
    /// that fails, even if the tables are then found to say otherwise.
    ///
    /// # Errors
    /// If a table cannot be written; it may be tried again while it is [unsettled](Self::is_unsettled).
    pub fn observe(&mut self, dry: bool) -> Result<(), H::Error> {
        self.settings.dry = dry;
        if !self.is_unsettled() {
            return Ok(());
        }
        self.dry = dry;
        self.mixed = true;
        let planned: Vec<_> = self
            .plan
            .interfaces
            .iter()
            .filter_map(|i| Some((*self.policed.get(&i.name)?, i.egress, i.ingress, i.role)))
            .collect();
        for (ifindex, egress, ingress, role) in planned {
            self.write_interface(ifindex, egress, ingress, role)?;
        }
        if dry {
            // What has the programs and no policy is denied everything.
            let known: BTreeSet<&str> = self.plan.interfaces.iter().map(|i| i.name.as_str()).collect();
            let closed: Vec<_> =
                self.policed.iter().filter(|(name, _)| !known.contains(name.as_str())).collect();
            for (_, ifindex) in closed {
                self.host.release(*ifindex)?;
            }
            self.policed.retain(|name, _| known.contains(name.as_str()));
        }
        self.close_change()?;
        self.mixed = false;
        Ok(())
    }

    /// What an interface of the plan in force is.
    pub(super) fn role(&self, interface: &str) -> Role {
        self.planned(interface).map(|planned| planned.role).unwrap_or_default()
    }

    /// Whether an interface without a policy is left open. A machine must not be cut off because somebody renamed its
    /// interface, or removed the document that names it (S76), and a dry run drops nothing (S79).
    pub(super) fn stays_open(&self, role: Role) -> bool {
        self.dry || role.is_own()
    }

    /// Takes the programs off interfaces that `next` does not police any more and that must not be closed, and off those whose
    /// packets take other ways from now on.
    pub(super) fn release_own(&mut self, next: &Plan) -> Result<(), H::Error> {
        let roles = |plan: &Plan| -> BTreeMap<String, Role> {
            plan.interfaces.iter().map(|planned| (planned.name.clone(), planned.role)).collect()
        };
        let (was, is) = (roles(&self.plan), roles(next));
        if !self.dry && !was.values().chain(is.values()).any(|role| role.is_own()) {
            return Ok(());
        }
        let leaves = |name: &&String| {
            let was = was.get(*name).copied().unwrap_or_default();
            is.get(*name).map_or(self.stays_open(was), |is| is.is_own() != was.is_own())
        };
        let leaving: Vec<String> = self.policed.keys().filter(leaves).cloned().collect();
        for interface in leaving {
            let Some(ifindex) = self.policed.get(&interface).copied() else { continue };
            self.host.release(ifindex)?;
            self.empty(ifindex)?;
            let owned: Vec<OwnedKey> = self.owned_by(&interface, ifindex);
            for key in owned {
                self.host.disown(key)?;
            }
            self.policed.remove(&interface);
        }
        Ok(())
    }
}
