//! What the kernel tells the daemon about a verdict.

use crate::Address;
use bytemuck::{Pod, Zeroable};

/// Direction of a packet the workload sent. Also: the workload opened the connection.
pub const FROM_WORKLOAD: u8 = 0;
/// Direction of a packet for the workload. Also: the peer opened the connection.
pub const TO_WORKLOAD: u8 = 1;

/// One verdict. Everything denied is reported, allowed new connections on request or where an audit has something to say.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct Event {
    /// Nanoseconds of the monotonic clock.
    pub time: u64,
    /// The rule id that decided, or [`NO_RULE`](crate::table::NO_RULE).
    pub rule: u64,
    /// The policy handle that decided, or [`NO_POLICY`](crate::table::NO_POLICY).
    pub policy: u64,
    /// The peer's identity, or [`OUTSIDE`](crate::table::OUTSIDE).
    pub identity: u64,
    /// The rule id that an audit reports, or [`NO_RULE`](crate::table::NO_RULE). It did not take part in the verdict.
    pub audit_rule: u64,
    /// The workload's address; `::` if the frame has none.
    pub local: Address,
    /// The peer's address; `::` if the frame has none.
    pub remote: Address,
    /// Index of the host side of the workload's interface.
    pub ifindex: u32,
    /// Bytes of the frame.
    pub length: u32,
    /// The workload's port. For ICMP and ICMPv6 the sender has the identifier for its port and the receiver type × 256 +
    /// code; for errors both are those of the packet the error is about. Else 0.
    pub local_port: u16,
    /// The peer's port, likewise.
    pub remote_port: u16,
    /// [`FROM_WORKLOAD`] or [`TO_WORKLOAD`].
    pub direction: u8,
    /// [`ALLOW`](crate::table::ALLOW) or [`DENY`](crate::table::DENY).
    pub verdict: u8,
    /// The number of a [`Reason`](crate::Reason).
    pub reason: u8,
    /// IP protocol number; 0 if the frame has none.
    pub protocol: u8,
    /// What the audit would have done: [`ALLOW`](crate::table::ALLOW) or [`DENY`](crate::table::DENY).
    pub audit_verdict: u8,
    /// Zero.
    pub reserved: [u8; 7],
}

const _: () = assert!(size_of::<Event>() == 96);
