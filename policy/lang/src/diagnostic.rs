//! What is wrong, where, why, and what to do.

use core::fmt;
use std::collections::BTreeSet;

use bookend_text::plain;

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
    /// It would refuse the documents, and they are read as well as may be ([`Options::best_effort`](crate::Options)).
    pub tolerated: bool,
}

impl Diagnostic {
    /// Whether it refuses the documents.
    pub fn severity(&self) -> Severity {
        if self.tolerated { Severity::Warning } else { self.code.severity() }
    }

    /// The diagnostic in one line of plain characters: `file:line:column: error[B1105]: message; cure`.
    pub fn line<'a>(&'a self, sources: &'a [Source]) -> impl fmt::Display + 'a {
        struct Line<'a>(&'a Diagnostic, &'a [Source]);
        impl fmt::Display for Line<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let Self(d, sources) = self;
                let name = sources.get(d.span.source).map_or("?", |source| source.name.as_str());
                let (severity, code) = (d.severity().name(), d.code);
                // Names of sources and what messages quote are somebody else's.
                let [name, message, cure] = [name, &d.message, &d.cure].map(plain);
                write!(f, "{name}:{}:{}: {severity}[{code}]: {message}; {cure}", d.span.line, d.span.column)
            }
        }
        Line(self, sources)
    }
}

/// How many diagnostics are kept; more would help nobody, and cost more than the documents.
const MAX_DIAGNOSTICS: usize = 1000;

/// Collects diagnostics while documents are read.
#[derive(Debug, Default)]
pub(crate) struct Report {
    diagnostics: Vec<Diagnostic>,
    refuses: bool,
    /// What is inexact refuses nothing.
    tolerant: bool,
    /// How many were not kept.
    left_out: usize,
    /// The sources with an error.
    wrong: BTreeSet<usize>,
}

impl Report {
    /// One in which what is [inexact](Code::is_inexact) refuses nothing, if that is wanted.
    pub(crate) fn tolerant(tolerant: bool) -> Self {
        Self { tolerant, ..Self::default() }
    }

    pub(crate) fn add(
        &mut self,
        code: Code,
        span: Span,
        message: impl Into<String>,
        cure: impl Into<String>,
    ) {
        let (message, cure) = (message.into(), cure.into());
        self.push(Diagnostic { code, span, message, cure, related: None, tolerated: false });
    }

    pub(crate) fn add_related(
        &mut self,
        code: Code,
        span: Span,
        message: impl Into<String>,
        cure: impl Into<String>,
        (place, why): (Span, &str),
    ) {
        let related = Some((place, why.to_owned()));
        let (message, cure) = (message.into(), cure.into());
        self.push(Diagnostic { code, span, message, cure, related, tolerated: false });
    }

    /// Adds all of another, its places moved.
    pub(crate) fn append(&mut self, other: &Self, place: impl Fn(Span) -> Span) {
        for diagnostic in &other.diagnostics {
            let related = diagnostic.related.as_ref().map(|(span, why)| (place(*span), why.clone()));
            self.push(Diagnostic { span: place(diagnostic.span), related, ..diagnostic.clone() });
        }
        self.left_out += other.left_out;
    }

    /// Takes back what has one of these codes, in a report that does not matter to whether the documents are refused.
    pub(crate) fn forget(&mut self, codes: &[Code]) {
        self.diagnostics.retain(|diagnostic| !codes.contains(&diagnostic.code));
    }

    fn push(&mut self, mut diagnostic: Diagnostic) {
        diagnostic.tolerated |= self.tolerant && diagnostic.code.is_inexact();
        let error = diagnostic.severity() == Severity::Error;
        // Whatever came before it, the first error of each source is kept: it is why that one is refused, however much is wrong with others.
        let first = error && self.wrong.insert(diagnostic.span.source);
        if !self.is_full() || first {
            self.diagnostics.push(diagnostic);
        } else {
            self.left_out += 1;
        }
        self.refuses |= error;
    }

    /// Whether so much is wrong already that no more is kept.
    pub(crate) fn is_full(&self) -> bool {
        self.diagnostics.len() >= MAX_DIAGNOSTICS
    }

    pub(crate) fn refuses(&self) -> bool {
        self.refuses
    }

    /// All that is kept, by place, and a last word about what is not, if it refuses anything.
    pub(crate) fn into_diagnostics(mut self) -> Vec<Diagnostic> {
        self.diagnostics.sort_by_key(|diagnostic| (diagnostic.span, diagnostic.code));
        if let Some(last) = self.diagnostics.last().filter(|_| self.refuses && self.left_out > 0) {
            let message = format!("there are {} more problems", self.left_out);
            let cure = "mend these first".to_owned();
            let word = Diagnostic {
                code: Code::TooMany,
                span: last.span,
                message,
                cure,
                related: None,
                tolerated: false,
            };
            self.diagnostics.push(word);
        }
        self.diagnostics
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_behind_a_flood_of_warnings_still_refuses() {
        let mut report = Report::default();
        for _ in 0..2 * MAX_DIAGNOSTICS {
            report.add(Code::Unread, Span::whole(0), "", "");
        }
        assert!(!report.refuses());
        report.add(Code::NotYaml, Span::whole(0), "", "");
        report.add(Code::NotYaml, Span::whole(0), "", "");
        assert!(report.refuses());
        let diagnostics = report.into_diagnostics();
        assert_eq!(diagnostics.len(), MAX_DIAGNOSTICS + 2);
        assert!(diagnostics.iter().any(|d| d.code == Code::NotYaml));
        assert_eq!(diagnostics.last().map(|d| d.message.as_str()), Some("there are 1001 more problems"));
    }

    #[test]
    fn the_first_error_of_each_source_is_kept_behind_any_flood_of_another() {
        let mut report = Report::default();
        for _ in 0..2 * MAX_DIAGNOSTICS {
            report.add(Code::NotYaml, Span::whole(0), "", "");
        }
        let mut of_another = Report::default();
        for source in [1, 2, 1, 2] {
            of_another.add(Code::NotYaml, Span::whole(source), "", "");
        }
        report.append(&of_another, |span| Span { source: span.source + 10, ..span });
        let kept: Vec<usize> =
            report.diagnostics.iter().map(|d| d.span.source).skip(MAX_DIAGNOSTICS).collect();
        assert_eq!(kept, [11, 12]);
    }
}
