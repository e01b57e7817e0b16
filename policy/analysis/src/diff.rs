//! What a change of policies changes: which connections and requests get another verdict.

use std::collections::{BTreeSet, HashMap};

use bookend_engine::{Rule, Verdict};

use crate::bundle::{Bundle, Sources};
use crate::channel::{Channel, Outcome};
use crate::compare::{Comparison, compare};
use crate::crossing::{Crossing, Moved, moved};
use crate::gather::Gathering;
use crate::ground::Ground;
use crate::set::ClassSet;
use crate::side::Side;
use crate::spans::{PortSet, Segment, segments};

/// What happens to traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Some of it was denied and is allowed; none the other way round, as far as is known.
    Opened,
    /// Some of it opens and some closes.
    Changed,
    /// The conditions are other ones, and no request was found that they treat differently.
    Undecided,
    /// Some of it was allowed and is denied; none the other way round, as far as is known.
    Closed,
    /// Nothing; but what is only audited would decide otherwise than before.
    Audited,
}

impl Kind {
    /// Every kind, the most dangerous first.
    pub const ALL: [Self; 5] = [Self::Opened, Self::Changed, Self::Undecided, Self::Closed, Self::Audited];

    /// Whether something is let through, or may be, that was not.
    pub fn opens(self) -> bool {
        matches!(self, Self::Opened | Self::Changed | Self::Undecided)
    }
}

/// What became of traffic on one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Extent {
    /// None of it passes.
    Denied,
    /// Some requests pass, and others do not.
    SomeRequests,
    /// Some requests do not pass, nor streams that are not HTTP, and others do.
    MostRequests,
    /// All of it passes.
    Allowed,
}

impl Extent {
    /// How much an outcome lets through.
    pub fn of(outcome: &Outcome<'_>) -> Self {
        match outcome {
            Outcome::Denied { .. } => Self::Denied,
            Outcome::Allowed { .. } => Self::Allowed,
            Outcome::Conditional { plain: Verdict::Deny, .. } => Self::SomeRequests,
            Outcome::Conditional { plain: Verdict::Allow, .. } => Self::MostRequests,
        }
    }
}

/// One side of a change: how much passes, and the ids of what decides.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stand<'s> {
    /// How much passes.
    pub extent: Extent,
    /// Rules and isolations that have a part in it, or `default-allow`.
    pub by: Vec<&'s str>,
}

impl<'s> Stand<'s> {
    pub(crate) fn of(outcome: &Outcome<'s>) -> Self {
        Self { extent: Extent::of(outcome), by: outcome.ids() }
    }
}

/// What all connections of a change have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Detail<'s> {
    /// What happens.
    pub kind: Kind,
    /// Before.
    pub before: Stand<'s>,
    /// After.
    pub after: Stand<'s>,
    /// Requests that were denied and are allowed, some of them.
    pub opens: Vec<String>,
    /// Requests that were allowed and are denied, some of them.
    pub closes: Vec<String>,
}

/// Connections and requests that get another verdict, all in the same way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change<'s> {
    /// Where they are opened.
    pub sources: ClassSet,
    /// Where they are accepted.
    pub destinations: ClassSet,
    /// The destination's ports.
    pub ports: PortSet,
    /// What happens to them.
    pub detail: Detail<'s>,
}

/// All that changes from one program to another.
pub struct Difference<'s> {
    /// The classes that changes speak of.
    pub ground: Ground<'s>,
    /// The changes, the most dangerous first. No connection and no request is in two of them.
    pub changes: Vec<Change<'s>>,
    /// What is denied before and after, but by the other end.
    pub crossings: Vec<Crossing<'s>>,
}

/// Compares what `old` and `new` mean for everybody in their inventories and outside of them.
pub fn diff<'s>(old: Side<'s>, new: Side<'s>) -> Difference<'s> {
    let ground = Ground::new(&[old, new]);
    let sources = Sources::new(&ground);
    let bodies = Bodies::new(&ground);
    let mut gathering = Gathering::new();
    let mut crossings = Gathering::new();
    let mut known = HashMap::new();
    for destination in 0..ground.parties().len() as u32 {
        for bundle in ground.toward(&sources, destination) {
            if !bodies.unchanged(&ground, &bundle, destination) {
                let (changed, moved) = changes(&ground, &bundle, destination, &mut known);
                gathering.add(&bundle, changed);
                crossings.add(&bundle, moved);
            }
        }
        gathering.close(destination);
        crossings.close(destination);
    }
    let changes = gathering.finish().into_iter();
    let changes = changes
        .map(|r| Change { sources: r.sources, destinations: r.destinations, ports: r.ports, detail: r.kind })
        .collect();
    let crossings = crossings.finish().into_iter();
    let crossings = crossings
        .map(|r| Crossing { sources: r.sources, destinations: r.destinations, ports: r.ports, moved: r.kind })
        .collect();
    Difference { ground, changes, crossings }
}

/// What was found of pieces of the ports.
type Pieces<K> = Vec<(Segment, K)>;

/// The changes between a bundle and a destination, and the denials that move.
fn changes<'s>(
    ground: &Ground<'s>,
    bundle: &Bundle,
    destination: u32,
    known: &mut HashMap<String, Comparison>,
) -> (Pieces<Detail<'s>>, Pieces<Moved<'s>>) {
    let (mut found, mut crossed) = (Vec::new(), Vec::new());
    let Some(source) = bundle.sources.first().copied() else { return (found, crossed) };
    let channel = |side: usize| {
        let rules = bundle.rules.get(side).map_or(&[][..], Vec::as_slice);
        Channel::new(ground, side, source, destination, rules)
    };
    let (Some(old), Some(new)) = (channel(0), channel(1)) else { return (found, crossed) };
    let rules: Vec<&Rule> = old.rules.iter().chain(&new.rules).copied().collect();
    let destinations: Vec<_> =
        [0, 1].into_iter().filter_map(|side| Some(ground.seen(side, destination)?.identity)).collect();
    // What a filter judges is judged in one place, and what goes past it in two.
    let apart =
        old.is_meshed() || new.is_meshed() || old.meets_filter_over_tcp() || new.meets_filter_over_tcp();
    for segment in segments(&rules, apart, &destinations) {
        let (protocol, port) = segment.sample();
        let (before, after) = (old.outcome(protocol, port), new.outcome(protocol, port));
        let comparison = compare(&old, &new, (&before, &after), (protocol, port), known);
        if let Some(Comparison { kind, opens, closes }) = comparison {
            let detail = Detail { kind, before: Stand::of(&before), after: Stand::of(&after), opens, closes };
            found.push((segment.clone(), detail));
        }
        if let Some(moved) = moved(&old, &new, (protocol, port)) {
            crossed.push((segment, moved));
        }
    }
    (found, crossed)
}

/// What rules say, whatever they are called: rules of one body decide alike.
struct Bodies(Vec<Vec<u32>>);

impl Bodies {
    fn new(ground: &Ground<'_>) -> Self {
        let mut numbers: HashMap<String, u32> = HashMap::new();
        let mut number = |rule: &Rule| {
            let body = Rule { id: String::new(), ..rule.clone() };
            let text = serde_json::to_string(&body).unwrap_or_else(|_| format!("{body:?}"));
            let next = numbers.len() as u32;
            *numbers.entry(text).or_insert(next)
        };
        Self(
            ground
                .indexes
                .iter()
                .map(|index| index.rules.iter().map(|rule| number(rule.rule)).collect())
                .collect(),
        )
    }

    /// Whether nothing that can concern these connections is different: then no verdict on them is.
    fn unchanged(&self, ground: &Ground<'_>, bundle: &Bundle, destination: u32) -> bool {
        let concerning = |side: usize| -> BTreeSet<u32> {
            let numbers = self.0.get(side).map_or(&[][..], Vec::as_slice);
            let rules = bundle.rules.get(side).into_iter().flatten();
            rules.filter_map(|rule| numbers.get(*rule as usize)).copied().collect()
        };
        let isolated = |side: usize, class: u32| {
            let index = ground.indexes.get(side)?;
            Some(index.isolated.get(class as usize)?.clone().map(|numbers| index.tiers(&numbers)))
        };
        let Some(source) = bundle.sources.first().copied() else { return true };
        let alike = |class: u32| {
            ground.seen(0, class) == ground.seen(1, class) && isolated(0, class) == isolated(1, class)
        };
        concerning(0) == concerning(1) && alike(source) && alike(destination)
    }
}
