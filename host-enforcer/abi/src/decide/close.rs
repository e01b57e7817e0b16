//! The end of a connection.

use super::Work;
use crate::event::{CLOSED, TO_WORKLOAD};
use crate::flow::{NEIGHBOR, REPORTED};
use crate::table::{ALLOW, FlowKey, FlowValue, NO_RULE};
use crate::{Event, Reason, Tables, flow};

/// Adds what passed over the connection that leaves to its rule, and tells of its end if its opening was told. `cause` is
/// [`EVICTED`](crate::event::EVICTED), [`EXPIRED`](crate::event::EXPIRED), [`FORBIDDEN`](crate::event::FORBIDDEN), or 0 if
/// its ends closed it.
#[inline(always)]
pub fn close<T: Tables>(tables: &mut T, work: &mut Work, cause: u8) {
    let (known, now) = (&work.leaving, work.arrival.time);
    if known.state == NEIGHBOR {
        return;
    }
    if known.rule != NO_RULE && known.bytes > 0 {
        tables.count_rule(known.rule, 0, known.bytes);
    }
    if known.flags & REPORTED == 0 {
        return;
    }
    if !tables.take_event(known.slot, false, now) {
        tables.count(Reason::EVENT_SUPPRESSED, 1, 0);
        return;
    }
    let identity = tables.identity(&work.leaving_key.remote);
    work.event = closed(&work.leaving_key, known, cause, now, identity);
    tables.emit(&work.event);
}

/// The event that tells of the end of a connection with the peer `identity`; `cause` as for [`close`]. For the daemon as
/// well, which removes connections that were silent for too long.
#[inline(always)]
#[must_use]
pub fn closed(key: &FlowKey, known: &FlowValue, cause: u8, now: u64, identity: u64) -> Event {
    // ICMP: an identifier, which is at the end that asked.
    let message = matches!(known.state, flow::ECHO);
    let asked = known.initiator == TO_WORKLOAD;
    let (local_port, remote_port) = match (message, asked) {
        (true, true) => (0, key.local_port),
        (true, false) => (key.local_port, 0),
        (false, _) => (key.local_port, key.remote_port),
    };
    Event {
        time: now,
        rule: known.rule,
        policy: known.policy,
        identity,
        bytes: known.bytes,
        packets: known.packets,
        duration: known.last_seen.saturating_sub(known.opened),
        local: key.local,
        remote: key.remote,
        ifindex: key.ifindex,
        local_port,
        remote_port,
        direction: known.initiator,
        verdict: ALLOW,
        reason: Reason::ESTABLISHED.0,
        protocol: key.protocol as u8,
        kind: CLOSED,
        flags: cause,
        state: known.state,
        ..Event::default()
    }
}
