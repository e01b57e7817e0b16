//! Why there is no plan.

use std::net::IpAddr;

/// A program and an inventory that cannot be enforced on this host, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// An address that belongs to two instances proves nothing about who sent a packet.
    #[error(
        "the address {address} belongs to both `{first}` and `{second}`; an address must belong to one instance of \
         one workload, so remove it from one of them in the inventory"
    )]
    SharedAddress {
        /// The address.
        address: IpAddr,
        /// The workload that had it first, `namespace/name`.
        first: String,
        /// The workload that claims it as well.
        second: String,
    },
    /// An address that no workload can have.
    #[error(
        "`{workload}` cannot have the address {address}: it does not name one host; correct the inventory"
    )]
    ImpossibleAddress {
        /// The address: unspecified, multicast or broadcast.
        address: IpAddr,
        /// The workload, `namespace/name`.
        workload: String,
    },
    /// An interface that belongs to two instances does not tell who is behind it.
    #[error(
        "the interface `{interface}` belongs to both `{first}` and `{second}`; each instance needs an interface of its \
         own, so correct the inventory"
    )]
    SharedInterface {
        /// The interface.
        interface: String,
        /// The workload that had it first, `namespace/name`.
        first: String,
        /// The workload that claims it as well.
        second: String,
    },
    /// A rule treats two addresses of one interface differently, and the tables have one policy per interface.
    #[error(
        "the rule `{rule}` speaks of the address {first} of `{workload}` but not of its address {second}, and both are \
         behind the interface `{interface}`, which can have one policy only; select the workload by its labels, or \
         let the rule's CIDR hold both addresses or neither"
    )]
    AddressesDiffer {
        /// The rule.
        rule: String,
        /// The workload, `namespace/name`.
        workload: String,
        /// The interface.
        interface: String,
        /// The address that is meant.
        first: IpAddr,
        /// The address that is not.
        second: IpAddr,
    },
    /// Two different things have the same number.
    #[error(
        "{what} `{first}` and `{second}` have the same number and cannot be told apart in the kernel; rename \
         one of them"
    )]
    SameNumber {
        /// What they are, in the plural: `the rules`.
        what: &'static str,
        /// The one that came first.
        first: String,
        /// The other.
        second: String,
    },
    /// The plan does not fit the tables.
    #[error(
        "the plan needs {needed} entries in the kernel table `{table}`, which holds {capacity} (old and new policies \
         count both during a change); {cure}"
    )]
    OverCapacity {
        /// The table.
        table: &'static str,
        /// Entries needed.
        needed: usize,
        /// Entries it holds.
        capacity: u32,
        /// What makes it smaller.
        cure: &'static str,
    },
}
