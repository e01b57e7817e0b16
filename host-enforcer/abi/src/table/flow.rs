//! Connections, and which of them an interface has.
//!
//! Every interface may have so many connections as its [quota](super::Interface::quota) says. They stand in a ring, in
//! order of opening. A new one takes the next position, and what stands there has to go, unless it is an established
//! connection that lives: so who opens too many loses what is new, never what works, and never anything of another.

use crate::Address;
use bytemuck::{Pod, Zeroable};

/// Key of `flows`: a connection as seen from the workload behind one interface. The interface is part of the key, so
/// that no workload can lend its connections to another.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Pod, Zeroable)]
pub struct FlowKey {
    /// Index of the host side of the workload's interface.
    pub ifindex: u32,
    /// IP protocol number.
    pub protocol: u32,
    /// The workload's address.
    pub local: Address,
    /// The peer's address.
    pub remote: Address,
    /// The workload's port; for ICMP echo and timestamp the identifier; 0 for protocols without ports.
    pub local_port: u16,
    /// The peer's port; for ICMP echo the [initiator](FlowValue::initiator), for timestamps with
    /// [`TIMESTAMP`](crate::flow::TIMESTAMP) besides; for an address on the link
    /// [`ON_LINK`](crate::flow::ON_LINK); 0 for protocols without ports.
    pub remote_port: u16,
}

/// Value of `flows`: who opened an allowed connection, by which rule, and when it was last judged and seen.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct FlowValue {
    /// The rule id that allowed it.
    pub rule: u64,
    /// The policy handle that allowed it.
    pub policy: u64,
    /// When a packet last passed; nanoseconds of the monotonic clock, up to a tenth of a second late.
    pub last_seen: u64,
    /// When it was opened; nanoseconds of the monotonic clock.
    pub opened: u64,
    /// Bytes of whole frames that passed, both directions together.
    pub bytes: u64,
    /// Packets that passed, both directions together.
    pub packets: u64,
    /// The slot of its interface, in whose ring it stands.
    pub slot: u32,
    /// Where it stands there.
    pub position: u32,
    /// The limit its packets are held to, or [`NO_LIMIT`](super::NO_LIMIT).
    pub limit: u32,
    /// [`Interface::epoch`](super::Interface::epoch) under which it was allowed.
    pub interface_epoch: u32,
    /// [`Config::epoch`](super::Config::epoch) under which it was allowed.
    pub epoch: u32,
    /// One of the states in [`crate::flow`].
    pub state: u8,
    /// [`FROM_WORKLOAD`](crate::FROM_WORKLOAD) if the workload opened it, else [`TO_WORKLOAD`](crate::TO_WORKLOAD).
    pub initiator: u8,
    /// Bits of [`crate::flow`]: which ends have sent FIN or what stands for it, and what was told of it.
    pub flags: u8,
    /// Zero.
    pub reserved: u8,
}

/// Key of `ring`: a position among the connections of an interface.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Pod, Zeroable)]
pub struct RingKey {
    /// The slot of the interface.
    pub slot: u32,
    /// 0 up to, not including, its quota.
    pub position: u32,
}

/// Value of `slot_states`: what the kernel counts for an interface.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct SlotState {
    /// Positions taken in the ring so far; wraps around.
    pub cursor: u32,
    /// Zero.
    pub reserved: u32,
    /// Theoretical arrival time of the next event about something denied; see [`crate::rate`].
    pub denials: u64,
    /// The same of events about connections that were allowed or have ended: whoever opens many cannot hide by it what
    /// he was denied.
    pub connections: u64,
}

const _: () = {
    assert!(size_of::<FlowKey>() == 44);
    assert!(size_of::<FlowValue>() == 72);
    assert!(size_of::<RingKey>() == 8);
    assert!(size_of::<SlotState>() == 24);
};
