//! Word when a file may have changed.
//!
//! Directories are watched, not files: editors and configuration tools replace a file by renaming another over it,
//! and Kubernetes exchanges a symbolic link (`..data`) beside it. What happens elsewhere, behind a link or on a file
//! system that tells nothing, is found by looking at the files now and then.

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
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
    paths: Vec<PathBuf>,
    /// The files as they were when they were read, and when they were last looked at.
    read: Vec<Mark>,
    seen: Vec<Mark>,
}

/// What tells two states of a file apart without reading it: device, inode, seconds and nanoseconds of its last
/// modification, and size. `None`: there is no such file.
type Mark = Option<(u64, u64, i64, i64, u64)>;

impl Watch {
    /// Watches `files`.
    ///
    /// # Errors
    /// If the kernel gives no handle. A directory that does not exist (yet) is tried again by [`Watch::renew`].
    pub fn new<'a>(files: impl Iterator<Item = &'a Path>) -> std::io::Result<Self> {
        let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        let mut by_directory: BTreeMap<PathBuf, BTreeSet<OsString>> = BTreeMap::new();
        let paths: Vec<PathBuf> = files.map(Path::to_owned).collect();
        for file in &paths {
            let Some(name) = file.file_name() else { continue };
            let directory = file.parent().filter(|parent| !parent.as_os_str().is_empty());
            let directory = directory.unwrap_or_else(|| Path::new(".")).to_owned();
            by_directory.entry(directory).or_default().insert(name.to_owned());
        }
        let (watched, read, seen) = (BTreeMap::new(), Vec::new(), Vec::new());
        let mut watch = Self { inotify, files: by_directory, watched, paths, read, seen };
        watch.renew();
        watch.reading();
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

    /// Takes note that the files are about to be read.
    pub fn reading(&mut self) {
        self.read = self.marks();
        self.seen.clone_from(&self.read);
    }

    /// Whether a file is another than when it was read, and was so at the last call already: nobody is writing it.
    pub fn differs(&mut self) -> bool {
        let now = self.marks();
        let settled = self.seen == now;
        self.seen = now;
        settled && self.seen != self.read
    }

    fn marks(&self) -> Vec<Mark> {
        let mark = |path: &PathBuf| {
            let file = std::fs::metadata(path).ok()?;
            Some((file.dev(), file.ino(), file.mtime(), file.mtime_nsec(), file.size()))
        };
        self.paths.iter().map(mark).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_behind_a_link_is_noticed_once_it_is_complete() {
        let base = std::env::temp_dir().join(format!("bkd-watch-{}", std::process::id()));
        let (near, far) = (base.join("near"), base.join("far"));
        for directory in [&near, &far] {
            std::fs::create_dir_all(directory).unwrap();
        }
        let (link, file) = (near.join("policy.yaml"), far.join("policy.yaml"));
        std::fs::write(&file, "one").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        let mut watch = Watch::new([link.as_path()].into_iter()).unwrap();
        assert!(!watch.differs());
        std::fs::write(&file, "half of").unwrap();
        assert!(!watch.differs());
        std::fs::write(&file, "half of it and the rest").unwrap();
        assert!(!watch.differs());
        assert!(watch.differs());
        watch.reading();
        assert!(!watch.differs() && !watch.changed());
        std::fs::remove_dir_all(&base).unwrap();
    }
}
