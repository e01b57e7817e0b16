//! Diagnostics for programs.

use bookend_lang::{Diagnostic, Source, Span};
use serde::Serialize;

/// A diagnostic for programs.
#[derive(Debug, Serialize)]
pub struct Entry<'d> {
    code: &'static str,
    severity: &'static str,
    #[serde(flatten)]
    region: Region<'d>,
    message: &'d str,
    cure: &'d str,
    related: Option<Related<'d>>,
}

#[derive(Debug, Serialize)]
struct Related<'d> {
    #[serde(flatten)]
    region: Region<'d>,
    message: &'d str,
}

/// Where it is. `start` and `end` are byte offsets into the file.
#[derive(Debug, Serialize)]
struct Region<'d> {
    file: &'d str,
    line: usize,
    column: usize,
    start: usize,
    end: usize,
}

impl<'d> Entry<'d> {
    /// The form of `diagnostic` for programs.
    pub fn new(diagnostic: &'d Diagnostic, sources: &'d [Source]) -> Self {
        let region = |span: Span| Region {
            file: sources.get(span.source).map_or("?", |source| source.name.as_str()),
            line: span.line,
            column: span.column,
            start: span.start,
            end: span.end,
        };
        Self {
            code: diagnostic.code.as_str(),
            severity: diagnostic.severity().name(),
            region: region(diagnostic.span),
            message: &diagnostic.message,
            cure: &diagnostic.cure,
            related: diagnostic
                .related
                .as_ref()
                .map(|(span, message)| Related { region: region(*span), message }),
        }
    }
}
