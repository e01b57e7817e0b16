//! What the value of a header, a query parameter or a claim should be.

use super::{
    super::fields::{Fields, boolean, one_or_more, quoted, string, text},
    is_token,
};
use crate::{
    Code,
    diagnostic::Report,
    document::{Comparison, FieldDocument, Spanned, ValueDocument},
    limit,
    yaml::{Node, Value},
};

/// Where a value comes from, which says how it can look.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    Header,
    Other,
}

/// An element of `headers`.
pub(super) fn header(node: &Node, report: &mut Report) -> Option<FieldDocument> {
    let mut fields = Fields::of(node, "header condition", report)?;
    let name = fields.required("name", report).and_then(|node| header_name(node, report));
    let value = value(&mut fields, Origin::Header, report);
    fields.finish(report);
    Some(FieldDocument { name: name?, value: value? })
}

/// An element of `query`.
pub(super) fn parameter(node: &Node, report: &mut Report) -> Option<FieldDocument> {
    let mut fields = Fields::of(node, "query condition", report)?;
    let name = fields.required("name", report).and_then(|node| {
        let name = text(node, "name", limit::NAME, report)?;
        comparable(&name.value, &name, report).then_some(name)
    });
    let value = value(&mut fields, Origin::Other, report);
    fields.finish(report);
    Some(FieldDocument { name: name?, value: value? })
}

fn header_name(node: &Node, report: &mut Report) -> Option<Spanned<String>> {
    let name = text(node, "name", limit::NAME, report)?;
    let lower = name.value.to_ascii_lowercase();
    let cure = match lower.as_str() {
        ":path" => "write `paths`, or `query` for what follows the `?`",
        ":method" => "write `methods`",
        ":authority" | "host" => "write `hosts`",
        ":scheme" => "the scheme is what the proxy was told, and proves nothing; remove it",
        _ if lower.starts_with(':') => "pseudo headers are no conditions; remove it",
        _ if lower.is_empty() || !lower.chars().all(is_token) => {
            "use letters, digits and `-`, such as `x-request-id`"
        }
        _ => return Some(Spanned { value: lower, span: name.span }),
    };
    let message = format!("`{}` is not the name of a header condition", quoted(&name.value));
    report.add(Code::BadHeader, name.span, message, cure);
    None
}

/// `exact`, `prefix`, `suffix`, `regex` and `present`.
pub(super) fn value(fields: &mut Fields<'_>, origin: Origin, report: &mut Report) -> Option<ValueDocument> {
    let present_node = fields.get("present");
    let present = present_node.map(|node| boolean(node, "present", report));
    let list = comparisons(fields, origin, report);
    match (present, present_node) {
        (Some(present), Some(node)) => {
            if !list.as_ref().is_some_and(Vec::is_empty) {
                let message = "`present` stands alone: a value that is compared is there";
                let cure = "remove it; to allow absence too, write a second condition";
                report.add(Code::Conflict, node.span, message, cure);
                return None;
            }
            present.map(ValueDocument::Present)
        }
        _ => {
            let list = list?;
            if list.is_empty() {
                // A misspelt comparison is refused by itself.
                if !fields.has_unknown_except(&["name", "claim"]) {
                    let message = "there is nothing to compare the value with";
                    let cure = "add `exact`, `prefix`, `suffix`, `regex` or `present`";
                    report.add(Code::BadComparison, fields.place(), message, cure);
                }
                return None;
            }
            Some(ValueDocument::OneOf(list))
        }
    }
}

/// All of `exact`, `prefix`, `suffix` and `regex`, which are alternatives. None when nothing is written.
pub(super) fn comparisons(
    fields: &mut Fields<'_>,
    origin: Origin,
    report: &mut Report,
) -> Option<Vec<Spanned<Comparison>>> {
    let mut all = Vec::new();
    let mut sound = true;
    for kind in ["exact", "prefix", "suffix", "regex"] {
        let Some(node) = fields.get(kind) else { continue };
        match one_or_more(node, kind, limit::VALUES, report, |node, report| {
            comparison(node, kind, origin, report)
        }) {
            Some(list) => all.extend(list),
            None => sound = false,
        }
    }
    sound.then_some(all)
}

/// A string that is the whole value, or a list of such.
pub(super) fn exact(
    node: &Node,
    what: &'static str,
    origin: Origin,
    report: &mut Report,
) -> Option<Vec<Spanned<Comparison>>> {
    one_or_more(node, what, limit::VALUES, report, |node, report| comparison(node, "exact", origin, report))
}

fn comparison(node: &Node, kind: &str, origin: Origin, report: &mut Report) -> Option<Spanned<Comparison>> {
    let longest = if kind == "regex" { limit::REGEX } else { limit::TEXT };
    // An empty value is a value; everything starts and ends with nothing.
    let empty = matches!(&node.value, Value::Scalar(scalar) if scalar.text.is_empty() && !node.is_null());
    let text = if empty && kind == "exact" {
        string(node, kind, report)?
    } else {
        if empty {
            let message = format!("an empty `{kind}` says nothing");
            let cure = if kind == "regex" {
                "write `exact: \"\"`"
            } else {
                "write `present: true` to mean any value"
            };
            report.add(Code::BadComparison, node.span, message, cure);
            return None;
        }
        text(node, kind, longest, report)?
    };
    if !comparable(&text.value, &text, report) {
        return None;
    }
    let padded = match kind {
        "exact" => text.value.trim() != text.value,
        "prefix" => text.value.trim_start() != text.value,
        "suffix" => text.value.trim_end() != text.value,
        _ => false,
    };
    if origin == Origin::Header && padded {
        // RFC 9110, 5.5: white space around a field's value is no part of it.
        let message = "the value of a header neither starts nor ends with white space";
        report.add(Code::NeverHolds, text.span, message, "remove the white space");
        return None;
    }
    let value = match kind {
        "exact" => Comparison::Exact(text.value),
        "prefix" => Comparison::Prefix(text.value),
        "suffix" => Comparison::Suffix(text.value),
        _ => Comparison::Regex(text.value),
    };
    Some(Spanned { value, span: text.span })
}

/// Whether a text can be equal to one that is compared with certainty (S49).
fn comparable(text: &str, place: &Spanned<String>, report: &mut Report) -> bool {
    let odd = text.chars().find(|c| !matches!(c, ' '..='~' | '\t'));
    if let Some(c) = odd {
        let message = format!(
            "`{}` is no printable ASCII character, and values with one are in doubt",
            c.escape_default()
        );
        report.add(Code::BadComparison, place.span, message, "remove it");
    }
    odd.is_none()
}
