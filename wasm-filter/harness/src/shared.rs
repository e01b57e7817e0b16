//! What the workers of a proxy share.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Data and queues that instances share, as the workers of one proxy do. Cloning shares it.
#[derive(Debug, Clone, Default)]
pub struct Shared {
    store: Arc<Mutex<Store>>,
}

/// The data of every VM, by its name.
#[derive(Debug, Default)]
pub(crate) struct Store {
    /// By the VM's name and key: the value, and the number of its last change.
    data: BTreeMap<(String, Vec<u8>), (Vec<u8>, u32)>,
    changes: u32,
    /// By the VM's name and the queue's: its token.
    tokens: BTreeMap<(String, Vec<u8>), u32>,
    queues: BTreeMap<u32, Queue>,
}

/// Entries that wait, and how many of them nobody was told of.
#[derive(Debug, Default)]
struct Queue {
    entries: VecDeque<Vec<u8>>,
    untold: usize,
}

impl Shared {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store {
    pub(crate) fn get(&self, vm: &str, key: &[u8]) -> Option<&(Vec<u8>, u32)> {
        self.data.get(&(vm.to_owned(), key.to_vec()))
    }

    /// Writes a value; false if another change came between. One number counts the changes of all values; a value
    /// that is not there yet is written whatever number is expected.
    pub(crate) fn set(&mut self, vm: &str, key: &[u8], value: &[u8], expected: u32) -> bool {
        let key = (vm.to_owned(), key.to_vec());
        if self.data.get(&key).is_some_and(|(_, change)| expected != 0 && expected != *change) {
            return false;
        }
        self.changes = self.changes.checked_add(1).unwrap_or(1);
        self.data.insert(key, (value.to_vec(), self.changes));
        true
    }

    /// The token of a queue, which is made if it is not there.
    pub(crate) fn register(&mut self, vm: &str, name: &[u8]) -> u32 {
        let next = u32::try_from(self.tokens.len()).unwrap_or(u32::MAX).saturating_add(1);
        let token = *self.tokens.entry((vm.to_owned(), name.to_vec())).or_insert(next);
        self.queues.entry(token).or_default();
        token
    }

    pub(crate) fn resolve(&self, vm: &str, name: &[u8]) -> Option<u32> {
        self.tokens.get(&(vm.to_owned(), name.to_vec())).copied()
    }

    /// Adds an entry; false if there is no such queue.
    pub(crate) fn enqueue(&mut self, token: u32, entry: &[u8]) -> bool {
        let Some(queue) = self.queues.get_mut(&token) else { return false };
        queue.entries.push_back(entry.to_vec());
        queue.untold += 1;
        true
    }

    /// Takes the first entry; nothing if there is no such queue, an inner nothing if it is empty.
    pub(crate) fn dequeue(&mut self, token: u32) -> Option<Option<Vec<u8>>> {
        self.queues.get_mut(&token).map(|queue| queue.entries.pop_front())
    }

    /// How many entries of a queue came since this was asked last.
    pub(crate) fn take_untold(&mut self, token: u32) -> usize {
        self.queues.get_mut(&token).map_or(0, |queue| std::mem::take(&mut queue.untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_needs_the_number_of_the_last_one() {
        let mut store = Store::default();
        assert!(store.set("vm", b"k", b"1", 7), "a new value needs none");
        assert!(store.set("vm", b"other", b"x", 0));
        assert_eq!(store.get("vm", b"k"), Some(&(b"1".to_vec(), 1)));
        assert!(!store.set("vm", b"k", b"2", 2));
        assert!(store.set("vm", b"k", b"2", 1));
        assert_eq!(store.get("vm", b"k"), Some(&(b"2".to_vec(), 3)));
        assert_eq!(store.get("another", b"k"), None);
    }
}
