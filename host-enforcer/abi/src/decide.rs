//! The kernel's decision: a packet, the tables, a verdict.
//!
//! The same function runs in the kernel over its maps and everywhere else over plain ones. It is written for the
//! verifier: one policy lookup, loops with constant bounds, no recursion, nothing that can panic.

mod connection;
mod link;
mod policy;

use crate::event::{FROM_WORKLOAD, VERDICT};
use crate::flow;
use crate::packet::{Kind, Packet, QUOTES_REPLY, QUOTES_TIMESTAMP};
use crate::table::{
    ALLOW, BlockKey, Config, DENY, FlowKey, FlowValue, ICMP, ICMPV6, Interface, NO_POLICY, NO_RULE, OUTSIDE,
    OwnedKey, PolicyHead, VerdictKey, VerdictValue,
};
use crate::{Address, Arrival, Event, Reason};

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
    /// The rule that an audit reports about what this packet opens, or [`NO_RULE`]. It had no part in the verdict.
    pub audit_rule: u64,
    /// [`ALLOW`] or [`DENY`].
    pub verdict: u8,
    /// What the audit would have done: [`ALLOW`] or [`DENY`].
    pub audit_verdict: u8,
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
        Self::unjudged(DENY, reason, true)
    }

    #[inline(always)]
    const fn pass(reason: Reason) -> Self {
        Self::unjudged(ALLOW, reason, false)
    }

    /// A verdict that no policy gave.
    #[inline(always)]
    const fn unjudged(verdict: u8, reason: Reason, report: bool) -> Self {
        Self {
            rule: NO_RULE,
            policy: NO_POLICY,
            identity: OUTSIDE,
            audit_rule: NO_RULE,
            verdict,
            audit_verdict: DENY,
            reason,
            report,
        }
    }
}

/// Judges one packet at one interface.
#[inline(always)]
pub fn decide<T: Tables>(tables: &mut T, arrival: &Arrival, packet: &Packet) -> Outcome {
    let Arrival { direction, ifindex, time: now, .. } = *arrival;
    let Some(interface) = tables.interface(ifindex) else {
        return Outcome::deny(Reason::UNKNOWN_INTERFACE);
    };
    match packet.kind {
        Kind::Unparsed => Outcome::deny(Reason::MALFORMED),
        Kind::Arp => link::arp(tables, direction, ifindex, packet),
        Kind::Neighbor => link::neighbor(tables, direction, ifindex, packet, now),
        Kind::IcmpError => icmp_error(tables, direction, ifindex, packet, now),
        Kind::Tcp
        | Kind::Sctp
        | Kind::Datagram
        | Kind::EchoRequest
        | Kind::EchoReply
        | Kind::TimestampRequest
        | Kind::TimestampReply
        | Kind::Message => connection::packet(tables, direction, ifindex, &interface, packet, now),
    }
}

/// The event that reports `outcome`.
#[inline(always)]
#[must_use]
pub fn report(arrival: &Arrival, packet: &Packet, outcome: &Outcome) -> Event {
    let (local, remote, local_port, remote_port) = ends(arrival.direction, packet);
    Event {
        time: arrival.time,
        rule: outcome.rule,
        policy: outcome.policy,
        identity: outcome.identity,
        audit_rule: outcome.audit_rule,
        bytes: 0,
        packets: 0,
        duration: 0,
        local: *local,
        remote: *remote,
        ifindex: arrival.ifindex,
        length: arrival.length,
        local_port,
        remote_port,
        direction: arrival.direction,
        verdict: outcome.verdict,
        reason: outcome.reason.0,
        protocol: packet.protocol,
        audit_verdict: outcome.audit_verdict,
        kind: VERDICT,
        flags: 0,
        state: 0,
        reserved: [0; 4],
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
    let (local_port, remote_port) = if matches!(packet.subject_protocol, ICMP | ICMPV6) {
        let quoted_direction = 1 - direction;
        let initiator = if packet.detail & QUOTES_REPLY == 0 { quoted_direction } else { direction };
        let exchange = if packet.detail & QUOTES_TIMESTAMP == 0 { 0 } else { flow::TIMESTAMP };
        (packet.source_port, exchange | u16::from(initiator))
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
        if connection::is_live(&known, now) && connection::is_current(&known, tables, ifindex) {
            let mut outcome = Outcome::pass(Reason::ICMP_RELATED);
            outcome.rule = known.rule;
            outcome.policy = known.policy;
            return outcome;
        }
    }
    Outcome::deny(Reason::ICMP_UNRELATED)
}

#[inline(always)]
const fn anti_spoof(direction: u8) -> Reason {
    if direction == FROM_WORKLOAD { Reason::SPOOFED_SOURCE } else { Reason::FOREIGN_DESTINATION }
}

#[cfg(test)]
mod tests;
