//! HTTP conditions.

use super::fields::{Fields, clause, string};
use crate::{Code, diagnostic::Report, yaml::Node};
use bookend_engine::{HttpMatch, PathPattern, PathPatternError};

/// An element of `http`.
pub(super) fn http(node: &Node, report: &mut Report) -> Option<HttpMatch> {
    let mut fields = Fields::of(node, "HTTP condition", report)?;
    let methods = clause(fields.get("methods"), "methods", report, method);
    let paths = clause(fields.get("paths"), "paths", report, path);
    let (place, unknown) = (fields.place(), fields.has_unknown());
    fields.finish(report);
    let (methods, paths) = (methods?, paths?);
    if methods.is_any() && paths.is_any() {
        // What it says instead is refused already.
        if unknown {
            return None;
        }
        report.add(
            Code::MissingField,
            place,
            "the HTTP condition is empty",
            "say `methods` or `paths`, or leave `http` out",
        );
        return None;
    }
    Some(HttpMatch { methods, paths })
}

fn method(node: &Node, report: &mut Report) -> Option<String> {
    let text = string(node, "methods", report)?;
    // RFC 9110, 5.6.2: token characters.
    let token = !text.value.is_empty()
        && text.value.chars().all(|c| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c));
    if !token || text.value == "*" {
        let cure = if text.value == "*" {
            "leave `methods` out to mean every method"
        } else {
            "write a method such as `GET`"
        };
        report.add(Code::BadMethod, text.span, format!("`{}` is not a method", text.value), cure);
        return None;
    }
    let upper = text.value.to_ascii_uppercase();
    if upper != text.value
        && ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT"]
            .contains(&upper.as_str())
    {
        let message =
            format!("`{}` never matches, because methods are compared with regard to case", text.value);
        report.add(Code::BadMethod, text.span, message, format!("write `{upper}`"));
        return None;
    }
    Some(text.value)
}

fn path(node: &Node, report: &mut Report) -> Option<PathPattern> {
    let text = string(node, "paths", report)?;
    match PathPattern::parse(&text.value) {
        Ok(pattern) => Some(pattern),
        Err(error) => {
            let cure = match error {
                PathPatternError::Query => {
                    "remove the `?` and what follows; a `?` inside a segment cannot be matched"
                }
                PathPatternError::Encoded => "write the character itself",
                PathPatternError::InnerStar => "write `{name}` for one segment, or end the path in `*`",
                PathPatternError::BadSegment | PathPatternError::DuplicateName => {
                    "write `{name}` as a whole segment, each name once"
                }
                PathPatternError::InnerRest => "write `{name}` for one segment",
                PathPatternError::Mixed => "write `{**}`",
                PathPatternError::Doubtful(_) => {
                    "write an absolute path without empty or dot segments, such as `/a/b`"
                }
            };
            report.add(
                Code::BadPath,
                text.span,
                format!("`{}` is not a path pattern: {error}", text.value),
                cure,
            );
            None
        }
    }
}
