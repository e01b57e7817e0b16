//! Finding the rules that can concern a question, without trying all of them.
//!
//! A rule is filed under the keys of one of its parts: whom it is from, whom it is to, its ports or its paths. Of these the one
//! is taken whose keys the fewest rules share. A question has few keys of its own, so it finds the rules filed under them, whatever
//! their number. Where a question is in doubt about a part, all rules filed by that part come along, and rules that
//! cannot be filed always do. The index leaves out only what cannot match: everything it finds is still tried.

mod filing;
mod key;
mod question;

use alloc::vec::Vec;
use core::hash::BuildHasherDefault;
use hashbrown::HashMap;

use crate::{Action, Isolation, Rule};
use filing::{Filing, Shared};
use key::{Kind, Verbatim};

/// Positions in a list, filed by keys.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    /// Where in `filed` the positions under a key are: the first, and behind the last.
    slots: HashMap<u64, (u32, u32), BuildHasherDefault<Verbatim>>,
    filed: Vec<u32>,
    /// What is filed by each kind of key, for questions in doubt.
    by_kind: [Filed; Kind::COUNT],
    /// What cannot be filed.
    rest: Vec<u32>,
    /// The prefix lengths of all filed blocks, shortest first.
    prefix_lengths: Vec<u8>,
}

/// What is filed by one kind of key.
#[derive(Clone, Debug, Default)]
struct Filed {
    all: Vec<u32>,
    /// Without allow rules, which doubt makes no difference to (S3).
    swayed_by_doubt: Vec<u32>,
}

impl Index {
    /// Files rules, by position.
    pub(crate) fn of_rules(rules: &[Rule]) -> Self {
        let swayed = |position| rules.get(position).is_none_or(|rule: &Rule| rule.action != Action::Allow);
        let file = |position, filing: &mut Filing| {
            if let Some(rule) = rules.get(position) {
                filing.rule(rule);
            }
        };
        Self::build(rules.len(), &file, &swayed)
    }

    /// Files isolations, by position.
    pub(crate) fn of_isolations(isolations: &[Isolation]) -> Self {
        let file = |position, filing: &mut Filing| {
            if let Some(isolation) = isolations.get(position) {
                filing.isolation(isolation);
            }
        };
        Self::build(isolations.len(), &file, &|_| true)
    }

    fn build(
        count: usize,
        file: &dyn Fn(usize, &mut Filing),
        swayed_by_doubt: &dyn Fn(usize) -> bool,
    ) -> Self {
        // Filed twice, which costs less than to remember the first time.
        let mut filing = Filing::default();
        let mut shared = Shared::default();
        for position in 0..count {
            file(position, &mut filing);
            for key in filing.keys() {
                let (count, _) = shared.entry(key).or_default();
                *count = count.saturating_add(1);
            }
        }
        let mut index = Self::default();
        let mut entries: Vec<(u64, u32)> = Vec::new();
        for position in 0..count {
            // A program has fewer rules than that: its text alone would be larger than anything that is read.
            let Ok(number) = u32::try_from(position) else { break };
            file(position, &mut filing);
            if !filing.choose(&shared) {
                index.rest.push(number);
                continue;
            }
            for (kind, keys) in filing.chosen() {
                entries.extend(keys.iter().map(|(key, _)| (*key, number)));
                if let Kind::Block(_) = kind {
                    keys.iter().for_each(|(_, length)| index.add_prefix_length(*length));
                }
                if let Some(filed) = index.by_kind.get_mut(kind.position()) {
                    filed.all.push(number);
                    if swayed_by_doubt(position) {
                        filed.swayed_by_doubt.push(number);
                    }
                }
            }
        }
        drop((filing, shared));
        entries.sort_unstable();
        entries.dedup();
        for (place, (key, number)) in (0_u32..).zip(&entries) {
            let slot = index.slots.entry(*key).or_insert((place, place));
            slot.1 = place.saturating_add(1);
            index.filed.push(*number);
        }
        index
    }

    fn add_prefix_length(&mut self, length: u8) {
        // There are few, so that each finds its place soon.
        if let Err(place) = self.prefix_lengths.binary_search(&length) {
            self.prefix_lengths.insert(place, length);
        }
    }
}

#[cfg(test)]
mod tests;
