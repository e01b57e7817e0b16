//! Finding out what is in force from what the tables and the links say.

use super::slots::Slots;
use super::{Enforcement, share};
use crate::host::Host;
use crate::interfaces::Links;
use bookend_abi::plain::PlainTables;
use bookend_abi::table::{Interface, OwnedKey};
use bookend_plan::{InterfacePlan, Plan, PolicyContents, role_of};
use std::collections::{BTreeMap, BTreeSet};

impl<H: Host> Enforcement<H> {
    pub(super) fn take_over(&mut self, links: &Links) -> Result<(), H::Error> {
        let mut tables = self.host.read()?;
        self.config = tables.config;
        let highest = tables.interfaces.values().map(|interface| interface.epoch).max();
        self.config.epoch = self.config.epoch.max(highest.unwrap_or_default());
        self.dry |= tables.interfaces.values().any(|interface| interface.flags & Interface::OBSERVE != 0);
        self.policed.clear();
        self.complete_slots(&mut tables)?;
        // Tables of another version are in force: the programs that ask them must stay until these are complete.
        let successor = self.host.succeeds();
        let mut names = BTreeMap::new();
        for ifindex in self.host.attached()? {
            let alive = if successor { self.host.is_alive(ifindex)? } else { self.host.renew(ifindex)? };
            if !alive {
                self.forget(ifindex, owned_of(&tables, ifindex))?;
            } else if let Some(name) = links.name(ifindex) {
                self.policed.insert(name.to_owned(), ifindex);
                names.insert(ifindex, name.to_owned());
            }
            // Attached, but to an interface that is not in this network namespace: left as it is, which is policed.
        }
        // Entries of interfaces that were never attached, or whose links are gone.
        let entries = tables.slots.keys().copied().chain(tables.owned.iter().map(|key| key.ifindex));
        let known = self.host.attached()?;
        for ifindex in entries.filter(|ifindex| !known.contains(ifindex)).collect::<BTreeSet<_>>() {
            self.forget(ifindex, owned_of(&tables, ifindex))?;
        }
        let (plan, orphans) = plan_of(&tables, &names);
        for (handle, contents) in &orphans {
            self.host.remove_policy(*handle, contents)?;
        }
        self.plan = plan;
        // Those of the entries that were found; all get the new one with the next plan.
        self.quota = share(&self.plan);
        Ok(())
    }

    /// Finds out who has which slot, and removes what was written or removed half.
    fn complete_slots(&mut self, tables: &mut PlainTables) -> Result<(), H::Error> {
        let (slots, lost, ownerless) = Slots::recovered(tables);
        self.slots = slots;
        for ifindex in lost {
            self.host.unassign(ifindex)?;
            tables.slots.remove(&ifindex);
        }
        for slot in ownerless {
            let epoch = self.next_epoch();
            self.host.write_interface(slot, Interface { epoch, ..Interface::default() })?;
        }
        tables.interfaces.retain(|slot, entry| tables.slots.get(&entry.ifindex) == Some(slot));
        Ok(())
    }

    pub(super) fn forget(&mut self, ifindex: u32, owned: Vec<OwnedKey>) -> Result<(), H::Error> {
        self.empty(ifindex)?;
        for key in owned {
            self.host.disown(key)?;
        }
        self.host.release(ifindex)
    }
}

fn owned_of(tables: &PlainTables, ifindex: u32) -> Vec<OwnedKey> {
    tables.owned.iter().filter(|key| key.ifindex == ifindex).copied().collect()
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
    let mut plan = Plan {
        identities: tables.identities.clone().into(),
        limits: tables.limits.clone(),
        ..Plan::default()
    };
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
