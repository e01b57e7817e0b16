//! What the value of a header, a query parameter or a claim should be.

use super::{
    super::fields::{Fields, boolean, one_or_more, quoted, string, text},
    fault, part,
};
use crate::{
    Code,
    diagnostic::Report,
    document::Spanned,
    limit,
    yaml::{Node, Value},
};
use bookend_engine::{
    HeaderMatch, NameError, QueryMatch, TextMatch, TextPattern, TextPatternError, ValueMatch,
};

/// Where a value comes from, which says how it can look.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    Header,
    Other,
}

/// An element of `headers`.
pub(super) fn header(node: &Node, report: &mut Report) -> Option<Spanned<HeaderMatch>> {
    let mut fields = Fields::of(node, "header condition", report)?;
    let name = fields.required("name", report).and_then(|node| header_name(node, report));
    let value = value(&mut fields, Origin::Header, report);
    fields.finish(report);
    let (name, value) = (name?, value?);
    Some(Spanned { value: HeaderMatch::new(&name.value, value).ok()?, span: name.span })
}

/// An element of `query`.
pub(super) fn parameter(node: &Node, report: &mut Report) -> Option<Spanned<QueryMatch>> {
    let mut fields = Fields::of(node, "query condition", report)?;
    let name = fields.required("name", report).and_then(|node| {
        let name = text(node, "name", limit::NAME, report)?;
        plain(&name, report).then_some(name)
    });
    let value = value(&mut fields, Origin::Other, report);
    fields.finish(report);
    let (name, value) = (name?, value?);
    Some(Spanned { value: QueryMatch::new(&name.value, value).ok()?, span: name.span })
}

fn header_name(node: &Node, report: &mut Report) -> Option<Spanned<String>> {
    let name = text(node, "name", limit::NAME, report)?;
    let lower = name.value.to_ascii_lowercase();
    let cure = match lower.as_str() {
        ":path" => "write `paths`, or `query` for what follows the `?`",
        ":method" => "write `methods`",
        ":authority" | "host" => "write `hosts`",
        _ if lower.starts_with(':') => "pseudo headers are no conditions; remove it",
        _ => match HeaderMatch::new(&lower, ValueMatch::Present(true)) {
            Ok(_) => return Some(name),
            Err(NameError::Hop) => {
                "it concerns one hop, and is gone or another when the service reads it; remove it"
            }
            Err(_) => "use letters, digits and `-`, such as `x-request-id`",
        },
    };
    let message = format!("`{}` is not the name of a header that can be judged", quoted(&name.value));
    report.add(Code::BadHeader, name.span, message, cure);
    None
}

/// Something that has a name and a value, and may be asked for twice.
pub(super) trait Asked {
    /// Of what, and what.
    fn asked(&self) -> (&str, &ValueMatch);
}

impl Asked for HeaderMatch {
    fn asked(&self) -> (&str, &ValueMatch) {
        (self.name(), self.value())
    }
}

impl Asked for QueryMatch {
    fn asked(&self) -> (&str, &ValueMatch) {
        (self.name(), self.value())
    }
}

/// Refuses what should be absent, and have a value all the same.
pub(super) fn satisfiable<T: Asked>(list: Vec<Spanned<T>>, report: &mut Report) -> Option<Vec<T>> {
    let mut sound = true;
    for absent in list.iter().filter(|asked| *asked.value.asked().1 == ValueMatch::Present(false)) {
        let (name, absence) = absent.value.asked();
        let other = list.iter().find(|other| {
            let (other, value) = other.value.asked();
            other == name && value != absence
        });
        if let Some(other) = other {
            let message = format!("`{}` cannot be absent and have a value", quoted(name));
            let related = (other.span, "where it must be there");
            report.add_related(Code::NeverHolds, absent.span, message, "remove one of them", related);
            sound = false;
        }
    }
    sound.then(|| list.into_iter().map(|asked| asked.value).collect())
}

/// `exact`, `prefix`, `suffix`, `regex` and `present`.
pub(super) fn value(fields: &mut Fields<'_>, origin: Origin, report: &mut Report) -> Option<ValueMatch> {
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
            present.map(ValueMatch::Present)
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
            TextMatch::one_of(list).ok().map(ValueMatch::Text)
        }
    }
}

/// All of `exact`, `prefix`, `suffix` and `regex`, which are alternatives. None when nothing is written.
pub(super) fn comparisons(
    fields: &mut Fields<'_>,
    origin: Origin,
    report: &mut Report,
) -> Option<Vec<TextPattern>> {
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

fn comparison(node: &Node, kind: &str, origin: Origin, report: &mut Report) -> Option<TextPattern> {
    // An empty value is a value; but everything starts and ends with nothing.
    let empty = matches!(&node.value, Value::Scalar(scalar) if scalar.text.is_empty() && !node.is_null());
    let text = match (empty, kind) {
        (true, "exact") => string(node, kind, report)?,
        (true, _) => {
            let cure = match kind {
                "regex" => "write `exact: \"\"` to mean an empty value",
                _ => "write `present: true` to mean any value",
            };
            report.add(Code::BadComparison, node.span, format!("an empty `{kind}` says nothing"), cure);
            return None;
        }
        (false, _) => text(node, kind, if kind == "regex" { limit::REGEX } else { limit::TEXT }, report)?,
    };
    if !plain(&text, report) {
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
    match kind {
        "exact" => TextPattern::exact(text.value).ok(),
        "prefix" => TextPattern::prefix(text.value).ok(),
        "suffix" => TextPattern::suffix(text.value).ok(),
        _ => match TextPattern::regex(&text.value) {
            Ok(pattern) => Some(pattern),
            Err(error) => {
                let span = match &error {
                    TextPatternError::Regex(error) => part(node, &text.value, error.at),
                    _ => text.span,
                };
                let (message, cure) = fault(&error.to_string());
                let message = format!("`{}` is refused: {message}", quoted(&text.value));
                let cure = cure.unwrap_or_else(|| "mend it there, or compare in another way".to_owned());
                report.add(Code::BadRegex, span, message, cure);
                None
            }
        },
    }
}

/// Whether a text can be equal to one that is compared with certainty (S49); says so if it cannot.
fn plain(text: &Spanned<String>, report: &mut Report) -> bool {
    let odd = text.value.chars().find(|c| !matches!(c, ' '..='~' | '\t'));
    if let Some(c) = odd {
        let message = format!(
            "`{}` is no printable ASCII character, and values with one are in doubt",
            c.escape_default()
        );
        report.add(Code::BadComparison, text.span, message, "remove it");
    }
    odd.is_none()
}
