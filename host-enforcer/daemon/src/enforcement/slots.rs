//! Which interface has which slot of the tables.

use bookend_abi::plain::PlainTables;
use bookend_abi::table::{Interface, NO_SLOT, capacity};
use std::collections::{BTreeMap, BTreeSet};

/// The slots in use, and those that were.
///
/// A connection remembers the slot it was opened under, and is nobody's once its interface has another. So a slot that
/// an interface has left is given to nobody before the connections of then are out of the tables: who comes after, even
/// with the same index and addresses, inherits none.
#[derive(Debug, Default)]
pub(super) struct Slots {
    /// Slot and entry by the index of the interface.
    taken: BTreeMap<u32, (u32, Interface)>,
    /// Slots that are in use.
    used: BTreeSet<u32>,
    /// Slots that were, and of which the tables may still hold something.
    left: BTreeSet<u32>,
}

impl Slots {
    /// The slots as `tables` have them, and entries that lack one of their halves: interfaces without entry, slots
    /// without interface.
    pub(super) fn recovered(tables: &PlainTables) -> (Self, Vec<u32>, Vec<u32>) {
        let mut slots = Self::default();
        let mut lost = Vec::new();
        for (ifindex, slot) in &tables.slots {
            match tables.interfaces.get(slot).filter(|interface| interface.ifindex == *ifindex) {
                Some(interface) => slots.take(*slot, *interface),
                None => lost.push(*ifindex),
            }
        }
        let unused = |slot: &&u32| !slots.used.contains(*slot);
        let ownerless = tables.interfaces.iter().filter(|(slot, entry)| unused(slot) && entry.ifindex != 0);
        let ownerless: Vec<u32> = ownerless.map(|(slot, _)| *slot).collect();
        let touched = tables.interfaces.keys().chain(tables.slot_states.keys());
        slots.left = touched.filter(unused).copied().collect();
        (slots, lost, ownerless)
    }

    /// The slot of an interface.
    pub(super) fn of(&self, ifindex: u32) -> Option<u32> {
        self.taken.get(&ifindex).map(|(slot, _)| *slot)
    }

    /// The entry of an interface, as it was written last.
    pub(super) fn entry(&self, ifindex: u32) -> Option<&Interface> {
        self.taken.get(&ifindex).map(|(_, entry)| entry)
    }

    /// The entries that have another quota, by slot.
    pub(super) fn of_other_quota(&self, quota: u32) -> Vec<(u32, Interface)> {
        self.taken.values().filter(|(_, entry)| entry.quota != quota).copied().collect()
    }

    /// The lowest slot that holds nothing.
    pub(super) fn free(&self) -> Option<u32> {
        (NO_SLOT + 1..capacity::SLOTS).find(|slot| !self.used.contains(slot) && !self.left.contains(slot))
    }

    /// Takes note that a slot has this entry, and the entry's interface this slot.
    pub(super) fn take(&mut self, slot: u32, entry: Interface) {
        self.used.insert(slot);
        self.taken.insert(entry.ifindex, (slot, entry));
    }

    /// Takes note that an interface has no slot any more.
    pub(super) fn leave(&mut self, ifindex: u32) {
        if let Some((slot, _)) = self.taken.remove(&ifindex) {
            self.used.remove(&slot);
            self.left.insert(slot);
        }
    }

    /// The slots of which the tables may hold something although nobody has them.
    pub(super) fn left(&self) -> &BTreeSet<u32> {
        &self.left
    }

    /// Takes note that the tables hold nothing of these slots any more.
    pub(super) fn cleared(&mut self, slots: &BTreeSet<u32>) {
        self.left.retain(|slot| !slots.contains(slot));
    }
}
