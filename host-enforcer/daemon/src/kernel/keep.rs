//! What is pinned, kept open: whoever removes a pin would otherwise end what it holds.

use super::{KernelError, TABLES, links, pins, syscall};
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use std::collections::BTreeMap;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::path::{Path, PathBuf};

/// Handles of what is pinned, by path.
#[derive(Default)]
pub(super) struct Keep {
    held: BTreeMap<PathBuf, OwnedFd>,
}

impl Keep {
    /// Keeps the tables in a directory open.
    pub(super) fn of_tables(tables: &Path) -> Result<Self, KernelError> {
        let mut keep = Self::default();
        for table in TABLES {
            keep.hold(&tables.join(table))?;
        }
        Ok(keep)
    }

    /// Keeps what is pinned at `path` open.
    pub(super) fn hold(&mut self, path: &Path) -> Result<(), KernelError> {
        let handle =
            syscall::open(path).map_err(|source| KernelError::Pins { path: path.to_owned(), source })?;
        self.held.insert(path.to_owned(), handle);
        Ok(())
    }

    /// Lets go of it.
    pub(super) fn release(&mut self, path: &Path) {
        self.held.remove(path);
    }

    /// Pins again what is not pinned any more; how many there were.
    pub(super) fn restore(&self) -> Result<usize, KernelError> {
        let mut restored = 0;
        for (path, handle) in self.held.iter().filter(|(path, _)| !path.exists()) {
            if let Some(directory) = path.parent() {
                pins::make(directory)?;
            }
            syscall::pin(handle, path).map_err(|source| KernelError::Pins { path: path.clone(), source })?;
            restored += 1;
        }
        Ok(restored)
    }
}

/// Word when pins are removed.
pub struct PinWatch {
    inotify: OwnedFd,
    directories: [PathBuf; 3],
}

impl PinWatch {
    /// Watches the pins below `pins`.
    ///
    /// # Errors
    /// If the kernel gives no handle.
    pub fn new(pins: &Path) -> std::io::Result<Self> {
        let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        let directories = [pins.to_owned(), pins::tables(pins), links::directory(pins)];
        let mut watch = Self { inotify, directories };
        watch.renew();
        Ok(watch)
    }

    /// Watches what is there now.
    pub fn renew(&mut self) {
        let flags =
            WatchFlags::DELETE | WatchFlags::DELETE_SELF | WatchFlags::MOVED_FROM | WatchFlags::MOVE_SELF;
        for directory in &self.directories {
            // What is not there is made again with the pins, and then watched.
            let _ = inotify::add_watch(&self.inotify, directory, flags);
        }
    }

    /// Reads and drops what happened: what is there now is looked at afterwards.
    pub fn drain(&mut self) {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = inotify::Reader::new(self.inotify.as_fd(), &mut buffer);
        while reader.next().is_ok() {}
    }
}

impl AsFd for PinWatch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }
}

impl AsRawFd for PinWatch {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}
