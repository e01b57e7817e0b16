//! Programs on interfaces: tcx links, first in order, pinned.

use super::{KernelError, syscall};
use aya::Ebpf;
use aya::programs::links::{FdLink, PinnedLink};
use aya::programs::tc::SchedClassifierLink;
use aya::programs::{ProgramError, SchedClassifier, TcAttachType};
use std::collections::BTreeSet;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

/// `ENOLINK`: the link is attached to nothing, because its interface was removed.
const NO_LINK: i32 = rustix::io::Errno::NOLINK.raw_os_error();

/// `ENODEV`: there is no such interface (any more).
const NO_DEVICE: i32 = rustix::io::Errno::NODEV.raw_os_error();

/// Which of the two programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Direction {
    FromWorkload,
    ToWorkload,
}

impl Direction {
    fn program(self) -> &'static str {
        match self {
            Self::FromWorkload => "from_workload",
            Self::ToWorkload => "to_workload",
        }
    }

    /// On the host side, what the workload sends comes in. At an interface of the machine's `own`, what it sends goes out.
    fn hook(self, own: bool) -> TcAttachType {
        match (self, own) {
            (Self::FromWorkload, false) | (Self::ToWorkload, true) => TcAttachType::Ingress,
            (Self::ToWorkload, false) | (Self::FromWorkload, true) => TcAttachType::Egress,
        }
    }

    /// `BPF_TCX_INGRESS` or `BPF_TCX_EGRESS` (linux/bpf.h, `enum bpf_attach_type`), which is the same.
    fn number(self, own: bool) -> u32 {
        match self.hook(own) {
            TcAttachType::Egress => 47,
            _ => 46,
        }
    }

    fn suffix(self) -> &'static str {
        match self {
            Self::FromWorkload => "from",
            Self::ToWorkload => "to",
        }
    }
}

pub(super) fn directory(pins: &Path) -> PathBuf {
    pins.join("links")
}

/// Where the link of an interface is pinned. (The BPF file system has no names with a full stop in them.)
pub(super) fn path(pins: &Path, ifindex: u32, direction: Direction) -> PathBuf {
    directory(pins).join(format!("{ifindex}-{}", direction.suffix()))
}

/// The links that are pinned, whether their interface still exists or not.
pub(super) fn pinned(pins: &Path) -> Result<BTreeSet<(u32, Direction)>, KernelError> {
    let directory = directory(pins);
    let entries = match std::fs::read_dir(&directory) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
        entries => entries.and_then(Iterator::collect::<std::io::Result<Vec<_>>>),
    };
    let entries = entries.map_err(|source| KernelError::Pins { path: directory, source })?;
    let named = |name: &str| {
        let (ifindex, suffix) = name.split_once('-')?;
        let direction = super::DIRECTIONS.into_iter().find(|direction| direction.suffix() == suffix)?;
        Some((ifindex.parse().ok()?, direction))
    };
    Ok(entries.iter().filter_map(|entry| named(entry.file_name().to_str()?)).collect())
}

/// The interfaces with a link in both directions.
pub(super) fn complete(pins: &Path) -> Result<BTreeSet<u32>, KernelError> {
    let pinned = pinned(pins)?;
    let both =
        |ifindex: &u32| super::DIRECTIONS.iter().all(|direction| pinned.contains(&(*ifindex, *direction)));
    Ok(pinned.iter().map(|(ifindex, _)| *ifindex).filter(both).collect())
}

pub(super) fn program(ebpf: &mut Ebpf, direction: Direction) -> Result<&mut SchedClassifier, KernelError> {
    let missing = KernelError::Object { what: direction.program() };
    let Some(program) = ebpf.program_mut(direction.program()) else { return Err(missing) };
    program.try_into().map_err(|_| missing)
}

/// Attaches one program to one interface. A pin that is in the way is of a link to an interface that had the index
/// before.
pub(super) fn attach(
    ebpf: &mut Ebpf,
    pins: &Path,
    interface: &str,
    ifindex: u32,
    direction: Direction,
    own: bool,
) -> Result<(), KernelError> {
    let failed = |source: std::io::Error| match source.raw_os_error() {
        Some(NO_DEVICE) => KernelError::Gone { interface: interface.to_owned() },
        _ => KernelError::Attach { interface: interface.to_owned(), source: source.into() },
    };
    // What is attached to an interface that has moved to another network namespace polices it there, and not its
    // successor here.
    if renew(ebpf, pins, ifindex, direction)? && is_at(ebpf, interface, direction, own)? {
        return Ok(());
    }
    unpin(pins, ifindex, direction)?;
    let program = program(ebpf, direction)?;
    let program = program
        .fd()
        .map_err(|e| KernelError::Attach { interface: interface.to_owned(), source: e.into() })?;
    // By index: the name may be another interface's by now.
    let link = syscall::attach_first(program.as_fd(), ifindex, direction.number(own)).map_err(failed)?;
    syscall::pin(&link, &path(pins, ifindex, direction)).map_err(failed)
}

/// Whether this build's program is attached to the interface that has this name here.
fn is_at(ebpf: &mut Ebpf, interface: &str, direction: Direction, own: bool) -> Result<bool, KernelError> {
    let failed =
        |source: ProgramError| KernelError::Attach { interface: interface.to_owned(), source: source.into() };
    let ours = program(ebpf, direction)?.info().map_err(failed)?.id();
    let (_, attached) = SchedClassifier::query_tcx(interface, direction.hook(own)).map_err(failed)?;
    Ok(attached.iter().any(|program| program.id() == ours))
}

/// Whether a link is there and attached to something.
pub(super) fn is_alive(pins: &Path, ifindex: u32, direction: Direction) -> Result<bool, KernelError> {
    let path = path(pins, ifindex, direction);
    if !path.exists() {
        return Ok(false);
    }
    match syscall::interface_of(&path) {
        Ok(interface) => Ok(interface != 0),
        Err(source) => Err(KernelError::Attach { interface: ifindex.to_string(), source: source.into() }),
    }
}

/// Puts this build's program in the place of what a pinned link runs, in one atomic step; false if there is no link,
/// or its interface is gone.
pub(super) fn renew(
    ebpf: &mut Ebpf,
    pins: &Path,
    ifindex: u32,
    direction: Direction,
) -> Result<bool, KernelError> {
    let failed = |source: Box<dyn std::error::Error + Send + Sync>| KernelError::Attach {
        interface: ifindex.to_string(),
        source,
    };
    let path = path(pins, ifindex, direction);
    if !path.exists() {
        return Ok(false);
    }
    let link = PinnedLink::from_pin(path).map_err(|e| failed(e.into()))?;
    let link: SchedClassifierLink =
        FdLink::from(link).try_into().map_err(|e: aya::programs::links::LinkError| failed(e.into()))?;
    let program = program(ebpf, direction)?;
    let id = match program.attach_to_link(link) {
        Ok(id) => id,
        Err(ProgramError::SyscallError(error)) if error.io_error.raw_os_error() == Some(NO_LINK) => {
            return Ok(false);
        }
        Err(error) => return Err(failed(error.into())),
    };
    // Taken out, so that the program does not detach it when it is dropped; the pin keeps it.
    drop(program.take_link(id).map_err(|e| failed(e.into()))?);
    Ok(true)
}

/// Removes a pin, if it is there, and with it the link.
pub(super) fn unpin(pins: &Path, ifindex: u32, direction: Direction) -> Result<(), KernelError> {
    let path = path(pins, ifindex, direction);
    match std::fs::remove_file(&path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(KernelError::Pins { path, source })
        }
        _ => Ok(()),
    }
}
