//! Policies that are lowered again: only those that changed are.

use std::collections::{BTreeMap, HashMap, btree_map::Entry};

use super::source::Readings;
use crate::{
    Code, Span,
    diagnostic::Report,
    document::{Document, PolicyDocument},
    lower::{self, RulePlace, Surroundings},
};
use bookend_engine::Program;

/// A policy, lowered.
#[derive(Debug)]
pub(super) struct Lowered {
    program: Program,
    places: BTreeMap<String, RulePlace>,
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
    pub(super) fn lower(&mut self, readings: &Readings, surroundings: &Surroundings, report: &mut Report) {
        let mut before = core::mem::take(&mut self.lowered);
        if self.surroundings != *surroundings {
            self.surroundings = surroundings.clone();
            before.clear();
        }
        self.keys.clear();
        let mut seen: BTreeMap<(Option<&str>, &str), Span> = BTreeMap::new();
        for unit in readings.units() {
            for (position, document) in unit.documents.iter().enumerate() {
                let Document::Policy(policy) = document else { continue };
                match seen.entry((policy.namespace.as_deref(), policy.name.value.as_str())) {
                    Entry::Occupied(first) => {
                        refuse_second(policy, *first.get(), report);
                        continue;
                    }
                    Entry::Vacant(vacant) => vacant.insert(policy.name.span),
                };
                let key = (unit.id, position);
                let lowered = before.remove(&key).unwrap_or_else(|| {
                    let mut report = Report::default();
                    let (program, places) = lower::policies(vec![policy.clone()], surroundings, &mut report);
                    Lowered { program, places, report }
                });
                report.append(&lowered.report, |span| span);
                self.lowered.insert(key, lowered);
                self.keys.push(key);
            }
        }
    }

    fn all(&self) -> impl Iterator<Item = &Lowered> {
        self.keys.iter().filter_map(|key| self.lowered.get(key))
    }

    /// All of them as one program.
    pub(super) fn program(&self) -> Program {
        let rules = self.all().flat_map(|lowered| lowered.program.rules()).cloned().collect();
        let isolations = self.all().flat_map(|lowered| lowered.program.isolations()).cloned().collect();
        Program::new(rules, isolations)
    }

    /// Where the parts of each rule and isolation were written, by id.
    pub(super) fn places(&self) -> BTreeMap<&str, &RulePlace> {
        self.all().flat_map(|lowered| &lowered.places).map(|(id, place)| (id.as_str(), place)).collect()
    }
}

fn refuse_second(policy: &PolicyDocument, first: Span, report: &mut Report) {
    let name = &policy.name.value;
    let message = match &policy.namespace {
        Some(namespace) => format!("there are two policies `{name}` in namespace `{namespace}`"),
        None => format!("there are two cluster policies `{name}`"),
    };
    let related = (first, "the first one");
    report.add_related(Code::DuplicatePolicy, policy.name.span, message, "rename one of them", related);
}
