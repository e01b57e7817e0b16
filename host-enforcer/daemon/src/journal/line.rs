//! The lines as they are written; docs/json.md describes them.

use super::audience::FlowTold;
use crate::clock::Clock;
use crate::enforcement::Notice;
use crate::input::Complaint;
use crate::names::{Names, hexadecimal};
use bookend_abi::address::{UNSPECIFIED, to_ip};
use bookend_abi::event::{EVICTED, EXPIRED, FORBIDDEN, OBSERVED};
use bookend_abi::table::{ALLOW, ICMP, ICMPV6, NO_POLICY, NO_RULE, OUTSIDE, SCTP, TCP, UDP};
use bookend_abi::{Address, Event, FROM_WORKLOAD, Reason, flow};
use serde::Serialize;
use std::net::IpAddr;
use std::time::Duration;

/// A verdict about a packet.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VerdictLine<'a> {
    kind: &'static str,
    time: String,
    verdict: &'static str,
    reason: &'static str,
    rule: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    audit: Option<Audit>,
    interface: Option<&'a str>,
    workload: Option<&'a str>,
    direction: &'static str,
    protocol: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    icmp: Option<IcmpType>,
    local: Option<IpAddr>,
    local_port: u16,
    remote: Option<IpAddr>,
    remote_port: u16,
    peer: Option<String>,
    bytes: u32,
    policy: Option<String>,
    /// It was not dropped, though it would be (dry run).
    #[serde(skip_serializing_if = "is_false")]
    observed: bool,
}

/// The end of a connection of whose opening an event told.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ClosedLine<'a> {
    kind: &'static str,
    time: String,
    /// `closed`, `expired` or `evicted`.
    outcome: &'static str,
    state: &'static str,
    rule: Option<String>,
    interface: Option<&'a str>,
    workload: Option<&'a str>,
    direction: &'static str,
    protocol: Option<String>,
    local: Option<IpAddr>,
    local_port: u16,
    remote: Option<IpAddr>,
    remote_port: u16,
    peer: Option<String>,
    /// Both directions together.
    bytes: u64,
    packets: u64,
    /// From the first packet to the last.
    seconds: f64,
}

/// What an audit says (S36).
#[derive(Debug, Serialize)]
struct Audit {
    verdict: &'static str,
    rule: String,
}

/// What an ICMP or ICMPv6 message is.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct IcmpType {
    r#type: u8,
    code: u8,
}

impl<'a> VerdictLine<'a> {
    /// The line about `event`, whose interface is `interface`.
    pub(crate) fn new(
        event: &Event,
        interface: Option<&'a str>,
        names: &'a Names,
        clock: &Clock,
    ) -> VerdictLine<'a> {
        VerdictLine {
            kind: "verdict",
            time: clock.text(event.time),
            verdict: verdict(event.verdict),
            reason: Reason(event.reason).name().unwrap_or("unknown"),
            rule: (event.rule != NO_RULE).then(|| names.rule(event.rule)),
            audit: (event.audit_rule != NO_RULE)
                .then(|| Audit { verdict: verdict(event.audit_verdict), rule: names.rule(event.audit_rule) }),
            interface,
            workload: interface.and_then(|interface| names.workload(interface)),
            direction: direction(event.direction),
            protocol: protocol(event),
            icmp: icmp(event),
            local: address(event.local),
            local_port: event.local_port,
            remote: address(event.remote),
            remote_port: event.remote_port,
            peer: (event.identity != OUTSIDE).then(|| names.identity(event.identity)),
            bytes: event.length,
            policy: (event.policy != NO_POLICY).then(|| hexadecimal(event.policy)),
            observed: event.flags & OBSERVED != 0,
        }
    }

    /// What it can be chosen by.
    pub(super) fn flow(&self) -> FlowTold {
        FlowTold {
            verdict: self.verdict,
            rules: [self.rule.clone(), self.audit.as_ref().map(|audit| audit.rule.clone())],
            workloads: [self.workload.map(str::to_owned), self.peer.clone()],
        }
    }
}

impl<'a> ClosedLine<'a> {
    /// The line about `event`, whose interface is `interface`.
    pub(super) fn new(event: &Event, interface: Option<&'a str>, names: &'a Names, clock: &Clock) -> Self {
        let outcome = match event.flags {
            flags if flags & EVICTED != 0 => "evicted",
            flags if flags & EXPIRED != 0 => "expired",
            flags if flags & FORBIDDEN != 0 => "forbidden",
            _ => "closed",
        };
        Self {
            kind: "closed",
            time: clock.text(event.time),
            outcome,
            state: state_name(event.state),
            rule: (event.rule != NO_RULE).then(|| names.rule(event.rule)),
            interface,
            workload: interface.and_then(|interface| names.workload(interface)),
            direction: direction(event.direction),
            protocol: protocol(event),
            local: address(event.local),
            local_port: event.local_port,
            remote: address(event.remote),
            remote_port: event.remote_port,
            peer: (event.identity != OUTSIDE).then(|| names.identity(event.identity)),
            bytes: event.bytes,
            packets: event.packets,
            seconds: Duration::from_nanos(event.duration).as_secs_f64(),
        }
    }

    /// What it can be chosen by: what ends was allowed.
    pub(super) fn flow(&self) -> FlowTold {
        FlowTold {
            verdict: verdict(ALLOW),
            rules: [self.rule.clone(), None],
            workloads: [self.workload.map(str::to_owned), self.peer.clone()],
        }
    }
}

/// What a state of a connection is called.
pub(crate) fn state_name(state: u8) -> &'static str {
    match state {
        flow::SYN => "opening",
        flow::ACCEPTED => "accepted",
        flow::COMPLETED => "completed",
        flow::ESTABLISHED => "established",
        flow::CLOSING => "closing",
        flow::DATAGRAM => "unanswered",
        flow::ANSWERED => "answered",
        flow::ASSURED => "assured",
        flow::ECHO => "echo",
        flow::NEIGHBOR => "neighbor",
        _ => "unknown",
    }
}

fn is_false(is: &bool) -> bool {
    !is
}

/// Verdicts that were not told, because there were more than a reader could want.
#[derive(Debug, Serialize)]
pub(super) struct SuppressedLine<'a> {
    pub(super) kind: &'static str,
    pub(super) time: String,
    pub(super) verdicts: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rule: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) interface: Option<&'a str>,
}

/// Lines that did not get to whoever reads here.
#[derive(Debug, Serialize)]
pub(crate) struct LostLine {
    kind: &'static str,
    time: String,
    events: u64,
}

impl LostLine {
    /// The line, with its end.
    pub(crate) fn text(time: String, events: u64) -> String {
        // Numbers and a time: this cannot fail.
        let mut text = serde_json::to_string(&Self { kind: "lost", time, events }).unwrap_or_default();
        text.push('\n');
        text
    }
}

/// An edit.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PolicyLine<'a> {
    pub(super) kind: &'static str,
    pub(super) time: String,
    pub(super) outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) revision: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) interfaces: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) policies: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) verdicts: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) steps: Option<usize>,
    pub(super) complaints: &'a [Complaint],
}

/// What became of an interface.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct InterfaceLine<'a> {
    kind: &'static str,
    time: String,
    outcome: &'static str,
    interface: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ifindex: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

impl<'a> InterfaceLine<'a> {
    pub(super) fn new(time: String, notice: &'a Notice) -> Self {
        let (outcome, interface, ifindex, reason) = match notice {
            Notice::Policed { interface, ifindex } => ("policed", interface, Some(*ifindex), None),
            Notice::Closed { interface, ifindex } => ("closed", interface, Some(*ifindex), None),
            Notice::Gone { interface, ifindex } => ("gone", interface, Some(*ifindex), None),
            Notice::Failed { interface, reason } => ("failed", interface, None, Some(reason.as_str())),
        };
        Self { kind: "interface", time, outcome, interface, ifindex, reason }
    }
}

/// What a verdict is called.
pub(crate) fn verdict(verdict: u8) -> &'static str {
    if verdict == ALLOW { "allow" } else { "deny" }
}

/// Which way a packet went, or who opened a connection.
pub(crate) fn direction(direction: u8) -> &'static str {
    if direction == FROM_WORKLOAD { "from-workload" } else { "to-workload" }
}

fn address(address: Address) -> Option<IpAddr> {
    (address != UNSPECIFIED).then(|| to_ip(address))
}

/// Type and code, which an event has in the place of the receiver's port; of errors and of what was not parsed it has
/// neither.
fn icmp(event: &Event) -> Option<IcmpType> {
    let told = [
        Reason::RULE,
        Reason::DEFAULT,
        Reason::ISOLATION,
        Reason::ESTABLISHED,
        Reason::NO_CONNECTION,
        Reason::FLOW_EXPIRED,
    ];
    if !matches!(event.protocol, ICMP | ICMPV6) || !told.contains(&Reason(event.reason)) {
        return None;
    }
    let port = if event.direction == FROM_WORKLOAD { event.remote_port } else { event.local_port };
    let [r#type, code] = port.to_be_bytes();
    Some(IcmpType { r#type, code })
}

fn protocol(event: &Event) -> Option<String> {
    let told = event.protocol != 0 || event.local != UNSPECIFIED;
    told.then(|| protocol_name(event.protocol))
}

/// The name of an IP protocol, or its number.
pub(crate) fn protocol_name(protocol: u8) -> String {
    match protocol {
        TCP => "tcp".to_owned(),
        UDP => "udp".to_owned(),
        SCTP => "sctp".to_owned(),
        ICMP => "icmp".to_owned(),
        ICMPV6 => "icmpv6".to_owned(),
        number => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn icmp_is_told_by_type_and_code() {
        let event = Event { protocol: ICMP, remote_port: 3 << 8 | 4, ..Event::default() };
        assert_eq!(icmp(&event), Some(IcmpType { r#type: 3, code: 4 }));
        let received = Event { direction: bookend_abi::TO_WORKLOAD, local_port: 8 << 8, ..event };
        assert_eq!(icmp(&received), Some(IcmpType { r#type: 8, code: 0 }));
        assert_eq!(icmp(&Event { reason: Reason::ICMP_UNRELATED.0, ..event }), None);
        assert_eq!(icmp(&Event { protocol: TCP, ..event }), None);
    }
}
