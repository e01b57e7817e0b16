//! What is wrong, where, why, and what to do.

use core::fmt;

use crate::{Code, Source, Span};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing is applied.
    Error,
    /// Applied, but probably not meant.
    Warning,
}

impl Severity {
    /// `error` or `warning`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// One thing that is wrong with the documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// What it is about.
    pub code: Code,
    /// Where.
    pub span: Span,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// What to do about it.
    pub cure: String,
    /// Another place that matters, and why: the first of two duplicates.
    pub related: Option<(Span, String)>,
}

impl Diagnostic {
    /// Whether it refuses the documents.
    pub fn severity(&self) -> Severity {
        self.code.severity()
    }

    /// The diagnostic in one line: `file:line:column: error[B1105]: message; cure`.
    pub fn line<'a>(&'a self, sources: &'a [Source]) -> impl fmt::Display + 'a {
        struct Line<'a>(&'a Diagnostic, &'a [Source]);
        impl fmt::Display for Line<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let Self(d, sources) = self;
                let name = sources.get(d.span.source).map_or("?", |source| &source.name);
                let (severity, code) = (d.severity().name(), d.code);
                write!(
                    f,
                    "{name}:{}:{}: {severity}[{code}]: {}; {}",
                    d.span.line, d.span.column, d.message, d.cure
                )
            }
        }
        Line(self, sources)
    }
}

/// Collects diagnostics while documents are read.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) diagnostics: Vec<Diagnostic>,
}

impl Report {
    pub(crate) fn add(
        &mut self,
        code: Code,
        span: Span,
        message: impl Into<String>,
        cure: impl Into<String>,
    ) {
        self.diagnostics.push(Diagnostic {
            code,
            span,
            message: message.into(),
            cure: cure.into(),
            related: None,
        });
    }

    pub(crate) fn add_related(
        &mut self,
        code: Code,
        span: Span,
        message: impl Into<String>,
        cure: impl Into<String>,
        related: (Span, &str),
    ) {
        self.add(code, span, message, cure);
        if let Some(last) = self.diagnostics.last_mut() {
            last.related = Some((related.0, related.1.to_owned()));
        }
    }

    pub(crate) fn refuses(&self) -> bool {
        self.diagnostics.iter().any(|d| d.severity() == Severity::Error)
    }
}
