//! HTTP conditions.

mod comparison;
mod grpc;
mod host;
mod token;
mod when;

use super::{
    block::block,
    fields::{Fields, distinct, into_list, optional, quoted, text},
};
use crate::{Code, Span, diagnostic::Report, limit, yaml::Node};
use bookend_engine::{Clause, HttpMatch, PathPattern, PathPatternError};

/// An element of `http`, or, at `depth` of more than 0, of the `not` of one.
pub(super) fn condition(node: &Node, depth: usize, report: &mut Report) -> Option<HttpMatch> {
    let mut fields = Fields::of(node, "HTTP condition", report)?;
    let methods = distinct(fields.get("methods"), "methods", limit::VALUES, report, method);
    let hosts = distinct(fields.get("hosts"), "hosts", limit::VALUES, report, host::host);
    let clients =
        distinct(fields.get("clientCidrs"), "clientCidrs", limit::VALUES, report, |node, report| {
            block(node, None, report)
        });
    let paths = distinct(fields.get("paths"), "paths", limit::VALUES, report, path);
    let headers = distinct(fields.get("headers"), "headers", limit::PARTS, report, comparison::header);
    let query = distinct(fields.get("query"), "query", limit::PARTS, report, comparison::parameter);
    let grpc = distinct(fields.get("grpc"), "grpc", limit::PARTS, report, grpc::grpc);
    let jwt = distinct(fields.get("jwt"), "jwt", limit::PARTS, report, token::token);
    let when_node = fields.get("when");
    let when = optional(when_node.map(|node| when::when(node, report)));
    let not = not(fields.get("not"), depth, report);
    let (place, unknown) = (fields.place(), fields.has_unknown());
    let grpc_key = fields.key("grpc");
    fields.finish(report);
    let headers = headers.and_then(|list| comparison::satisfiable(into_list(list), report));
    let query = query.and_then(|list| comparison::satisfiable(into_list(list), report));
    if let (Some(Clause::OneOf(_)), Some(methods)) = (&grpc, &methods)
        && methods.alternatives().is_some_and(|list| list.iter().all(|method| method != "POST"))
    {
        let message = "calls of gRPC are `POST`, and `methods` does not name it";
        report.add(Code::NeverHolds, grpc_key, message, "leave `methods` out");
        return None;
    }
    let (paths, when) = (paths?, when?);
    if let (Some(expression), Some(node)) = (&when, when_node)
        && !when::segments_named(expression, node.span, &paths, report)
    {
        return None;
    }
    let condition = HttpMatch {
        methods: methods?,
        hosts: hosts?,
        clients: clients?,
        paths,
        headers: headers?,
        query: query?,
        grpc: grpc?,
        jwt: jwt?,
        when,
        not: not?,
    };
    if condition == HttpMatch::default() {
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
    (!unknown).then_some(condition)
}

/// `not`: conditions none of which may hold (S56).
fn not(node: Option<&Node>, depth: usize, report: &mut Report) -> Option<Vec<HttpMatch>> {
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

fn method(node: &Node, report: &mut Report) -> Option<String> {
    let text = text(node, "methods", limit::METHOD, report)?;
    // RFC 9110, 5.6.2: token characters.
    let token = text.value.chars().all(|c| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c));
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
    let text = text(node, "paths", limit::TEXT, report)?;
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
            let message = format!("`{}` is not a path pattern: {error}", quoted(&text.value));
            report.add(Code::BadPath, text.span, message, cure);
            None
        }
    }
}

/// What is wrong with an expression, and, behind a semicolon, what to do about it.
fn fault(error: &str) -> (String, Option<String>) {
    match error.split_once("; ") {
        Some((fault, cure)) => (fault.to_owned(), Some(cure.to_owned())),
        None => (error.to_owned(), None),
    }
}

/// The place of byte `at` of `node`'s text, where the text stands in the source as it is.
fn part(node: &Node, text: &str, at: usize) -> Span {
    let quotes = match (node.span.end - node.span.start).checked_sub(text.len()) {
        Some(0) => 0,
        Some(2) => 1,
        // Something is escaped or folded, so places inside cannot be told.
        _ => return node.span,
    };
    let before = text.get(..at).map_or(0, |before| before.chars().count());
    let start = node.span.start + quotes + at;
    Span { start, end: node.span.end.max(start), column: node.span.column + quotes + before, ..node.span }
}
