//! Word when a file may have changed.
//!
//! Directories are watched, not files: editors and configuration tools replace a file by renaming another over it,
//! and Kubernetes exchanges a symbolic link (`..data`) beside it.

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// A file is complete when its writer closes it; creation alone says nothing, except of a link.
const FLAGS: WatchFlags = WatchFlags::CLOSE_WRITE
    .union(WatchFlags::MOVED_TO)
    .union(WatchFlags::MOVED_FROM)
    .union(WatchFlags::CREATE)
    .union(WatchFlags::DELETE)
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::MOVE_SELF);

/// An inotify handle, readable when something happened in a directory that holds one of the files.
pub struct Watch {
    inotify: OwnedFd,
    files: BTreeMap<PathBuf, BTreeSet<OsString>>,
    watched: BTreeMap<i32, PathBuf>,
}

impl Watch {
    /// Watches `files`.
    ///
    /// # Errors
    /// If the kernel gives no handle. A directory that does not exist (yet) is tried again by [`Watch::renew`].
    pub fn new<'a>(files: impl Iterator<Item = &'a Path>) -> std::io::Result<Self> {
        let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        let mut by_directory: BTreeMap<PathBuf, BTreeSet<OsString>> = BTreeMap::new();
        for file in files {
            let Some(name) = file.file_name() else { continue };
            let directory = file.parent().filter(|parent| !parent.as_os_str().is_empty());
            let directory = directory.unwrap_or_else(|| Path::new(".")).to_owned();
            by_directory.entry(directory).or_default().insert(name.to_owned());
        }
        let mut watch = Self { inotify, files: by_directory, watched: BTreeMap::new() };
        watch.renew();
        Ok(watch)
    }

    /// Watches again the directories that are not watched, because they were not there; whether one came back.
    pub fn renew(&mut self) -> bool {
        let known: BTreeSet<&PathBuf> = self.watched.values().collect();
        let missing: Vec<PathBuf> = self.files.keys().filter(|path| !known.contains(path)).cloned().collect();
        let mut renewed = false;
        for directory in missing {
            if let Ok(descriptor) = inotify::add_watch(&self.inotify, &directory, FLAGS) {
                self.watched.insert(descriptor, directory);
                renewed = true;
            }
        }
        renewed
    }

    /// Reads what happened; whether one of the files may have changed.
    pub fn changed(&mut self) -> bool {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = inotify::Reader::new(self.inotify.as_fd(), &mut buffer);
        let (mut changed, mut lost) = (false, Vec::new());
        while let Ok(event) = reader.next() {
            let flags = event.events();
            if flags.contains(ReadFlags::QUEUE_OVERFLOW) {
                changed = true;
            }
            let Some(directory) = self.watched.get(&event.wd()) else { continue };
            if flags.intersects(ReadFlags::IGNORED | ReadFlags::DELETE_SELF | ReadFlags::MOVE_SELF) {
                lost.push(event.wd());
                changed = true;
                continue;
            }
            let Some(name) = event.file_name().map(|name| std::ffi::OsStr::from_bytes(name.to_bytes()))
            else {
                continue;
            };
            // Kubernetes swaps `..data`, through which the files are reached.
            let ours = self.files.get(directory).is_some_and(|names| names.contains(name))
                || name.as_bytes().starts_with(b"..");
            let complete = !flags.contains(ReadFlags::CREATE) || directory.join(name).is_symlink();
            changed |= ours && complete;
        }
        for descriptor in lost {
            self.watched.remove(&descriptor);
        }
        changed
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }
}

impl AsRawFd for Watch {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}
