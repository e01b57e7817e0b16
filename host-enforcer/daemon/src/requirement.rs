//! What the enforcer needs of the machine, checked before anything is touched.

use crate::failure::Failure;
use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::thread::CapabilitySet;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The kernel that brought tcx links.
const KERNEL: (u32, u32) = (6, 6);
/// `statfs` of the BPF file system (linux/magic.h).
const BPF_FS_MAGIC: u64 = 0xcafe_4a11;

/// Something the kernel lets only the privileged do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capability {
    /// Make and open tables and load programs.
    Bpf,
    /// Load programs that read packets where they lie.
    Perfmon,
    /// Attach programs to interfaces, and set up the guard.
    NetAdmin,
}

impl Capability {
    /// All that an enforcer needs.
    pub const ALL: [Self; 3] = [Self::Bpf, Self::Perfmon, Self::NetAdmin];

    fn name(self) -> &'static str {
        match self {
            Self::Bpf => "CAP_BPF",
            Self::Perfmon => "CAP_PERFMON",
            Self::NetAdmin => "CAP_NET_ADMIN",
        }
    }

    fn purpose(self) -> &'static str {
        match self {
            Self::Bpf => "makes and opens tables and loads programs",
            Self::Perfmon => "lets the programs read packets where they lie",
            Self::NetAdmin => "attaches programs to interfaces and sets up the guard",
        }
    }

    /// Whether a process with the `effective` capabilities may do this. What is BPF's and tracing's was once part of
    /// CAP_SYS_ADMIN, and the kernel still takes that for it.
    fn is_in(self, effective: CapabilitySet) -> bool {
        effective.intersects(match self {
            Self::Bpf => CapabilitySet::BPF | CapabilitySet::SYS_ADMIN,
            Self::Perfmon => CapabilitySet::PERFMON | CapabilitySet::SYS_ADMIN,
            Self::NetAdmin => CapabilitySet::NET_ADMIN,
        })
    }
}

/// What of `needed` this process lacks.
///
/// # Errors
/// Names each, with what it is for and the cure.
pub fn capabilities(needed: &[Capability]) -> Result<(), Failure> {
    let effective = rustix::thread::capabilities(None)
        .map_err(|error| Failure::new(format!("cannot find out what this process may do: {error}")))?
        .effective;
    lacking(needed, effective).map_or(Ok(()), |told| Err(Failure::new(told)))
}

fn lacking(needed: &[Capability], effective: CapabilitySet) -> Option<String> {
    let lacking: Vec<_> = needed.iter().filter(|capability| !capability.is_in(effective)).collect();
    let purposes: Vec<_> =
        lacking.iter().map(|lack| format!("{}, which {}", lack.name(), lack.purpose())).collect();
    let all: Vec<_> = needed.iter().map(|capability| capability.name()).collect();
    (!lacking.is_empty()).then(|| {
        format!(
            "the enforcer lacks {}; run it as root, or give it {} as its systemd unit does",
            purposes.join(", and "),
            all.join(", ")
        )
    })
}

/// The capabilities, a kernel with tcx, and a BPF file system around `pins`.
///
/// # Errors
/// Names the first thing that is missing, and how to get it.
pub fn check(pins: &Path) -> Result<(), Failure> {
    capabilities(&Capability::ALL)?;
    let system = rustix::system::uname();
    let release = system.release().to_string_lossy();
    if version(&release).is_none_or(|version| version < KERNEL) {
        let (major, minor) = KERNEL;
        return Err(Failure::new(format!(
            "the enforcer needs Linux {major}.{minor} or newer, and this is {release}; boot a newer kernel"
        )));
    }
    // The directory itself may not exist yet.
    let existing = pins.ancestors().find(|path| path.exists()).unwrap_or(pins);
    match rustix::fs::statfs(existing) {
        Ok(status) if status.f_type as u64 == BPF_FS_MAGIC => Ok(()),
        _ => Err(Failure::new(format!(
            "`{}` is not on a BPF file system, so nothing could be pinned there; run `mount -t bpf bpf /sys/fs/bpf`, or \
             choose a directory on one with --pin-dir",
            pins.display()
        ))),
    }
}

/// Keeps a second enforcer from the same pins for as long as the returned handle is open. The kernel releases it
/// however the process ends.
///
/// # Errors
/// If another one is running, or the directory cannot be made.
pub fn lock(pins: &Path) -> Result<OwnedFd, Failure> {
    std::fs::create_dir_all(pins).map_err(|error| unusable(pins, &error))?;
    lock_directory(pins, pins, || {
        format!(
            "another enforcer is running with the pins in `{}`; stop it first, or give this one a --pin-dir of its own",
            pins.display()
        )
    })
}

/// The process that holds the [lock](lock) of `pins`, if one does and the kernel tells.
pub fn holder(pins: &Path) -> Option<u32> {
    let directory = std::fs::metadata(pins).ok()?;
    let (major, minor) = (rustix::fs::major(directory.dev()), rustix::fs::minor(directory.dev()));
    let wanted = format!("{major:02x}:{minor:02x}:{}", directory.ino());
    holder_in(&std::fs::read_to_string("/proc/locks").ok()?, &wanted)
}

/// The process with the lock of a file in a table like `/proc/locks`, by device and inode.
fn holder_in(locks: &str, file: &str) -> Option<u32> {
    locks.lines().find_map(|line| match line.split_whitespace().collect::<Vec<_>>()[..] {
        // Those that wait have an arrow in the second place.
        [_, "FLOCK", _, "WRITE", process, at, ..] if at == file => process.parse().ok(),
        _ => None,
    })
}

/// Keeps a second one from tracing, likewise.
///
/// # Errors
/// If somebody is tracing.
pub fn lock_tracing(pins: &Path) -> Result<OwnedFd, Failure> {
    lock_directory(&pins.join("links"), pins, || {
        "somebody else is tracing, and one can at a time; wait for the other `bookend-enforcer trace` to end"
            .to_owned()
    })
}

fn lock_directory(directory: &Path, pins: &Path, taken: impl Fn() -> String) -> Result<OwnedFd, Failure> {
    let directory =
        rustix::fs::open(directory, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
            .map_err(|error| unusable(pins, &error))?;
    match rustix::fs::flock(&directory, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(directory),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(Failure::new(taken())),
        Err(error) => Err(unusable(pins, &error)),
    }
}

fn unusable(pins: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::new(format!(
        "cannot use `{}` for pins: {error}; choose another directory with --pin-dir",
        pins.display()
    ))
}

/// Lets this process have as many open files as it may: it keeps two for each interface, so that whoever removes their pins
/// does not end what they hold.
pub fn allow_files() {
    let mut limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    limit.current = limit.maximum;
    // With fewer it goes on, and complains when they do not suffice.
    let _ = rustix::process::setrlimit(rustix::process::Resource::Nofile, limit);
}

/// Major and minor number at the beginning of a kernel release.
fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lacking_is_named_with_its_purpose() {
        let told = |effective| lacking(&Capability::ALL, effective);
        let all = CapabilitySet::BPF | CapabilitySet::PERFMON | CapabilitySet::NET_ADMIN;
        assert_eq!(told(all), None);
        assert_eq!(told(CapabilitySet::SYS_ADMIN | CapabilitySet::NET_ADMIN), None);
        let one = told(all - CapabilitySet::NET_ADMIN).unwrap();
        assert!(one.starts_with("the enforcer lacks CAP_NET_ADMIN, which attaches programs"), "{one}");
        let two = told(CapabilitySet::NET_ADMIN).unwrap();
        assert!(two.contains("CAP_BPF, which") && two.contains("and CAP_PERFMON, which"), "{two}");
    }

    #[test]
    fn the_holder_of_a_lock_is_found_by_device_and_inode() {
        let locks = "1: POSIX  ADVISORY  WRITE 7 00:1f:99 0 EOF\n2: FLOCK  ADVISORY  WRITE 4211 00:1f:99 0 EOF\n\
                     2: -> FLOCK  ADVISORY  WRITE 8 00:1f:98 0 EOF\n";
        assert_eq!(holder_in(locks, "00:1f:99"), Some(4211));
        assert_eq!(holder_in(locks, "00:1f:98"), None);
        assert_eq!(holder_in(locks, "00:1f:9"), None);
    }

    #[test]
    fn kernel_releases_are_compared_as_numbers() {
        assert!(version("6.18.44-fc-v657") >= Some(KERNEL));
        assert!(version("6.6") >= Some(KERNEL));
        assert!(version("6.1.0-18-amd64") < Some(KERNEL));
        assert!(version("5.15.0") < Some(KERNEL));
        assert_eq!(version("mainline"), None);
    }
}
