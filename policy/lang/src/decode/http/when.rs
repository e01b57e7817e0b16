//! `when`: comparisons between attributes (S55).

use super::{
    super::fields::{quoted, text},
    fault, part,
};
use crate::{Code, Span, diagnostic::Report, limit, yaml::Node};
use bookend_engine::{Clause, Expression, PathPattern};

/// Reads an expression.
pub(super) fn when(node: &Node, report: &mut Report) -> Option<Expression> {
    let text = text(node, "when", limit::WHEN, report)?;
    match Expression::parse(&text.value) {
        Ok(expression) => Some(expression),
        Err(error) => {
            let span = part(node, &text.value, error.at);
            let (message, cure) = fault(&error.to_string());
            let message = format!("`when` cannot be judged: {message}");
            let cure = cure.unwrap_or_else(|| "docs/policy.md lists its attributes and operators".to_owned());
            report.add(Code::BadWhen, span, message, cure);
            None
        }
    }
}

/// Refuses segments that a pattern in `paths` of the same condition does not name.
pub(super) fn segments_named(
    expression: &Expression,
    span: Span,
    paths: &Clause<PathPattern>,
    report: &mut Report,
) -> bool {
    for segment in expression.segments() {
        let Some(patterns) = paths.alternatives() else {
            let message = format!("`path.{segment}` needs `paths` that name the segment");
            let cure = format!("add `paths`, such as `/…/{{{segment}}}`");
            report.add(Code::UnnamedSegment, span, message, cure);
            return false;
        };
        if let Some(without) = patterns.iter().find(|pattern| pattern.names().all(|name| name != segment)) {
            let pattern = quoted(without.as_str());
            let message = format!("`path.{segment}` means nothing where the path matches `{pattern}`");
            let cure =
                format!("write `{{{segment}}}` in every pattern, or a condition of its own for `{pattern}`");
            report.add(Code::UnnamedSegment, span, message, cure);
            return false;
        }
    }
    true
}
