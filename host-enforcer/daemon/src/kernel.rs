//! Everything that speaks `aya`: the object, its maps, its programs and their links.
//!
//! Pins, below one directory of the BPF file system:
//!
//! | path | what |
//! |---|---|
//! | `<table>` | the table of that name, see [`bookend_abi::table`] |
//! | `links/<ifindex>-from`, `links/<ifindex>-to` | what polices an interface, one link per direction |
//!
//! A pin keeps its object in force when the daemon ends, however it ends.

mod error;
mod links;
mod maps;
mod reading;
mod tracing;
mod trial;

pub use error::KernelError;
pub use reading::{Blocks, Rows, SlotStates};
pub use tracing::Tracer;
pub use trial::{Trial, TrialResult};

use crate::host::{Host, Manner};
use crate::interfaces::is_ethernet;
use crate::sockets;
use aya::maps::{MapData, RingBuf};
use aya::{Ebpf, EbpfLoader};
use bookend_abi::plain::PlainTables;
use bookend_abi::table::{ABI_VERSION, Config, Counter, Interface, Limit, OwnedKey};
use bookend_abi::{Address, Event, Reason};
use bookend_plan::PolicyContents;
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
}

impl Kernel {
    /// Loads the object at `object` with its tables pinned below `pins`. Tables that are there are adopted with all
    /// they hold.
    ///
    /// # Errors
    /// If the object cannot be read or loaded, or tables of another version are pinned.
    pub fn load(object: &Path, pins: &Path) -> Result<Self, KernelError> {
        let bytes = read_object(object)?;
        let link_directory = links::directory(pins);
        std::fs::create_dir_all(&link_directory)
            .map_err(|source| KernelError::Pins { path: link_directory, source })?;
        let found = pinned_version(pins)?;
        let attached = !links::pinned(pins)?.is_empty();
        // Version 0 was never written: the daemon died between pinning the tables and saying whose they are. Nothing
        // was attached by then.
        if found.is_some_and(|version| version != ABI_VERSION && (version != 0 || attached)) {
            let found = found.unwrap_or_default();
            return Err(KernelError::Version { found, expected: ABI_VERSION, pins: pins.to_owned() });
        }
        let mut loader = EbpfLoader::new();
        for table in TABLES {
            loader.map_pin_path(table, pins.join(table));
        }
        let mut ebpf = load_object(&mut loader, &bytes, object)?;
        let mut maps = Maps::take(&mut ebpf)?;
        let config = maps.config()?;
        if config.abi_version != ABI_VERSION {
            maps.write_config(Config { abi_version: ABI_VERSION, ..config })?;
        }
        Ok(Self { ebpf, maps, pins: pins.to_owned() })
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
        let _ = std::fs::remove_dir(links::directory(pins));
        let _ = std::fs::remove_dir(pins);
    }

    /// Removes everything pinned below `pins`, of whatever version, and the directory. Traffic is open afterwards.
    ///
    /// # Errors
    /// If something cannot be removed; what could be is.
    pub fn remove_pins(pins: &Path) -> Result<(), KernelError> {
        let links = links::directory(pins);
        // Only of a directory that is an enforcer's: the root of the file system holds everybody's pins.
        if !links.is_dir() {
            return remove_directory(pins);
        }
        for directory in [links.as_path(), pins] {
            let failed = |source| KernelError::Pins { path: directory.to_owned(), source };
            for entry in std::fs::read_dir(directory).map_err(failed)? {
                let path = entry.map_err(failed)?.path();
                std::fs::remove_file(&path).map_err(|source| KernelError::Pins { path, source })?;
            }
            remove_directory(directory)?;
        }
        Ok(())
    }
}

fn remove_directory(directory: &Path) -> Result<(), KernelError> {
    match std::fs::remove_dir(directory) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(KernelError::Pins { path: directory.to_owned(), source })
        }
        _ => Ok(()),
    }
}

/// What is pinned, read without loading anything: for reports.
pub struct Pinned {
    maps: Maps,
    pins: PathBuf,
}

impl Pinned {
    /// Opens the tables pinned below `pins`; `None` if there are none.
    ///
    /// # Errors
    /// If they are of another version or cannot be opened.
    pub fn open(pins: &Path) -> Result<Option<Self>, KernelError> {
        match pinned_version(pins)? {
            None => Ok(None),
            Some(ABI_VERSION) => Ok(Some(Self { maps: Maps::open(pins)?, pins: pins.to_owned() })),
            Some(found) => Err(KernelError::Version { found, expected: ABI_VERSION, pins: pins.to_owned() }),
        }
    }

    /// The tables, without connections.
    ///
    /// # Errors
    /// If one cannot be read.
    pub fn tables(&self) -> Result<PlainTables, KernelError> {
        self.maps.read()
    }

    /// The interfaces that have both programs attached.
    ///
    /// # Errors
    /// If the pins cannot be listed.
    pub fn attached(&self) -> Result<BTreeSet<u32>, KernelError> {
        links::complete(&self.pins)
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

impl Kernel {
    fn attach_both(&mut self, name: &str, ifindex: u32, own: bool) -> Result<(), KernelError> {
        DIRECTIONS
            .into_iter()
            .try_for_each(|direction| links::attach(&mut self.ebpf, &self.pins, name, ifindex, direction, own))
    }
}

impl Host for Kernel {
    type Error = KernelError;

    fn read(&mut self) -> Result<PlainTables, KernelError> {
        self.maps.read()
    }

    fn attached(&mut self) -> Result<BTreeSet<u32>, KernelError> {
        Ok(links::pinned(&self.pins)?.into_iter().map(|(ifindex, _)| ifindex).collect())
    }

    fn attach(&mut self, name: &str, ifindex: u32, manner: Manner) -> Result<(), KernelError> {
        let understood = match is_ethernet(name) {
            Ok(true) => Ok(()),
            Ok(false) if manner.open => Err(KernelError::NotEthernetLeft { interface: name.to_owned() }),
            Ok(false) => Err(KernelError::NotEthernet { interface: name.to_owned() }),
            Err(error) => Err(KernelError::Attach { interface: name.to_owned(), source: error.into() }),
        };
        if manner.open {
            understood?;
            let attached = self.attach_both(name, ifindex, manner.own);
            if attached.is_err() {
                self.release(ifindex)?;
            }
            return attached;
        }
        // Attached all the same: without an entry in the tables everything is denied there. With one, bytes that a
        // workload chooses would be taken for its headers.
        self.attach_both(name, ifindex, manner.own)?;
        understood
    }

    fn recall(&mut self, ifindex: u32, addresses: &[Address], epoch: u32) -> Result<(), KernelError> {
        let open = sockets::open().map_err(|source| KernelError::Sockets { source })?;
        let own = open.into_iter().filter(|connection| addresses.contains(&connection.local));
        self.maps.remember(ifindex, own, epoch)
    }

    fn renew(&mut self, ifindex: u32) -> Result<bool, KernelError> {
        let mut renewed = true;
        for direction in DIRECTIONS {
            renewed &= links::renew(&mut self.ebpf, &self.pins, ifindex, direction)?;
        }
        Ok(renewed)
    }

    fn release(&mut self, ifindex: u32) -> Result<(), KernelError> {
        for direction in DIRECTIONS {
            links::unpin(&self.pins, ifindex, direction)?;
        }
        Ok(())
    }

    fn write_limit(&mut self, number: u32, limit: Limit) -> Result<(), KernelError> {
        self.maps.write_limit(number, limit)
    }

    fn remove_limit(&mut self, number: u32) -> Result<(), KernelError> {
        self.maps.remove_limit(number)
    }

    fn write_policy(&mut self, handle: u64, contents: &PolicyContents) -> Result<(), KernelError> {
        self.maps.write_policy(handle, contents)
    }

    fn remove_policy(&mut self, handle: u64, contents: &PolicyContents) -> Result<(), KernelError> {
        self.maps.remove_policy(handle, contents)
    }

    fn write_interface(&mut self, ifindex: u32, interface: Interface) -> Result<(), KernelError> {
        self.maps.write_interface(ifindex, interface)
    }

    fn remove_interface(&mut self, ifindex: u32) -> Result<(), KernelError> {
        self.maps.remove_interface(ifindex)
    }

    fn own(&mut self, key: OwnedKey) -> Result<(), KernelError> {
        self.maps.own(key)
    }

    fn disown(&mut self, key: OwnedKey) -> Result<(), KernelError> {
        self.maps.disown(key)
    }

    fn write_identity(&mut self, address: Address, identity: u64) -> Result<(), KernelError> {
        self.maps.write_identity(address, identity)
    }

    fn remove_identity(&mut self, address: Address) -> Result<(), KernelError> {
        self.maps.remove_identity(address)
    }

    fn write_config(&mut self, config: Config) -> Result<(), KernelError> {
        self.maps.write_config(config)
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

/// The version of the tables pinned below `pins`, if there are any.
fn pinned_version(pins: &Path) -> Result<Option<u32>, KernelError> {
    let path = pins.join("config");
    if !path.exists() {
        return Ok(None);
    }
    let config = maps::open_config(MapData::from_pin(&path)?)?;
    Ok(Some(config.abi_version))
}
