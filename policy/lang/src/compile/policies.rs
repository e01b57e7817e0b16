//! Policies that are lowered again: only those that changed are.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap, btree_map::Entry},
};

use super::source::Readings;
use crate::{
    Code, Span,
    check::{self, Index},
    diagnostic::Report,
    dialect,
    lower::{self, RulePlace, Surroundings},
};
use bookend_engine::{Inventory, Plane, Program, Rule};

/// A policy, lowered.
#[derive(Debug)]
pub(super) struct Lowered {
    program: Program,
    places: BTreeMap<String, RulePlace>,
    report: Report,
    checked: Option<Checked>,
}

/// What is probably not meant in a policy.
#[derive(Debug)]
struct Checked {
    /// The version of the world it was compared with.
    version: usize,
    /// How many comparisons that took.
    cost: usize,
    report: Report,
}

/// Which document: the id of its unit, and its position there.
type Key = (usize, usize);

/// Policies as they were lowered last.
#[derive(Debug, Default)]
pub(super) struct Policies {
    surroundings: Surroundings,
    lowered: HashMap<Key, Lowered>,
    /// Those that count, in the order of the sources.
    pub(super) keys: Vec<Key>,
}

impl Policies {
    /// Lowers the policies, as far as they changed.
    pub(super) fn lower(
        &mut self,
        readings: &Readings,
        surroundings: &Surroundings,
        silent: bool,
        report: &mut Report,
    ) {
        let mut before = core::mem::take(&mut self.lowered);
        if self.surroundings != *surroundings {
            self.surroundings = surroundings.clone();
            before.clear();
        }
        self.keys.clear();
        let mut seen: BTreeMap<(Option<&str>, Cow<'_, str>), Span> = BTreeMap::new();
        for unit in readings.units() {
            for (position, document) in unit.documents.iter().enumerate() {
                let Some((namespace, name, span)) = lower::policy_name(document) else { continue };
                match seen.entry((namespace, name)) {
                    Entry::Occupied(first) => {
                        refuse_second(first.key(), span, *first.get(), report);
                        continue;
                    }
                    Entry::Vacant(vacant) => vacant.insert(span),
                };
                let key = (unit.id, position);
                let lowered = before.remove(&key).unwrap_or_else(|| {
                    let mut report = Report::default();
                    let policy = lower::settled(document, surroundings, &mut report).map(Cow::into_owned);
                    let (program, mut places) = policy
                        .map(|policy| lower::policy(policy, surroundings, &mut report))
                        .unwrap_or_default();
                    if silent {
                        // Only warnings look at them again.
                        places.values_mut().for_each(|place: &mut RulePlace| place.selectors = Vec::new());
                    }
                    Lowered { program, places, report, checked: None }
                });
                report.append(&lowered.report, |span| span);
                self.lowered.insert(key, lowered);
                self.keys.push(key);
            }
        }
        let named = seen.iter().map(|((namespace, name), span)| (*namespace, name.as_ref(), *span));
        dialect::refuse_replacements(named, report);
    }

    fn all(&self) -> impl Iterator<Item = &Lowered> {
        self.keys.iter().filter_map(|key| self.lowered.get(key))
    }

    /// All of them as one program, with the rules of no policy.
    pub(super) fn program(&self, failsafe: &[Rule]) -> Program {
        let rules = self.all().flat_map(|lowered| lowered.program.rules()).chain(failsafe);
        let mut rules: Vec<Rule> = rules.cloned().collect();
        let isolations: Vec<_> =
            self.all().flat_map(|lowered| lowered.program.isolations()).cloned().collect();
        let mut planes =
            rules.iter().map(|rule| rule.plane).chain(isolations.iter().map(|isolation| isolation.plane));
        if planes.any(|plane| plane == Plane::Mesh) {
            rules.extend(lower::mesh_agent());
        }
        Program::new(rules, isolations)
    }

    /// Where the parts of each rule and isolation were written, by id.
    pub(super) fn places(&self) -> BTreeMap<&str, &RulePlace> {
        self.all().flat_map(|lowered| &lowered.places).map(|(id, place)| (id.as_str(), place)).collect()
    }
}

impl Policies {
    /// Adds what single policies give reason to warn of, as far as they or the world changed since the last time, and as many
    /// as can be looked at in reasonable time: the first by id, whatever was remembered.
    pub(super) fn check(
        &mut self,
        version: usize,
        inventory: &Inventory,
        index: &Index,
        report: &mut Report,
    ) {
        let first_id = |key: &Key| self.lowered.get(key).and_then(|lowered| lowered.places.keys().next());
        let mut keys = self.keys.clone();
        keys.sort_by(|a, b| first_id(a).cmp(&first_id(b)));
        let mut effort = check::MAX_EFFORT;
        for key in keys {
            let Some(lowered) = self.lowered.get_mut(&key) else { continue };
            let known = lowered.checked.take().filter(|checked| checked.version == version);
            let rules = lowered.program.rules();
            let cost = match &known {
                Some(known) => known.cost,
                None => check::cost(rules, &lowered.places, index),
            };
            let Some(left) = effort.checked_sub(cost) else { return };
            effort = left;
            let checked = known.unwrap_or_else(|| {
                let mut report = Report::default();
                check::policy(rules, &lowered.places, inventory, index, &mut report);
                Checked { version, cost, report }
            });
            report.append(&checked.report, |span| span);
            lowered.checked = Some(checked);
        }
    }
}

fn refuse_second(
    (namespace, name): &(Option<&str>, Cow<'_, str>),
    second: Span,
    first: Span,
    report: &mut Report,
) {
    let message = match namespace {
        Some(namespace) => format!("there are two policies `{name}` in namespace `{namespace}`"),
        None => format!("there are two cluster policies `{name}`"),
    };
    let related = (first, "the first one");
    report.add_related(Code::DuplicatePolicy, second, message, "rename one of them", related);
}
