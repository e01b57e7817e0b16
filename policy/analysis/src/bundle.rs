//! For one destination, the sources that no rule about it tells apart.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};

use bookend_engine::{End, Plane, Truth};

use crate::clauses::ANYBODY;
use crate::engine::governs;
use crate::ground::{Ground, Index, Indexed};
use crate::side::Seen;

/// Sources that every rule about a destination treats alike, and the rules that may concern them, by side.
#[derive(Clone, Debug)]
pub(crate) struct Bundle {
    /// Classes, in order.
    pub(crate) sources: Vec<u32>,
    /// Positions in the side's program, in order of trial.
    pub(crate) rules: Vec<Vec<u32>>,
}

/// The classes as sources, before any rule about a destination is looked at: told apart by what isolates them.
pub(crate) struct Sources {
    bases: Vec<u32>,
    by_base: Vec<Vec<u32>>,
}

impl Sources {
    pub(crate) fn new(ground: &Ground<'_>) -> Self {
        let mut numbers: HashMap<_, u32> = HashMap::new();
        let (mut bases, mut by_base) = (Vec::new(), Vec::<Vec<u32>>::new());
        for (class, party) in (0_u32..).zip(ground.parties()) {
            let told: Vec<_> = ground
                .indexes
                .iter()
                .enumerate()
                .map(|(side, index)| {
                    let [egress, _] = index.isolated.get(class as usize).cloned().unwrap_or_default();
                    (party.identity(side).is_some(), index.tiers(&egress))
                })
                .collect();
            let base = *numbers.entry(told).or_insert_with(|| {
                by_base.push(Vec::new());
                by_base.len() as u32 - 1
            });
            bases.push(base);
            if let Some(members) = by_base.get_mut(base as usize) {
                members.push(class);
            }
        }
        Self { bases, by_base }
    }
}

/// What tells one source from others toward a destination: that a rule may mean it, how surely, and whether its
/// policy has a say there.
type Token = (usize, u32, u8, bool, u32);

impl<'s> Ground<'s> {
    /// The bundles toward one destination; together they hold every class once.
    pub(crate) fn toward(&self, sources: &Sources, destination: u32) -> Vec<Bundle> {
        let rules: Vec<Vec<u32>> = self.indexes.iter().map(|index| index.toward(destination)).collect();
        let mut touched: HashMap<u32, Vec<Token>> = HashMap::new();
        for (side, (index, rules)) in self.indexes.iter().zip(&rules).enumerate() {
            let mut seen = BTreeMap::new();
            for rule in rules.iter().filter_map(|rule| index.rules.get(*rule as usize)) {
                let home = rule.rule.namespace.as_deref();
                let number = seen.len() as u32;
                let Entry::Vacant(new) = seen.entry((rule.from, home, rule.rule.at.source, rule.looks))
                else {
                    continue;
                };
                let key = *new.insert(number);
                let mut touch = |class: u32, truth: Truth| {
                    let governed =
                        self.seen(side, class).is_some_and(|seen| governs(rule.rule, End::Source, seen));
                    let own = if rule.looks { class } else { u32::MAX };
                    touched.entry(class).or_default().push((side, key, truth as u8, governed, own));
                };
                if rule.looks && rule.from == ANYBODY {
                    (0..self.parties().len() as u32).for_each(|class| touch(class, Truth::Yes));
                    continue;
                }
                if rule.looks {
                    let members = index.members.get(rule.from as usize).into_iter().flatten();
                    members.for_each(|(class, truth)| touch(*class, *truth));
                    continue;
                }
                let unusual = index.unusual.get(rule.from as usize).map_or(&[][..], Vec::as_slice);
                unusual.iter().for_each(|(class, truth)| touch(*class, *truth));
                // Beside whom it means, there is only whether its policy has a say: in the whole cluster, over every workload, and those
                // are told from everybody else anyway.
                let home = home.filter(|_| rule.rule.at.source).and_then(|home| index.by_namespace.get(home));
                for class in home.into_iter().flatten() {
                    let truth = index.means(rule.from, *class);
                    let is_known = unusual.binary_search_by_key(class, |(at, _)| *at).is_ok();
                    if truth != Truth::No && !is_known {
                        touch(*class, truth);
                    }
                }
            }
        }
        self.gather(sources, destination, &rules, touched)
    }

    fn gather(
        &self,
        sources: &Sources,
        destination: u32,
        rules: &[Vec<u32>],
        touched: HashMap<u32, Vec<Token>>,
    ) -> Vec<Bundle> {
        let mut groups: BTreeMap<(u32, Vec<Token>), Vec<u32>> = BTreeMap::new();
        for (base, members) in (0_u32..).zip(&sources.by_base) {
            let untouched: Vec<u32> =
                members.iter().copied().filter(|class| !touched.contains_key(class)).collect();
            if !untouched.is_empty() {
                groups.insert((base, Vec::new()), untouched);
            }
        }
        let mut touched: Vec<_> = touched.into_iter().collect();
        touched.sort_unstable_by_key(|(class, _)| *class);
        for (class, tokens) in touched {
            let base = sources.bases.get(class as usize).copied().unwrap_or_default();
            groups.entry((base, tokens)).or_default().push(class);
        }
        let bundle = |sources: Vec<u32>| {
            let first = sources.first().copied().unwrap_or_default();
            let relevant = self.indexes.iter().zip(rules).enumerate().map(|(side, (index, rules))| {
                let concerns = |rule: &Indexed<'_>| {
                    let at =
                        |end, class| self.seen(side, class).is_some_and(|seen| governs(rule.rule, end, seen));
                    let has_say = at(End::Source, first) || at(End::Destination, destination);
                    has_say && index.means(rule.from, first) != Truth::No
                };
                let known = |position: &u32| index.rules.get(*position as usize).is_some_and(concerns);
                rules.iter().copied().filter(known).collect()
            });
            let rules = relevant.collect();
            Bundle { sources, rules }
        };
        groups.into_values().map(bundle).collect()
    }

    pub(crate) fn seen(&self, side: usize, class: u32) -> Option<&Seen<'s>> {
        self.party(class)?.seen.get(side)
    }
}

impl Index<'_> {
    /// What a set of isolations amounts to, whatever their ids: in which tiers they deny what no rule of it allows.
    pub(crate) fn tiers(&self, isolations: &[u32]) -> Vec<((Plane, u32), bool)> {
        let mut tiers: Vec<_> = isolations
            .iter()
            .filter_map(|number| self.side.program.isolations().get(*number as usize))
            .map(crate::engine::isolation_tier)
            .collect();
        tiers.sort_unstable();
        tiers.dedup();
        tiers
    }
}
