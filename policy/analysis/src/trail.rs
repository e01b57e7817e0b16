//! Allow rules that are wider than what was seen of their traffic.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use bookend_engine::{Action, Clause, Connection, PeerMatch, PortMatch, Protocol, Rule, Truth};

use crate::side::Side;

/// An allowed connection that somebody wrote down.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Event {
    /// The id of the rule that allowed it.
    pub rule: String,
    /// Where it was opened.
    pub source: IpAddr,
    /// Where it was accepted.
    pub destination: IpAddr,
    /// Its protocol.
    pub protocol: Protocol,
    /// The destination's port; of ICMP, type and code in one number.
    pub port: u16,
}

/// Parts of an allow rule that none of its traffic used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unused<'s> {
    /// The rule.
    pub rule: &'s Rule,
    /// How many different connections of its were seen.
    pub seen: usize,
    /// Positions in `from` of peers that opened none of them.
    pub from: Vec<usize>,
    /// Positions in `to` of peers that accepted none of them.
    pub to: Vec<usize>,
    /// Positions in `ports` of entries that none of them went to.
    pub ports: Vec<usize>,
    /// Every port that was used.
    pub used_ports: BTreeSet<(Protocol, u16)>,
}

/// The allow rules of which the trail has traffic, but none for some of what they allow. Rules of which it has none at
/// all are not told: the trail may be from elsewhere.
pub fn unused<'s>(side: Side<'s>, events: &BTreeSet<Event>) -> Vec<Unused<'s>> {
    let mut by_rule: BTreeMap<&str, Vec<&Event>> = BTreeMap::new();
    for event in events {
        by_rule.entry(&event.rule).or_default().push(event);
    }
    let rules = side.program.rules().iter().filter(|rule| rule.action == Action::Allow);
    rules
        .filter_map(|rule| Some((rule, by_rule.get(rule.id.as_str())?)))
        .map(|(rule, events)| of_rule(side, rule, events))
        .filter(|unused| {
            let wide = unused.rule.ports.alternatives().unwrap_or_default().iter().any(is_range);
            !(unused.from.is_empty() && unused.to.is_empty() && unused.ports.is_empty())
                || wide
                || unused.rule.ports.is_any()
        })
        .collect()
}

fn of_rule<'s>(side: Side<'s>, rule: &'s Rule, events: &[&Event]) -> Unused<'s> {
    let connections: Vec<Connection<'_>> = events
        .iter()
        .map(|event| Connection {
            source: side.inventory.endpoint(event.source),
            destination: side.inventory.endpoint(event.destination),
            protocol: event.protocol,
            port: event.port,
        })
        .collect();
    let idle = |clause: &Clause<PeerMatch>, end: fn(&Connection<'_>, &PeerMatch) -> Truth| {
        positions(clause, |peer| connections.iter().all(|connection| end(connection, peer) == Truth::No))
    };
    Unused {
        rule,
        seen: events.len(),
        from: idle(&rule.from, |connection, peer| peer.holds(&connection.source)),
        to: idle(&rule.to, |connection, peer| peer.holds(&connection.destination)),
        ports: positions(&rule.ports, |port| connections.iter().all(|c| port.holds(c) == Truth::No)),
        used_ports: events.iter().map(|event| (event.protocol, event.port)).collect(),
    }
}

/// The positions of alternatives that `idle` is true for; none if it is true for all, for then the trail does not
/// speak of this inventory.
fn positions<T>(clause: &Clause<T>, idle: impl Fn(&T) -> bool) -> Vec<usize> {
    let all = clause.alternatives().unwrap_or_default();
    let found: Vec<usize> =
        all.iter().enumerate().filter(|(_, one)| idle(one)).map(|(position, _)| position).collect();
    if found.len() == all.len() { Vec::new() } else { found }
}

/// Whether an entry means more than one port.
fn is_range(port: &PortMatch) -> bool {
    matches!(port, PortMatch::Range(range) if range.first() < range.last())
}
