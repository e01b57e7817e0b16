//! `bpf(2)` where aya does not speak it: many entries of a table at once, and links by the index of the interface, which
//! unlike its name does not pass to another.

use bytemuck::{Pod, Zeroable as _};
use std::ffi::CString;
use std::io::{Error, Result};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Commands (linux/bpf.h, `enum bpf_cmd`).
const OBJ_PIN: i32 = 6;
const OBJ_GET: i32 = 7;
const OBJ_GET_INFO_BY_FD: i32 = 15;
const LOOKUP_AND_DELETE: i32 = 21;
const LOOKUP_BATCH: i32 = 24;
const UPDATE_BATCH: i32 = 26;
const DELETE_BATCH: i32 = 27;
const LINK_CREATE: i32 = 28;
/// `BPF_F_BEFORE`: before the one named, and before all if none is.
const BEFORE: u32 = 1 << 3;
/// Entries handed over at a time: few enough that nobody waits long, and more than a bucket of a hash table ever has.
const AT_ONCE: usize = 1024;
/// Bytes in which the kernel keeps its place in a table; at most a key.
const PLACE: usize = 64;

/// `batch` in `union bpf_attr`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Zeroable, Pod)]
struct BatchAttributes {
    from: u64,
    to: u64,
    keys: u64,
    values: u64,
    count: u32,
    map: u32,
    element_flags: u64,
    flags: u64,
}

/// `link_create` in `union bpf_attr`, for tcx.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Zeroable, Pod)]
struct LinkAttributes {
    program: u32,
    interface: u32,
    hook: u32,
    flags: u32,
    relative: u32,
    reserved: u32,
    revision: u64,
}

/// What `BPF_MAP_*_ELEM` take of `union bpf_attr`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Zeroable, Pod)]
struct ElementAttributes {
    map: u32,
    reserved: u32,
    key: u64,
    value: u64,
    flags: u64,
}

/// What `BPF_OBJ_PIN` takes of `union bpf_attr`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Zeroable, Pod)]
struct PinAttributes {
    path: u64,
    object: u32,
    flags: u32,
}

/// `info` in `union bpf_attr`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Zeroable, Pod)]
struct InfoAttributes {
    object: u32,
    length: u32,
    info: u64,
}

/// The beginning of `struct bpf_link_info`, of a tcx link.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Zeroable, Pod)]
struct LinkInfo {
    kind: u32,
    id: u32,
    program: u32,
    reserved: u32,
    interface: u32,
    hook: u32,
}

/// Runs a command.
///
/// # Safety
/// What `attributes` points to must be as the command wants it until this returns.
unsafe fn bpf<T: Pod>(command: i32, attributes: &mut T) -> Result<i64> {
    let length = size_of::<T>();
    // SAFETY: the kernel reads and writes `length` bytes there, which are all of them; the rest is the caller's promise.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, std::ptr::from_mut(attributes), length) };
    if result < 0 { Err(Error::last_os_error()) } else { Ok(result) }
}

fn number(map: BorrowedFd<'_>) -> u32 {
    // A descriptor is never negative.
    map.as_raw_fd().cast_unsigned()
}

/// A walk through a hash table.
#[derive(Clone, Debug, Default)]
pub(super) struct Walk {
    place: Option<Vec<u8>>,
}

impl Walk {
    /// From where an earlier walk was; from the beginning if there is none.
    pub(super) fn from(place: Option<&[u8]>) -> Self {
        Self { place: place.map(<[u8]>::to_vec) }
    }

    /// Where it is; `None` at the end.
    pub(super) fn place(self) -> Option<Vec<u8>> {
        self.place
    }

    /// The next entries of `map`, which has keys and values of these types. After the last, [`place`](Self::place) is
    /// `None`.
    pub(super) fn next<K: Pod, V: Pod>(&mut self, map: BorrowedFd<'_>) -> Result<Vec<(K, V)>> {
        let mut room = AT_ONCE;
        loop {
            let mut keys = vec![K::zeroed(); room];
            let mut values = vec![V::zeroed(); room];
            let mut next = vec![0_u8; PLACE];
            let from = self.place.as_ref().map_or(0, |place| place.as_ptr() as u64);
            let mut attributes = BatchAttributes {
                from,
                to: next.as_mut_ptr() as u64,
                keys: keys.as_mut_ptr() as u64,
                values: values.as_mut_ptr() as u64,
                count: room as u32,
                map: number(map),
                element_flags: 0,
                flags: 0,
            };
            // SAFETY: there is room for `count` keys and values of the sizes that the table has, and for a place.
            let done = unsafe { bpf(LOOKUP_BATCH, &mut attributes) };
            let read = attributes.count as usize;
            match done {
                Ok(_) => self.place = Some(next),
                Err(error) if error.raw_os_error() == Some(libc::ENOENT) => self.place = None,
                // A bucket has more than there is room for.
                Err(error) if error.raw_os_error() == Some(libc::ENOSPC) => {
                    room *= 2;
                    continue;
                }
                Err(error) => return Err(error),
            }
            return Ok(keys.into_iter().zip(values).take(read).collect());
        }
    }
}

/// Writes entries in order.
pub(super) fn update<K: Pod, V: Pod>(map: BorrowedFd<'_>, entries: &[(K, V)]) -> Result<()> {
    for chunk in entries.chunks(AT_ONCE) {
        let keys: Vec<K> = chunk.iter().map(|(key, _)| *key).collect();
        let values: Vec<V> = chunk.iter().map(|(_, value)| *value).collect();
        let mut attributes = BatchAttributes {
            from: 0,
            to: 0,
            keys: keys.as_ptr() as u64,
            values: values.as_ptr() as u64,
            count: chunk.len() as u32,
            map: number(map),
            element_flags: 0,
            flags: 0,
        };
        // SAFETY: there are `count` keys and values of the sizes that the table has.
        unsafe { bpf(UPDATE_BATCH, &mut attributes) }?;
    }
    Ok(())
}

/// Removes entries; those that are gone are passed over.
pub(super) fn delete<K: Pod>(map: BorrowedFd<'_>, keys: &[K]) -> Result<()> {
    let mut rest = keys;
    while !rest.is_empty() {
        let chunk = rest.get(..AT_ONCE.min(rest.len())).unwrap_or_default();
        let mut attributes = BatchAttributes {
            from: 0,
            to: 0,
            keys: chunk.as_ptr() as u64,
            values: 0,
            count: chunk.len() as u32,
            map: number(map),
            element_flags: 0,
            flags: 0,
        };
        // SAFETY: there are `count` keys of the size that the table has.
        let done = unsafe { bpf(DELETE_BATCH, &mut attributes) };
        let skip = match done {
            Ok(_) => chunk.len(),
            // So many were removed before one that is not there.
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => attributes.count as usize + 1,
            Err(error) => return Err(error),
        };
        rest = rest.get(skip..).unwrap_or_default();
    }
    Ok(())
}

/// Takes an entry out of a hash table; `None` if it was not there.
pub(super) fn take<K: Pod, V: Pod>(map: BorrowedFd<'_>, key: &K) -> Result<Option<V>> {
    let mut value = V::zeroed();
    let mut attributes = ElementAttributes {
        map: number(map),
        reserved: 0,
        key: std::ptr::from_ref(key) as u64,
        value: std::ptr::from_mut(&mut value) as u64,
        flags: 0,
    };
    // SAFETY: key and value have the sizes that the table has.
    match unsafe { bpf(LOOKUP_AND_DELETE, &mut attributes) } {
        Ok(_) => Ok(Some(value)),
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Attaches a program to a tcx hook of an interface, before all others.
pub(super) fn attach_first(program: BorrowedFd<'_>, interface: u32, hook: u32) -> Result<OwnedFd> {
    let mut attributes = LinkAttributes {
        program: number(program),
        interface,
        hook,
        flags: BEFORE,
        relative: 0,
        reserved: 0,
        revision: 0,
    };
    // SAFETY: the attributes point to nothing.
    descriptor(unsafe { bpf(LINK_CREATE, &mut attributes) }?)
}

/// The index of the interface that a pinned tcx link is attached to; 0 if it is gone.
pub(super) fn interface_of(path: &Path) -> Result<u32> {
    let link = open(path)?;
    let mut info = LinkInfo::zeroed();
    let mut attributes = InfoAttributes {
        object: number(link.as_fd()),
        length: size_of::<LinkInfo>() as u32,
        info: std::ptr::from_mut(&mut info) as u64,
    };
    // SAFETY: the kernel writes at most `length` bytes.
    unsafe { bpf(OBJ_GET_INFO_BY_FD, &mut attributes) }?;
    Ok(info.interface)
}

/// Opens what is pinned.
pub(super) fn open(path: &Path) -> Result<OwnedFd> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    let mut attributes = PinAttributes { path: path.as_ptr() as u64, object: 0, flags: 0 };
    // SAFETY: the path is a string with a zero at its end.
    descriptor(unsafe { bpf(OBJ_GET, &mut attributes) }?)
}

/// The descriptor that a command made.
fn descriptor(made: i64) -> Result<OwnedFd> {
    let made = i32::try_from(made).map_err(Error::other)?;
    // SAFETY: the kernel has just made it, for nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(made) })
}

/// Pins an object.
pub(super) fn pin(object: &impl AsFd, path: &Path) -> Result<()> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    let mut attributes =
        PinAttributes { path: path.as_ptr() as u64, object: number(object.as_fd()), flags: 0 };
    // SAFETY: the path is a string with a zero at its end.
    unsafe { bpf(OBJ_PIN, &mut attributes) }?;
    Ok(())
}

const _: () = {
    assert!(size_of::<BatchAttributes>() == 56);
    assert!(size_of::<LinkAttributes>() == 32);
    assert!(size_of::<ElementAttributes>() == 32);
    assert!(size_of::<PinAttributes>() == 16);
    assert!(size_of::<InfoAttributes>() == 16);
    assert!(size_of::<LinkInfo>() == 24);
};
