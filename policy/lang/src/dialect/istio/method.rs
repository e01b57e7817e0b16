//! Methods.

use super::{
    expression,
    form::Form,
    values::{Read, Reading, each, inexact, never},
};
use crate::{diagnostic::Report, document::Spanned};
use bookend_engine::{Clause, HttpMatch};

/// Methods, compared with regard to case.
pub(super) fn methods(values: &[Spanned<String>], report: &mut Report) -> Option<Read<HttpMatch>> {
    let mut exact = Vec::new();
    let read = each(values, |value| match Form::of(&value.value) {
        Form::Exact(method) if is_token(method) => {
            exact.push(method.to_owned());
            Reading::Never
        }
        Form::Exact(_) => {
            never(report, value, "no method has such characters", "write a method such as `GET`");
            Reading::Never
        }
        form => match expression::alternatives("request.method", &[(form, form.literal().to_owned())]) {
            Ok(list) => Reading::Found(list),
            Err(error) => {
                let message = format!("a part of a method cannot be compared so: {}", error.fault);
                inexact(report, value.span, message, "name the methods");
                Reading::Unsayable
            }
        },
    })?;
    let exact = Clause::one_of(exact).map(|methods| HttpMatch { methods, ..HttpMatch::default() });
    let found = exact.into_iter().chain(read.found.into_iter().flatten()).collect();
    Some(Read { found, unsayable: read.unsayable })
}

/// RFC 9110, 5.6.2. A `*` inside is one of these characters, too.
fn is_token(method: &str) -> bool {
    method.chars().all(|c| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c))
}
