//! Values as Kubernetes' API has them: what is `null` is left out, and a list may be empty.

use crate::{
    Code,
    decode::{
        container::{present, sequence},
        fields::{Fields, wrong_type},
        name,
    },
    diagnostic::Report,
    yaml::Node,
};

/// The items of a list, each read by `element`; `None` in the inner one where the list is left out.
pub(super) fn items<T>(
    fields: &mut Fields<'_>,
    name: &'static str,
    report: &mut Report,
    mut element: impl FnMut(&Node, &mut Report) -> Option<T>,
) -> Option<Option<Vec<T>>> {
    let Some(node) = present(fields, name) else { return Some(None) };
    // Every item is read, so that all that is wrong is said at once.
    let read: Vec<_> = sequence(node, name, report)?.iter().map(|item| element(item, report)).collect();
    read.into_iter().collect::<Option<Vec<T>>>().map(Some)
}

/// A list of 1 to `most` items, as the API server takes it. Where it is `required`, it must be there.
pub(super) fn counted<T>(
    fields: &mut Fields<'_>,
    name: &'static str,
    (required, most): (bool, usize),
    report: &mut Report,
    element: impl FnMut(&Node, &mut Report) -> Option<T>,
) -> Option<Option<Vec<T>>> {
    let Some(node) = present(fields, name) else {
        if required {
            let place = fields.place();
            let message = format!("there is no `{name}`, of which the API wants an entry at least");
            report.add(Code::MissingField, place, message, format!("add `{name}`"));
            return None;
        }
        return Some(None);
    };
    let list = sequence(node, name, report)?;
    if list.is_empty() {
        let message = format!("`{name}` is an empty list, which the API does not take");
        let cure = match required {
            true => "name somebody, or remove the rule",
            false => "leave it out to mean everything",
        };
        report.add(Code::EmptyList, node.span, message, cure);
        return None;
    }
    if list.len() > most {
        let message =
            format!("`{name}` has {} entries, and {most} are the most that the API takes", list.len());
        report.add(Code::TooMany, node.span, message, "split it");
        return None;
    }
    items(fields, name, report, element)
}

/// The only field of a mapping that must have exactly one of `names`, and its node.
pub(super) fn only<'n>(
    node: &'n Node,
    what: &'static str,
    names: &[&'static str],
    report: &mut Report,
) -> Option<(&'static str, &'n Node)> {
    let mut fields = Fields::of(node, what, report)?;
    let (place, span) = (fields.place(), node.span);
    let mut found = Vec::new();
    for name in names {
        if let Some(node) = present(&mut fields, name) {
            found.push((*name, node));
        }
    }
    let unknown = fields.has_unknown();
    fields.finish(report);
    let choice = || format!("one of `{}`", names.join("`, `"));
    match found.as_slice() {
        _ if unknown => None,
        [one] => Some(*one),
        [] => {
            report.add(
                Code::MissingField,
                span,
                format!("the {what} says nothing"),
                format!("add {}", choice()),
            );
            None
        }
        [..] => {
            let message = format!("the {what} says more than one thing");
            report.add(
                Code::Conflict,
                place,
                message,
                format!("write {}, and another entry for the rest", choice()),
            );
            None
        }
    }
}

/// Whether the labels and annotations of a document are what an API server takes. They say nothing.
pub(super) fn described(labels: Option<&Node>, annotations: Option<&Node>, report: &mut Report) -> bool {
    let written = |node: &&Node| !node.is_null();
    name::described(labels.filter(written), annotations.filter(written), report).is_some()
}

/// A mapping, which nothing may stand in for.
pub(super) fn mapping<'n>(node: &'n Node, what: &'static str, report: &mut Report) -> Option<Fields<'n>> {
    if node.is_null() {
        wrong_type(node, what, "a mapping", report);
        return None;
    }
    Fields::of(node, what, report)
}
