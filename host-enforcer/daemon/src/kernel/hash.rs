//! A hash table of the kernel, entry by entry through aya and many at once past it.

use super::KernelError;
use super::maps::{Wire, table};
use super::syscall::{self, Walk};
use crate::host::{Batch, Place};
use aya::maps::{HashMap, Map, MapData, MapError};
use bytemuck::Pod;
use std::os::fd::{AsFd, OwnedFd};

/// A hash table with keys and values of these types.
pub(super) struct Hash<K, V> {
    map: HashMap<MapData, Wire<K>, Wire<V>>,
    handle: OwnedFd,
    name: &'static str,
}

impl<K: Pod, V: Pod> Hash<K, V> {
    /// `map` as the table `name`.
    pub(super) fn new(map: Map, name: &'static str) -> Result<Self, KernelError> {
        let failed = |error: std::io::Error| KernelError::Batch { table: name, source: error };
        let (Map::HashMap(data) | Map::LruHashMap(data)) = &map else {
            return Err(KernelError::Object { what: name });
        };
        let handle = data.fd().as_fd().try_clone_to_owned().map_err(failed)?;
        // Checks the sizes of keys and values, which all that is done with the handle relies on.
        let map = map.try_into().map_err(table(name))?;
        Ok(Self { map, handle, name })
    }

    pub(super) fn get(&self, key: K) -> Result<Option<V>, KernelError> {
        match self.map.get(&Wire(key), 0) {
            Ok(value) => Ok(Some(value.0)),
            Err(MapError::KeyNotFound) => Ok(None),
            Err(error) => Err(table(self.name)(error)),
        }
    }

    pub(super) fn insert(&mut self, key: K, value: V) -> Result<(), KernelError> {
        self.map.insert(Wire(key), Wire(value), 0).map_err(table(self.name))
    }

    /// Writes an entry unless there is one; whether there was none.
    pub(super) fn insert_new(&mut self, key: K, value: V) -> Result<bool, KernelError> {
        /// `BPF_NOEXIST`.
        const NEW: u64 = 1;
        match self.map.insert(Wire(key), Wire(value), NEW) {
            Ok(()) => Ok(true),
            Err(MapError::SyscallError(error))
                if error.io_error.kind() == std::io::ErrorKind::AlreadyExists =>
            {
                Ok(false)
            }
            Err(error) => Err(table(self.name)(error)),
        }
    }

    /// Removes an entry; one that is not there has been removed.
    pub(super) fn remove(&mut self, key: K) -> Result<(), KernelError> {
        match self.map.remove(&Wire(key)) {
            Err(MapError::KeyNotFound) => Ok(()),
            Err(MapError::SyscallError(error)) if error.io_error.kind() == std::io::ErrorKind::NotFound => {
                Ok(())
            }
            other => other.map_err(table(self.name)),
        }
    }

    pub(super) fn insert_all(&mut self, entries: &[(K, V)]) -> Result<(), KernelError> {
        syscall::update(self.handle.as_fd(), entries).map_err(|error| self.failed(error))
    }

    pub(super) fn remove_all(&mut self, keys: &[K]) -> Result<(), KernelError> {
        syscall::delete(self.handle.as_fd(), keys).map_err(|error| self.failed(error))
    }

    /// Takes an entry out, as it was in that moment.
    pub(super) fn take(&mut self, key: K) -> Result<Option<V>, KernelError> {
        syscall::take(self.handle.as_fd(), &key).map_err(|error| self.failed(error))
    }

    /// Some entries, and where the next are.
    pub(super) fn some(&self, from: Option<&Place>) -> Result<Batch<K, V>, KernelError> {
        let mut walk = Walk::from(from.map(|place| place.0.as_slice()));
        let entries = walk.next(self.handle.as_fd()).map_err(|error| self.failed(error))?;
        Ok((entries, walk.place().map(Place)))
    }

    /// All entries.
    pub(super) fn all(&self) -> Result<Vec<(K, V)>, KernelError> {
        let (mut all, mut place) = self.some(None)?;
        while place.is_some() {
            let (more, next) = self.some(place.as_ref())?;
            all.extend(more);
            place = next;
        }
        Ok(all)
    }

    fn failed(&self, source: std::io::Error) -> KernelError {
        KernelError::Batch { table: self.name, source }
    }
}
