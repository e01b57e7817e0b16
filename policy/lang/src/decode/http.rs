//! HTTP conditions.

mod comparison;
mod grpc;
mod host;
mod token;
mod when;

use super::fields::{Fields, distinct, into_list, optional, quoted, text};
use crate::{
    Code, Span,
    diagnostic::Report,
    document::{ConditionDocument, FieldDocument, Spanned, ValueDocument},
    limit,
    yaml::Node,
};
use bookend_engine::{Clause, PathPattern, PathPatternError};

/// An element of `http`, or, at `depth` of more than 0, of the `not` of one.
pub(super) fn condition(node: &Node, depth: usize, report: &mut Report) -> Option<ConditionDocument> {
    let mut fields = Fields::of(node, "HTTP condition", report)?;
    let methods = distinct(fields.get("methods"), "methods", limit::VALUES, report, method);
    let hosts = distinct(fields.get("hosts"), "hosts", limit::VALUES, report, host::host);
    let paths = distinct(fields.get("paths"), "paths", limit::VALUES, report, path);
    let headers = distinct(fields.get("headers"), "headers", limit::PARTS, report, comparison::header);
    let query = distinct(fields.get("query"), "query", limit::PARTS, report, comparison::parameter);
    let grpc_node = fields.get("grpc");
    let grpc = distinct(grpc_node, "grpc", limit::PARTS, report, grpc::grpc);
    let jwt = distinct(fields.get("jwt"), "jwt", limit::PARTS, report, token::token);
    let when_node = fields.get("when");
    let when = optional(when_node.map(|node| text(node, "when", limit::WHEN, report)));
    let not = not(fields.get("not"), depth, report);
    let (place, unknown) = (fields.place(), fields.has_unknown());
    fields.finish(report);
    let (headers, query) = (into_list(headers?), into_list(query?));
    let mut sound = satisfiable(&headers, report) & satisfiable(&query, report);
    let (methods, grpc) = (methods?, grpc?);
    if let (Some(node), Some(list)) = (grpc_node, methods.alternatives())
        && !list.iter().any(|method| method == "POST")
    {
        let message = "calls of gRPC are `POST`, and `methods` does not name it";
        report.add(Code::NeverHolds, node.span, message, "leave `methods` out");
        sound = false;
    }
    let paths = paths?;
    let when = when?;
    if let (Some(node), Some(when)) = (when_node, &when) {
        sound &= when::sound(node, &when.value, &paths, report);
    }
    let condition = ConditionDocument {
        span: node.span,
        methods,
        hosts: hosts?,
        paths,
        headers,
        query,
        grpc,
        jwt: jwt?,
        when,
        not: not?,
    };
    let empty = condition.methods.is_any()
        && condition.hosts.is_any()
        && condition.paths.is_any()
        && condition.headers.is_empty()
        && condition.query.is_empty()
        && condition.grpc.is_any()
        && condition.jwt.is_any()
        && condition.when.is_none()
        && condition.not.is_empty();
    if empty {
        // What it says instead is refused already.
        if !unknown {
            let cure = match depth {
                0 => "say `methods`, `paths` or another part, or leave `http` out",
                _ => "say `methods`, `paths` or another part, or remove it",
            };
            report.add(Code::MissingField, place, "the HTTP condition is empty", cure);
        }
        return None;
    }
    (sound && !unknown).then_some(condition)
}

/// `not`: conditions none of which may hold (S56).
fn not(node: Option<&Node>, depth: usize, report: &mut Report) -> Option<Vec<ConditionDocument>> {
    let Some(node) = node else { return Some(Vec::new()) };
    if depth >= limit::NOT_DEPTH {
        let message = format!("`not` is nested more than {} deep", limit::NOT_DEPTH);
        report.add(Code::TooMany, node.span, message, "say it without so many of them");
        return None;
    }
    let list = distinct(Some(node), "not", limit::CONDITIONS, report, |node, report| {
        condition(node, depth + 1, report)
    });
    list.map(into_list)
}

/// Refuses fields that should be absent, and have a value all the same.
fn satisfiable(fields: &[FieldDocument], report: &mut Report) -> bool {
    let mut sound = true;
    for absent in fields.iter().filter(|field| matches!(field.value, ValueDocument::Present(false))) {
        let other = fields.iter().find(|other| {
            other.name.value == absent.name.value && !matches!(other.value, ValueDocument::Present(false))
        });
        if let Some(other) = other {
            let message = format!("`{}` cannot be absent and have a value", quoted(&absent.name.value));
            let related = (other.name.span, "where it must be there");
            report.add_related(Code::NeverHolds, absent.name.span, message, "remove one of them", related);
            sound = false;
        }
    }
    sound
}

fn method(node: &Node, report: &mut Report) -> Option<String> {
    let text = text(node, "methods", limit::METHOD, report)?;
    // RFC 9110, 5.6.2: token characters.
    if !text.value.chars().all(is_token) || text.value == "*" {
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

/// A character of a token (RFC 9110, 5.6.2).
fn is_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)
}

fn path(node: &Node, report: &mut Report) -> Option<Spanned<PathPattern>> {
    let text = text(node, "paths", limit::TEXT, report)?;
    match PathPattern::parse(&text.value) {
        Ok(value) => Some(Spanned { value, span: text.span }),
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
            let message = format!("`{}` is not a path pattern: {error}", quoted(&text.value));
            report.add(Code::BadPath, text.span, message, cure);
            None
        }
    }
}

/// A part of `node`'s text, where the text stands in the source as it is: from `start` to `end`, in bytes.
fn part(node: &Node, text: &str, start: usize, end: usize) -> Span {
    let quotes = match (node.span.end - node.span.start).checked_sub(text.len()) {
        Some(0) => 0,
        Some(2) => 1,
        // Something is escaped or folded, so places inside cannot be told.
        _ => return node.span,
    };
    let before = text.get(..start).map_or(0, |before| before.chars().count());
    Span {
        start: node.span.start + quotes + start,
        end: node.span.start + quotes + end,
        column: node.span.column + quotes + before,
        ..node.span
    }
}

type Paths = Clause<Spanned<PathPattern>>;
