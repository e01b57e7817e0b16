//! Policies of other systems as Bookend's own, with the proof that nothing changes.

mod proof;

use std::collections::{BTreeMap, BTreeSet};

use bookend_analysis::Difference;
use bookend_lang::{Code, Diagnostic, Import, Importing, Refused, Source};
use serde::Serialize;

pub use proof::Proof;

use crate::check::Entry;
use crate::count;
use crate::diff::Sides;

/// Documents that were written, and proven.
#[derive(Debug)]
pub struct Imported {
    /// The documents, and what they were made from.
    pub import: Import,
    /// What was proven.
    pub proof: Proof,
    /// What was left out because that was asked for.
    pub tolerated: Vec<Diagnostic>,
    /// How many other warnings there are.
    pub others: usize,
}

/// Why nothing is written.
#[derive(Debug)]
pub enum Unwritten {
    /// The documents are refused.
    Refused(Vec<Diagnostic>),
    /// What would be written has other rules: a mistake of Bookend's.
    OtherRules(Vec<Diagnostic>),
    /// What would be written means something else, as it was shown: a mistake of Bookend's.
    Differs(String),
    /// There is no policy.
    NoPolicy,
}

/// Writes the policies of `sources` as Bookend's own, and proves that they mean the same. A difference would be `shown` to whoever asks.
///
/// # Errors
/// When nothing can be written.
pub fn import(
    sources: &[Source],
    importing: Importing,
    shown: impl Fn(&Difference<'_>, Sides<'_>) -> String,
) -> Result<Imported, Unwritten> {
    let import = match bookend_lang::import(sources, importing) {
        Ok(import) => import,
        Err(Refused { diagnostics }) if diagnostics.iter().any(|d| d.code == Code::ImportDiffers) => {
            return Err(Unwritten::OtherRules(diagnostics));
        }
        Err(Refused { diagnostics }) => return Err(Unwritten::Refused(diagnostics)),
    };
    if import.kinds.is_empty() && import.idle.is_empty() && import.native == 0 {
        return Err(Unwritten::NoPolicy);
    }
    let proof = proof::prove(&import, sources, shown)?;
    let (tolerated, others): (Vec<&Diagnostic>, Vec<_>) =
        import.before.warnings.iter().chain(&import.lost).partition(|warning| warning.tolerated);
    let (tolerated, others) = (tolerated.into_iter().cloned().collect(), others.len());
    Ok(Imported { import, proof, tolerated, others })
}

/// The answer for programs.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer<'i> {
    documents: Vec<Document<'i>>,
    /// What each rule and isolation stands for, by id.
    ids: &'i BTreeMap<String, BTreeSet<String>>,
    /// The policies of other systems that were read, by kind.
    policies: &'i BTreeMap<String, usize>,
    /// Those of them that neither allow nor deny anything.
    idle: &'i [String],
    proof: &'i Proof,
    /// What is left out, with `--best-effort`.
    warnings: Vec<Entry<'i>>,
}

#[derive(Debug, Serialize)]
struct Document<'i> {
    kind: &'i str,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<&'i str>,
    name: &'i str,
    text: &'i str,
}

impl Imported {
    /// For programs; `sources` are what it was made from.
    #[must_use]
    pub fn answer<'i>(&'i self, sources: &'i [Source]) -> Answer<'i> {
        let documents = self.import.documents.iter().map(|document| Document {
            kind: document.kind,
            namespace: document.namespace.as_deref(),
            name: &document.name,
            text: &document.text,
        });
        Answer {
            documents: documents.collect(),
            ids: &self.import.ids,
            policies: &self.import.kinds,
            idle: &self.import.idle,
            proof: &self.proof,
            warnings: self.tolerated.iter().map(|warning| Entry::new(warning, sources)).collect(),
        }
    }
}

/// A difference in a few words.
#[must_use]
pub fn briefly(difference: &Difference<'_>, _: Sides<'_>) -> String {
    let changes = difference.changes.len();
    format!("{} another verdict", count(changes, "kind of connection gets", "kinds of connections get"))
}
