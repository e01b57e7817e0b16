//! Keys, values and events shared with the kernel, and the kernel's decision function.
//!
//! A frame comes in at the host side of a workload's interface; [`packet::parse`] makes a [`Packet`] of it or refuses
//! it; [`decide::decide`] looks at the [tables](table) and gives an [`Outcome`]. The BPF program is this and nothing
//! else, and so are the tests and the command line: [`plain::PlainTables`] (feature `alloc`) stands for the maps.
//!
//! This crate must not know: BPF, the network interfaces of a host, policies as people write them, names of anything.

#![cfg_attr(not(test), no_std)]

pub mod address;
pub mod arrival;
#[cfg(any(test, feature = "alloc"))]
pub mod craft;
pub mod decide;
pub mod event;
pub mod flow;
pub mod frame;
pub mod guard;
pub mod packet;
#[cfg(any(test, feature = "alloc"))]
pub mod plain;
pub mod quick;
pub mod rate;
pub mod reason;
pub mod table;
pub mod tables;

pub use address::Address;
pub use arrival::Arrival;
pub use decide::{Outcome, Stages, Work, conclude, decide};
pub use event::{Event, FROM_WORKLOAD, TO_WORKLOAD};
pub use frame::Frame;
pub use packet::{Packet, parse};
pub use reason::Reason;
pub use tables::Tables;
