//! Memory for what a proxy hands over.
//!
//! A proxy asks for memory by calling [`malloc`], in the middle of the call that returns what it writes there. What is handed over for a request
//! is looked at and forgotten, so it comes from a region that is used again and again; only where that is full from the heap.

use std::alloc::{Layout, alloc};
use std::cell::{Cell, UnsafeCell};
use std::ops::Deref;
use std::ptr::{NonNull, null_mut};

use crate::proxy::CallFailed;

/// The ABI's status for what is not there.
const NOT_FOUND: u32 = 1;

/// The most bytes that a proxy may hand over at once.
const MOST_BYTES: usize = 256 << 20;

/// Bytes of the region: the headers of a request, which proxies limit to about as much, and what is asked beside.
const REGION: usize = 72 << 10;

/// The region. What is handed out of it is never handed out again as long as anything of it is held.
struct Region {
    bytes: UnsafeCell<[u8; REGION]>,
    /// Where the next begins.
    used: Cell<usize>,
    /// How many are held.
    held: Cell<usize>,
}

thread_local! {
    /// A module has one thread.
    static REGION_IN_USE: Region = const {
        Region { bytes: UnsafeCell::new([0; REGION]), used: Cell::new(0), held: Cell::new(0) }
    };
}

impl Region {
    /// Room for `size` bytes, if there is.
    fn take(&self, size: usize) -> Option<*mut u8> {
        let (start, end) = (self.used.get(), self.used.get().checked_add(size)?);
        let bytes: *mut u8 = self.bytes.get().cast();
        (end <= REGION).then(|| {
            self.used.set(end);
            bytes.wrapping_add(start)
        })
    }

    /// Whether this address lies in it.
    fn has(&self, address: *const u8) -> bool {
        let first: *const u8 = self.bytes.get().cast();
        address >= first && address < first.wrapping_add(REGION)
    }
}

/// Memory for what the proxy hands over; [`taken`] takes it over. Null where there is none, or too much is asked for: the proxy
/// then fails the call for which it wanted it.
#[unsafe(no_mangle)]
extern "C" fn malloc(size: usize) -> *mut u8 {
    if size == 0 {
        return NonNull::dangling().as_ptr();
    }
    if let Some(room) = REGION_IN_USE.with(|region| region.take(size)) {
        return room;
    }
    match Layout::array::<u8>(size) {
        // SAFETY: the layout is not empty.
        Ok(layout) if size <= MOST_BYTES => unsafe { alloc(layout) },
        _ => null_mut(),
    }
}

/// Bytes that the proxy handed over.
pub(super) enum Handed {
    /// They lie in the region.
    Lent(NonNull<u8>, usize),
    /// They are ours.
    Owned(Vec<u8>),
}

impl Handed {
    /// The bytes, to keep.
    pub(super) fn into_vec(mut self) -> Vec<u8> {
        match &mut self {
            Self::Lent(..) => self.to_vec(),
            Self::Owned(bytes) => std::mem::take(bytes),
        }
    }
}

impl Deref for Handed {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            // SAFETY: the proxy filled these bytes of the region, and nobody gets them before this is dropped.
            Self::Lent(bytes, size) => unsafe { std::slice::from_raw_parts(bytes.as_ptr(), *size) },
            Self::Owned(bytes) => bytes,
        }
    }
}

impl Drop for Handed {
    fn drop(&mut self) {
        if matches!(self, Self::Lent(..)) {
            REGION_IN_USE.with(|region| {
                let others = region.held.get().saturating_sub(1);
                region.held.set(others);
                if others == 0 {
                    region.used.set(0);
                }
            });
        }
    }
}

/// What a call leaves in memory that the proxy asked [`malloc`] for; nothing if the status says that it is not there.
pub(super) fn taken(
    call: impl FnOnce(*mut *mut u8, *mut usize) -> u32,
) -> Result<Option<Handed>, CallFailed> {
    let mut bytes: *mut u8 = null_mut();
    let mut size: usize = 0;
    let status = call(&raw mut bytes, &raw mut size);
    if status == NOT_FOUND {
        return Ok(None);
    }
    super::checked(status)?;
    let Some(place) = NonNull::new(bytes).filter(|_| size > 0) else {
        return Ok(Some(Handed::Owned(Vec::new())));
    };
    REGION_IN_USE.with(|region| {
        if region.has(bytes) {
            region.held.set(region.held.get().saturating_add(1));
            return Ok(Some(Handed::Lent(place, size)));
        }
        // SAFETY: the proxy asked `malloc` for exactly `size` bytes, which got them from the allocator of `Vec` with the
        // layout of one; it filled all of them, and has forgotten the address.
        Ok(Some(Handed::Owned(unsafe { Vec::from_raw_parts(bytes, size, size) })))
    })
}
