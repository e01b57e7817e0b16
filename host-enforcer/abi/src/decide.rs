//! The kernel's decision: a packet, the tables, a verdict.
//!
//! The same function runs in the kernel over its maps and everywhere else over plain ones. It is written for the
//! verifier: one policy lookup, loops with constant bounds, no recursion, nothing that can panic.

mod link;
mod policy;

use crate::event::FROM_WORKLOAD;
use crate::flow;
use crate::packet::{self, Kind, Packet};
use crate::table::{
    ALLOW, BlockKey, Config, DENY, FlowKey, FlowValue, ICMPV6, Interface, NO_POLICY, NO_RULE, OUTSIDE,
    OwnedKey, PolicyHead, VerdictKey, VerdictValue,
};
use crate::{Address, Event, Reason};

/// The tables, as [`decide`] asks them. What each absence means is said in [`crate::table`].
pub trait Tables {
    /// Where a flow lies, so that it can be refreshed without a second lookup.
    type Slot;

    /// The one entry of `config`.
    fn config(&self) -> Config;
    /// The entry of `interfaces`.
    fn interface(&self, ifindex: u32) -> Option<Interface>;
    /// Whether the entry of `owned` exists.
    fn owns(&self, key: &OwnedKey) -> bool;
    /// The identity of `address`, or [`OUTSIDE`].
    fn identity(&self, address: &Address) -> u64;
    /// The block of the longest prefix that covers `key`, or [`NO_BLOCK`](crate::table::NO_BLOCK).
    fn block(&self, key: &BlockKey) -> u32;
    /// The entry of `policies`.
    fn policy(&self, handle: u64) -> Option<PolicyHead>;
    /// The entry of `verdicts`.
    fn verdict(&self, key: &VerdictKey) -> Option<VerdictValue>;
    /// Where the entry of `flows` lies.
    fn flow(&self, key: &FlowKey) -> Option<Self::Slot>;
    /// What lies there.
    fn read_flow(&self, slot: &Self::Slot) -> FlowValue;
    /// Writes `last_seen`, `state` and `flags` in place; nothing else, for the kernel may have given the place to
    /// another flow in the meantime.
    fn refresh_flow(&mut self, slot: &Self::Slot, flow: &FlowValue);
    /// Inserts or replaces an entry of `flows`; false if there is no room.
    fn insert_flow(&mut self, key: &FlowKey, flow: &FlowValue) -> bool;
    /// Removes an entry of `flows`.
    fn remove_flow(&mut self, key: &FlowKey);
}

/// A verdict and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The rule that decided, or [`NO_RULE`].
    pub rule: u64,
    /// The policy that decided, or [`NO_POLICY`].
    pub policy: u64,
    /// The peer's identity where it was asked for, else [`OUTSIDE`].
    pub identity: u64,
    /// [`ALLOW`] or [`DENY`].
    pub verdict: u8,
    /// Why.
    pub reason: Reason,
    /// Whether an event is due.
    pub report: bool,
}

impl Outcome {
    /// A denial before any policy was asked.
    #[inline(always)]
    #[must_use]
    pub const fn deny(reason: Reason) -> Self {
        Self { rule: NO_RULE, policy: NO_POLICY, identity: OUTSIDE, verdict: DENY, reason, report: true }
    }

    #[inline(always)]
    const fn pass(reason: Reason) -> Self {
        Self { rule: NO_RULE, policy: NO_POLICY, identity: OUTSIDE, verdict: ALLOW, reason, report: false }
    }
}

/// Judges one packet at one interface. `direction` is [`FROM_WORKLOAD`] or [`TO_WORKLOAD`](crate::TO_WORKLOAD), `now`
/// nanoseconds of a monotonic clock.
#[inline(always)]
pub fn decide<T: Tables>(tables: &mut T, direction: u8, ifindex: u32, packet: &Packet, now: u64) -> Outcome {
    let Some(interface) = tables.interface(ifindex) else {
        return Outcome::deny(Reason::UNKNOWN_INTERFACE);
    };
    match packet.kind {
        Kind::Unparsed => Outcome::deny(Reason::MALFORMED),
        Kind::Arp => link::arp(tables, direction, ifindex, packet),
        Kind::Neighbor => link::neighbor(tables, direction, ifindex, packet, now),
        Kind::IcmpError => icmp_error(tables, direction, ifindex, packet, now),
        Kind::Tcp | Kind::Datagram | Kind::EchoRequest | Kind::EchoReply => {
            connection(tables, direction, ifindex, &interface, packet, now)
        }
    }
}

/// The event that reports `outcome`.
#[inline(always)]
#[must_use]
pub fn report(
    direction: u8,
    ifindex: u32,
    length: u32,
    packet: &Packet,
    now: u64,
    outcome: &Outcome,
) -> Event {
    let (local, remote, local_port, remote_port) = ends(direction, packet);
    Event {
        time: now,
        rule: outcome.rule,
        policy: outcome.policy,
        identity: outcome.identity,
        local: *local,
        remote: *remote,
        ifindex,
        length,
        local_port,
        remote_port,
        direction,
        verdict: outcome.verdict,
        reason: outcome.reason.0,
        protocol: packet.protocol,
    }
}

/// The workload's address, the peer's, the workload's port, the peer's.
#[inline(always)]
fn ends(direction: u8, packet: &Packet) -> (&Address, &Address, u16, u16) {
    if direction == FROM_WORKLOAD {
        (&packet.source, &packet.destination, packet.source_port, packet.destination_port)
    } else {
        (&packet.destination, &packet.source, packet.destination_port, packet.source_port)
    }
}

/// An error about a connection that was allowed, sent to the end that sent the offending packet. The router that
/// reports it may be anybody; a workload reports in its own name.
#[inline(always)]
fn icmp_error<T: Tables>(tables: &T, direction: u8, ifindex: u32, packet: &Packet, now: u64) -> Outcome {
    let (local, _, _, _) = ends(direction, packet);
    if !tables.owns(&OwnedKey { ifindex, address: *local }) {
        return Outcome::deny(anti_spoof(direction));
    }
    // The quoted packet travelled the other way: towards the workload if the workload complains about it.
    let (local, remote, local_port, remote_port) = if direction == FROM_WORKLOAD {
        (packet.subject, packet.destination, packet.destination_port, packet.source_port)
    } else {
        (packet.destination, packet.subject, packet.source_port, packet.destination_port)
    };
    let (local_port, remote_port) = if matches!(packet.subject_protocol, crate::table::ICMP | ICMPV6) {
        let quoted_direction = 1 - direction;
        let initiator = if packet.detail == 1 { quoted_direction } else { direction };
        (packet.source_port, u16::from(initiator))
    } else {
        (local_port, remote_port)
    };
    let key = FlowKey {
        ifindex,
        protocol: u32::from(packet.subject_protocol),
        local,
        remote,
        local_port,
        remote_port,
    };
    if let Some(slot) = tables.flow(&key) {
        let known = tables.read_flow(&slot);
        if is_live(&known, now) && is_current(&known, tables, ifindex) {
            let mut outcome = Outcome::pass(Reason::ICMP_RELATED);
            outcome.rule = known.rule;
            outcome.policy = known.policy;
            return outcome;
        }
    }
    Outcome::deny(Reason::ICMP_UNRELATED)
}

/// A packet of a connection, or one that would open it.
#[inline(always)]
fn connection<T: Tables>(
    tables: &mut T,
    direction: u8,
    ifindex: u32,
    interface: &Interface,
    packet: &Packet,
    now: u64,
) -> Outcome {
    let config = tables.config();
    let key = flow_key(direction, ifindex, packet);
    let slot = tables.flow(&key);
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
    let mut outcome = policy::judge(tables, handle, remote, packet.protocol, port);
    if outcome.verdict != ALLOW {
        // A SYN against the direction of a live connection is another connection, and not this one's business.
        if live && known.initiator == initiator {
            tables.remove_flow(&key);
        }
        return outcome;
    }
    // Nor may it change who opened this one: a peer that may open connections here could otherwise have the one it
    // was sent judged as its own, and so keep it after a change that denies it.
    if live && known.initiator != initiator {
        outcome.report = config.flags & Config::ALLOW_EVENTS != 0;
        return outcome;
    }

    let renewed = live && !(packet.is_syn() && known.state == flow::CLOSING);
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
    outcome.report = !renewed && config.flags & Config::ALLOW_EVENTS != 0;
    outcome
}

#[inline(always)]
const fn anti_spoof(direction: u8) -> Reason {
    if direction == FROM_WORKLOAD { Reason::SPOOFED_SOURCE } else { Reason::FOREIGN_DESTINATION }
}

#[inline(always)]
fn flow_key(direction: u8, ifindex: u32, packet: &Packet) -> FlowKey {
    let (local, remote, local_port, remote_port) = ends(direction, packet);
    let (local_port, remote_port) = match packet.kind {
        Kind::EchoRequest => (packet.source_port, u16::from(direction)),
        Kind::EchoReply => (packet.source_port, u16::from(1 - direction)),
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
        Kind::Tcp => flow::SYN,
        Kind::EchoRequest | Kind::EchoReply => flow::ECHO,
        _ => flow::DATAGRAM,
    }
}

#[inline(always)]
const fn is_live(known: &FlowValue, now: u64) -> bool {
    now.saturating_sub(known.last_seen) <= flow::timeout(known.state)
}

/// Whether the flow was allowed under what is in force now. An error about one that was not waits for the next
/// packet of the connection to have it judged.
#[inline(always)]
fn is_current<T: Tables>(known: &FlowValue, tables: &T, ifindex: u32) -> bool {
    tables.interface(ifindex).is_some_and(|interface| known.interface_epoch == interface.epoch)
        && known.epoch == tables.config().epoch
}

/// Takes note of a passing packet; whether the flow needs to be written.
#[inline(always)]
fn advance(known: &mut FlowValue, direction: u8, packet: &Packet, now: u64) -> bool {
    let (state, flags) = (known.state, known.flags);
    if packet.kind == Kind::Tcp {
        if packet.detail & packet::FIN != 0 {
            known.flags |=
                if direction == FROM_WORKLOAD { flow::FIN_FROM_WORKLOAD } else { flow::FIN_TO_WORKLOAD };
        }
        if packet.detail & packet::RST != 0 || known.flags == flow::FIN_FROM_WORKLOAD | flow::FIN_TO_WORKLOAD
        {
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

#[cfg(test)]
mod tests;
