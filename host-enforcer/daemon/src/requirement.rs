//! What the enforcer needs of the machine, checked before anything is touched.

use crate::failure::Failure;
use rustix::fs::{FlockOperation, Mode, OFlags};
use std::os::fd::OwnedFd;
use std::path::Path;

/// The kernel that brought tcx links.
const KERNEL: (u32, u32) = (6, 6);
/// `statfs` of the BPF file system (linux/magic.h).
const BPF_FS_MAGIC: u64 = 0xcafe_4a11;

/// Root, without which nothing in the kernel can be seen or changed.
///
/// # Errors
/// Says so.
pub fn root() -> Result<(), Failure> {
    if rustix::process::geteuid().is_root() {
        return Ok(());
    }
    Err(Failure::new("the enforcer works in the kernel, which needs root; run it with sudo"))
}

/// Root, a kernel with tcx, and a BPF file system around `pins`.
///
/// # Errors
/// Names the first thing that is missing, and how to get it.
pub fn check(pins: &Path) -> Result<(), Failure> {
    root()?;
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
    let failed = |error: &dyn std::fmt::Display| {
        Failure::new(format!(
            "cannot use `{}` for pins: {error}; choose another directory with --pin-dir",
            pins.display()
        ))
    };
    std::fs::create_dir_all(pins).map_err(|error| failed(&error))?;
    let directory =
        rustix::fs::open(pins, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
            .map_err(|error| failed(&error))?;
    match rustix::fs::flock(&directory, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(directory),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(Failure::new(format!(
            "another enforcer is running with the pins in `{}`; stop it first, or give this one a --pin-dir of its own",
            pins.display()
        ))),
        Err(error) => Err(failed(&error)),
    }
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
    fn kernel_releases_are_compared_as_numbers() {
        assert!(version("6.18.44-fc-v657") >= Some(KERNEL));
        assert!(version("6.6") >= Some(KERNEL));
        assert!(version("6.1.0-18-amd64") < Some(KERNEL));
        assert!(version("5.15.0") < Some(KERNEL));
        assert_eq!(version("mainline"), None);
    }
}
