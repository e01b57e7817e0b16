//! Packets that come in fragments.
//!
//! The first has the ports and is judged like any packet. Those behind it pass if it has passed, for as long as what is
//! in force stays, and only where they do not touch what was judged (RFC 1858, RFC 3128, RFC 5722). One that comes before
//! the first is dropped: to keep it would be to let whoever sends none use up memory.

use super::{Outcome, Stages, Work, ends, local_end};
use crate::packet::Packet;
use crate::table::{FragmentKey, FragmentValue, NO_LIMIT};
use crate::{Arrival, Reason, Tables, address};

/// How long the fragments of a packet may take; Linux reassembles as long (`ipfrag_time`).
const TIMEOUT: u64 = 30_000_000_000;

#[inline(always)]
fn key(arrival: &Arrival, packet: &Packet) -> FragmentKey {
    // Fragments of one IPv6 packet may name different next headers; those behind the first are not read (RFC 8200, 4.5).
    let protocol = if address::is_mapped(&packet.source) { u32::from(packet.protocol) } else { 0 };
    FragmentKey {
        ifindex: arrival.ifindex,
        direction: u32::from(arrival.direction),
        id: packet.fragment_id,
        protocol,
        source: packet.source,
        destination: packet.destination,
    }
}

/// Remembers a first fragment that was judged, if it passes.
#[inline(always)]
pub(super) fn first<T: Tables>(tables: &mut T, work: &mut Work) {
    let Work { arrival, scene, packet, outcome, known, .. } = work;
    outcome.interface = scene.interface.flags;
    if !outcome.passes() {
        return;
    }
    let value = FragmentValue {
        time: arrival.time,
        rule: outcome.rule,
        end: packet.fragment_end,
        interface_epoch: scene.interface.epoch,
        epoch: scene.config.epoch,
        limit: outcome.limit,
        initiator: u32::from(known.initiator),
        reserved: 0,
    };
    if !tables.remember_fragment(&key(arrival, packet), &value) {
        *outcome = Outcome::deny(Reason::FRAGMENT_UNKNOWN);
    }
}

/// A fragment behind the first.
#[inline(always)]
pub(super) fn later<T: Stages>(tables: &mut T, work: &mut Work) -> Outcome {
    let Work { arrival, scene, packet, .. } = &*work;
    if let Err(outcome) = local_end(tables, work) {
        return outcome;
    }
    let Some(known) = tables.fragment(&key(arrival, packet)) else {
        return Outcome::deny(Reason::FRAGMENT_UNKNOWN);
    };
    let allowed = known.interface_epoch == scene.interface.epoch && known.epoch == scene.config.epoch;
    if !allowed || arrival.time.saturating_sub(known.time) > TIMEOUT {
        return Outcome::deny(Reason::FRAGMENT_UNKNOWN);
    }
    if packet.fragment_offset < known.end {
        return Outcome::deny(Reason::FRAGMENT_OVERLAP);
    }
    let mut outcome = Outcome::pass(Reason::FRAGMENT);
    outcome.rule = known.rule;
    if known.limit == NO_LIMIT {
        return outcome;
    }
    let (local, remote, _, _) = ends(arrival.direction, packet);
    (work.key.ifindex, work.key.local, work.key.remote) = (arrival.ifindex, *local, *remote);
    work.known.initiator = known.initiator as u8;
    if !tables.admit(work, known.limit, false) {
        outcome = Outcome::deny(Reason::RATE_LIMITED);
        outcome.rule = known.rule;
    }
    outcome
}
