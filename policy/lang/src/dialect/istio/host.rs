//! Hosts, and the names that clients ask for in TLS handshakes.

use super::{
    expression,
    form::Form,
    values::{Read, bad, inexact},
};
use crate::{Code, decode::fields::quoted, diagnostic::Report, document::Spanned};
use bookend_engine::{ExpressionError, HttpMatch};

/// Warns of hosts that are denied, or not allowed, and that a client gets around by sending a port.
pub(super) fn warn_of_ports(values: &[Spanned<String>], report: &mut Report) {
    let lower: Vec<String> = values.iter().map(|value| value.value.to_ascii_lowercase()).collect();
    for (value, host) in values.iter().zip(&lower) {
        let literal = match Form::of(host) {
            Form::Exact(literal) | Form::Suffix(literal) => literal,
            Form::Prefix(_) | Form::Present => continue,
        };
        // With a port, or as an address that has colons itself, it means what it says.
        let said = literal.contains(':') && !literal.ends_with(']');
        let with_port = format!("{host}:");
        let covered = lower.iter().any(|other| match Form::of(other) {
            Form::Prefix(start) => with_port.starts_with(start),
            Form::Present => true,
            Form::Suffix(_) | Form::Exact(_) => false,
        });
        if !said && !covered {
            let message = format!("whoever sends a port with `{}` gets around it", quoted(&value.value));
            let cure = match Form::of(host) {
                Form::Suffix(_) => "name the hosts, each with `:*` beside it".to_owned(),
                _ => format!("add `{}:*`", quoted(&value.value)),
            };
            report.add(Code::HostWithoutPort, value.span, message, cure);
        }
    }
}

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
