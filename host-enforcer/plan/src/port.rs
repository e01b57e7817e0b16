//! Ports: the bounds that rules name, and covering ranges with powers of two.

use bookend_engine::{NamedPort, PortMatch, Program, Protocol};
use std::collections::BTreeSet;

/// The ports at which some rule's ranges begin or have just ended; between two of them every port is the same to every
/// rule. Port 0 is the first. `named`: the ports that the destination has names for.
pub(crate) fn bounds(program: &Program, protocol: Protocol, named: &[NamedPort]) -> BTreeSet<u16> {
    let mut bounds = BTreeSet::from([0]);
    let mut range = |first: u16, last: u16| {
        bounds.insert(first);
        bounds.extend(last.checked_add(1));
    };
    for port in mentioned(program).filter(|port| port.protocol() == protocol) {
        match port {
            PortMatch::Range(ports) => range(ports.first(), ports.last()),
            PortMatch::Named(name) => {
                named.iter().filter(|port| name.means(port)).for_each(|port| range(port.port, port.port));
            }
        }
    }
    bounds
}

/// The names that rules have for ports.
pub(crate) fn names<'p>(program: &'p Program) -> BTreeSet<(Protocol, &'p str)> {
    let name = |port: &'p PortMatch| match port {
        PortMatch::Named(named) => Some((named.protocol, named.name.as_str())),
        PortMatch::Range(_) => None,
    };
    mentioned(program).filter_map(name).collect()
}

/// The ports that rules speak of.
fn mentioned(program: &Program) -> impl Iterator<Item = &PortMatch> {
    let rules = program.rules().iter();
    rules.flat_map(|rule| rule.ports.alternatives().unwrap_or_default().iter().chain(&rule.not_ports))
}

/// The ports that agree with `port` in the first `length` bits, and what holds for them unless a longer prefix says
/// otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PortPrefix<T> {
    pub(crate) port: u16,
    pub(crate) length: u8,
    pub(crate) value: T,
}

/// The fewest prefixes that give every port its value when the longest prefix wins and `default` holds where there is
/// none.
///
/// `starts` are ports, ascending from 0, each with the value that holds up to the next. This is the construction of
/// optimal routing tables (Draves, King, Venkatachary, Zill: "Constructing Optimal IP Routing Tables", 1999).
pub(crate) fn cover<T: Copy + Ord>(starts: &[(u16, T)], default: T) -> Vec<PortPrefix<T>> {
    let mut merged: Vec<(u16, T)> = Vec::with_capacity(starts.len());
    for start in starts {
        if merged.last().is_none_or(|last| last.1 != start.1) {
            merged.push(*start);
        }
    }
    let mut prefixes = Vec::new();
    Node::new(&merged, 0, 0, default).emit(0, 0, default, &mut prefixes);
    prefixes
}

/// The ports of one prefix.
struct Node<T> {
    /// Values that can be written here at the least cost for what lies below; ascending, never empty.
    choices: Vec<T>,
    /// The lower and the upper half, unless all ports here have one value.
    halves: Option<Box<[Node<T>; 2]>>,
}

impl<T: Copy + Ord> Node<T> {
    fn new(starts: &[(u16, T)], port: u16, length: u8, default: T) -> Self {
        let next = starts.partition_point(|start| start.0 <= port);
        let value = next.checked_sub(1).and_then(|i| starts.get(i)).map_or(default, |start| start.1);
        let last = port | u16::MAX.checked_shr(u32::from(length)).unwrap_or(0);
        if starts.get(next).is_none_or(|start| start.0 > last) {
            return Self { choices: vec![value], halves: None };
        }
        let lower = Self::new(starts, port, length + 1, default);
        let upper = Self::new(starts, port | upper_half(length), length + 1, default);
        let mut choices: Vec<T> =
            lower.choices.iter().copied().filter(|value| upper.choices.contains(value)).collect();
        if choices.is_empty() {
            choices = [lower.choices.as_slice(), &upper.choices].concat();
            choices.sort_unstable();
        }
        Self { choices, halves: Some(Box::new([lower, upper])) }
    }

    fn emit(&self, port: u16, length: u8, inherited: T, prefixes: &mut Vec<PortPrefix<T>>) {
        let value = match self.choices.first() {
            Some(first) if !self.choices.contains(&inherited) => {
                prefixes.push(PortPrefix { port, length, value: *first });
                *first
            }
            _ => inherited,
        };
        if let Some([lower, upper]) = self.halves.as_deref() {
            lower.emit(port, length + 1, value, prefixes);
            upper.emit(port | upper_half(length), length + 1, value, prefixes);
        }
    }
}

/// The bit that the upper half of a prefix of `length` has set.
fn upper_half(length: u8) -> u16 {
    0x8000_u16.checked_shr(u32::from(length)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lookup(prefixes: &[PortPrefix<u8>], port: u16, default: u8) -> u8 {
        let covers = |p: &&PortPrefix<u8>| p.length == 0 || (p.port ^ port) >> (16 - p.length) == 0;
        prefixes.iter().filter(covers).max_by_key(|p| p.length).map_or(default, |p| p.value)
    }

    fn check(starts: &[(u16, u8)], default: u8, expect: &[(u16, u8, u8)]) {
        let found: Vec<_> =
            cover(starts, default).iter().map(|prefix| (prefix.port, prefix.length, prefix.value)).collect();
        assert_eq!(found, expect);
    }

    #[test]
    fn what_equals_the_default_costs_nothing() {
        check(&[(0, 7), (80, 7)], 7, &[]);
    }

    #[test]
    fn one_port_is_one_prefix() {
        check(&[(0, 0), (80, 1), (81, 0)], 0, &[(80, 16, 1)]);
    }

    #[test]
    fn all_ports_but_one_are_two_prefixes() {
        check(&[(0, 1), (22, 0), (23, 1)], 0, &[(0, 0, 1), (22, 16, 0)]);
    }

    #[test]
    fn a_range_up_to_the_last_port_ends_there() {
        check(&[(0, 0), (0xff00, 1)], 0, &[(0xff00, 8, 1)]);
        check(&[(0, 0), (0xffff, 1)], 0, &[(0xffff, 16, 1)]);
    }

    proptest! {
        #[test]
        fn every_port_gets_its_value(
            bounds in proptest::collection::btree_map(any::<u16>(), 0..4_u8, 0..8),
            first in 0..4_u8,
            default in 0..4_u8,
        ) {
            let mut starts = bounds.clone();
            starts.insert(0, first);
            let starts: Vec<_> = starts.into_iter().collect();
            let prefixes = cover(&starts, default);
            for bound in starts.iter().map(|start| start.0).chain([u16::MAX]) {
                for port in [bound.saturating_sub(1), bound, bound.saturating_add(1)] {
                    let expected = starts.iter().rev().find(|start| start.0 <= port).unwrap().1;
                    prop_assert_eq!(lookup(&prefixes, port, default), expected, "port {}", port);
                }
            }
        }
    }
}
