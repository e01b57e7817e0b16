//! Packets that come in fragments.
//!
//! Only the first fragment has ports, so it alone is judged. Those behind it pass if it has passed; see
//! [`crate::decide`].

use crate::Address;
use bytemuck::{Pod, Zeroable};

/// Key of `fragments`: what all fragments of one packet have in common (RFC 791, 2.3; RFC 8200, 4.5).
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Pod, Zeroable)]
pub struct FragmentKey {
    /// Index of the host side of the workload's interface.
    pub ifindex: u32,
    /// [`FROM_WORKLOAD`](crate::FROM_WORKLOAD) or [`TO_WORKLOAD`](crate::TO_WORKLOAD).
    pub direction: u32,
    /// The identification.
    pub id: u32,
    /// IP protocol number; for IPv6 0, where it is no part of it and fragments behind the first may give another.
    pub protocol: u32,
    /// The source address.
    pub source: Address,
    /// The destination address.
    pub destination: Address,
}

/// Value of `fragments`: a first fragment that passed.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct FragmentValue {
    /// When it passed; nanoseconds of the monotonic clock.
    pub time: u64,
    /// The rule id that allowed it.
    pub rule: u64,
    /// Bytes of the packet's payload it held. A fragment that begins before them would overwrite what was judged.
    pub end: u32,
    /// [`Interface::epoch`](super::Interface::epoch) under which it passed.
    pub interface_epoch: u32,
    /// [`Config::epoch`](super::Config::epoch) under which it passed.
    pub epoch: u32,
    /// The limit of that rule, or [`NO_LIMIT`](super::NO_LIMIT): those behind the first count as packets of their own.
    pub limit: u32,
    /// Who opened the connection: [`FROM_WORKLOAD`](crate::FROM_WORKLOAD) or [`TO_WORKLOAD`](crate::TO_WORKLOAD).
    pub initiator: u32,
    /// Zero.
    pub reserved: u32,
}

const _: () = {
    assert!(size_of::<FragmentKey>() == 48);
    assert!(size_of::<FragmentValue>() == 40);
};
