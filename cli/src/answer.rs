//! What programs are told about documents: by `check`, and by every other command that refuses them.

use std::collections::BTreeSet;

use bookend_lang::{Compiled, Diagnostic, Severity, Source};
use serde::Serialize;

use crate::diagnostic::Entry;

/// Whether documents are accepted, and what is to be said about them.
#[derive(Debug, Serialize)]
pub(crate) struct Answer<'d> {
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
    pub(crate) fn new(
        compiled: Option<&'d Compiled>,
        diagnostics: &'d [Diagnostic],
        sources: &'d [Source],
    ) -> Self {
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

/// `namespace/policy`, from the ids of rules and isolations.
pub(crate) fn policies(compiled: &Compiled) -> BTreeSet<&str> {
    let program = &compiled.program;
    let rules = program.rules().iter().map(|rule| rule.id.as_str());
    let isolations = program.isolations().iter().map(|isolation| isolation.id.as_str());
    rules.chain(isolations).filter_map(|id| id.rsplit_once('/')).map(|(policy, _)| policy).collect()
}
