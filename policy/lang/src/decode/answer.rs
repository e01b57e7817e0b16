//! `answer` of a rule: what a proxy tells whom it refuses.

use super::fields::{Fields, integer, optional, quoted, string, text, wrong_type};
use crate::{
    Code,
    diagnostic::Report,
    document::Spanned,
    limit,
    yaml::{Entry, Node, Value},
};
use bookend_engine::{Action, Answer, AnswerFault};

/// Statuses that mean nothing without a header (RFC 9110, 15.4, 15.5.2, 15.5.6, 15.5.8).
const NEEDED: [(u16, &str); 8] = [
    (301, "location"),
    (302, "location"),
    (303, "location"),
    (307, "location"),
    (308, "location"),
    (401, "www-authenticate"),
    (405, "allow"),
    (407, "proxy-authenticate"),
];

/// Reads the answer of a rule that does `action`.
pub(super) fn answer(node: &Node, action: Action, report: &mut Report) -> Option<Spanned<Answer>> {
    if action != Action::Deny {
        let message = format!("a rule that does not deny answers nobody: this one is in `{}`", action.name());
        report.add(Code::IdleAnswer, node.span, message, "remove it, or write the rule in `deny`");
    }
    let mut fields = Fields::of(node, "answer", report)?;
    let status_node = fields.get("status");
    let statuses = i64::from(*Answer::STATUSES.start())..=i64::from(*Answer::STATUSES.end());
    let status = optional(status_node.map(|node| integer(node, "status", statuses, report)));
    let body_node = fields.get("body");
    let body = optional(body_node.map(|node| text(node, "body", limit::BODY, report)));
    let headers = optional(fields.get("headers").map(|node| headers(node, report)));
    let (place, unknown) = (fields.place(), fields.has_unknown());
    fields.finish(report);
    let (status, body, headers) = (status?, body?, headers?);
    if status.is_none() && body.is_none() && headers.is_none() {
        if !unknown {
            let cure = "add `status`, `body` or `headers`, or leave `answer` out";
            report.add(Code::EmptyMapping, place, "the answer says nothing", cure);
        }
        return None;
    }
    let status = status.and_then(|number| u16::try_from(number).ok()).unwrap_or(Answer::FORBIDDEN);
    let headers = headers.unwrap_or_default();
    let span = status_node.map_or(node.span, |node| node.span);
    let mut sound = action == Action::Deny && !unknown;
    if let Some((_, name)) = NEEDED.iter().find(|(of, _)| *of == status)
        && !headers.iter().any(|(known, _)| known == name)
    {
        let message = format!("`status: {status}` means nothing without the header `{name}`");
        report.add(
            Code::BadAnswer,
            span,
            message,
            format!("add `{name}` to `headers`, or write another status"),
        );
        sound = false;
    }
    if let (304, Some(body)) = (status, &body) {
        let message = "a `status: 304` has no body";
        report.add(Code::BadAnswer, body.span, message, "remove the body, or write another status");
        sound = false;
    }
    let body = body.map(|body| body.value).unwrap_or_default();
    sound.then_some(Spanned { value: Answer { status, body, headers }, span: node.span })
}

/// Names in lower case and values, by name.
fn headers(node: &Node, report: &mut Report) -> Option<Vec<(String, String)>> {
    let Value::Mapping(entries) = &node.value else {
        wrong_type(node, "headers", "a mapping", report);
        return None;
    };
    if entries.is_empty() {
        report.add(Code::EmptyMapping, node.span, "`headers` is empty", "add a header, or leave it out");
        return None;
    }
    if entries.len() > limit::ANSWER_HEADERS {
        let most = limit::ANSWER_HEADERS;
        let message = format!("`headers` has {} entries, and {most} are the most", entries.len());
        report.add(Code::TooMany, node.span, message, "leave some out");
        return None;
    }
    let mut read: Vec<(&Entry, String, String)> = Vec::new();
    let mut sound = true;
    for entry in entries {
        let (name, value) = (name(entry, report), value(entry, report));
        let Some((name, value)) = name.zip(value) else {
            sound = false;
            continue;
        };
        if let Some((first, ..)) = read.iter().find(|(_, known, _)| *known == name) {
            let message = format!("the header `{name}` is written twice");
            let related = (first.key_span, "the first time");
            report.add_related(Code::DuplicateEntry, entry.key_span, message, "remove one of them", related);
            sound = false;
        }
        read.push((entry, name, value));
    }
    read.sort_by(|(_, a, _), (_, b, _)| a.cmp(b));
    sound.then(|| read.into_iter().map(|(_, name, value)| (name, value)).collect())
}

/// The name of a header that a rule may answer with, in lower case.
fn name(entry: &Entry, report: &mut Report) -> Option<String> {
    let name = entry.key.to_ascii_lowercase();
    let cure = match Answer::check_name(&name) {
        Ok(()) if name.len() <= limit::NAME => return Some(name),
        Err(AnswerFault::Pseudo) if name == ":status" => "write `status` beside `headers`",
        Err(AnswerFault::Pseudo) => "pseudo-headers are the proxy's; remove it",
        Err(AnswerFault::OfTheProxy) => "the proxy writes it itself; remove it",
        Err(AnswerFault::Reserved) => "proxies and gRPC speak to each other by it; remove it",
        Ok(()) | Err(_) => "use letters, digits and `-`, such as `x-reason`",
    };
    let message = format!("`{}` is not the name of a header that a rule can answer with", quoted(&entry.key));
    report.add(Code::BadAnswer, entry.key_span, message, cure);
    None
}

/// The value of a header: printable ASCII, with spaces and tabs inside only (RFC 9110, 5.5).
fn value(entry: &Entry, report: &mut Report) -> Option<String> {
    let what = quoted(&entry.key);
    // A value may be empty, which `text` refuses.
    let value = string(&entry.value, &what, report)?;
    let cure = if value.value.len() > limit::TEXT {
        format!("write at most {} bytes", limit::TEXT)
    } else if Answer::check_value(&value.value).is_ok() {
        return Some(value.value);
    } else if value.value.trim() != value.value {
        "remove the white space at its ends, which is no part of a value".to_owned()
    } else {
        "use printable ASCII, spaces and tabs; other characters belong into the body".to_owned()
    };
    report.add(Code::BadAnswer, value.span, format!("this is not a value of the header `{what}`"), cure);
    None
}
