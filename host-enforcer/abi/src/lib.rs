//! Keys, values and events shared with the kernel, and the kernel's decision function.

#![cfg_attr(not(test), no_std)]

pub mod address;
pub mod event;
pub mod flow;
pub mod reason;
pub mod table;

pub use address::Address;
pub use event::{Event, FROM_WORKLOAD, TO_WORKLOAD};
pub use reason::Reason;
