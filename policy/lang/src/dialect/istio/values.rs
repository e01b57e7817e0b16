//! Lists of values, and what makes one unsayable.

use std::collections::BTreeSet;

use crate::{
    Code, Span,
    decode::fields::{Fields, quoted, string, wrong_type},
    diagnostic::Report,
    document::{Part, Requirement, Spanned},
    limit,
    yaml::{Node, Value},
};

/// The most values of a field. Kubernetes stores no more than 1.5 MiB of an object.
const MOST: usize = 10_000;

/// Several values of a field, of which at least one is written; `None` where none is. Istio reads an empty list, and
/// `null`, as if the field were left out.
pub(super) fn values(
    node: Option<&Node>,
    what: &str,
    report: &mut Report,
) -> Option<Option<Vec<Spanned<String>>>> {
    let Some(node) = written(node) else { return Some(None) };
    let Value::Sequence(items) = &node.value else {
        wrong_type(node, what, "a list", report);
        return None;
    };
    if items.len() > MOST {
        let message = format!("`{what}` has {} entries, and {MOST} are the most", items.len());
        report.add(Code::TooMany, node.span, message, "split it");
        return None;
    }
    let read: Vec<_> = items.iter().map(|item| value(item, what, report)).collect();
    let read: Option<Vec<_>> = read.into_iter().collect();
    // Istio takes what is said twice, and it says no more than once.
    let mut seen = BTreeSet::new();
    let once: Vec<_> = read?.into_iter().filter(|value| seen.insert(value.value.clone())).collect();
    Some(Some(once).filter(|read| !read.is_empty()))
}

/// A value: a text that is not empty.
fn value(node: &Node, what: &str, report: &mut Report) -> Option<Spanned<String>> {
    let text = string(node, what, report)?;
    if text.value.is_empty() {
        bad(
            report,
            text.span,
            format!("`{what}` has an empty value"),
            "remove it; `*` means any that is not empty",
        );
        return None;
    }
    if text.value.len() > limit::TEXT {
        let message = format!("the value has {} bytes, and {} are the most", text.value.len(), limit::TEXT);
        report.add(Code::BadLength, text.span, message, "shorten it");
        return None;
    }
    Some(text)
}

/// What is written, and not `null`, which Kubernetes reads as nothing.
pub(super) fn written(node: Option<&Node>) -> Option<&Node> {
    node.filter(|node| !node.is_null())
}

/// The field `name` of a mapping, if it says something.
pub(super) fn field<'n>(fields: &mut Fields<'n>, name: &'static str) -> Option<&'n Node> {
    written(fields.get(name))
}

/// Refuses a value that Istio refuses, or drops without a word.
pub(super) fn bad(report: &mut Report, span: Span, message: impl Into<String>, cure: impl Into<String>) {
    report.add(Code::BadIstioValue, span, message, cure);
}

/// Reports what cannot be said, and why.
pub(super) fn inexact(report: &mut Report, span: Span, message: impl Into<String>, cure: impl Into<String>) {
    report.add(Code::InexactIstio, span, message, cure);
}

/// Warns of a value that nothing is ever equal to.
pub(super) fn never(report: &mut Report, text: &Spanned<String>, why: &str, cure: &str) {
    let message = format!("`{}` never matches: {why}", quoted(&text.value));
    report.add(Code::IstioNeverMatches, text.span, message, cure);
}

/// What became of the values of a field.
pub(super) struct Read<T> {
    /// Those that can be said.
    pub(super) found: Vec<T>,
    /// Whether there are others.
    pub(super) unsayable: bool,
}

/// What became of one value.
pub(super) enum Reading<T> {
    Found(T),
    /// Nothing is ever equal to it.
    Never,
    /// Reported as inexact.
    Unsayable,
    /// Reported as wrong.
    Wrong,
}

/// Reads every value, so that all that is wrong is said at once.
pub(super) fn each<T>(
    values: &[Spanned<String>],
    mut read: impl FnMut(&Spanned<String>) -> Reading<T>,
) -> Option<Read<T>> {
    let (mut all, mut sound) = (Read { found: Vec::new(), unsayable: false }, true);
    for value in values {
        match read(value) {
            Reading::Found(found) => all.found.push(found),
            Reading::Never => {}
            Reading::Unsayable => all.unsayable = true,
            Reading::Wrong => sound = false,
        }
    }
    sound.then_some(all)
}

impl<T> Read<T> {
    /// The requirement that one of the values is the one.
    pub(super) fn requirement(
        self,
        span: Span,
        negated: bool,
        part: impl FnOnce(Vec<T>) -> Part,
    ) -> Requirement {
        Requirement { span, negated, part: part(self.found), unsayable: self.unsayable }
    }
}
