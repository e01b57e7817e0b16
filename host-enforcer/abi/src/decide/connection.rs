//! Connections: what opens one, what belongs to one, and how long one lives.

use super::{Outcome, Tables, anti_spoof, ends, policy};
use crate::event::FROM_WORKLOAD;
use crate::packet::{self, Kind, Packet};
use crate::table::{ALLOW, DENY, FlowKey, FlowValue, ICMP, ICMPV6, Interface, NO_RULE, OwnedKey};
use crate::{Reason, flow};

/// A packet of a connection, or one that would open it.
#[inline(always)]
pub(super) fn packet<T: Tables>(
    tables: &mut T,
    direction: u8,
    ifindex: u32,
    interface: &Interface,
    packet: &Packet,
    now: u64,
) -> Outcome {
    let config = tables.config();
    let key = flow_key(direction, ifindex, packet);
    // A message is remembered nowhere: it has no reply that could be told from another message.
    let slot = if packet.kind == Kind::Message { None } else { tables.flow(&key) };
    let mut known = FlowValue::default();
    let mut live = false;
    if let Some(slot) = &slot {
        known = tables.read_flow(slot);
        live = is_live(&known, now);
        let current = known.interface_epoch == interface.epoch && known.epoch == config.epoch;
        if live && current && !packet.is_syn() {
            if advance(&mut known, direction, packet, now) {
                tables.refresh_flow(slot, &known);
            }
            let mut outcome = Outcome::pass(Reason::ESTABLISHED);
            outcome.rule = known.rule;
            outcome.policy = known.policy;
            return outcome;
        }
    }

    // The fast path needs no such check: flows are keyed by the interface and its address, and losing an address
    // changes the epoch.
    let (local, remote, local_port, remote_port) = ends(direction, packet);
    if !tables.owns(&OwnedKey { ifindex, address: *local }) {
        return Outcome::deny(anti_spoof(direction));
    }

    // What is judged is the opening of the connection: this packet's, or the one remembered.
    let mut initiator = direction;
    if live && !packet.is_syn() {
        initiator = known.initiator;
    } else if !packet.opens() {
        if slot.is_none() {
            return Outcome::deny(Reason::NO_CONNECTION);
        }
        tables.remove_flow(&key);
        return Outcome::deny(Reason::FLOW_EXPIRED);
    }

    let (handle, port) = if initiator == FROM_WORKLOAD {
        (interface.egress, remote_port)
    } else {
        (interface.ingress, local_port)
    };
    let port = if matches!(packet.class, ICMP | ICMPV6) { packet.opening } else { port };
    // What the verifier knows of the packet by now, above all its kind, must not multiply what it follows from here.
    let packet = core::hint::black_box(packet);
    let mut outcome = policy::judge(tables, handle, remote, packet, port);
    let sampled = config.samples(now);
    if outcome.verdict != ALLOW {
        // A SYN against the direction of a live connection is another connection, and not this one's business.
        if live && known.initiator == initiator {
            tables.remove_flow(&key);
        }
        return outcome;
    }
    // Nor may it change who opened this one: a peer that may open connections here could otherwise have the one it
    // was sent judged as its own, and so keep it after a change that denies it.
    if packet.kind == Kind::Message || (live && known.initiator != initiator) {
        outcome.report = sampled || outcome.audit_rule != NO_RULE;
        return outcome;
    }

    let renewed = live && !(packet.is_syn() && known.state == flow::CLOSING);
    // An audit speaks of what is opened, and once of what was open when its policy came.
    if renewed && known.policy == outcome.policy {
        outcome.audit_rule = NO_RULE;
        outcome.audit_verdict = DENY;
    }
    if !renewed {
        known = FlowValue { initiator, state: first_state(packet.kind), ..FlowValue::default() };
    }
    known.rule = outcome.rule;
    known.policy = outcome.policy;
    known.interface_epoch = interface.epoch;
    known.epoch = config.epoch;
    known.last_seen = now;
    let _ = advance(&mut known, direction, packet, now);
    if !tables.insert_flow(&key, &known) {
        return Outcome::deny(Reason::FLOW_TABLE);
    }
    outcome.report = (!renewed && sampled) || outcome.audit_rule != NO_RULE;
    outcome
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

#[inline(always)]
const fn first_state(kind: Kind) -> u8 {
    match kind {
        Kind::Tcp | Kind::Sctp => flow::SYN,
        Kind::EchoRequest | Kind::EchoReply | Kind::TimestampRequest | Kind::TimestampReply => flow::ECHO,
        _ => flow::DATAGRAM,
    }
}

#[inline(always)]
pub(super) const fn is_live(known: &FlowValue, now: u64) -> bool {
    now.saturating_sub(known.last_seen) <= flow::timeout(known.state)
}

/// Whether the flow was allowed under what is in force now. An error about one that was not waits for the next
/// packet of the connection to have it judged.
#[inline(always)]
pub(super) fn is_current<T: Tables>(known: &FlowValue, tables: &T, ifindex: u32) -> bool {
    tables.interface(ifindex).is_some_and(|interface| known.interface_epoch == interface.epoch)
        && known.epoch == tables.config().epoch
}

/// Takes note of a passing packet; whether the flow needs to be written.
#[inline(always)]
fn advance(known: &mut FlowValue, direction: u8, packet: &Packet, now: u64) -> bool {
    let (state, flags) = (known.state, known.flags);
    if matches!(packet.kind, Kind::Tcp | Kind::Sctp) {
        if finishes(packet) {
            known.flags |=
                if direction == FROM_WORKLOAD { flow::FIN_FROM_WORKLOAD } else { flow::FIN_TO_WORKLOAD };
        }
        if resets(packet) || known.flags == flow::FIN_FROM_WORKLOAD | flow::FIN_TO_WORKLOAD {
            known.state = flow::CLOSING;
        } else if known.state == flow::SYN && direction != known.initiator {
            known.state = flow::ESTABLISHED;
        }
    }
    let stale = now.saturating_sub(known.last_seen) > flow::PRECISION;
    if stale {
        known.last_seen = now;
    }
    stale || known.state != state || known.flags != flags
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
