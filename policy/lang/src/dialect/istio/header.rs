//! Headers.

use super::{
    form::Form,
    values::{Read, inexact},
};
use crate::{Span, decode::fields::quoted, diagnostic::Report, document::Spanned};
use bookend_engine::{HeaderMatch, HttpMatch, NameError, TextMatch, ValueMatch};

/// A header that has one of these values.
pub(super) fn header(
    name: &str,
    values: &[Spanned<String>],
    span: Span,
    report: &mut Report,
) -> Read<HttpMatch> {
    let nothing = Read { found: Vec::new(), unsayable: true };
    if let Err(error) = HeaderMatch::new(name, ValueMatch::Present(true)) {
        let lower = name.to_ascii_lowercase();
        let cure = match lower.as_str() {
            ":path" => "write `paths` in an operation",
            ":method" => "write `methods` in an operation",
            ":authority" | "host" => "write `hosts` in an operation",
            _ if error == NameError::Hop => {
                "it concerns one hop, and is another when the service reads it; remove it"
            }
            _ => "use letters, digits and `-`",
        };
        inexact(report, span, format!("`{}` is not a header that can be judged", quoted(name)), cure);
        return nothing;
    }
    let mut all = Read { found: Vec::new(), unsayable: false };
    let mut texts = Vec::new();
    for value in values {
        match Form::of(&value.value) {
            // Where it is there at all, it does not matter what else may be in it.
            Form::Present => all.found.extend(matching(name, ValueMatch::Present(true))),
            form => match form.pattern() {
                Ok(pattern) => texts.push(pattern),
                Err(error) => {
                    let message = format!("`{}` cannot be compared: {error}", quoted(&value.value));
                    inexact(report, value.span, message, "write it in printable ASCII");
                    all.unsayable = true;
                }
            },
        }
    }
    if let (true, Ok(texts)) = (all.found.is_empty(), TextMatch::one_of(texts)) {
        all.found.extend(matching(name, ValueMatch::Text(texts)));
    }
    all
}

fn matching(name: &str, value: ValueMatch) -> Option<HttpMatch> {
    let headers = vec![HeaderMatch::new(name, value).ok()?];
    Some(HttpMatch { headers, ..HttpMatch::default() })
}
