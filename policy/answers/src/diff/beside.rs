//! What changes beside verdicts: what refused peers are told, how much passes in a time, and how filters work.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use bookend_engine::{Answer, Limits, Settings};
use serde::Serialize;
use serde_json::Value;

use super::Sides;
use crate::documents::{Documents, Place};

/// All of it.
#[derive(Debug)]
pub(super) struct Beside<'s> {
    /// By the id of the rule.
    pub(super) answers: Vec<Answered<'s>>,
    /// By the id of the rule.
    pub(super) limits: Vec<Limited<'s>>,
    /// By name.
    pub(super) settings: Vec<Set>,
}

/// A rule that lets more or less pass in a time.
#[derive(Debug, Serialize)]
pub(super) struct Limited<'s> {
    id: &'s str,
    at: Option<Place>,
    /// `None`: no limits, or no such rule.
    before: Option<&'s Limits>,
    after: Option<&'s Limits>,
}

/// A rule that answers otherwise.
#[derive(Debug, Serialize)]
pub(super) struct Answered<'s> {
    id: &'s str,
    at: Option<Place>,
    /// `None`: the usual answer, or no such rule.
    before: Option<Words<'s>>,
    after: Option<Words<'s>>,
}

/// An answer, for programs.
#[derive(Debug, PartialEq, Serialize)]
struct Words<'s> {
    status: u16,
    body: &'s str,
    headers: BTreeMap<&'s str, &'s str>,
}

/// A setting with another value.
#[derive(Debug, Serialize)]
pub(super) struct Set {
    /// As a `Reporting` document has it: `decisionLog.allowed`.
    name: String,
    before: Value,
    after: Value,
}

impl<'s> Beside<'s> {
    pub(super) fn new(sides: Sides<'s>) -> Self {
        let (old, new) = (answers(sides.old), answers(sides.new));
        let ids: BTreeSet<&str> = old.keys().chain(new.keys()).copied().collect();
        let answers = ids.into_iter().filter(|id| old.get(id) != new.get(id)).map(|id| Answered {
            id,
            at: sides.new.place(id).or_else(|| sides.old.place(id)),
            before: old.get(id).copied().map(Words::new),
            after: new.get(id).copied().map(Words::new),
        });
        let (old, new) = (limits(sides.old), limits(sides.new));
        let ids: BTreeSet<&str> = old.keys().chain(new.keys()).copied().collect();
        let limits = ids.into_iter().filter(|id| old.get(id) != new.get(id)).map(|id| Limited {
            id,
            at: sides.new.place(id).or_else(|| sides.old.place(id)),
            before: old.get(id).copied(),
            after: new.get(id).copied(),
        });
        let (before, after) = (settings(sides.old), settings(sides.new));
        let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        let value = |of: &BTreeMap<String, Value>, name| of.get(name).cloned().unwrap_or_default();
        let settings = names.into_iter().map(|name| Set {
            name: name.clone(),
            before: value(&before, name),
            after: value(&after, name),
        });
        Self {
            answers: answers.collect(),
            limits: limits.collect(),
            settings: settings.filter(|set| set.before != set.after).collect(),
        }
    }

    /// For people; empty if nothing changes.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for Answered { id, at, before, after } in &self.answers {
            let place = at.as_ref().map(|at| format!(" ({at})")).unwrap_or_default();
            let words = |words: &Option<Words<'_>>| match words {
                Some(words) => words.to_string(),
                None => "the usual answer".to_owned(),
            };
            let _ = writeln!(text, "= answer  of {id}{place}");
            let _ = writeln!(text, "    before: {}\n    after:  {}\n", words(before), words(after));
        }
        for Limited { id, at, before, after } in &self.limits {
            let place = at.as_ref().map(|at| format!(" ({at})")).unwrap_or_default();
            let words = |limits: &Option<&Limits>| match limits {
                Some(limits) => limits.to_string(),
                None => "no limit".to_owned(),
            };
            let _ = writeln!(text, "= limits  of {id}{place}");
            let _ = writeln!(text, "    before: {}\n    after:  {}\n", words(before), words(after));
        }
        for Set { name, before, after } in &self.settings {
            let _ = writeln!(text, "= setting  {name}: {before} → {after}\n");
        }
        text
    }
}

impl<'s> Words<'s> {
    fn new(answer: &'s Answer) -> Self {
        let Answer { status, body, headers } = answer;
        let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        Self { status: *status, body, headers: headers.collect() }
    }
}

impl std::fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.status)?;
        match self.body {
            "" => f.write_str(" without a body")?,
            body => write!(f, " `{}`", body.escape_debug())?,
        }
        self.headers.iter().try_for_each(|(name, value)| write!(f, ", `{name}: {value}`"))
    }
}

/// The answers of all rules that have one, by id.
fn answers(documents: &Documents) -> BTreeMap<&str, &Answer> {
    let rules = documents.compiled.program.rules().iter();
    rules.filter_map(|rule| Some((rule.id.as_str(), rule.answer.as_deref()?))).collect()
}

/// The limits of all rules that have some, by id.
fn limits(documents: &Documents) -> BTreeMap<&str, &Limits> {
    let rules = documents.compiled.program.rules().iter();
    rules.filter_map(|rule| Some((rule.id.as_str(), rule.limits.as_deref()?))).collect()
}

/// Every setting, by its name in a document.
fn settings(documents: &Documents) -> BTreeMap<String, Value> {
    let settings: &Settings = &documents.compiled.settings;
    let mut found = BTreeMap::new();
    collect("", serde_json::to_value(settings).unwrap_or_default(), &mut found);
    found
}

fn collect(name: &str, value: Value, found: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(fields) => {
            for (field, value) in fields {
                let dot = if name.is_empty() { "" } else { "." };
                collect(&format!("{name}{dot}{field}"), value, found);
            }
        }
        value => {
            found.insert(name.to_owned(), value);
        }
    }
}
