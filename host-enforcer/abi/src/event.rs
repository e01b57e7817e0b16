//! What the kernel tells the daemon about a verdict.

use crate::Address;
use bytemuck::{Pod, Zeroable};

/// Direction of a packet the workload sent. Also: the workload opened the connection.
pub const FROM_WORKLOAD: u8 = 0;
/// Direction of a packet for the workload. Also: the peer opened the connection.
pub const TO_WORKLOAD: u8 = 1;

/// In [`Event::kind`]: a verdict about a packet.
pub const VERDICT: u8 = 0;
/// In [`Event::kind`]: a connection of whose opening an event told has ended. `direction` is that in which it was opened.
pub const CLOSED: u8 = 1;

/// In [`Event::flags`]: it was denied, but not dropped ([`Interface::OBSERVE`](crate::table::Interface::OBSERVE)).
pub const OBSERVED: u8 = 1;
/// In [`Event::flags`] of a connection that ended: it had to make room for another.
pub const EVICTED: u8 = 2;
/// In [`Event::flags`] of a connection that ended: it was silent for too long.
pub const EXPIRED: u8 = 4;
/// In [`Event::flags`] of a connection that ended: another policy came that denies it.
pub const FORBIDDEN: u8 = 8;

/// One verdict, or the end of a connection. What is denied is reported, as much of it as an interface may tell in a
/// second; allowed new connections by [sample](crate::table::Config::sample) or where an audit has something to say.
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
    /// Of a connection that ended: bytes of whole frames that passed, both directions together.
    pub bytes: u64,
    /// Of a connection that ended: packets that passed, both directions together.
    pub packets: u64,
    /// Of a connection that ended: nanoseconds from its first packet to its last, up to a tenth of a second less.
    pub duration: u64,
    /// The workload's address; `::` if the frame has none.
    pub local: Address,
    /// The peer's address; `::` if the frame has none.
    pub remote: Address,
    /// Index of the host side of the workload's interface.
    pub ifindex: u32,
    /// Bytes of the frame; 0 for a connection that ended.
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
    /// [`VERDICT`] or [`CLOSED`].
    pub kind: u8,
    /// [`OBSERVED`], [`EVICTED`], [`EXPIRED`], [`FORBIDDEN`].
    pub flags: u8,
    /// Of a connection that ended: the state it was in, one of those in [`crate::flow`].
    pub state: u8,
    /// Zero.
    pub reserved: [u8; 4],
}

const _: () = assert!(size_of::<Event>() == 120);
