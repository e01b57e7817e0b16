//! The ports at which no policy of Istio holds (S91): what it does there by itself is not written.

use bookend_engine::{Action, MESH_AGENT_PORTS, Plane, PortMatch, Protocol, Rule};

/// Whether a port is one of these.
pub(super) fn is_one(port: &PortMatch) -> bool {
    number(port).is_some_and(|number| MESH_AGENT_PORTS.contains(&number))
}

/// The number of a single port of TCP.
pub(super) fn number(port: &PortMatch) -> Option<u16> {
    match port {
        PortMatch::Range(range) if range.protocol() == Protocol::Tcp && range.first() == range.last() => {
            Some(range.first())
        }
        _ => None,
    }
}

/// Whether a rule allows everybody at such ports, and nothing else.
pub(super) fn opens(rule: &Rule) -> bool {
    let plain = rule.from.is_any() && rule.http.is_any() && rule.limits.is_none();
    let only = rule.ports.alternatives().is_some_and(|ports| ports.iter().all(is_one));
    rule.plane == Plane::Mesh && rule.action == Action::Allow && plain && only
}

/// The ports on which a rule does not hold, without those on which it would not hold anyway.
pub(super) fn excepted(rule: &Rule) -> Vec<PortMatch> {
    let by_itself = rule.plane == Plane::Mesh && rule.action == Action::Deny && rule.ports.is_any();
    rule.not_ports.iter().filter(|port| !by_itself || !is_one(port)).cloned().collect()
}
