//! What the enforcement needs of a host: tables to write and interfaces to attach to. The kernel is one; tests have
//! a plain one.

use bookend_abi::Address;
use bookend_abi::plain::PlainTables;
use bookend_abi::table::{Config, Counter, FlowKey, FlowValue, Interface, Limit, OwnedKey, RingKey};
use bookend_plan::PolicyContents;
use std::collections::BTreeSet;

/// Where a walk through a table goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place(pub Vec<u8>);

/// Some entries of a table, and where the next are; `None` after the last.
pub type Batch<K, V> = (Vec<(K, V)>, Option<Place>);

/// How the programs are attached to an interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Manner {
    /// It is the machine's own: what goes out there, the machine sent.
    pub own: bool,
    /// If it cannot be policed, it stays as it was. Otherwise everything is denied there.
    pub open: bool,
}

/// A host whose interfaces are policed. Every method is one step that either happened or did not.
pub trait Host {
    /// Why a step did not happen.
    type Error: std::error::Error;

    /// The tables as they are, without connections. Of `interfaces` also what is left of those that are in no slot.
    ///
    /// # Errors
    /// If a table cannot be read.
    fn read(&mut self) -> Result<PlainTables, Self::Error>;

    /// The interfaces, by index, that have the programs attached (or had: an interface may be gone since).
    ///
    /// # Errors
    /// If they cannot be listed.
    fn attached(&mut self) -> Result<BTreeSet<u32>, Self::Error>;

    /// Attaches the programs to an interface, first in order.
    ///
    /// # Errors
    /// If that fails, for example because the interface has just gone.
    fn attach(&mut self, name: &str, ifindex: u32, manner: Manner) -> Result<(), Self::Error>;

    /// The connections that the machine itself has open from these addresses, as those of an interface of its own.
    ///
    /// # Errors
    /// If they cannot be listed.
    fn recall(
        &mut self,
        ifindex: u32,
        addresses: &[Address],
    ) -> Result<Vec<(FlowKey, FlowValue)>, Self::Error>;

    /// Puts the programs of this build in the place of those attached to an interface before, without a gap; false
    /// if they are attached to nothing any more.
    ///
    /// # Errors
    /// If that fails.
    fn renew(&mut self, ifindex: u32) -> Result<bool, Self::Error>;

    /// Whether the programs are still attached to an interface, whichever they are.
    ///
    /// # Errors
    /// If that cannot be found out.
    fn is_alive(&mut self, ifindex: u32) -> Result<bool, Self::Error>;

    /// Forgets that the programs were attached to an interface that is gone.
    ///
    /// # Errors
    /// If that fails.
    fn release(&mut self, ifindex: u32) -> Result<(), Self::Error>;

    /// Whether these tables are to succeed others, of another version, which are in force until the interfaces are
    /// [renewed](Self::renew).
    fn succeeds(&self) -> bool;

    /// Connections that stand in the tables that these succeed, as far as their form is known.
    ///
    /// # Errors
    /// If they cannot be read.
    fn inheritance(&mut self) -> Result<Vec<(FlowKey, FlowValue)>, Self::Error>;

    /// Removes the tables that these have succeeded.
    ///
    /// # Errors
    /// If that fails.
    fn retire(&mut self) -> Result<(), Self::Error>;

    /// Writes a policy: blocks and verdicts, then the head.
    ///
    /// # Errors
    /// If a table is full or cannot be written.
    fn write_policy(&mut self, handle: u64, contents: &PolicyContents) -> Result<(), Self::Error>;

    /// Removes a policy: the head, then blocks and verdicts. What is not there is passed over.
    ///
    /// # Errors
    /// If a table cannot be written.
    fn remove_policy(&mut self, handle: u64, contents: &PolicyContents) -> Result<(), Self::Error>;

    /// Writes an entry of `interfaces`.
    ///
    /// # Errors
    /// If there is no such slot or it cannot be written.
    fn write_interface(&mut self, slot: u32, interface: Interface) -> Result<(), Self::Error>;

    /// Writes an entry of `slots`.
    ///
    /// # Errors
    /// If the table is full or cannot be written.
    fn assign(&mut self, ifindex: u32, slot: u32) -> Result<(), Self::Error>;

    /// Removes an entry of `slots`, if it is there.
    ///
    /// # Errors
    /// If the table cannot be written.
    fn unassign(&mut self, ifindex: u32) -> Result<(), Self::Error>;

    /// Writes how many positions of a slot's ring were taken, and forgets what else was counted for it.
    ///
    /// # Errors
    /// If there is no such slot or it cannot be written.
    fn set_cursor(&mut self, slot: u32, cursor: u32) -> Result<(), Self::Error>;

    /// Writes an entry of `owned`.
    ///
    /// # Errors
    /// If the table is full or cannot be written.
    fn own(&mut self, key: OwnedKey) -> Result<(), Self::Error>;

    /// Removes an entry of `owned`, if it is there.
    ///
    /// # Errors
    /// If the table cannot be written.
    fn disown(&mut self, key: OwnedKey) -> Result<(), Self::Error>;

    /// Writes entries of `identities`, in order.
    ///
    /// # Errors
    /// If the table is full or cannot be written.
    fn write_identities(&mut self, identities: &[(Address, u64)]) -> Result<(), Self::Error>;

    /// Removes an entry of `identities`, if it is there.
    ///
    /// # Errors
    /// If the table cannot be written.
    fn remove_identity(&mut self, address: Address) -> Result<(), Self::Error>;

    /// Writes an entry of `limits`.
    ///
    /// # Errors
    /// If the table is full or cannot be written.
    fn write_limit(&mut self, limit: u32, value: Limit) -> Result<(), Self::Error>;

    /// Removes an entry of `limits`, if it is there.
    ///
    /// # Errors
    /// If the table cannot be written.
    fn remove_limit(&mut self, limit: u32) -> Result<(), Self::Error>;

    /// Writes the entry of `config`.
    ///
    /// # Errors
    /// If the table cannot be written.
    fn write_config(&mut self, config: Config) -> Result<(), Self::Error>;

    /// Some entries of `flows`, from the beginning or where the last walk ended. What comes and goes meanwhile may be
    /// among them or not.
    ///
    /// # Errors
    /// If the table cannot be read.
    fn flows(&mut self, from: Option<&Place>) -> Result<Batch<FlowKey, FlowValue>, Self::Error>;

    /// Writes an entry of `flows`, unless there is one; whether there was none.
    ///
    /// # Errors
    /// If the table is full or cannot be written.
    fn seed_flow(&mut self, key: FlowKey, value: FlowValue) -> Result<bool, Self::Error>;

    /// Takes an entry out of `flows`, as it was in that moment; `None` if it was gone.
    ///
    /// # Errors
    /// If the table cannot be written.
    fn take_flow(&mut self, key: FlowKey) -> Result<Option<FlowValue>, Self::Error>;

    /// Some entries of `ring`, as of `flows`.
    ///
    /// # Errors
    /// If the table cannot be read.
    fn ring(&mut self, from: Option<&Place>) -> Result<Batch<RingKey, FlowKey>, Self::Error>;

    /// Writes an entry of `ring`.
    ///
    /// # Errors
    /// If the table is full or cannot be written.
    fn write_position(&mut self, key: RingKey, flow: FlowKey) -> Result<(), Self::Error>;

    /// Removes an entry of `ring`, if it is there.
    ///
    /// # Errors
    /// If the table cannot be written.
    fn remove_position(&mut self, key: RingKey) -> Result<(), Self::Error>;

    /// Adds what passed on connections that ended without the programs.
    ///
    /// # Errors
    /// If the table is full or cannot be written.
    fn count_ended(&mut self, rule: u64, passed: Counter) -> Result<(), Self::Error>;
}
