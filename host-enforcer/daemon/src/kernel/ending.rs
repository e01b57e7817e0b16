//! Taking programs off interfaces at once. When the last name of a link goes, the kernel takes its time; so each is ended
//! before that, by a command that aya does not speak.

use super::{Kernel, KernelError, links};
use std::ffi::CString;
use std::io::{Error, Result};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// `BPF_OBJ_GET` and `BPF_LINK_DETACH` (linux/bpf.h).
const OBJ_GET: libc::c_int = 7;
const LINK_DETACH: libc::c_int = 34;

/// The part of `union bpf_attr` for `BPF_OBJ_GET`.
#[repr(C)]
struct ObjectPath {
    path: u64,
    descriptor: u32,
    flags: u32,
}

/// The part of `union bpf_attr` for `BPF_LINK_DETACH`.
#[repr(C)]
struct LinkDescriptor {
    link: u32,
}

impl Kernel {
    /// Ends the links pinned below `pins`: once this has returned, nothing of them is attached. Their pins stay.
    ///
    /// # Errors
    /// If one cannot be ended.
    pub fn end_links(pins: &Path) -> std::result::Result<(), KernelError> {
        let directory = links::directory(pins);
        let entries = match std::fs::read_dir(&directory) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            entries => entries.and_then(Iterator::collect::<Result<Vec<_>>>),
        };
        for entry in entries.map_err(|source| KernelError::Pins { path: directory, source })? {
            let path = entry.path();
            end(&path).map_err(|source| KernelError::Pins { path, source })?;
        }
        Ok(())
    }
}

/// Ends one link.
fn end(pin: &Path) -> Result<()> {
    let path = CString::new(pin.as_os_str().as_bytes())?;
    let mut object = ObjectPath { path: path.as_ptr() as u64, descriptor: 0, flags: 0 };
    let descriptor = command(OBJ_GET, &mut object)?;
    // SAFETY: the kernel has just opened this descriptor for us, and nobody else knows it.
    let link = unsafe { OwnedFd::from_raw_fd(descriptor) };
    command(LINK_DETACH, &mut LinkDescriptor { link: link.as_raw_fd().cast_unsigned() }).map(drop)
}

/// A command of `bpf(2)`.
fn command<T>(number: libc::c_int, attribute: &mut T) -> Result<libc::c_int> {
    let size = size_of::<T>();
    // SAFETY: `attribute` is the part of `union bpf_attr` for this command, all of it, and what it points to outlives the call; the
    // kernel takes what lies beyond it for zero.
    let answer = unsafe { libc::syscall(libc::SYS_bpf, number, std::ptr::from_mut(attribute), size) };
    match libc::c_int::try_from(answer) {
        Ok(answer) if answer >= 0 => Ok(answer),
        _ => Err(Error::last_os_error()),
    }
}
