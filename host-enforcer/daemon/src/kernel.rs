//! Everything that speaks `aya`: the object, its maps, its programs and their links.
//!
//! Pins, below one directory of the BPF file system:
//!
//! | path | what |
//! |---|---|
//! | `v<version>/<table>` | the table of that name, see [`bookend_abi::table`], of that version |
//! | `v<version>/flows-<form>` | an empty directory: the form of the connections there |
//! | `links/<ifindex>-from`, `links/<ifindex>-to` | what polices an interface, one link per direction |
//!
//! A pin keeps its object in force when the daemon ends, however it ends.

mod ending;
mod error;
mod hash;
mod host;
mod keep;
mod links;
mod maps;
mod pins;
mod reading;
mod syscall;
mod tracing;
mod trial;

pub use error::KernelError;
pub use keep::PinWatch;
pub use reading::{Blocks, Rows, SlotStates};
pub use tracing::Tracer;
pub use trial::{Trial, TrialResult};

use aya::maps::{MapData, RingBuf};
use aya::{Ebpf, EbpfLoader};
use bookend_abi::plain::PlainTables;
use bookend_abi::table::{ABI_VERSION, Config, Counter};
use bookend_abi::{Event, Reason};
use keep::Keep;
use maps::Maps;
use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::path::{Path, PathBuf};

/// Names of the two programs in the object, and of their pins.
const DIRECTIONS: [links::Direction; 2] = [links::Direction::FromWorkload, links::Direction::ToWorkload];

/// The tables that are pinned; `scratch` is private to each load of the programs.
const TABLES: [&str; 20] = [
    "config",
    "slots",
    "interfaces",
    "slot_states",
    "owned",
    "identities",
    "blocks",
    "policies",
    "verdicts",
    "limits",
    "buckets",
    "flows",
    "ring",
    "fragments",
    "trace",
    "traced",
    "counters",
    "rules",
    "audits",
    "events",
];

/// The programs and tables in the kernel.
pub struct Kernel {
    ebpf: Ebpf,
    maps: Maps,
    pins: PathBuf,
    /// What is pinned, so that it lasts when the pins do not.
    keep: Keep,
    /// Tables of other versions, which these are to succeed.
    others: BTreeMap<u32, PathBuf>,
}

impl Kernel {
    /// Loads the object at `object` with its tables pinned below `pins`. Tables of this version that are there are adopted
    /// with all they hold; those of other versions stay as they are, to be [succeeded](Host::succeeds).
    ///
    /// # Errors
    /// If the object cannot be read or loaded.
    pub fn load(object: &Path, pins: &Path) -> Result<Self, KernelError> {
        let bytes = read_object(object)?;
        pins::make(&links::directory(pins))?;
        let fresh = !pins::is_there(pins) && links::pinned(pins)?.is_empty();
        let loaded = Self::load_there(&bytes, object, pins);
        if loaded.is_err() && fresh {
            // Tables that nobody uses; the error is told, whether they go or not.
            let _ = pins::remove_all(&pins::tables(pins));
        }
        loaded
    }

    fn load_there(bytes: &[u8], object: &Path, pins: &Path) -> Result<Self, KernelError> {
        let tables = pins::tables(pins);
        // The form is said first: whoever finds tables without it knows nothing about what is in them.
        pins::make(&tables.join(pins::flow_form()))?;
        let mut loader = EbpfLoader::new();
        for table in TABLES {
            loader.map_pin_path(table, tables.join(table));
        }
        let mut ebpf = load_object(&mut loader, bytes, object)?;
        let mut maps = Maps::take(&mut ebpf)?.with_ended(&tables)?;
        let config = maps.config()?;
        if config.abi_version != ABI_VERSION {
            maps.write_config(Config { abi_version: ABI_VERSION, ..config })?;
        }
        let others = pins::others(pins)?;
        let keep = Keep::of_tables(&tables)?;
        Ok(Self { ebpf, maps, pins: pins.to_owned(), keep, others })
    }

    /// Pins again what is in force and not pinned any more; how many pins that were.
    ///
    /// # Errors
    /// If something cannot be pinned. It is in force all the same, while this value lasts.
    pub fn restore_pins(&mut self) -> Result<usize, KernelError> {
        let form = pins::tables(&self.pins).join(pins::flow_form());
        pins::make(&form)?;
        self.keep.restore()
    }

    /// The versions other than this build's of which there are tables. They are in force until this build's succeed
    /// them.
    ///
    /// # Errors
    /// If the pins cannot be listed.
    pub fn other_versions(pins: &Path) -> Result<Vec<u32>, KernelError> {
        Ok(pins::others(pins)?.into_keys().collect())
    }

    /// Whether anything is attached, of whatever version.
    ///
    /// # Errors
    /// If the pins cannot be listed.
    pub fn is_in_force(pins: &Path) -> Result<bool, KernelError> {
        Ok(!links::pinned(pins)?.is_empty())
    }

    /// The ring of events; once, for there is one reader.
    ///
    /// # Errors
    /// If it was taken before or cannot be mapped.
    pub fn take_events(&mut self) -> Result<EventRing, KernelError> {
        let map = self.ebpf.take_map("events").ok_or(KernelError::Object { what: "the map `events`" })?;
        Ok(EventRing(RingBuf::try_from(map)?))
    }

    /// Removes the directories for pins, if there are no pins in them.
    pub fn remove_empty(pins: &Path) {
        // Fails if something is there, as it should.
        let tables = pins::tables(pins);
        let _ = std::fs::remove_dir(tables.join(pins::flow_form()));
        let _ = std::fs::remove_dir(tables);
        let _ = std::fs::remove_dir(links::directory(pins));
        let _ = std::fs::remove_dir(pins);
    }

    /// Removes everything pinned below `pins`, of whatever version, and the directory. Traffic is open afterwards.
    ///
    /// # Errors
    /// If something cannot be removed; what could be is.
    pub fn remove_pins(pins: &Path) -> Result<(), KernelError> {
        if pins::is_ours(pins) {
            // Links first: without tables everything would be denied.
            pins::remove_all(&links::directory(pins))?;
            pins::remove_all(pins)
        } else {
            pins::remove_directory(pins)
        }
    }
}

/// What is pinned, read without loading anything: for reports.
pub struct Pinned {
    maps: Maps,
    /// The directory of the tables.
    pins: PathBuf,
    /// The directory around it.
    root: PathBuf,
}

impl Pinned {
    /// Opens the tables pinned below `pins`; `None` if there are none.
    ///
    /// # Errors
    /// If they are of another version or cannot be opened.
    pub fn open(pins: &Path) -> Result<Option<Self>, KernelError> {
        if pins::is_there(pins) {
            let tables = pins::tables(pins);
            return Ok(Some(Self { maps: Maps::open(&tables)?, pins: tables, root: pins.to_owned() }));
        }
        match pins::others(pins)?.into_keys().next_back() {
            None => Ok(None),
            Some(found) => Err(KernelError::Version { found, expected: ABI_VERSION, pins: pins.to_owned() }),
        }
    }

    /// The tables, without connections.
    ///
    /// # Errors
    /// If one cannot be read.
    pub fn tables(&self) -> Result<PlainTables, KernelError> {
        let mut tables = self.maps.read()?;
        let PlainTables { slots, interfaces, .. } = &mut tables;
        // What is left of an interface that is gone is no interface.
        interfaces.retain(|slot, entry| slots.get(&entry.ifindex) == Some(slot));
        Ok(tables)
    }

    /// The interfaces that have both programs attached.
    ///
    /// # Errors
    /// If the pins cannot be listed.
    pub fn attached(&self) -> Result<BTreeSet<u32>, KernelError> {
        links::complete(&self.root)
    }

    /// Packets and bytes by reason, over all CPUs.
    ///
    /// # Errors
    /// If the table cannot be read.
    pub fn counters(&self) -> Result<BTreeMap<Reason, Counter>, KernelError> {
        self.maps.counters()
    }

    /// Packets and bytes by rule, over all CPUs.
    ///
    /// # Errors
    /// If the table cannot be read.
    pub fn rules(&self) -> Result<BTreeMap<u64, Counter>, KernelError> {
        self.maps.rules()
    }

    /// Packets and bytes about which an audit reported a rule, by that rule, over all CPUs.
    ///
    /// # Errors
    /// If the table cannot be read.
    pub fn audits(&self) -> Result<BTreeMap<u64, Counter>, KernelError> {
        self.maps.audits()
    }
}

/// Events as the kernel reports them.
pub struct EventRing(RingBuf<MapData>);

impl EventRing {
    /// The next event, if there is one.
    pub fn take(&mut self) -> Option<Event> {
        let item = self.0.next()?;
        // The ring only ever holds whole events; one that is not would be of another version, and is passed over.
        Some(bytemuck::try_pod_read_unaligned(&item).unwrap_or_default())
    }
}

impl AsFd for EventRing {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for EventRing {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

fn read_object(object: &Path) -> Result<Vec<u8>, KernelError> {
    std::fs::read(object).map_err(|source| KernelError::NoObject { path: object.to_owned(), source })
}

/// Loads the object and both programs; attaches nothing.
fn load_object(loader: &mut EbpfLoader<'_>, bytes: &[u8], object: &Path) -> Result<Ebpf, KernelError> {
    let refused = |source| KernelError::Load { path: object.to_owned(), source };
    let mut ebpf = loader.load(bytes).map_err(|source| refused(Box::new(source)))?;
    for direction in DIRECTIONS {
        let program = links::program(&mut ebpf, direction)?;
        program.load().map_err(|source| refused(Box::new(source.into())))?;
    }
    Ok(ebpf)
}
