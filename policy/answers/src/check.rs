//! What is wrong with documents: what `check` tells, and every other answer that refuses them.

mod advice;
mod clash;
mod entry;
mod meaning;

use std::collections::BTreeSet;

use bookend_lang::{Compiled, Diagnostic, Severity, Source};
use serde::Serialize;

pub use advice::wider;
pub use entry::Entry;
pub use meaning::{Meaning, meaning};

/// Whether documents are accepted, and what is to be said about them.
#[derive(Debug, Serialize)]
pub struct Answer<'d> {
    accepted: bool,
    errors: usize,
    warnings: usize,
    policies: Option<BTreeSet<&'d str>>,
    rules: Option<usize>,
    workloads: Option<usize>,
    diagnostics: Vec<Entry<'d>>,
}

impl<'d> Answer<'d> {
    /// The answer about `sources`, which are refused if they are not `compiled`.
    #[must_use]
    pub fn new(compiled: Option<&'d Compiled>, diagnostics: &'d [Diagnostic], sources: &'d [Source]) -> Self {
        let errors = diagnostics.iter().filter(|d| d.severity() == Severity::Error).count();
        Self {
            accepted: compiled.is_some(),
            errors,
            warnings: diagnostics.len() - errors,
            policies: compiled.map(policies),
            rules: compiled.map(|compiled| compiled.program.rules().len()),
            workloads: compiled.map(|compiled| compiled.inventory.workloads().len()),
            diagnostics: diagnostics.iter().map(|diagnostic| Entry::new(diagnostic, sources)).collect(),
        }
    }
}

/// Everything suspicious about documents that were compiled: the warnings of compiling, and what is found about policies as a
/// whole, in the order of their places.
#[must_use]
pub fn findings(compiled: &Compiled) -> Vec<Diagnostic> {
    let mut found = compiled.warnings.clone();
    found.extend(advice::advice(compiled));
    in_order(&mut found);
    found
}

/// Puts diagnostics in the order of their places.
pub fn in_order(diagnostics: &mut [Diagnostic]) {
    diagnostics.sort_by_key(|diagnostic| (diagnostic.span, diagnostic.code));
}

/// `namespace/policy`, from the ids of rules and isolations.
#[must_use]
pub fn policies(compiled: &Compiled) -> BTreeSet<&str> {
    let program = &compiled.program;
    let rules = program.rules().iter().map(|rule| rule.id.as_str());
    let isolations = program.isolations().iter().map(|isolation| isolation.id.as_str());
    rules.chain(isolations).filter_map(|id| id.rsplit_once('/')).map(|(policy, _)| policy).collect()
}
