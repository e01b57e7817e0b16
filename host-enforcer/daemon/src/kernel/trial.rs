//! The programs on made-up packets, attached to nothing (`BPF_PROG_TEST_RUN`): what the kernel would do.

use super::{EventRing, KernelError, links, load_object, maps::Maps, read_object};
use aya::maps::RingBuf;
use aya::programs::{ProgramFd, TestRun, TestRunOptions};
use aya::{Ebpf, EbpfLoader};
use bookend_abi::plain::PlainTables;
use bookend_abi::table::{Counter, Interface, NO_SLOT, OwnedKey};
use bookend_abi::{Address, Event, FROM_WORKLOAD, Reason};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// The real programs in the real kernel with tables of their own, which vanish with this value.
pub struct Trial {
    ebpf: Ebpf,
    maps: Maps,
    events: EventRing,
}

/// What became of a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrialResult {
    /// Whether it passed.
    pub allowed: bool,
    /// The report of the (first) run, if there was one.
    pub event: Option<Event>,
    /// Mean duration of one run.
    pub duration: Duration,
}

impl Trial {
    /// The index of the interface the packets of a trial come from: the loopback interface's.
    pub const IFINDEX: u32 = 1;

    /// Loads the object at `object` with empty tables.
    ///
    /// # Errors
    /// If the object cannot be read or loaded, which needs root.
    pub fn load(object: &Path) -> Result<Self, KernelError> {
        let mut ebpf = load_object(&mut EbpfLoader::new(), &read_object(object)?, object)?;
        let maps = Maps::take(&mut ebpf)?;
        let events = ebpf.take_map("events").ok_or(KernelError::Object { what: "the map `events`" })?;
        let events = EventRing(RingBuf::try_from(events)?);
        Ok(Self { ebpf, maps, events })
    }

    /// Makes the tables hold what `tables` does, but no connections.
    ///
    /// # Errors
    /// If a table is full.
    pub fn replace(&mut self, tables: &PlainTables) -> Result<(), KernelError> {
        self.maps.forget()?;
        self.maps.replace(tables)
    }

    /// Makes the tables hold what `tables` does, and keeps the connections of earlier runs.
    ///
    /// # Errors
    /// If a table is full.
    pub fn change(&mut self, tables: &PlainTables) -> Result<(), KernelError> {
        self.maps.replace(tables)
    }

    /// Makes the packets of further runs those of another interface, whose workload has `addresses`, and forgets all
    /// connections. The interface before it is left with [`leave`](Self::leave).
    ///
    /// # Errors
    /// If a table is full.
    pub fn enter(&mut self, interface: Interface, addresses: &[Address]) -> Result<(), KernelError> {
        self.maps.forget()?;
        for address in addresses {
            self.maps.own(OwnedKey { ifindex: Self::IFINDEX, address: *address })?;
        }
        let slot = self.maps.slot(Self::IFINDEX)?.unwrap_or(NO_SLOT + 1);
        self.maps.set_cursor(slot, 0)?;
        self.maps.write_interface(slot, Interface { ifindex: Self::IFINDEX, ..interface })?;
        self.maps.assign(Self::IFINDEX, slot)
    }

    /// Takes an interface's `addresses` from it again.
    ///
    /// # Errors
    /// If the table cannot be written.
    pub fn leave(&mut self, addresses: &[Address]) -> Result<(), KernelError> {
        addresses
            .iter()
            .try_for_each(|address| self.maps.disown(OwnedKey { ifindex: Self::IFINDEX, address: *address }))
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

    /// The program for `direction`, so that a program of a benchmark can call it.
    ///
    /// # Errors
    /// If it is not loaded.
    pub fn program(&mut self, direction: u8) -> Result<&ProgramFd, KernelError> {
        let direction = if direction == FROM_WORKLOAD {
            links::Direction::FromWorkload
        } else {
            links::Direction::ToWorkload
        };
        links::program(&mut self.ebpf, direction)?
            .fd()
            .map_err(|source| KernelError::Attach { interface: "trial".to_owned(), source: source.into() })
    }

    /// Runs the program for `direction` on `frame`, `repeat` times.
    ///
    /// # Errors
    /// If the kernel does not run it: a frame must be at least an Ethernet header and the header of what it names.
    pub fn run(&mut self, direction: u8, frame: &[u8], repeat: u32) -> Result<TrialResult, KernelError> {
        let direction = if direction == FROM_WORKLOAD {
            links::Direction::FromWorkload
        } else {
            links::Direction::ToWorkload
        };
        while self.events.take().is_some() {}
        let options = TestRunOptions { data_in: Some(frame), repeat, ..TestRunOptions::new() };
        let result = links::program(&mut self.ebpf, direction)?
            .test_run(options)
            .map_err(|source| KernelError::Attach { interface: "trial".to_owned(), source: source.into() })?;
        // TCX_NEXT.
        let allowed = result.return_value == u32::MAX;
        Ok(TrialResult { allowed, event: self.events.take(), duration: result.duration })
    }
}
