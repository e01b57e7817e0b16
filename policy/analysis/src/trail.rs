//! Allow rules that are wider than what was seen of their traffic.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use bookend_engine::{
    Action, Clause, Connection, Endpoint, Head, HttpMatch, Identity, Location, PeerMatch, PortMatch,
    Principal, Protocol, Request, Rule, Truth,
};

use crate::side::Side;

/// An allowed connection, or request, that somebody wrote down.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Event {
    /// The id of the rule that allowed it.
    pub rule: String,
    /// Where from, where to; what a proxy's log that has no addresses does not tell.
    pub ends: Option<Ends>,
    /// What was asked, of a request.
    pub asked: Option<Asked>,
}

/// The ends of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ends {
    /// Where it was opened.
    pub source: IpAddr,
    /// Where it was accepted.
    pub destination: IpAddr,
    /// Its protocol.
    pub protocol: Protocol,
    /// The destination's port; of ICMP, type and code in one number.
    pub port: u16,
}

/// What a log tells of a request.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Asked {
    /// Its method.
    pub method: String,
    /// Its path, with the query.
    pub path: Option<String>,
}

/// Parts of an allow rule that none of its traffic used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unused<'s> {
    /// The rule.
    pub rule: &'s Rule,
    /// How many different connections of its were seen.
    pub connections: usize,
    /// How many different requests of its were seen.
    pub requests: usize,
    /// Positions in `from` of peers that opened none of them.
    pub from: Vec<usize>,
    /// Positions in `to` of peers that accepted none of them.
    pub to: Vec<usize>,
    /// Positions in `ports` of entries that none of them went to.
    pub ports: Vec<usize>,
    /// Positions in `http` of conditions that none of the requests met.
    pub http: Vec<usize>,
    /// Methods that conditions name and no request had.
    pub methods: BTreeSet<&'s str>,
    /// Every port that was used.
    pub used_ports: BTreeSet<(Protocol, u16)>,
}

impl Unused<'_> {
    /// Whether some entry of some list was not used at all.
    pub fn has_idle_entries(&self) -> bool {
        let lists = [&self.from, &self.to, &self.ports, &self.http];
        lists.iter().any(|list| !list.is_empty()) || !self.methods.is_empty()
    }

    /// Whether the rule means more ports than it names one by one, so that most were certainly not used.
    pub fn is_wide(&self) -> bool {
        !self.used_ports.is_empty()
            && self.rule.ports.alternatives().is_none_or(|list| list.iter().any(is_range))
    }
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
        .filter(|unused| unused.has_idle_entries() || unused.is_wide())
        .collect()
}

fn of_rule<'s>(side: Side<'s>, rule: &'s Rule, events: &[&Event]) -> Unused<'s> {
    let ends: BTreeSet<Ends> = events.iter().filter_map(|event| event.ends).collect();
    let connections: Vec<Connection<'_>> = ends.iter().map(|ends| connection(side, ends)).collect();
    let idle = |clause: &Clause<PeerMatch>, end: fn(&Connection<'_>, &PeerMatch) -> Truth| {
        positions(clause, connections.is_empty(), |peer| {
            connections.iter().all(|connection| end(connection, peer) == Truth::No)
        })
    };
    let port_is_idle = |port: &PortMatch| connections.iter().all(|c| port.holds(c) == Truth::No);
    let asked: Vec<&Event> = events.iter().copied().filter(|event| event.asked.is_some()).collect();
    let used: BTreeSet<&str> =
        asked.iter().filter_map(|e| e.asked.as_ref()).map(|a| a.method.as_str()).collect();
    let named = rule.http.alternatives().unwrap_or_default().iter();
    let named = named.flat_map(|condition| condition.methods.alternatives().unwrap_or_default());
    let methods = named.map(String::as_str).filter(|method| !used.is_empty() && !used.contains(method));
    Unused {
        rule,
        connections: ends.len(),
        requests: asked.len(),
        from: idle(&rule.from, |connection, peer| peer.holds(&connection.source)),
        to: idle(&rule.to, |connection, peer| peer.holds(&connection.destination)),
        ports: positions(&rule.ports, connections.is_empty(), port_is_idle),
        http: positions(&rule.http, asked.is_empty(), |condition| {
            asked.iter().all(|event| meets(side, condition, event) == Truth::No)
        }),
        methods: methods.collect(),
        used_ports: ends.iter().map(|ends| (ends.protocol, ends.port)).collect(),
    }
}

fn connection<'s>(side: Side<'s>, ends: &Ends) -> Connection<'s> {
    Connection {
        source: side.inventory.endpoint(ends.source),
        destination: side.inventory.endpoint(ends.destination),
        protocol: ends.protocol,
        port: ends.port,
    }
}

/// Whether a request met a condition, as far as its method and path tell.
fn meets(side: Side<'_>, condition: &HttpMatch, event: &Event) -> Truth {
    let Some(asked) = &event.asked else { return Truth::Unknown };
    let request = Request::new(Head {
        method: Some(asked.method.as_bytes()),
        path: asked.path.as_deref().map(str::as_bytes),
        ..Head::default()
    });
    let nobody = || Endpoint {
        identity: Identity::Anonymous,
        location: Location::Unknown,
        principal: Principal::Unknown,
    };
    let unknown = Connection { source: nobody(), destination: nobody(), protocol: Protocol::Tcp, port: 0 };
    let connection = event.ends.as_ref().map_or(unknown, |ends| connection(side, ends));
    if asked.path.is_none() {
        // A request that has no path is not the same as one whose path is not told.
        return condition.method_holds(&request);
    }
    condition.holds(&connection, &request)
}

/// The positions of alternatives that `idle` is true for; none if nothing is known, and none if it is true for all, for
/// then the trail does not speak of this inventory.
fn positions<T>(clause: &Clause<T>, nothing_known: bool, idle: impl Fn(&T) -> bool) -> Vec<usize> {
    let all = if nothing_known { &[] } else { clause.alternatives().unwrap_or_default() };
    let found: Vec<usize> =
        all.iter().enumerate().filter(|(_, one)| idle(one)).map(|(position, _)| position).collect();
    if found.len() == all.len() { Vec::new() } else { found }
}

/// Whether an entry means more than one port.
fn is_range(port: &PortMatch) -> bool {
    matches!(port, PortMatch::Range(range) if range.first() < range.last())
}
