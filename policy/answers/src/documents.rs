//! Documents: their texts and what they say.

use std::collections::HashMap;

use bookend_engine::{Plane, Rule};
use bookend_lang::{Compiled, Source, Span};

/// Sources and what they say.
#[derive(Debug)]
pub struct Documents {
    /// The texts.
    pub sources: Vec<Source>,
    /// What they say.
    pub compiled: Compiled,
    /// The positions of the rules in the program, by id.
    rules: HashMap<String, usize>,
}

impl Documents {
    /// What was compiled from sources.
    pub fn new(compiled: Compiled, sources: Vec<Source>) -> Self {
        let rules = compiled.program.rules().iter().enumerate();
        let rules = rules.map(|(position, rule)| (rule.id.clone(), position)).collect();
        Self { sources, compiled, rules }
    }

    /// The rule with this id.
    pub fn rule(&self, id: &str) -> Option<&Rule> {
        self.compiled.program.rules().get(*self.rules.get(id)?)
    }

    /// The name of the tier of this plane and order.
    pub fn tier(&self, place: (Plane, u32)) -> String {
        self.compiled.tiers.get(&place).cloned().unwrap_or_else(|| place.1.to_string())
    }

    /// A place in a source, as a user sees it.
    pub fn place_of(&self, span: Span) -> Option<Place> {
        let file = self.sources.get(span.source)?.name.clone();
        Some(Place { file, line: span.line, column: span.column })
    }

    /// Where the rule or the isolation with this id is written: `file:line:column`.
    pub fn place(&self, id: &str) -> Option<Place> {
        self.place_of(*self.compiled.places.get(id)?)
    }
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Place {
    /// The file as the user named it.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}
