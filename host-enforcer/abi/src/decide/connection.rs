//! Connections: what opens one, what belongs to one, and how long one lives.

mod state;

pub(super) use state::is_live;

use super::policy::Question;
use super::{NO_ROOM, Outcome, Stages, Work, ends, local_end, make_room};
use crate::event::{EXPIRED, FORBIDDEN, FROM_WORKLOAD, TO_WORKLOAD};
use crate::packet::{Kind, Packet};
use crate::table::{
    ALLOW, DENY, FAILSAFE_RULE, FlowKey, FlowValue, ICMP, ICMPV6, Interface, NO_LIMIT, NO_RULE,
};
use crate::{Arrival, Reason, Tables, address, flow};
use state::{advance, first_state};

/// A packet of a connection, or one that would open it.
#[inline(always)]
pub(super) fn packet<T: Stages>(tables: &mut T, work: &mut Work) {
    let (direction, now) = (work.arrival.direction, work.arrival.time);
    work.key = flow_key(direction, work.arrival.ifindex, &work.packet);
    // A message is remembered nowhere: it has no reply that could be told from another message. Nor is what comes for
    // many: nobody replies from there.
    let remembered = work.packet.kind != Kind::Message && !address::is_for_many(&work.key.local);
    let mut place = if remembered { tables.flow(&work.key) } else { None };
    let mut live = false;
    if let Some(place) = &place {
        work.known = tables.read_flow(place);
        // One of whoever had this interface before is nobody's here.
        live = work.known.slot == work.scene.slot && is_live(&work.known, now);
        if live && work.scene.allowed(&work.known) && !work.packet.is_syn() {
            return belongs(tables, work, place);
        }
    }

    // What belongs to a connection needs no such check: flows are keyed by the interface and its address, and losing an
    // address changes the epoch.
    if let Err(outcome) = local_end(tables, work) {
        work.outcome = outcome;
        return;
    }

    // What is judged is the opening of the connection: this packet's, or the one remembered.
    let mut initiator = direction;
    let opens = !live || work.packet.is_syn();
    let mut picked_up = false;
    if !opens {
        initiator = work.known.initiator;
    } else if !work.packet.opens() {
        // A host's own connections are older than its policy: those that must never be cut are found by the failsafe.
        picked_up = work.packet.kind == Kind::Tcp && work.scene.has(Interface::HOST);
        if !picked_up {
            return unknown(tables, work, &place);
        }
        initiator = TO_WORKLOAD;
    }
    ask(tables, work, initiator);
    if picked_up {
        if !is_saved(&work.ruling) {
            initiator = FROM_WORKLOAD;
            ask(tables, work, initiator);
        }
        if !is_saved(&work.ruling) {
            return unknown(tables, work, &place);
        }
    }
    work.outcome = work.ruling;

    let denied = work.outcome.verdict != ALLOW;
    let against = live && work.known.initiator != initiator;
    if denied {
        // A SYN against the direction of a live connection is another connection, and not this one's business.
        if let (true, Some(forbidden)) = (live && !against, &place) {
            leave(tables, work, forbidden, FORBIDDEN);
            tables.remove_flow(&work.key);
            place = None;
        }
        // A dry run remembers what it would have denied, so as to tell it once, and let the answers pass.
        if !work.scene.has(Interface::OBSERVE) || !remembered {
            return;
        }
        live = false;
    }
    let sampled = denied || work.scene.config.samples(now) || work.outcome.audit_rule != NO_RULE;
    let renewed = live && !(work.packet.is_syn() && work.known.state == flow::CLOSING);
    // An audit speaks of what is opened, and once of what was open when its policy came.
    if renewed && !against && work.known.policy == work.outcome.policy {
        work.outcome.audit_rule = NO_RULE;
        work.outcome.audit_verdict = DENY;
    }
    let told = if renewed && !against { work.outcome.audit_rule != NO_RULE } else { sampled };
    if let (false, false, Some(place)) = (renewed, against, &place) {
        // Another connection in the place of one that has ended.
        leave(tables, work, place, if live { 0 } else { EXPIRED });
        tables.remove_flow(&work.key);
    }
    // It keeps its position, if it has one here.
    let has_position = place.is_some() && work.known.slot == work.scene.slot;
    if !renewed && !against {
        let (state, position) = (first_state(work.packet.kind), work.known.position);
        work.known = FlowValue { initiator, state, position, opened: now, ..FlowValue::default() };
    }
    if !denied && opens && work.outcome.limit != NO_LIMIT {
        let established = work.known.initiator;
        work.known.initiator = initiator;
        // Said again, for want of an answer, it is one more packet and no other connection.
        let admitted = tables.admit(work, work.outcome.limit, !renewed || against);
        work.known.initiator = established;
        if !admitted {
            return refuse(work, Reason::RATE_LIMITED);
        }
    }
    // Nor may a packet change who opened a connection: a peer that may open connections here could otherwise have the
    // one it was sent judged as its own, and so keep it after a change that denies it.
    if !remembered || against {
        work.outcome.report = told && tell(tables, work, denied);
        return;
    }
    if !has_position {
        let position = make_room(tables, work);
        // What the failsafe allows of TCP needs no memory: each packet of it is found by the failsafe again.
        let spared =
            work.packet.kind == Kind::Tcp && work.scene.has(Interface::HOST) && is_saved(&work.outcome);
        if position == NO_ROOM && spared {
            return;
        }
        if position == NO_ROOM {
            return refuse(work, Reason::FLOW_QUOTA);
        }
        work.known.position = position;
    }
    work.known.rule = work.outcome.rule;
    work.known.policy = work.outcome.policy;
    work.known.limit = work.outcome.limit;
    work.known.slot = work.scene.slot;
    work.known.interface_epoch = work.scene.interface.epoch;
    work.known.epoch = work.scene.config.epoch;
    work.known.last_seen = now;
    work.known.bytes += u64::from(work.arrival.length);
    work.known.packets += 1;
    let _ = advance(&mut work.known, direction, &work.packet, now);
    work.outcome.report = told && tell(tables, work, denied);
    if denied {
        work.known.flags |= flow::OBSERVED;
    } else if work.outcome.report {
        work.known.flags |= flow::REPORTED;
    }
    if !tables.insert_flow(&work.key, &work.known) {
        refuse(work, Reason::FLOW_TABLE);
    }
}

/// Asks the policy whether `initiator` may open the connection.
#[inline(always)]
fn ask<T: Stages>(tables: &mut T, work: &mut Work, initiator: u8) {
    let (handle, port) = if initiator == FROM_WORKLOAD {
        (work.scene.interface.egress, work.key.remote_port)
    } else {
        (work.scene.interface.ingress, work.key.local_port)
    };
    let class = work.packet.class;
    let port = if matches!(class, ICMP | ICMPV6) { work.packet.opening } else { port };
    work.question = Question { handle, remote: work.key.remote, class, port };
    tables.rule(work);
}

/// Whether the failsafe says so.
#[inline(always)]
const fn is_saved(ruling: &Outcome) -> bool {
    ruling.verdict == ALLOW && ruling.rule == FAILSAFE_RULE
}

/// A rule allows it, and something else does not.
#[inline(always)]
const fn refuse(work: &mut Work, reason: Reason) {
    work.outcome.verdict = DENY;
    work.outcome.reason = reason;
    work.outcome.report = true;
}

/// The connection of `work` ends.
#[inline(always)]
fn leave<T: Stages>(tables: &mut T, work: &mut Work, place: &T::Place, cause: u8) {
    work.leaving_key = work.key;
    work.leaving = work.known;
    (work.leaving.bytes, work.leaving.packets) = tables.clear_flow(place);
    tables.close(work, cause);
}

/// Whether the interface may tell of one more connection. What is denied is asked for when it is told.
#[inline(always)]
fn tell<T: Tables>(tables: &mut T, work: &Work, denied: bool) -> bool {
    if denied || tables.take_event(work.scene.slot, false, work.arrival.time) {
        return true;
    }
    tables.count(Reason::EVENT_SUPPRESSED, 1, 0);
    false
}

/// A packet of a connection that lives, and that was allowed under what is in force now.
#[inline(always)]
fn belongs<T: Stages>(tables: &mut T, work: &mut Work, place: &T::Place) {
    let Arrival { time: now, direction, length, .. } = work.arrival;
    work.outcome = Outcome::pass(Reason::ESTABLISHED);
    work.outcome.rule = work.known.rule;
    work.outcome.policy = work.known.policy;
    let limit = work.known.limit;
    work.outcome.limit = limit;
    if limit != NO_LIMIT && !tables.admit(work, limit, false) {
        return refuse(work, Reason::RATE_LIMITED);
    }
    let closing = work.known.state == flow::CLOSING;
    tables.add_to_flow(place, length);
    let changed = advance(&mut work.known, direction, &work.packet, now);
    if work.known.state == flow::CLOSING && !closing {
        leave(tables, work, place, 0);
        // Told; unless it turns out that it has not ended.
        if work.known.flags & flow::REPORTED != 0 {
            work.known.flags = work.known.flags & !flow::REPORTED | flow::TOLD;
        }
    }
    if changed {
        tables.refresh_flow(place, &work.known);
    }
}

/// A packet that opens nothing, of a connection that is not known, or not any more.
#[inline(always)]
fn unknown<T: Stages>(tables: &mut T, work: &mut Work, place: &Option<T::Place>) {
    let Some(place) = place else {
        work.outcome = Outcome::deny(Reason::NO_CONNECTION);
        return;
    };
    leave(tables, work, place, EXPIRED);
    tables.remove_flow(&work.key);
    work.outcome = Outcome::deny(Reason::FLOW_EXPIRED);
}

#[inline(always)]
fn flow_key(direction: u8, ifindex: u32, packet: &Packet) -> FlowKey {
    let (local, remote, local_port, remote_port) = ends(direction, packet);
    let (local_port, remote_port) = match packet.kind {
        Kind::EchoRequest => (packet.source_port, u16::from(direction)),
        Kind::EchoReply => (packet.source_port, u16::from(1 - direction)),
        Kind::TimestampRequest => (packet.source_port, flow::TIMESTAMP | u16::from(direction)),
        Kind::TimestampReply => (packet.source_port, flow::TIMESTAMP | u16::from(1 - direction)),
        _ => (local_port, remote_port),
    };
    FlowKey {
        ifindex,
        protocol: u32::from(packet.protocol),
        local: *local,
        remote: *remote,
        local_port,
        remote_port,
    }
}
