//! Atomic instructions of BPF (`-C target-cpu=v3`), which `core::sync::atomic` does not offer for this target.

use core::intrinsics::{AtomicOrdering, atomic_cxchg, atomic_xadd, atomic_xchg};

/// Adds; the value before.
///
/// # Safety
/// `place` is valid for reads and writes, and nobody accesses it otherwise than atomically who would mind.
#[inline(always)]
pub(super) unsafe fn add_u32(place: *mut u32, addend: u32) -> u32 {
    // SAFETY: promised by the caller. Not relaxed: LLVM 22 makes of that the instruction that does not fetch.
    unsafe { atomic_xadd::<u32, u32, { AtomicOrdering::SeqCst }>(place, addend) }
}

/// Adds.
///
/// # Safety
/// As for [`add_u32`].
#[inline(always)]
pub(super) unsafe fn add(place: *mut u64, addend: u64) {
    // SAFETY: promised by the caller.
    unsafe { atomic_xadd::<u64, u64, { AtomicOrdering::Relaxed }>(place, addend) };
}

/// Replaces; the value before.
///
/// # Safety
/// As for [`add_u32`].
#[inline(always)]
pub(super) unsafe fn swap(place: *mut u64, value: u64) -> u64 {
    // SAFETY: promised by the caller.
    unsafe { atomic_xchg::<u64, { AtomicOrdering::SeqCst }>(place, value) }
}

/// Replaces `old`, if it is there; else what is there.
///
/// # Safety
/// As for [`add_u32`].
#[inline(always)]
pub(super) unsafe fn compare_exchange(place: *mut u64, old: u64, new: u64) -> Result<(), u64> {
    // SAFETY: promised by the caller.
    let (found, exchanged) = unsafe {
        atomic_cxchg::<u64, { AtomicOrdering::SeqCst }, { AtomicOrdering::SeqCst }>(place, old, new)
    };
    if exchanged { Ok(()) } else { Err(found) }
}
