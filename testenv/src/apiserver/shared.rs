//! What every connection of the server shares.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::access::Access;
use super::fault::Faults;
use super::forward::Forwards;
use super::log::Logs;
use super::rollout::Script;
use super::store::Store;
use super::tally::{Load, Tally};

/// How the server behaves.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// How often watches are told which revision they have seen; real servers do so once a minute.
    pub(crate) bookmark_every: Duration,
    /// Whether everybody who asks needs a token.
    pub(crate) closed: bool,
}

/// What open watches and the listeners wait for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Signal {
    pub(crate) revision: u64,
    /// How often bookmarks were asked for.
    pub(crate) bookmarks: u64,
    /// How often all watches were cut.
    pub(crate) cut: u64,
    /// Whether connections are refused, and those that are open ended.
    pub(crate) down: bool,
    /// Whether the server ends.
    pub(crate) over: bool,
}

/// See the module.
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) started: Instant,
    store: Mutex<Store>,
    signal: watch::Sender<Signal>,
    pub(crate) faults: Mutex<Faults>,
    tally: Mutex<Tally>,
    pub(crate) access: Mutex<Access>,
    pub(crate) forwards: Mutex<Forwards>,
    pub(crate) logs: Mutex<Logs>,
    pub(crate) script: Mutex<Script>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Shared {
    pub(crate) fn new(settings: Settings, prefix: u64) -> Self {
        Self {
            settings,
            started: Instant::now(),
            store: Mutex::new(Store::new(prefix)),
            signal: watch::Sender::new(Signal::default()),
            faults: Mutex::default(),
            tally: Mutex::default(),
            access: Mutex::default(),
            forwards: Mutex::default(),
            logs: Mutex::default(),
            script: Mutex::default(),
        }
    }

    /// The objects. A test that panicked while it held them leaves them as they are.
    pub(crate) fn store(&self) -> MutexGuard<'_, Store> {
        locked(&self.store)
    }

    pub(crate) fn tally(&self) -> MutexGuard<'_, Tally> {
        locked(&self.tally)
    }

    /// Changes objects, and wakes everybody who watches.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Store) -> T) -> T {
        let mut store = self.store();
        let outcome = change(&mut store);
        let revision = store.revision();
        drop(store);
        self.signal.send_if_modified(|signal| {
            let changed = signal.revision != revision;
            signal.revision = revision;
            changed
        });
        outcome
    }

    pub(crate) fn signal(&self) -> watch::Receiver<Signal> {
        self.signal.subscribe()
    }

    pub(crate) fn tell(&self, change: impl FnOnce(&mut Signal)) {
        self.signal.send_modify(change);
    }

    pub(crate) fn count(&self, count: impl FnOnce(&mut Load)) {
        count(&mut self.tally().load);
    }

    /// Notes that a watch began (1) or ended (-1).
    pub(crate) fn watching(&self, resource: &str, difference: i32) {
        let mut tally = self.tally();
        let open = tally.watches.entry(resource.to_owned()).or_default();
        *open = open.saturating_add_signed(difference);
    }
}

/// A lock, whatever became of who held it before.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
