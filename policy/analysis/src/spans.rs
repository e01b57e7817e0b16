//! Ports, cut where rules treat them differently.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use bookend_engine::{MESH_AGENT_PORTS, Protocol, Rule, WorkloadIdentity};

use crate::engine::{bounds, compared_ports, conditions, ports, ranges};

/// Neighbouring ports that no rule tells apart; of several protocols where no rule names any of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    /// Never empty.
    pub(crate) protocols: Vec<Protocol>,
    pub(crate) first: u16,
    pub(crate) last: u16,
}

impl Segment {
    /// A protocol and a port that stand for all of it.
    pub(crate) fn sample(&self) -> (Protocol, u16) {
        (self.protocols.first().copied().unwrap_or(Protocol::Other), self.first)
    }
}

/// Cuts all ports of all protocols along what `rules` say about `destinations`. `meshed`: a mesh or a filter has something to say,
/// which speaks of TCP only, and of nothing at the ports of the mesh's agent (S83).
pub(crate) fn segments(
    rules: &[&Rule],
    meshed: bool,
    destinations: &[Option<&WorkloadIdentity>],
) -> Vec<Segment> {
    let mut cuts: BTreeMap<Protocol, BTreeSet<u32>> = BTreeMap::new();
    if meshed {
        let cuts = cuts.entry(Protocol::Tcp).or_default();
        for port in MESH_AGENT_PORTS {
            cuts.insert(port.into());
            cuts.insert(u32::from(port) + 1);
        }
    }
    for rule in rules {
        for port in ports(rule) {
            for destination in destinations {
                for (protocol, first, last) in ranges(port, *destination) {
                    let cuts = cuts.entry(protocol).or_default();
                    cuts.insert(first.into());
                    cuts.insert(u32::from(last) + 1);
                }
            }
        }
        if !conditions(rule).is_empty() {
            let cuts = cuts.entry(Protocol::Tcp).or_default();
            for port in compared_ports(rule) {
                cuts.insert(port.into());
                cuts.insert(u32::from(port) + 1);
            }
        }
    }
    let mut found = Vec::new();
    for (protocol, mut cuts) in cuts.clone() {
        let (low, high) = bounds(protocol);
        cuts.insert(low.into());
        cuts.insert(u32::from(high) + 1);
        let within: Vec<u32> = cuts.range(u32::from(low)..=u32::from(high) + 1).copied().collect();
        for pair in within.windows(2) {
            let [first, end] = pair else { continue };
            let (Ok(first), Ok(last)) = (u16::try_from(*first), u16::try_from(end - 1)) else { continue };
            found.push(Segment { protocols: vec![protocol], first, last });
        }
    }
    let rest: Vec<_> = Protocol::ALL.into_iter().filter(|protocol| !cuts.contains_key(protocol)).collect();
    if !rest.is_empty() {
        found.push(Segment { protocols: rest, first: 0, last: u16::MAX });
    }
    found
}

/// A set of ports, by protocol.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortSet(BTreeMap<Protocol, Vec<(u16, u16)>>);

impl PortSet {
    pub(crate) fn add(&mut self, segment: &Segment) {
        for protocol in &segment.protocols {
            let (low, high) = bounds(*protocol);
            let (first, last) = (segment.first.max(low), segment.last.min(high));
            self.insert(*protocol, first, last);
        }
    }

    /// Adds the ports from `first` to `last`.
    pub fn insert(&mut self, protocol: Protocol, first: u16, last: u16) {
        let ranges = self.0.entry(protocol).or_default();
        ranges.push((first, last));
        ranges.sort_unstable();
        let mut merged: Vec<(u16, u16)> = Vec::with_capacity(ranges.len());
        for (first, last) in ranges.drain(..) {
            match merged.last_mut() {
                Some((_, end)) if u32::from(first) <= u32::from(*end) + 1 => *end = (*end).max(last),
                _ => merged.push((first, last)),
            }
        }
        *ranges = merged;
    }

    /// Adds all ports of another set.
    pub fn extend(&mut self, other: &Self) {
        for (protocol, first, last) in other.ranges() {
            self.insert(protocol, first, last);
        }
    }

    /// Every range: a protocol, the first and the last port; of ICMP, type and code in one number.
    pub fn ranges(&self) -> impl Iterator<Item = (Protocol, u16, u16)> {
        self.0
            .iter()
            .flat_map(|(protocol, ranges)| ranges.iter().map(|(first, last)| (*protocol, *first, *last)))
    }

    /// Whether it holds a port.
    pub fn contains(&self, protocol: Protocol, port: u16) -> bool {
        self.ranges().any(|(p, first, last)| p == protocol && (first..=last).contains(&port))
    }

    /// Whether it holds all ports of all protocols.
    pub fn is_everything(&self) -> bool {
        Protocol::ALL.into_iter().all(|protocol| self.has_all_of(protocol))
    }

    fn has_all_of(&self, protocol: Protocol) -> bool {
        self.0.get(&protocol).is_some_and(|ranges| *ranges == [bounds(protocol)])
    }

    /// The ports of `protocol` that are not in it.
    fn lacking(&self, protocol: Protocol) -> Vec<(u16, u16)> {
        let (low, high) = bounds(protocol);
        let mut lacking = Vec::new();
        let mut next = u32::from(low);
        for (first, last) in self.0.get(&protocol).into_iter().flatten() {
            if let Ok(from) = u16::try_from(next)
                && from < *first
            {
                lacking.push((from, first - 1));
            }
            next = u32::from(*last) + 1;
        }
        if let Ok(from) = u16::try_from(next)
            && from <= high
        {
            lacking.push((from, high));
        }
        lacking
    }
}

impl fmt::Display for PortSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_everything() {
            return f.write_str("every port");
        }
        let whole = Protocol::ALL.into_iter().filter(|protocol| self.has_all_of(*protocol)).count();
        if whole >= 3 {
            let missing: Vec<_> = Protocol::ALL
                .into_iter()
                .filter(|protocol| !self.has_all_of(*protocol))
                .map(|protocol| words(protocol, &self.lacking(protocol)))
                .collect();
            return write!(f, "every port except {}", missing.join("; "));
        }
        let parts: Vec<_> = self
            .0
            .iter()
            .map(|(protocol, ranges)| {
                let lacking = self.lacking(*protocol);
                if !lacking.is_empty() && lacking.len() < ranges.len() {
                    format!("{} except {}", protocol.name(), list(*protocol, &lacking))
                } else {
                    words(*protocol, ranges)
                }
            })
            .collect();
        f.write_str(&parts.join("; "))
    }
}

fn words(protocol: Protocol, ranges: &[(u16, u16)]) -> String {
    if *ranges == [bounds(protocol)] {
        return protocol.name().to_owned();
    }
    format!("{} {}", protocol.name(), list(protocol, ranges))
}

fn list(protocol: Protocol, ranges: &[(u16, u16)]) -> String {
    let one = |(first, last): &(u16, u16)| match (protocol.has_ports(), first == last) {
        (true, true) => first.to_string(),
        (true, false) => format!("{first}–{last}"),
        (false, _) if first & 0xff == 0 && last & 0xff == 0xff => {
            let (first, last) = (first >> 8, last >> 8);
            if first == last { format!("type {first}") } else { format!("types {first}–{last}") }
        }
        (false, true) => format!("type {} code {}", first >> 8, first & 0xff),
        (false, false) => {
            format!("type {} code {} to type {} code {}", first >> 8, first & 0xff, last >> 8, last & 0xff)
        }
    };
    ranges.iter().map(one).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbouring_ranges_are_one() {
        let mut set = PortSet::default();
        set.insert(Protocol::Tcp, 81, 90);
        set.insert(Protocol::Tcp, 80, 80);
        set.insert(Protocol::Udp, 53, 53);
        assert_eq!(set.to_string(), "TCP 80–90; UDP 53");
        assert!(set.contains(Protocol::Tcp, 85));
        assert!(!set.contains(Protocol::Udp, 85));
    }

    #[test]
    fn what_is_almost_everything_is_told_by_what_it_lacks() {
        let mut set = PortSet::default();
        set.insert(Protocol::Tcp, 1, 79);
        set.insert(Protocol::Tcp, 81, 65535);
        assert_eq!(set.to_string(), "TCP except 80");
        for protocol in Protocol::ALL.into_iter().filter(|protocol| *protocol != Protocol::Tcp) {
            let (low, high) = bounds(protocol);
            set.insert(protocol, low, high);
        }
        assert_eq!(set.to_string(), "every port except TCP 80");
        set.insert(Protocol::Tcp, 80, 80);
        assert_eq!(set.to_string(), "every port");
    }
}
