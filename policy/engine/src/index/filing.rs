//! The keys that a rule can be filed under.

use alloc::{vec, vec::Vec};
use core::hash::BuildHasherDefault;
use hashbrown::HashMap;

use super::key::{Kind, Verbatim};
use crate::{
    Clause, End, HttpMatch, Isolation, LabelExpression, NamespaceMatch, PeerMatch, PortMatch,
    PrincipalPattern, Rule, Selector,
};

/// The ways to file something.
pub(super) struct Filing {
    /// Any of these will do.
    ways: Vec<Way>,
}

/// One way: of each alternative of a part, one pin.
struct Way {
    alternatives: Vec<Vec<Pin>>,
}

/// Keys of one kind, one of which a question must have.
pub(super) struct Pin {
    pub(super) kind: Kind,
    pub(super) keys: Vec<u64>,
    /// The prefix lengths of the blocks among them.
    pub(super) prefix_lengths: Vec<u8>,
}

/// More keys than this, and the rule is not worth filing that way.
const MOST_KEYS: usize = 256;

impl Pin {
    fn new(kind: Kind, keys: Vec<u64>) -> Self {
        Self { kind, keys, prefix_lengths: Vec::new() }
    }

    /// How many rules share its keys.
    fn cost(&self, shared: &HashMap<u64, u32, BuildHasherDefault<Verbatim>>) -> u64 {
        self.keys.iter().map(|key| shared.get(key).copied().map_or(1, u64::from)).sum()
    }
}

impl Filing {
    /// Every key in it.
    pub(super) fn keys(&self) -> impl Iterator<Item = u64> {
        let pins = self.ways.iter().flat_map(|way| &way.alternatives).flatten();
        pins.flat_map(|pin| pin.keys.iter().copied())
    }

    /// The pins of the way that is shared with the fewest others, if there is any.
    pub(super) fn best(&self, shared: &HashMap<u64, u32, BuildHasherDefault<Verbatim>>) -> Option<Vec<&Pin>> {
        let chosen = self.ways.iter().filter_map(|way| {
            let pins = way.alternatives.iter().map(|pins| pins.iter().min_by_key(|pin| pin.cost(shared)));
            let pins: Vec<&Pin> = pins.collect::<Option<_>>()?;
            let cost: u64 = pins.iter().map(|pin| pin.cost(shared)).sum();
            let keys: usize = pins.iter().map(|pin| pin.keys.len()).sum();
            (keys <= MOST_KEYS).then_some((cost, pins))
        });
        chosen.min_by_key(|(cost, _)| *cost).map(|(_, pins)| pins)
    }
}

pub(super) fn rule(rule: &Rule) -> Filing {
    let ways = [
        way(&rule.from, |peer| peer_pins(peer, End::Source)),
        way(&rule.to, |peer| peer_pins(peer, End::Destination)),
        way(&rule.ports, |port| port_pin(port).into_iter().collect()),
        way(&rule.http, |http| path_pin(http).into_iter().collect()),
    ];
    Filing { ways: ways.into_iter().flatten().collect() }
}

pub(super) fn isolation(isolation: &Isolation) -> Filing {
    // An isolation is asked for at either end, so it is filed as if all were sources.
    Filing { ways: vec![Way { alternatives: vec![selector_pins(&isolation.workloads, End::Source)] }] }
}

fn way<T>(clause: &Clause<T>, pins: impl Fn(&T) -> Vec<Pin>) -> Option<Way> {
    Some(Way { alternatives: clause.alternatives()?.iter().map(pins).collect() })
}

/// A peer's parts must all hold, so any of them pins it.
fn peer_pins(peer: &PeerMatch, end: End) -> Vec<Pin> {
    let mut pins = peer.workloads.as_ref().map_or_else(Vec::new, |selector| selector_pins(selector, end));
    if let Some(blocks) = peer.blocks.alternatives() {
        let nets: Vec<_> = blocks.iter().filter_map(|block| block.nets().next()).collect();
        let keys = nets.iter().map(|net| Kind::Block(end).network(*net)).collect();
        let prefix_lengths = nets.iter().map(ipnet::IpNet::prefix_len).collect();
        pins.push(Pin { kind: Kind::Block(end), keys, prefix_lengths });
    }
    if end == End::Source
        && let Some(patterns) = peer.principals.alternatives()
        && let Some(ids) = patterns.iter().map(PrincipalPattern::exact).collect::<Option<Vec<_>>>()
    {
        let keys = ids.iter().map(|id| Kind::Principal.texts(id, "")).collect();
        pins.push(Pin::new(Kind::Principal, keys));
    }
    pins
}

fn selector_pins(selector: &Selector, end: End) -> Vec<Pin> {
    let label = |key: &str, value: &str| Kind::Label(end).texts(key, value);
    let mut pins: Vec<Pin> = selector
        .labels
        .iter()
        .map(|(key, value)| Pin::new(Kind::Label(end), vec![label(key, value)]))
        .collect();
    for expression in &selector.expressions {
        if let LabelExpression::In { key, values } = expression {
            let values = values.alternatives().unwrap_or_default();
            pins.push(Pin::new(Kind::Label(end), values.iter().map(|value| label(key, value)).collect()));
        }
    }
    let namespace = match &selector.namespaces {
        NamespaceMatch::Named(name) => {
            pins.push(Pin::new(Kind::Namespace(end), vec![Kind::Namespace(end).texts(name, "")]));
            name.as_str()
        }
        NamespaceMatch::Labelled(_) => "",
    };
    if let Some(accounts) = selector.service_accounts.alternatives() {
        let keys = accounts.iter().map(|account| Kind::Account(end).texts(namespace, account)).collect();
        pins.push(Pin::new(Kind::Account(end), keys));
    }
    pins
}

fn port_pin(port: &PortMatch) -> Option<Pin> {
    match port {
        PortMatch::Range(range) if range.first() == range.last() => {
            Some(Pin::new(Kind::Port, vec![Kind::Port.port(range.protocol(), range.first())]))
        }
        _ => None,
    }
}

/// The paths of a condition, if each of them starts with something definite.
fn path_pin(http: &HttpMatch) -> Option<Pin> {
    let starts = http.paths.alternatives()?.iter().map(|pattern| pattern.definite_start());
    let keys = starts.map(|start| start.map(|start| Kind::Path.texts(start, "")));
    Some(Pin::new(Kind::Path, keys.collect::<Option<_>>()?))
}
