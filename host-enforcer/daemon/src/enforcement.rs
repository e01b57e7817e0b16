//! The plan in force on a host, and the safe way to the next one.
//!
//! Knows nothing of BPF, files or sockets: the host is a [`Host`], interfaces are a list.

mod collection;
mod local;
mod notice;
mod own;
mod recovery;
mod sight;
mod slots;
mod succession;

pub use collection::Collected;
pub use notice::Notice;
pub use sight::{Sight, Waiting};
pub use succession::Succession;

use crate::host::Host;
use crate::interfaces::{Links, Pattern};
use bookend_abi::Address;
use bookend_abi::table::{ABI_VERSION, Config, Interface, OwnedKey, quota};
use bookend_plan::{InterfacePlan, Plan, PlanError, Role, Step, role_flags};
use collection::Collection;
use slots::Slots;
use std::collections::{BTreeMap, BTreeSet};

/// What is enforced on a host.
pub struct Enforcement<H> {
    host: H,
    plan: Plan,
    /// The addresses that the plan says are the machine's; unknown after they were found in the tables.
    documented: Option<BTreeSet<Address>>,
    /// Those it has, as seen last.
    local: BTreeSet<Address>,
    /// The interfaces that have the programs attached, by name. Those not in the plan are denied everything.
    policed: BTreeMap<String, u32>,
    slots: Slots,
    config: Config,
    /// The connections that every interface may have.
    quota: u32,
    settings: Settings,
    collection: Collection,
    /// Connections admitted without having been seen, by slot.
    admitted: BTreeMap<u32, u32>,
    /// Nothing is dropped (S79).
    dry: bool,
    /// Some interface may have it the other way round.
    mixed: bool,
}

/// What is enforced besides the plan, and how.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// One in so many allowed new connections is reported; none, if 0.
    pub sample: u32,
    /// Nothing is to be dropped (S79). If this or the last enforcer is in a dry run, that is so until
    /// [`Enforcement::observe`] has ended it.
    pub dry: bool,
    /// Interfaces to police as soon as they appear; without a policy everything is denied there.
    pub interfaces: Vec<Pattern>,
}

/// Why a plan was not (or not wholly) put in force.
#[derive(Debug)]
pub enum ApplyError<E> {
    /// It does not fit; nothing was touched.
    Refused(PlanError),
    /// A step failed. What was done stands, and [`Enforcement::recover`] finds out what that is.
    Host(E),
}

impl<H: Host> Enforcement<H> {
    /// Takes over a host as an earlier enforcer left it, however it ended: programs are renewed, what belongs to
    /// interfaces that are gone is removed, and so is what was written half.
    ///
    /// # Errors
    /// If the host cannot be read or written.
    pub fn adopt(host: H, settings: Settings, links: &Links) -> Result<Self, H::Error> {
        let mut adopted = Self {
            dry: settings.dry,
            mixed: true,
            host,
            plan: Plan::default(),
            documented: None,
            local: BTreeSet::new(),
            policed: BTreeMap::new(),
            slots: Slots::default(),
            config: Config::default(),
            quota: quota(0),
            settings,
            collection: Collection::default(),
            admitted: BTreeMap::new(),
        };
        adopted.recover(links)?;
        Ok(adopted)
    }

    /// Finds out what is in force after a step failed.
    ///
    /// # Errors
    /// If the host cannot be read or written.
    pub fn recover(&mut self, links: &Links) -> Result<(), H::Error> {
        self.take_over(links)?;
        self.documented = None;
        self.locate(links.addresses())?;
        // An interface's epoch may be ahead if the last enforcer ended within a change.
        self.config.abi_version = ABI_VERSION;
        self.config.sample = self.settings.sample;
        self.close_change()
    }

    /// The plan in force.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The host.
    pub fn host_mut(&mut self) -> &mut H {
        &mut self.host
    }

    /// The interfaces that are policed, by name, with their index.
    pub fn policed(&self) -> &BTreeMap<String, u32> {
        &self.policed
    }

    /// The interfaces, by index, that have the programs attached, or had.
    ///
    /// # Errors
    /// If they cannot be listed.
    pub fn attached(&mut self) -> Result<BTreeSet<u32>, H::Error> {
        self.host.attached()
    }

    /// Puts `plan` in force; the number of steps taken. The order of the steps is
    /// [`Change`](bookend_plan::Change)'s, and after them every live connection is judged again.
    ///
    /// # Errors
    /// See [`ApplyError`].
    pub fn apply(&mut self, mut plan: Plan) -> Result<usize, ApplyError<H::Error>> {
        let documented = local::documented(&plan);
        self.complete(&mut plan, &documented);
        plan.check_capacity(&self.plan).map_err(ApplyError::Refused)?;
        let steps = self.change_to(plan).map_err(ApplyError::Host)?;
        self.documented = Some(documented);
        Ok(steps)
    }

    fn change_to(&mut self, plan: Plan) -> Result<usize, H::Error> {
        self.release_own(&plan)?;
        let change = plan.change_from(&self.plan);
        // Whoever shares with more has less before they come.
        let quota = share(&plan);
        if quota < self.quota {
            self.write_quotas(quota)?;
        }
        let passed = self.passed_on(&plan);
        for interface in &passed {
            self.empty(interface.1)?;
        }
        let mut steps = change.steps.iter().peekable();
        while let Some(step) = steps.next() {
            if let Step::WriteIdentity { address, identity } = step {
                let mut identities = vec![(*address, *identity)];
                while let Some(Step::WriteIdentity { address, identity }) = steps.peek() {
                    identities.push((*address, *identity));
                    steps.next();
                }
                self.host.write_identities(&identities)?;
            } else {
                self.take(step, &plan)?;
            }
        }
        self.plan = plan;
        for (interface, ifindex) in &passed {
            if self.slots.of(*ifindex).is_none()
                && let Some(planned) = self.planned(interface).cloned()
            {
                self.write_whole(&planned, *ifindex)?;
            }
        }
        self.write_quotas(quota)?;
        if !change.steps.is_empty() || !passed.is_empty() {
            self.close_change()?;
        }
        Ok(change.steps.len())
    }

    fn take(&mut self, step: &Step, plan: &Plan) -> Result<(), H::Error> {
        // An interface that is not there (yet) has no entries; `see` writes them when it comes.
        let index = |interface: &String| self.policed.get(interface).copied();
        match step {
            Step::WriteLimit(number) => match plan.limits.get(number) {
                Some(limit) => self.host.write_limit(*number, *limit),
                None => Ok(()),
            },
            Step::RemoveLimit(number) => self.host.remove_limit(*number),
            Step::WritePolicy(handle) => match plan.policies.get(handle) {
                Some(contents) => self.host.write_policy(*handle, contents),
                None => Ok(()),
            },
            Step::RemovePolicy(handle) => match self.plan.policies.get(handle) {
                Some(contents) => self.host.remove_policy(*handle, contents),
                None => Ok(()),
            },
            Step::RemoveInterface(interface) => match index(interface) {
                Some(ifindex) => self.empty(ifindex),
                None => Ok(()),
            },
            Step::SwitchInterface { interface, egress, ingress, role } => match index(interface) {
                Some(ifindex) => self.write_interface(ifindex, *egress, *ingress, *role),
                None => Ok(()),
            },
            Step::OwnAddress { interface, address } => match index(interface) {
                Some(ifindex) => self.host.own(OwnedKey { ifindex, address: *address }),
                None => Ok(()),
            },
            Step::DisownAddress { interface, address } => match index(interface) {
                Some(ifindex) => self.host.disown(OwnedKey { ifindex, address: *address }),
                None => Ok(()),
            },
            Step::WriteIdentity { address, identity } => self.host.write_identities(&[(*address, *identity)]),
            Step::RemoveIdentity(address) => self.host.remove_identity(*address),
        }
    }

    /// Everything that the tables hold of an interface: its addresses, then its policies, in one write.
    fn write_whole(&mut self, interface: &InterfacePlan, ifindex: u32) -> Result<(), H::Error> {
        for address in &interface.addresses {
            self.host.own(OwnedKey { ifindex, address: *address })?;
        }
        self.write_interface(ifindex, interface.egress, interface.ingress, interface.role)?;
        if interface.role.is_own() {
            for (key, value) in self.host.recall(ifindex, &interface.addresses)? {
                self.admit(key, value)?;
            }
        }
        Ok(())
    }

    /// Writes the entry of an interface, in the slot it has or a new one.
    fn write_interface(
        &mut self,
        ifindex: u32,
        egress: u64,
        ingress: u64,
        role: Role,
    ) -> Result<(), H::Error> {
        let flags = role_flags(role) | if self.dry { Interface::OBSERVE } else { 0 };
        let (epoch, quota) = (self.next_epoch(), self.quota);
        let entry = Interface { egress, ingress, epoch, flags, ifindex, quota };
        if let Some(slot) = self.slots.of(ifindex) {
            self.host.write_interface(slot, entry)?;
            self.slots.take(slot, entry);
            return Ok(());
        }
        if self.slots.free().is_none() {
            self.clear_left_slots()?;
        }
        // There is one: a plan with more interfaces than slots was refused. Without, everything is denied there.
        let Some(slot) = self.slots.free() else { return Ok(()) };
        self.host.set_cursor(slot, 0)?;
        self.host.write_interface(slot, entry)?;
        self.host.assign(ifindex, slot)?;
        self.slots.take(slot, entry);
        Ok(())
    }

    /// Has an interface denied everything, and whoever is next behind it known for somebody else.
    fn empty(&mut self, ifindex: u32) -> Result<(), H::Error> {
        let Some(slot) = self.slots.of(ifindex) else { return Ok(()) };
        let epoch = self.next_epoch();
        self.host.write_interface(slot, Interface { epoch, ..Interface::default() })?;
        self.host.unassign(ifindex)?;
        self.slots.leave(ifindex);
        self.admitted.remove(&slot);
        Ok(())
    }

    /// Gives every interface this quota. No connection needs to be judged again for it.
    fn write_quotas(&mut self, quota: u32) -> Result<(), H::Error> {
        self.quota = quota;
        for (slot, entry) in self.slots.of_other_quota(quota) {
            let entry = Interface { quota, ..entry };
            self.host.write_interface(slot, entry)?;
            self.slots.take(slot, entry);
        }
        Ok(())
    }

    /// The policed interfaces that `plan` gives to another workload than the plan in force, as far as both are known.
    fn passed_on(&self, plan: &Plan) -> Vec<(String, u32)> {
        let whose = |interface: &InterfacePlan| (interface.namespace.clone(), interface.workload.clone());
        let before: BTreeMap<&str, _> = self
            .plan
            .interfaces
            .iter()
            // Of what was found in the tables it is not known.
            .filter(|interface| !interface.workload.is_empty())
            .map(|interface| (interface.name.as_str(), whose(interface)))
            .collect();
        let passed = plan.interfaces.iter().filter(|interface| {
            before.get(interface.name.as_str()).is_some_and(|before| *before != whose(interface))
        });
        passed
            .filter_map(|interface| Some((interface.name.clone(), *self.policed.get(&interface.name)?)))
            .collect()
    }

    /// What the plan in force says of an interface.
    fn planned(&self, interface: &str) -> Option<&InterfacePlan> {
        // Ascending by name.
        let found = self.plan.interfaces.binary_search_by(|planned| planned.name.as_str().cmp(interface));
        self.plan.interfaces.get(found.ok()?)
    }

    fn owned_by(&self, interface: &str, ifindex: u32) -> Vec<OwnedKey> {
        let addresses =
            self.planned(interface).map(|planned| planned.addresses.as_slice()).unwrap_or_default();
        addresses.iter().map(|address| OwnedKey { ifindex, address: *address }).collect()
    }

    fn next_epoch(&mut self) -> u32 {
        // 0 is of what was never judged here.
        self.config.epoch = self.config.epoch.wrapping_add(1).max(1);
        self.config.epoch
    }

    /// Has every live connection judged again, now that the tables are as they should be: a connection may have been
    /// judged between two steps.
    fn close_change(&mut self) -> Result<(), H::Error> {
        self.next_epoch();
        self.host.write_config(self.config)
    }
}

/// The connections that every interface of a plan may have.
fn share(plan: &Plan) -> u32 {
    quota(u32::try_from(plan.interfaces.len()).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests;
