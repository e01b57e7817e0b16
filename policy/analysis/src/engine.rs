//! What can be read off the engine's types without judging anything. What a rule means is always asked of the engine.

use std::collections::BTreeSet;

use bookend_engine::{
    Clause, End, HttpMatch, IpNet, Isolation, Mode, NamespaceMatch, PeerMatch, Plane, PortMatch, PortRange,
    Program, Protocol, Rule, WorkloadIdentity,
};

use crate::side::Seen;

/// Every block a program names.
pub(crate) fn nets(program: &Program) -> impl Iterator<Item = IpNet> {
    let peers = program.rules().iter().flat_map(|rule| [&rule.from, &rule.to]);
    peers.flat_map(|clause| clause.alternatives().unwrap_or_default()).flat_map(PeerMatch::nets)
}

/// The namespaces outside of which a clause certainly means no workload; `None` where it may mean any.
pub(crate) fn namespaces(clause: &Clause<PeerMatch>) -> Option<BTreeSet<&str>> {
    fn add<'c>(peer: &'c PeerMatch, found: &mut BTreeSet<&'c str>) -> Option<()> {
        if let Some(NamespaceMatch::Named(name)) =
            peer.workloads.as_ref().map(|selector| &selector.namespaces)
        {
            found.insert(name);
            return Some(());
        }
        let ids = peer.principals.alternatives()?.iter().map(|pattern| pattern.exact().and_then(of_account));
        found.extend(ids.collect::<Option<Vec<_>>>()?);
        Some(())
    }
    let mut found = BTreeSet::new();
    clause.alternatives()?.iter().try_for_each(|peer| add(peer, &mut found))?;
    Some(found)
}

/// The namespace of the account that has this SPIFFE id, if it is one of an account. A workload's is
/// `spiffe://<trust domain>/ns/<namespace>/sa/<account>` (S21), so it lies in no other namespace.
fn of_account(id: &str) -> Option<&str> {
    match id.strip_prefix("spiffe://")?.split('/').collect::<Vec<_>>().as_slice() {
        [_, "ns", namespace, "sa", _] => Some(namespace),
        _ => None,
    }
}

/// Whether a rule has a say over `end`, at which `seen` is (S4, S37, S38).
pub(crate) fn governs(rule: &Rule, end: End, seen: &Seen<'_>) -> bool {
    rule.at.contains(end) && seen.namespace().is_some_and(|namespace| rule.speaks_of(namespace))
}

/// All port matches of a rule, those that it excludes included.
pub(crate) fn ports(rule: &Rule) -> impl Iterator<Item = &PortMatch> {
    rule.ports.alternatives().unwrap_or_default().iter().chain(&rule.not_ports)
}

/// The protocol and the ports that a port match may mean at `destination`, for cutting port numbers into pieces.
pub(crate) fn ranges(port: &PortMatch, destination: Option<&WorkloadIdentity>) -> Vec<(Protocol, u16, u16)> {
    match port {
        PortMatch::Range(range) => vec![(range.protocol(), range.first(), range.last())],
        PortMatch::Named(named) => {
            let own = destination.and_then(|identity| identity.ports.as_ref()).into_iter().flatten();
            let mut found: Vec<_> = own
                .filter(|port| named.means(port))
                .map(|port| (port.protocol, port.port, port.port))
                .collect();
            let all = PortRange::all(named.protocol);
            found.push((named.protocol, all.first(), all.last()));
            found
        }
    }
}

/// The first and the last port of a protocol; of ICMP, type and code in one number.
pub(crate) fn bounds(protocol: Protocol) -> (u16, u16) {
    match (protocol.has_ports(), protocol.is_icmp()) {
        (true, _) => (1, u16::MAX),
        (false, true) => (0, u16::MAX),
        (false, false) => (0, 0),
    }
}

/// Whether conditions of a rule may look at who the ends are. Names of attributes are looked for anywhere in the text of
/// an expression: to take a word in a string for one costs time, not truth.
pub(crate) fn looks_at_ends(rule: &Rule) -> bool {
    expressions(rule).iter().any(|text| text.contains("source") || text.contains("destination"))
}

/// Numbers that conditions may compare the destination's port with.
pub(crate) fn compared_ports(rule: &Rule) -> Vec<u16> {
    let numbers = |text: &str| {
        let digits = text.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse().ok());
        digits.collect::<Vec<u16>>()
    };
    expressions(rule).into_iter().filter(|text| text.contains("destination")).flat_map(numbers).collect()
}

/// The texts of all expressions in the conditions of a rule.
pub(crate) fn expressions(rule: &Rule) -> Vec<&str> {
    fn collect<'r>(condition: &'r HttpMatch, found: &mut Vec<&'r str>) {
        found.extend(condition.when.iter().map(|when| when.as_str()));
        condition.not.iter().for_each(|inner| collect(inner, found));
    }
    let mut found = Vec::new();
    conditions(rule).iter().for_each(|condition| collect(condition, &mut found));
    found
}

/// The conditions of a rule.
pub(crate) fn conditions(rule: &Rule) -> &[HttpMatch] {
    rule.http.alternatives().unwrap_or_default()
}

/// Whether a rule asks for something that the packet layer may not see: a request, or a certificate.
pub(crate) fn is_open(rule: &Rule) -> bool {
    let asks = |peers: &Clause<PeerMatch>| {
        peers.alternatives().unwrap_or_default().iter().any(PeerMatch::asks_for_principal)
    };
    !rule.http.is_any() || asks(&rule.from)
}

/// Whether a rule takes part in verdicts.
pub(crate) fn enforced(rule: &Rule) -> bool {
    rule.mode == Mode::Enforce
}

/// The plane and the tier of an isolation, and whether it takes part in verdicts.
pub(crate) fn isolation_tier(isolation: &Isolation) -> ((Plane, u32), bool) {
    ((isolation.plane, isolation.tier), isolation.mode == Mode::Enforce)
}

/// SPIFFE ids that the principals in a rule mean, one for each pattern.
pub(crate) fn principals(rule: &Rule) -> Vec<String> {
    fn collect(peer: &PeerMatch, found: &mut Vec<String>) {
        for pattern in peer.principals.alternatives().unwrap_or_default() {
            let text = pattern.as_str();
            found.push(match (text.strip_prefix('*'), text.strip_suffix('*')) {
                (Some(rest), _) => {
                    format!("spiffe://some.example{}{rest}", if rest.starts_with('/') { "" } else { "/" })
                }
                (None, Some(rest)) => format!("{rest}some"),
                (None, None) => text.to_owned(),
            });
        }
        peer.not.iter().for_each(|peer| collect(peer, found));
    }
    let mut found = Vec::new();
    rule.from.alternatives().unwrap_or_default().iter().for_each(|peer| collect(peer, &mut found));
    if !found.is_empty() {
        found.push("spiffe://some.example/ns/some/sa/body".to_owned());
    }
    found
}
