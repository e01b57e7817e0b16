//! The keys that a rule can be filed under.

use alloc::vec::Vec;
use core::hash::BuildHasherDefault;
use hashbrown::HashMap;

use super::key::{Kind, Verbatim};
use crate::{
    Clause, End, HttpMatch, Isolation, LabelExpression, NamespaceMatch, PeerMatch, PortMatch,
    PrincipalPattern, Rule, Selector,
};

/// How many things have a key: the first number. A table of the same kind as the index's own, so that it is compiled once.
pub(super) type Shared = HashMap<u64, (u32, u32), BuildHasherDefault<Verbatim>>;

/// More keys than this, and the rule is not worth filing that way.
const MOST_KEYS: usize = 256;

/// The ways to file something, any of which will do. A way is one pin for each alternative of a part; a pin is some keys of one kind,
/// one of which a question must have.
///
/// All of them lie in lists, one behind the other, and the lists serve for the next thing too.
#[derive(Default)]
pub(super) struct Filing {
    /// Where the alternatives of each way end.
    ways: Vec<usize>,
    /// Where the pins of each alternative end.
    alternatives: Vec<usize>,
    /// Of what kind each pin is, and where its keys end.
    pins: Vec<(Kind, usize)>,
    /// The keys; of blocks, with the length of their prefix.
    keys: Vec<(u64, u8)>,
    /// The pins of the way that was chosen.
    chosen: Vec<usize>,
    /// Those of the way that is looked at.
    candidate: Vec<usize>,
}

impl Filing {
    /// Every key in it.
    pub(super) fn keys(&self) -> impl Iterator<Item = u64> {
        self.keys.iter().map(|(key, _)| *key)
    }

    /// Chooses the way that is shared with the fewest others; false if there is none.
    pub(super) fn choose(&mut self, shared: &Shared) -> bool {
        let mut least: Option<u64> = None;
        let (mut alternatives, mut pins) = (self.alternatives.iter(), 0);
        let mut seen = 0;
        for end in &self.ways {
            let (mut cost, mut keys, mut complete) = (0, 0, true);
            self.candidate.clear();
            for end in alternatives.by_ref().take(end - seen) {
                let cheapest = (pins..*end).map(|pin| (self.cost(pin, shared), pin)).min();
                pins = *end;
                match cheapest {
                    Some((one, pin)) => {
                        cost += one;
                        keys += self.pin(pin).map_or(0, |(_, keys)| keys.len());
                        self.candidate.push(pin);
                    }
                    None => complete = false,
                }
            }
            seen = *end;
            if complete && keys <= MOST_KEYS && least.is_none_or(|least| cost < least) {
                least = Some(cost);
                core::mem::swap(&mut self.chosen, &mut self.candidate);
            }
        }
        least.is_some()
    }

    /// The pins of the way that was chosen.
    pub(super) fn chosen(&self) -> impl Iterator<Item = (Kind, &[(u64, u8)])> {
        self.chosen.iter().filter_map(|pin| self.pin(*pin))
    }

    fn pin(&self, pin: usize) -> Option<(Kind, &[(u64, u8)])> {
        let start = pin.checked_sub(1).and_then(|before| self.pins.get(before)).map_or(0, |(_, end)| *end);
        let (kind, end) = self.pins.get(pin)?;
        Some((*kind, self.keys.get(start..*end)?))
    }

    /// How many things share the keys of a pin.
    fn cost(&self, pin: usize, shared: &Shared) -> u64 {
        let count = |(key, _): &(u64, u8)| shared.get(key).map_or(1, |(count, _)| u64::from(*count));
        self.pin(pin).map_or(0, |(_, keys)| keys.iter().map(count).sum())
    }

    fn clear(&mut self) {
        self.ways.clear();
        self.alternatives.clear();
        self.pins.clear();
        self.keys.clear();
        self.chosen.clear();
    }

    /// Finds the ways to file a rule.
    pub(super) fn rule(&mut self, rule: &Rule) {
        self.clear();
        self.way(&rule.from, |filing, peer| filing.peer(peer, End::Source));
        self.way(&rule.to, |filing, peer| filing.peer(peer, End::Destination));
        self.way(&rule.ports, Self::port);
        self.way(&rule.http, Self::path);
    }

    /// Finds the way to file an isolation.
    pub(super) fn isolation(&mut self, isolation: &Isolation) {
        self.clear();
        // It is asked for at either end, so it is filed as if all were sources.
        self.selector(&isolation.workloads, End::Source);
        self.alternatives.push(self.pins.len());
        self.ways.push(self.alternatives.len());
    }

    fn way<T>(&mut self, clause: &Clause<T>, pins: impl Fn(&mut Self, &T)) {
        let Some(alternatives) = clause.alternatives() else { return };
        for alternative in alternatives {
            pins(self, alternative);
            self.alternatives.push(self.pins.len());
        }
        self.ways.push(self.alternatives.len());
    }

    fn key(&mut self, key: u64) {
        self.keys.push((key, 0));
    }

    /// A pin of the keys that were added since the last one.
    fn end_pin(&mut self, kind: Kind) {
        self.pins.push((kind, self.keys.len()));
    }

    /// A pin of these keys, if there is one for everything that they are made of.
    fn pin_all(&mut self, kind: Kind, keys: impl Iterator<Item = Option<u64>>) {
        let start = self.keys.len();
        for key in keys {
            match key {
                Some(key) => self.key(key),
                None => {
                    self.keys.truncate(start);
                    return;
                }
            }
        }
        self.end_pin(kind);
    }

    /// A peer's parts must all hold, so any of them pins it.
    fn peer(&mut self, peer: &PeerMatch, end: End) {
        if let Some(selector) = &peer.workloads {
            self.selector(selector, end);
        }
        if let Some(blocks) = peer.blocks.alternatives() {
            let kind = Kind::Block(end);
            for net in blocks.iter().filter_map(|block| block.nets().next()) {
                self.keys.push((kind.network(net), net.prefix_len()));
            }
            self.end_pin(kind);
        }
        if end == End::Source
            && let Some(patterns) = peer.principals.alternatives()
        {
            let ids = patterns.iter().map(PrincipalPattern::exact);
            self.pin_all(Kind::Principal, ids.map(|id| id.map(|id| Kind::Principal.texts(id, ""))));
        }
    }

    fn selector(&mut self, selector: &Selector, end: End) {
        let label = Kind::Label(end);
        for (key, value) in &selector.labels {
            self.key(label.texts(key, value));
            self.end_pin(label);
        }
        for expression in &selector.expressions {
            if let LabelExpression::In { key, values } = expression {
                let values = values.alternatives().unwrap_or_default();
                values.iter().for_each(|value| self.key(label.texts(key, value)));
                self.end_pin(label);
            }
        }
        let namespace = match &selector.namespaces {
            NamespaceMatch::Named(name) => {
                self.key(Kind::Namespace(end).texts(name, ""));
                self.end_pin(Kind::Namespace(end));
                name.as_str()
            }
            NamespaceMatch::Labelled(_) => "",
        };
        if let Some(accounts) = selector.service_accounts.alternatives() {
            let kind = Kind::Account(end);
            accounts.iter().for_each(|account| self.key(kind.texts(namespace, account)));
            self.end_pin(kind);
        }
    }

    fn port(&mut self, port: &PortMatch) {
        if let PortMatch::Range(range) = port
            && range.first() == range.last()
        {
            self.key(Kind::Port.port(range.protocol(), range.first()));
            self.end_pin(Kind::Port);
        }
    }

    /// The paths of a condition, if each of them starts with something definite.
    fn path(&mut self, http: &HttpMatch) {
        if let Some(patterns) = http.paths.alternatives() {
            let starts = patterns.iter().map(|pattern| pattern.definite_start());
            self.pin_all(Kind::Path, starts.map(|start| start.map(|start| Kind::Path.texts(start, ""))));
        }
    }
}
