//! Word when a file may have changed.
//!
//! Directories are watched as well as files: editors and configuration tools replace a file by renaming another over it,
//! and Kubernetes exchanges a symbolic link (`..data`) beside it. So every link on the way to a file is watched where it
//! lies, and where the way ends before the file, whatever comes there. Files that lie where the kernel is told of no
//! changes, on another machine for example, are looked at now and then.

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ffi::OsString;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

/// A file is complete when its writer closes it; creation alone says nothing, except of a link.
const FLAGS: WatchFlags = WatchFlags::CLOSE_WRITE
    .union(WatchFlags::MOVED_TO)
    .union(WatchFlags::MOVED_FROM)
    .union(WatchFlags::CREATE)
    .union(WatchFlags::DELETE)
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::MOVE_SELF);

/// Symbolic links followed on the way to a file, as many as the kernel follows.
const LINKS: usize = 40;

/// File systems whose files others change without a word (linux/magic.h and their sources): NFS, SMB, CIFS, FUSE and so
/// virtiofs, 9P, Ceph, AFS, and what virtual machines share.
const DEAF: [u32; 9] = [
    0x6969,
    0x517b,
    0xff53_4d42,
    0xfe53_4d42,
    0x6573_5546,
    0x0102_1997,
    0x00c3_6400,
    0x5346_414f,
    0x786f_4256,
];

/// What happened to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// Another was put in its place by renaming or linking: it is complete.
    Whole,
    /// It was written or removed: more may follow.
    Part,
}

/// An inotify handle, readable when something happened to one of the files or on the way to it.
pub struct Watch {
    inotify: OwnedFd,
    paths: Vec<PathBuf>,
    /// What is watched, by the kernel's number: a directory and the names in it, or a file, which has no names.
    watched: BTreeMap<i32, (PathBuf, BTreeSet<OsString>)>,
    /// Some file lies where nobody tells of changes.
    deaf: bool,
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
    /// If the kernel gives no handle.
    pub fn new<'a>(files: impl Iterator<Item = &'a Path>) -> std::io::Result<Self> {
        let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        let mut watch = Self {
            inotify,
            paths: files.map(Path::to_owned).collect(),
            watched: BTreeMap::new(),
            deaf: false,
            read: Vec::new(),
            seen: Vec::new(),
        };
        watch.reading();
        Ok(watch)
    }

    /// Takes note that the files are about to be read, and of the ways that lead to them by now.
    pub fn reading(&mut self) {
        self.find_ways();
        self.read = self.marks();
        self.seen.clone_from(&self.read);
    }

    /// Whether a file that lies where nobody tells of changes is another than when it was read, and was so at the last
    /// call already: nobody is writing it.
    pub fn differs(&mut self) -> bool {
        if !self.deaf {
            return false;
        }
        let now = self.marks();
        let settled = self.seen == now;
        self.seen = now;
        settled && self.seen != self.read
    }

    /// Reads what happened, and tells if one of the files may have changed.
    pub fn changed(&mut self) -> Option<Change> {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = inotify::Reader::new(self.inotify.as_fd(), &mut buffer);
        let mut change = None;
        while let Ok(event) = reader.next() {
            let flags = event.events();
            let told = match (self.watched.get(&event.wd()), event.file_name()) {
                _ if flags.contains(ReadFlags::QUEUE_OVERFLOW) => Some(Change::Part),
                (None, _) => None,
                (Some((_, names)), None) => {
                    // That a file is gone its directory tells.
                    let gone = ReadFlags::IGNORED | ReadFlags::DELETE_SELF | ReadFlags::MOVE_SELF;
                    let concerns = if names.is_empty() { ReadFlags::CLOSE_WRITE } else { gone };
                    flags.intersects(concerns).then_some(Change::Part)
                }
                (Some((directory, names)), Some(name)) => {
                    let name = std::ffi::OsStr::from_bytes(name.to_bytes());
                    if names.contains(name) { of_entry(flags, &directory.join(name)) } else { None }
                }
            };
            change = change.max(told);
        }
        if change.is_some() {
            self.find_ways();
        }
        change
    }

    /// Watches what lies on the way to the files now, and nothing else.
    fn find_ways(&mut self) {
        self.deaf = self.paths.iter().any(|path| is_deaf(path));
        let mut names = self.ways();
        // The ways may have changed before they were watched.
        for _ in 0..LINKS {
            self.follow(&names);
            let now = self.ways();
            if now == names {
                break;
            }
            names = now;
        }
    }

    /// What is to be watched: directories with the names in them, and files.
    fn ways(&self) -> BTreeMap<PathBuf, BTreeSet<OsString>> {
        let mut names: BTreeMap<PathBuf, BTreeSet<OsString>> = BTreeMap::new();
        for path in &self.paths {
            for (directory, name) in way(path) {
                names.entry(directory).or_default().insert(name);
            }
            // A file that is mounted over another has its directory elsewhere.
            names.entry(path.clone()).or_default();
        }
        names
    }

    fn follow(&mut self, names: &BTreeMap<PathBuf, BTreeSet<OsString>>) {
        let mut watched: BTreeMap<i32, (PathBuf, BTreeSet<OsString>)> = BTreeMap::new();
        for (path, names) in names {
            // Fails where there is nothing; then the way ends before, and its end is watched.
            if let Ok(number) = inotify::add_watch(&self.inotify, path, FLAGS) {
                let (_, all) = watched.entry(number).or_insert_with(|| (path.clone(), BTreeSet::new()));
                all.extend(names.iter().cloned());
            }
        }
        for number in self.watched.keys().filter(|number| !watched.contains_key(number)) {
            // Fails if the kernel has done it.
            let _ = inotify::remove_watch(&self.inotify, *number);
        }
        self.watched = watched;
    }

    fn marks(&self) -> Vec<Mark> {
        let mark = |path: &PathBuf| {
            let file = std::fs::metadata(path).ok()?;
            Some((file.dev(), file.ino(), file.mtime(), file.mtime_nsec(), file.size()))
        };
        self.paths.iter().map(mark).collect()
    }
}

/// What an event about `path`, a name in a watched directory, says.
fn of_entry(flags: ReadFlags, path: &Path) -> Option<Change> {
    if flags.contains(ReadFlags::MOVED_TO) {
        return Some(Change::Whole);
    }
    if !flags.contains(ReadFlags::CREATE) {
        return Some(Change::Part);
    }
    // A new file is complete when its writer closes it, unless it is another's second name.
    let created = std::fs::symlink_metadata(path).ok()?;
    if created.is_file() {
        return (created.nlink() > 1).then_some(Change::Whole);
    }
    Some(if created.is_symlink() { Change::Whole } else { Change::Part })
}

/// The names that lead to `path`, each with its directory: its last, every symbolic link, and, where the way ends
/// early, the one that is missing.
fn way(path: &Path) -> Vec<(PathBuf, OsString)> {
    let Ok(path) = std::path::absolute(path) else { return Vec::new() };
    let mut ahead: VecDeque<OsString> = parts(&path).collect();
    let mut here = PathBuf::from("/");
    let (mut way, mut links) = (Vec::new(), 0);
    while let Some(name) = ahead.pop_front() {
        if name == ".." {
            here.pop();
            continue;
        }
        let next = here.join(&name);
        let found = std::fs::symlink_metadata(&next);
        let link = found.as_ref().is_ok_and(std::fs::Metadata::is_symlink);
        if found.is_err() || link || ahead.is_empty() {
            way.push((here.clone(), name));
        }
        if found.is_err() {
            break;
        }
        match std::fs::read_link(&next) {
            Ok(target) if link && links < LINKS => {
                links += 1;
                if target.is_absolute() {
                    here = PathBuf::from("/");
                }
                for part in parts(&target).collect::<Vec<_>>().into_iter().rev() {
                    ahead.push_front(part);
                }
            }
            _ => here = next,
        }
    }
    way
}

/// The names in `path`, `..` included.
fn parts(path: &Path) -> impl Iterator<Item = OsString> {
    path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some(OsString::from("..")),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    })
}

/// Whether `path` lies where nobody tells of changes.
fn is_deaf(path: &Path) -> bool {
    let existing = path.ancestors().find(|path| path.exists()).unwrap_or(path);
    // The numbers are of 32 bits, whatever the type.
    rustix::fs::statfs(existing).is_ok_and(|system| DEAF.contains(&(system.f_type as u32)))
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
    fn an_edit_behind_links_is_noticed_and_everything_else_is_not() {
        let base = std::env::temp_dir().join(format!("bkd-watch-{}", std::process::id()));
        let (near, far) = (base.join("near"), base.join("far"));
        for directory in [&near, &far] {
            std::fs::create_dir_all(directory).unwrap();
        }
        let (link, file) = (near.join("policy.yaml"), far.join("policy.yaml"));
        std::fs::write(&file, "one").unwrap();
        std::os::unix::fs::symlink("../far/policy.yaml", &link).unwrap();
        let mut watch = Watch::new([link.as_path()].into_iter()).unwrap();
        assert_eq!(watch.changed(), None);
        std::fs::write(far.join("other.yaml"), "one").unwrap();
        assert_eq!(watch.changed(), None);
        std::fs::write(&file, "two").unwrap();
        assert_eq!(watch.changed(), Some(Change::Part));
        std::fs::rename(far.join("other.yaml"), &file).unwrap();
        assert_eq!(watch.changed(), Some(Change::Whole));
        std::fs::remove_dir_all(&far).unwrap();
        assert_eq!(watch.changed(), Some(Change::Part));
        std::fs::create_dir(&far).unwrap();
        assert!(watch.changed().is_some());
        std::fs::write(&file, "three").unwrap();
        assert_eq!(watch.changed(), Some(Change::Part));
        std::fs::remove_dir_all(&base).unwrap();
    }
}
