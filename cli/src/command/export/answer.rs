//! What an export tells.

use bookend_answers::{Documents, Place};
use bookend_lang::export::Export;
use serde::Serialize;
use serde_json::Value;

/// The answer, as programs read it.
#[derive(Debug, Serialize)]
pub(super) struct Answer {
    /// As the target reads them.
    pub(super) documents: Vec<Value>,
    /// By rule.
    pub(super) gaps: Vec<Gap>,
}

/// Something that the target says differently.
#[derive(Debug, Serialize)]
pub(super) struct Gap {
    /// The id of the rule or isolation.
    pub(super) rule: String,
    /// Where it is written, if a document says it.
    pub(super) place: Option<Place>,
    /// `open`, `looser`, `stricter` or `same`.
    pub(super) effect: &'static str,
    /// Why.
    pub(super) reason: String,
    /// What the target does instead.
    pub(super) instead: String,
}

impl Answer {
    pub(super) fn new(export: &Export, documents: &Documents) -> Self {
        let gaps = export.gaps.iter().map(|gap| Gap {
            rule: gap.rule.clone(),
            place: documents.place(&gap.rule),
            effect: gap.effect.name(),
            reason: gap.reason.clone(),
            instead: gap.instead.clone(),
        });
        Self { documents: export.documents.clone(), gaps: gaps.collect() }
    }
}
