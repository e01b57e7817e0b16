//! Hosts, and the names that clients ask for in TLS handshakes.

use super::{
    expression,
    form::Form,
    values::{Read, bad, inexact},
};
use crate::{decode::fields::quoted, diagnostic::Report, document::Spanned};
use bookend_engine::{ExpressionError, HttpMatch};

/// Authorities as they are sent, the port included, without regard to case.
pub(super) fn hosts(values: &[Spanned<String>], report: &mut Report) -> Read<HttpMatch> {
    names(values, report, |forms| expression::alternatives("request.authority", forms))
}

fn names(
    values: &[Spanned<String>],
    report: &mut Report,
    compare: impl Fn(&[(Form<'_>, String)]) -> Result<Vec<HttpMatch>, ExpressionError>,
) -> Read<HttpMatch> {
    let mut all = Read { found: Vec::new(), unsayable: false };
    let forms: Vec<_> = values
        .iter()
        .map(|value| (Form::of(&value.value), value))
        .map(|(form, value)| ((form, form.literal().to_ascii_lowercase()), value))
        .collect();
    let (plain, odd): (Vec<_>, Vec<_>) =
        forms.into_iter().partition(|((_, text), _)| text.bytes().all(|byte| matches!(byte, b' '..=b'~')));
    for (_, value) in odd {
        let message =
            format!("`{}` holds more than ASCII, and such names are in doubt", quoted(&value.value));
        inexact(report, value.span, message, "write it as it is sent: `xn--…`");
        all.unsayable = true;
    }
    let plain: Vec<_> = plain.into_iter().map(|(form, _)| form).collect();
    match compare(&plain) {
        Ok(found) => all.found = found,
        Err(error) => {
            if let Some(value) = values.first() {
                let message = format!("the names cannot be compared: {}", error.fault);
                inexact(report, value.span, message, "write other names");
            }
            all.unsayable = true;
        }
    }
    all
}

/// Server names. They are in lower case when they are compared.
pub(super) fn server_names(values: &[Spanned<String>], report: &mut Report) -> Option<Read<HttpMatch>> {
    let mut sound = true;
    for value in values.iter().filter(|value| value.value.bytes().any(|byte| byte.is_ascii_uppercase())) {
        let message =
            format!("`{}` never matches: server names are compared in lower case", quoted(&value.value));
        bad(report, value.span, message, format!("write `{}`", quoted(&value.value.to_ascii_lowercase())));
        sound = false;
    }
    sound.then(|| names(values, report, |forms| expression::present("connection.sni", forms)))
}
