//! Which packets somebody wants to see.

use crate::Address;
use bytemuck::{Pod, Zeroable};

/// Value of `trace`, at index 0: packets for which all that is asked holds are put into `traced`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct TraceFilter {
    /// When nobody wants to see them any more: nanoseconds of the monotonic clock.
    pub expires: u64,
    /// The workload's address.
    pub local: Address,
    /// The peer's address.
    pub remote: Address,
    /// Index of the host side of the workload's interface.
    pub ifindex: u32,
    /// What is asked: [`TraceFilter::IFINDEX`] and so on.
    pub flags: u32,
    /// The workload's port, as in an [`Event`](crate::Event).
    pub local_port: u16,
    /// The peer's port, as in an [`Event`](crate::Event).
    pub remote_port: u16,
    /// IP protocol number.
    pub protocol: u32,
}

impl TraceFilter {
    /// The interface is asked for.
    pub const IFINDEX: u32 = 1;
    /// The protocol is asked for.
    pub const PROTOCOL: u32 = 2;
    /// The workload's address is asked for.
    pub const LOCAL: u32 = 4;
    /// The peer's address is asked for.
    pub const REMOTE: u32 = 8;
    /// The workload's port is asked for.
    pub const LOCAL_PORT: u32 = 16;
    /// The peer's port is asked for.
    pub const REMOTE_PORT: u32 = 32;
}

const _: () = assert!(size_of::<TraceFilter>() == 56);
