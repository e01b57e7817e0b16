//! The network namespace of a pod's process.

use std::fs::File;
use std::io::{Error, ErrorKind, Result};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// A network namespace that is not this host's own.
pub(super) struct Namespace(File);

impl Namespace {
    /// That of the process `process`, if it is a process of the pod `uid` both before and after it was looked for:
    /// numbers of processes are used again.
    ///
    /// # Errors
    /// If it may not be opened, or is no pod's.
    pub(super) fn of(process: u32, uid: &str) -> Result<Self> {
        let namespace = File::open(format!("/proc/{process}/ns/net"))?;
        let group = std::fs::read_to_string(format!("/proc/{process}/cgroup"))?;
        if crate::attachment::uid_of(&group).as_deref() != Some(uid) {
            return Err(Error::new(ErrorKind::NotFound, "the process has ended"));
        }
        Self::foreign(namespace)
    }

    /// Any but this host's own, in which whoever answers is no pod's proxy.
    fn foreign(namespace: File) -> Result<Self> {
        let own = File::open("/proc/self/ns/net")?.metadata()?;
        let other = namespace.metadata()?;
        if (own.dev(), own.ino()) == (other.dev(), other.ino()) {
            return Err(Error::new(ErrorKind::InvalidInput, "the pod uses the network of the host"));
        }
        Ok(Self(namespace))
    }

    #[cfg(test)]
    pub(super) fn at(path: &str) -> Result<Self> {
        Self::foreign(File::open(path)?)
    }

    /// Does something inside, on a thread of its own that ends with it.
    ///
    /// # Errors
    /// If the namespace may not be entered, or what is done fails.
    pub(super) fn inside<T: Send>(&self, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                move_into_link_name_space(self.0.as_fd(), Some(LinkNameSpaceType::Network))?;
                work()
            });
            thread.join().unwrap_or_else(|_| Err(Error::other("the thread inside ended")))
        })
    }
}
