//! The state of a connection, from packet to packet.
//!
//! Sequence numbers are not followed, so whoever can send in a peer's name can make a connection look closed. It opens
//! nothing by that, and it closes nothing: a connection that is closing still passes what belongs to it, for as long as it
//! is used, and is established again as soon as the end that seemed to reset it says anything else. (An end that did
//! reset it never does.)

use crate::event::FROM_WORKLOAD;
use crate::flow;
use crate::packet::{self, Kind, Packet};
use crate::table::FlowValue;

#[inline(always)]
pub(super) const fn first_state(kind: Kind) -> u8 {
    match kind {
        Kind::Tcp | Kind::Sctp => flow::SYN,
        Kind::EchoRequest | Kind::EchoReply | Kind::TimestampRequest | Kind::TimestampReply => flow::ECHO,
        _ => flow::DATAGRAM,
    }
}

#[inline(always)]
pub(in crate::decide) const fn is_live(known: &FlowValue, now: u64) -> bool {
    now.saturating_sub(known.last_seen) <= flow::timeout(known.state)
}

/// Takes note of a passing packet; whether the flow needs to be written.
#[inline(always)]
pub(super) fn advance(known: &mut FlowValue, direction: u8, packet: &Packet, now: u64) -> bool {
    let (state, flags) = (known.state, known.flags);
    let answers = direction != known.initiator;
    if matches!(packet.kind, Kind::Tcp | Kind::Sctp) {
        let (fin, reset) = if direction == FROM_WORKLOAD {
            (flow::FIN_FROM_WORKLOAD, flow::RESET_FROM_WORKLOAD)
        } else {
            (flow::FIN_TO_WORKLOAD, flow::RESET_TO_WORKLOAD)
        };
        if finishes(packet) {
            known.flags |= fin;
        }
        if resets(packet) {
            known.flags |= reset;
        } else {
            known.flags &= !reset;
        }
        known.state = next_state(known, answers, greets(packet));
        if state == flow::CLOSING && known.state != flow::CLOSING && flags & flow::TOLD != 0 {
            known.flags = known.flags & !flow::TOLD | flow::REPORTED;
        }
    } else if known.state == flow::DATAGRAM && answers {
        known.state = flow::ANSWERED;
    } else if known.state == flow::ANSWERED && !answers {
        known.state = flow::ASSURED;
    }
    let stale = now.saturating_sub(known.last_seen) > flow::PRECISION;
    if stale {
        known.last_seen = now;
    }
    stale || known.state != state || known.flags != flags
}

/// The state of a TCP connection or SCTP association by its flags, who speaks, and whether it is a greeting.
#[inline(always)]
const fn next_state(known: &FlowValue, answers: bool, greets: bool) -> u8 {
    const FINISHED: u8 = flow::FIN_FROM_WORKLOAD | flow::FIN_TO_WORKLOAD;
    const RESET: u8 = flow::RESET_FROM_WORKLOAD | flow::RESET_TO_WORKLOAD;
    if known.flags & RESET != 0 || known.flags & FINISHED == FINISHED {
        return flow::CLOSING;
    }
    match known.state {
        flow::SYN if answers => flow::ACCEPTED,
        flow::ACCEPTED if !answers => flow::COMPLETED,
        // A responder that has not heard of it greets again.
        flow::COMPLETED if answers && !greets => flow::ESTABLISHED,
        // What seemed to reset it did not; whether there is anything, the responder says.
        flow::CLOSING if answers => flow::ESTABLISHED,
        flow::CLOSING => flow::COMPLETED,
        other => other,
    }
}

/// Whether a segment or chunk is the beginning of its sender's side.
#[inline(always)]
const fn greets(packet: &Packet) -> bool {
    match packet.kind {
        Kind::Tcp => packet.detail & packet::SYN != 0,
        _ => matches!(packet.detail, packet::INIT | packet::INIT_ACK),
    }
}

/// Whether the sender of a segment or chunk has nothing more to send.
#[inline(always)]
const fn finishes(packet: &Packet) -> bool {
    match packet.kind {
        Kind::Tcp => packet.detail & packet::FIN != 0,
        _ => matches!(packet.detail, packet::SHUTDOWN | packet::SHUTDOWN_ACK),
    }
}

/// Whether a segment or chunk ends the connection at once.
#[inline(always)]
const fn resets(packet: &Packet) -> bool {
    match packet.kind {
        Kind::Tcp => packet.detail & packet::RST != 0,
        _ => matches!(packet.detail, packet::ABORT | packet::SHUTDOWN_COMPLETE),
    }
}
