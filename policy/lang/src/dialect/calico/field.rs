//! Fields that are written in Calico's way: what is `null`, empty or left out is the same.

use super::selector;
use crate::{
    Code, Span,
    decode::{
        container::{present, sequence},
        fields::{Fields, string},
        name,
    },
    diagnostic::Report,
    dialect::Selector,
    document::Spanned,
    yaml::{Node, Value},
};
use bookend_engine::Action;

/// A text, if there is one.
pub(super) fn text(
    fields: &mut Fields<'_>,
    name: &'static str,
    report: &mut Report,
) -> Option<Option<Spanned<String>>> {
    let Some(node) = present(fields, name) else { return Some(None) };
    Some(Some(string(node, name, report)?).filter(|text| !text.value.is_empty()))
}

/// The elements of a list, each read by `element`.
pub(super) fn list<T>(
    fields: &mut Fields<'_>,
    name: &'static str,
    report: &mut Report,
    mut element: impl FnMut(&Node, &mut Report) -> Option<T>,
) -> Option<Vec<T>> {
    let Some(node) = present(fields, name) else { return Some(Vec::new()) };
    let read: Vec<Option<T>> =
        sequence(node, name, report)?.iter().map(|item| element(item, report)).collect();
    read.into_iter().collect()
}

/// A selector, if there is one. Calico takes `global()` only for the namespaces of a rule's ends.
pub(super) fn selector(
    fields: &mut Fields<'_>,
    name: &'static str,
    global: bool,
    report: &mut Report,
) -> Option<Option<Spanned<Selector>>> {
    let Some(node) = present(fields, name) else { return Some(None) };
    let text = string(node, name, report)?;
    if text.value.is_empty() {
        return Some(None);
    }
    match selector::parse(&text.value) {
        Ok(read) if !global && read.says_global() => {
            let message = format!("`global()` cannot stand in `{name}`");
            let cure = "write it in the `namespaceSelector` of `source` or `destination`, or leave it out";
            report.add(Code::BadSelector, text.span, message, cure);
            None
        }
        Ok(value) => Some(Some(Spanned { value, span: text.span })),
        Err(fault) => {
            let span = inside(text.span, &text.value, fault.at);
            report.add(Code::BadSelector, span, fault.message, fault.cure);
            None
        }
    }
}

/// The place of some bytes of a text; all of it, where they are written otherwise than they are read.
fn inside(span: Span, text: &str, at: core::ops::Range<usize>) -> Span {
    let quote = match (span.end - span.start).checked_sub(text.len()) {
        Some(0) => 0,
        Some(2) => 1,
        _ => return span,
    };
    let before = text.get(..at.start).unwrap_or_default();
    Span {
        start: span.start + quote + at.start,
        end: span.start + quote + at.end,
        column: span.column + quote + before.chars().count(),
        ..span
    }
}

/// Whether the labels and annotations of a document are what an API server takes. Of a policy they say nothing.
pub(super) fn described(labels: Option<&Node>, annotations: Option<&Node>, report: &mut Report) -> bool {
    let written = |node: &&Node| !node.is_null();
    name::described(labels.filter(written), annotations.filter(written), report).is_some()
}

/// Whether it is a mapping.
pub(super) fn is_mapping(node: &Node) -> bool {
    matches!(&node.value, Value::Mapping(_))
}

/// Says that Bookend cannot say something, and what becomes of the rule where that is tolerated.
pub(super) fn inexact(action: Action, span: Span, message: impl Into<String>, report: &mut Report) {
    let cure = match action {
        Action::Allow => "take it out of the rule; with `--best-effort` the rule is left out",
        Action::Deny => {
            "take it out of the rule; with `--best-effort` the rule denies without this condition"
        }
        Action::Pass => {
            "take it out of the rule; with `--best-effort` what would pass is denied, without this condition"
        }
    };
    report.add(Code::InexactCalico, span, message, cure);
}
