//! The life of a connection: states and how long each may be silent.

/// First packet seen from the initiator, none from the responder (TCP, SCTP).
pub const SYN: u8 = 0;
/// Both ends have spoken, the initiator again, and the responder after that (TCP, SCTP): only one that has the connection
/// says anything but its greeting.
pub const ESTABLISHED: u8 = 1;
/// Reset or aborted, or both ends have sent FIN or what stands for it (TCP, SCTP).
pub const CLOSING: u8 = 2;
/// A protocol without connections, UDP and all others but ICMP; the peer of who began has not answered.
pub const DATAGRAM: u8 = 3;
/// ICMP echo and timestamp.
pub const ECHO: u8 = 4;
/// Not a connection: an address that has been heard of by neighbor discovery, and so is on the workload's link.
pub const NEIGHBOR: u8 = 5;

/// The responder has answered, the initiator not yet again (TCP, SCTP).
pub const ACCEPTED: u8 = 6;
/// As [`DATAGRAM`], and the other end has answered.
pub const ANSWERED: u8 = 7;
/// As [`ACCEPTED`], and the initiator has spoken again. Whoever sends in another's name gets no further.
pub const COMPLETED: u8 = 8;
/// As [`ANSWERED`], and the initiator has spoken again: not one question and its answer, but a conversation.
pub const ASSURED: u8 = 9;

/// In [`FlowKey::remote_port`](crate::table::FlowKey::remote_port): the entry is a [`NEIGHBOR`]. Not an initiator.
pub const ON_LINK: u16 = 2;
/// In [`FlowKey::remote_port`](crate::table::FlowKey::remote_port), beside the initiator: an exchange of timestamps, not
/// an echo.
pub const TIMESTAMP: u16 = 4;

/// In [`FlowValue::flags`](crate::table::FlowValue::flags): the workload has sent FIN (SCTP: SHUTDOWN or SHUTDOWN ACK).
pub const FIN_FROM_WORKLOAD: u8 = 1;
/// In [`FlowValue::flags`](crate::table::FlowValue::flags): the peer has sent FIN (SCTP: SHUTDOWN or SHUTDOWN ACK).
pub const FIN_TO_WORKLOAD: u8 = 2;
/// In [`FlowValue::flags`](crate::table::FlowValue::flags): an event told of its opening, so one tells of its end.
pub const REPORTED: u8 = 4;

/// In [`FlowValue::flags`](crate::table::FlowValue::flags): the last the workload said was RST (SCTP: ABORT).
pub const RESET_FROM_WORKLOAD: u8 = 8;
/// In [`FlowValue::flags`](crate::table::FlowValue::flags): the last the peer said was RST (SCTP: ABORT).
pub const RESET_TO_WORKLOAD: u8 = 16;
/// In [`FlowValue::flags`](crate::table::FlowValue::flags): an event told of its end already.
pub const TOLD: u8 = 32;
/// In [`FlowValue::flags`](crate::table::FlowValue::flags): it would have been denied, were its interface not
/// [observed](crate::table::Interface::OBSERVE).
pub const OBSERVED: u8 = 64;

const SECOND: u64 = 1_000_000_000;

/// `last_seen` is written only when it is off by more than this (nanoseconds), so that a busy connection does not
/// pass a cache line from CPU to CPU with every packet.
pub const PRECISION: u64 = SECOND / 10;

/// How long a connection in `state` may be silent, in nanoseconds; 0 for an unknown state, which is thus expired.
/// The numbers are those of the field: Calico's, whose users have had time to complain, and for datagrams those of
/// `nf_conntrack`.
#[inline(always)]
#[must_use]
pub const fn timeout(state: u8) -> u64 {
    match state {
        SYN | ACCEPTED => 20 * SECOND,
        ESTABLISHED | COMPLETED => 3_600 * SECOND,
        CLOSING => 30 * SECOND,
        DATAGRAM => 30 * SECOND,
        ANSWERED | ASSURED => 120 * SECOND,
        ECHO => 5 * SECOND,
        // Refreshed by every answer; a workload that is cut short asks again by multicast.
        NEIGHBOR => 600 * SECOND,
        _ => 0,
    }
}
