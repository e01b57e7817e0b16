//! What the enforcement needs of a host: tables to write and interfaces to attach to. The kernel is one; tests have
//! a plain one.

use bookend_abi::Address;
use bookend_abi::plain::PlainTables;
use bookend_abi::table::{Config, Interface, Limit, OwnedKey};
use bookend_plan::PolicyContents;
use std::collections::BTreeSet;

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

    /// The tables as they are, without connections.
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

    /// Remembers the connections that the machine itself has open from these addresses, at an interface of its own that has an
    /// entry and no programs yet. They are judged with their next packet, unless that is under `epoch`.
    ///
    /// # Errors
    /// If they cannot be listed or written.
    fn recall(&mut self, ifindex: u32, addresses: &[Address], epoch: u32) -> Result<(), Self::Error>;

    /// Puts the programs of this build in the place of those attached to an interface before, without a gap; false
    /// if they are attached to nothing any more.
    ///
    /// # Errors
    /// If that fails.
    fn renew(&mut self, ifindex: u32) -> Result<bool, Self::Error>;

    /// Forgets that the programs were attached to an interface that is gone.
    ///
    /// # Errors
    /// If that fails.
    fn release(&mut self, ifindex: u32) -> Result<(), Self::Error>;

    /// Writes an entry of `limits`.
    ///
    /// # Errors
    /// If the table is full or cannot be written.
    fn write_limit(&mut self, number: u32, limit: Limit) -> Result<(), Self::Error>;

    /// Removes an entry of `limits`, if it is there.
    ///
    /// # Errors
    /// If the table cannot be written.
    fn remove_limit(&mut self, number: u32) -> Result<(), Self::Error>;

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
    /// If the table is full or cannot be written.
    fn write_interface(&mut self, ifindex: u32, interface: Interface) -> Result<(), Self::Error>;

    /// Removes an entry of `interfaces`, if it is there.
    ///
    /// # Errors
    /// If the table cannot be written.
    fn remove_interface(&mut self, ifindex: u32) -> Result<(), Self::Error>;

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

    /// Writes an entry of `identities`.
    ///
    /// # Errors
    /// If the table is full or cannot be written.
    fn write_identity(&mut self, address: Address, identity: u64) -> Result<(), Self::Error>;

    /// Removes an entry of `identities`, if it is there.
    ///
    /// # Errors
    /// If the table cannot be written.
    fn remove_identity(&mut self, address: Address) -> Result<(), Self::Error>;

    /// Writes the entry of `config`.
    ///
    /// # Errors
    /// If the table cannot be written.
    fn write_config(&mut self, config: Config) -> Result<(), Self::Error>;
}
