//! `http` of a rule.

use super::field::{self, inexact};
use crate::{
    Code,
    decode::fields::{Fields, quoted, text},
    diagnostic::Report,
    limit,
    yaml::Node,
};
use bookend_engine::{Action, Clause, HttpMatch, PathPattern};

/// Reads the conditions; `None` inside where Bookend cannot say them.
pub(super) fn condition(node: &Node, report: &mut Report) -> Option<Option<HttpMatch>> {
    let mut fields = Fields::of(node, "HTTP condition", report)?;
    let methods = field::list(&mut fields, "methods", report, method);
    let paths = field::list(&mut fields, "paths", report, path);
    fields.finish(report);
    let (methods, paths) = (methods?, paths?);
    let paths: Option<Vec<PathPattern>> = paths.into_iter().collect();
    // The policy agent of Calico takes `*` for every method.
    let every = methods.is_empty() || methods.iter().any(|method| method == "*");
    let methods = if every { Clause::Any } else { Clause::one_of(methods).ok()? };
    let Some(paths) = paths else { return Some(None) };
    let paths = match (paths.is_empty(), every) {
        (false, _) => Clause::one_of(paths).ok()?,
        (true, false) => Clause::Any,
        // Every request, but nothing that is none.
        (true, true) => Clause::only(PathPattern::parse("/*").ok()?),
    };
    Some(Some(HttpMatch { methods, paths, ..HttpMatch::default() }))
}

fn method(node: &Node, report: &mut Report) -> Option<String> {
    let method = text(node, "methods", limit::METHOD, report)?;
    let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if !method.value.chars().all(token) {
        let message = format!("`{}` is not a method", quoted(&method.value));
        report.add(Code::BadMethod, method.span, message, "write it like `GET`");
        return None;
    }
    Some(method.value)
}

/// `exact` or `prefix`; `None` inside where Bookend cannot say it.
fn path(node: &Node, report: &mut Report) -> Option<Option<PathPattern>> {
    let mut fields = Fields::of(node, "path", report)?;
    let exact = field::text(&mut fields, "exact", report);
    let prefix = field::text(&mut fields, "prefix", report);
    let place = fields.place();
    fields.finish(report);
    let (written, ending) = match (exact?, prefix?) {
        (Some(exact), None) => (exact, ""),
        (None, Some(prefix)) => (prefix, "*"),
        (Some(_), Some(prefix)) => {
            let message = "a path is compared in one way";
            report.add(
                Code::Conflict,
                prefix.span,
                message,
                "write `exact` and `prefix` in entries of their own",
            );
            return None;
        }
        (None, None) => {
            let cure = "add `exact: /path` or `prefix: /path`";
            report.add(Code::MissingField, place, "the path says neither `exact` nor `prefix`", cure);
            return None;
        }
    };
    let special = written.value.contains(['*', '{', '}']);
    match PathPattern::parse(&format!("{}{ending}", written.value)) {
        Ok(pattern) if !special => Some(Some(pattern)),
        read => {
            let cause = match read {
                Err(error) if !special => error.to_string(),
                _ => "a pattern of Bookend reads `*`, `{` and `}` as placeholders".to_owned(),
            };
            let message = format!("the path `{}` cannot be compared: {cause}", quoted(&written.value));
            inexact(Action::Allow, written.span, message, report);
            Some(None)
        }
    }
}
