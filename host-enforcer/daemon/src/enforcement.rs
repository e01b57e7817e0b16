//! The plan in force on a host, and the safe way to the next one.
//!
//! Knows nothing of BPF, files or sockets: the host is a [`Host`], interfaces are looked up by a function.

mod own;

use crate::host::{Host, Manner};
use bookend_abi::plain::PlainTables;
use bookend_abi::table::{ABI_VERSION, Config, Interface, OwnedKey, quota};
use bookend_plan::{InterfacePlan, Plan, PlanError, PolicyContents, Role, Step, role_flags, role_of};
use std::collections::{BTreeMap, BTreeSet};

/// What is enforced on a host.
pub struct Enforcement<H> {
    host: H,
    plan: Plan,
    /// The interfaces that have the programs attached, by name. Those not in the plan are denied everything.
    policed: BTreeMap<String, u32>,
    config: Config,
    /// Nothing is dropped (S79).
    dry: bool,
    /// Some interface may have it the other way round.
    mixed: bool,
}

/// Something worth telling about an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// It appeared and is policed now.
    Policed {
        /// Its name.
        interface: String,
        /// Its index.
        ifindex: u32,
    },
    /// It is gone.
    Gone {
        /// Its name.
        interface: String,
        /// The index it had.
        ifindex: u32,
    },
    /// It is there and cannot be policed.
    Failed {
        /// Its name.
        interface: String,
        /// Why, with the cure.
        reason: String,
    },
}

impl std::fmt::Display for Notice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Policed { interface, .. } => write!(f, "`{interface}` is policed"),
            Self::Gone { interface, .. } => write!(f, "`{interface}` is gone"),
            Self::Failed { reason, .. } => f.write_str(reason),
        }
    }
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
    /// interfaces that are gone is removed, and so is what was written half. `sample` is that of [`Config`]. If this or the
    /// last enforcer is in a dry run, nothing is dropped until [`observe`](Self::observe) says so.
    ///
    /// # Errors
    /// If the host cannot be read or written.
    pub fn adopt(
        host: H,
        sample: u32,
        dry: bool,
        name_of: impl Fn(u32) -> Option<String>,
    ) -> Result<Self, H::Error> {
        let mut adopted = Self {
            host,
            plan: Plan::default(),
            policed: BTreeMap::new(),
            config: Config::default(),
            dry,
            mixed: true,
        };
        adopted.take_over(name_of)?;
        // An interface's epoch may be ahead if the last enforcer ended within a change.
        adopted.config = Config { abi_version: ABI_VERSION, sample, ..adopted.config };
        adopted.close_change()?;
        Ok(adopted)
    }

    /// Finds out what is in force after a step failed.
    ///
    /// # Errors
    /// If the host cannot be read or written.
    pub fn recover(&mut self, name_of: impl Fn(u32) -> Option<String>) -> Result<(), H::Error> {
        let sample = self.config.sample;
        self.take_over(name_of)?;
        self.config.sample = sample;
        self.close_change()
    }

    /// The plan in force.
    pub fn plan(&self) -> &Plan {
        &self.plan
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
    pub fn apply(&mut self, plan: Plan) -> Result<usize, ApplyError<H::Error>> {
        plan.check_capacity(&self.plan).map_err(ApplyError::Refused)?;
        self.release_own(&plan).map_err(ApplyError::Host)?;
        let change = plan.change_from(&self.plan);
        for step in &change.steps {
            self.take(step, &plan).map_err(ApplyError::Host)?;
        }
        self.plan = plan;
        if !change.steps.is_empty() {
            self.close_change().map_err(ApplyError::Host)?;
        }
        Ok(change.steps.len())
    }

    /// Polices interfaces of the plan that have appeared, and forgets those that are gone. One that was renamed is
    /// not gone: it is denied everything until the plan knows its new name.
    ///
    /// # Errors
    /// If a table cannot be written. That an interface cannot be policed is a [`Notice`]; it is tried again with the
    /// next call.
    pub fn see(
        &mut self,
        index_of: impl Fn(&str) -> Option<u32>,
        name_of: impl Fn(u32) -> Option<String>,
    ) -> Result<Vec<Notice>, H::Error> {
        let mut notices = Vec::new();
        let moved: Vec<_> = self
            .policed
            .iter()
            .filter(|(name, ifindex)| index_of(name) != Some(**ifindex))
            .map(|(name, ifindex)| (name.clone(), *ifindex))
            .collect();
        let mut renamed = BTreeMap::new();
        for (interface, ifindex) in moved {
            let stays = name_of(ifindex).filter(|_| !self.stays_open(self.role(&interface)));
            if stays.is_none() {
                self.host.release(ifindex)?;
            }
            self.host.remove_interface(ifindex)?;
            for key in self.owned_by(&interface, ifindex) {
                self.host.disown(key)?;
            }
            renamed.extend(stays.map(|name| (name, ifindex)));
            self.policed.remove(&interface);
            notices.push(Notice::Gone { interface, ifindex });
        }
        let missing: Vec<InterfacePlan> =
            self.plan.interfaces.iter().filter(|i| !self.policed.contains_key(&i.name)).cloned().collect();
        self.policed.extend(renamed);
        for interface in missing {
            let Some(ifindex) = index_of(&interface.name) else { continue };
            let manner = Manner { own: interface.role.is_own(), open: self.stays_open(interface.role) };
            // Where it may not be closed, its policy is there first. Elsewhere everything is denied once the programs are
            // attached; then come addresses, then the policies, in one write.
            if manner.open {
                self.write_whole(&interface, ifindex)?;
            }
            if let Err(error) = self.host.attach(&interface.name, ifindex, manner) {
                if manner.open {
                    let owned = interface.addresses.iter().map(|a| OwnedKey { ifindex, address: *a });
                    self.forget(ifindex, owned.collect())?;
                }
                notices.push(Notice::Failed { interface: interface.name, reason: error.to_string() });
                continue;
            }
            if !manner.open {
                self.write_whole(&interface, ifindex)?;
            }
            self.policed.insert(interface.name.clone(), ifindex);
            notices.push(Notice::Policed { interface: interface.name, ifindex });
        }
        Ok(notices)
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
                Some(ifindex) => self.host.remove_interface(ifindex),
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
            Step::WriteIdentity { address, identity } => self.host.write_identity(*address, *identity),
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
            self.host.recall(ifindex, &interface.addresses, self.config.epoch)?;
        }
        Ok(())
    }

    fn write_interface(
        &mut self,
        ifindex: u32,
        egress: u64,
        ingress: u64,
        role: Role,
    ) -> Result<(), H::Error> {
        self.config.epoch = self.config.epoch.wrapping_add(1);
        let epoch = self.config.epoch;
        let quota = quota(u32::try_from(self.plan.interfaces.len()).unwrap_or(u32::MAX));
        let flags = role_flags(role) | if self.dry { Interface::OBSERVE } else { 0 };
        self.host.write_interface(ifindex, Interface { egress, ingress, epoch, flags, ifindex, quota })
    }

    /// Has every live connection judged again, now that the tables are as they should be: a connection may have been
    /// judged between two steps.
    fn close_change(&mut self) -> Result<(), H::Error> {
        self.config.epoch = self.config.epoch.wrapping_add(1);
        self.host.write_config(self.config)
    }

    fn owned_by(&self, interface: &str, ifindex: u32) -> Vec<OwnedKey> {
        let planned = self.plan.interfaces.iter().filter(|planned| planned.name == interface);
        planned.flat_map(|planned| &planned.addresses).map(|a| OwnedKey { ifindex, address: *a }).collect()
    }

    fn forget(&mut self, ifindex: u32, owned: Vec<OwnedKey>) -> Result<(), H::Error> {
        self.host.remove_interface(ifindex)?;
        for key in owned {
            self.host.disown(key)?;
        }
        self.host.release(ifindex)
    }

    fn take_over(&mut self, name_of: impl Fn(u32) -> Option<String>) -> Result<(), H::Error> {
        let tables = self.host.read()?;
        self.config = tables.config;
        let highest = tables.interfaces.values().map(|interface| interface.epoch).max();
        self.config.epoch = self.config.epoch.max(highest.unwrap_or_default());
        self.dry |= tables.interfaces.values().any(|interface| interface.flags & Interface::OBSERVE != 0);
        self.policed.clear();
        let mut names = BTreeMap::new();
        for ifindex in self.host.attached()? {
            if !self.host.renew(ifindex)? {
                let owned = tables.owned.iter().filter(|key| key.ifindex == ifindex).copied().collect();
                self.forget(ifindex, owned)?;
            } else if let Some(name) = name_of(ifindex) {
                self.policed.insert(name.clone(), ifindex);
                names.insert(ifindex, name);
            }
            // Attached, but to an interface that is not in this network namespace: left as it is, which is policed.
        }
        // Entries of interfaces that were never attached, or whose links are gone.
        let entries = tables.slots.keys().copied().chain(tables.owned.iter().map(|key| key.ifindex));
        let known = self.host.attached()?;
        for ifindex in entries.filter(|ifindex| !known.contains(ifindex)).collect::<BTreeSet<_>>() {
            let owned = tables.owned.iter().filter(|key| key.ifindex == ifindex).copied().collect();
            self.forget(ifindex, owned)?;
        }
        let (plan, orphans) = plan_of(&tables, &names);
        for (handle, contents) in &orphans {
            self.host.remove_policy(*handle, contents)?;
        }
        self.plan = plan;
        Ok(())
    }
}

/// The plan that `tables` came from, as far as they tell, and contents without a head: written or removed half.
fn plan_of(tables: &PlainTables, names: &BTreeMap<u32, String>) -> (Plan, BTreeMap<u64, PolicyContents>) {
    let mut contents: BTreeMap<u64, PolicyContents> = BTreeMap::new();
    for (key, block) in &tables.blocks {
        contents.entry(key.policy()).or_default().blocks.push((*key, *block));
    }
    for (key, value) in &tables.verdicts {
        contents.entry(key.policy).or_default().verdicts.push((*key, *value));
    }
    let mut plan =
        Plan { identities: tables.identities.clone().into(), limits: tables.limits.clone(), ..Plan::default() };
    for (handle, head) in &tables.policies {
        let whole = PolicyContents { head: *head, ..contents.remove(handle).unwrap_or_default() };
        plan.policies.insert(*handle, whole.into());
    }
    for interface in tables.interfaces.values() {
        let Some(name) = names.get(&interface.ifindex) else { continue };
        let owned = tables.owned.iter().filter(|key| key.ifindex == interface.ifindex);
        plan.interfaces.push(InterfacePlan {
            name: name.clone(),
            role: role_of(interface.flags),
            namespace: String::new(),
            workload: String::new(),
            egress: interface.egress,
            ingress: interface.ingress,
            addresses: owned.map(|key| key.address).collect(),
        });
    }
    plan.interfaces.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    (plan, contents)
}

#[cfg(test)]
mod tests;
