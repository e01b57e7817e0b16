//! A server's `Status`, as a trouble. Their texts: kubernetes/kubernetes, `staging/src/k8s.io/apimachinery/pkg/api/errors/errors.go`.

use std::time::Duration;

use bookend_text::{cut, plain};
use kube::core::response::{Status, reason};

use super::{Asked, Cause, Clash, Trouble};

/// The longest text of a server that is told, in characters: a proxy may answer with a whole page.
const MAX_TEXT: usize = 500;

pub(super) fn read(status: &Status, asked: &Asked<'_>) -> Trouble {
    let code = status.code;
    let is = |name: &str, of: u16| status.reason == name || (!known(&status.reason) && code == of);
    if status.message.contains("admission webhook") || status.message.contains("failed calling webhook") {
        return Trouble::Refused { object: asked.object(), reason: short(denial(&status.message)) };
    }
    if is(reason::UNAUTHORIZED, 401) {
        return Trouble::Unauthorized { server: asked.server.to_owned() };
    }
    if is(reason::FORBIDDEN, 403) {
        return forbidden(status, asked);
    }
    if is(reason::NOT_FOUND, 404) {
        return missing(status, asked);
    }
    if status.reason == reason::ALREADY_EXISTS {
        return Trouble::Exists { object: asked.object() };
    }
    if is(reason::CONFLICT, 409) {
        return conflict(status, asked);
    }
    if code == 410 || matches!(status.reason.as_str(), "Gone" | "Expired") {
        return Trouble::Expired;
    }
    if code == 413 || status.message.contains("request is too large") {
        return Trouble::TooLarge { object: asked.object(), reason: short(&status.message) };
    }
    if code == 415 {
        return Trouble::TooOld {
            version: "without server-side apply".to_owned(),
            what: "applying".to_owned(),
            needed: "1.29".to_owned(),
        };
    }
    if is(reason::INVALID, 422) || code == 400 {
        return invalid(status, asked);
    }
    if code == 429 {
        let seconds = status.details.as_ref().map(|details| details.retry_after_seconds);
        let after = seconds.filter(|seconds| *seconds > 0).map(|seconds| Duration::from_secs(seconds.into()));
        return Trouble::Overloaded { after };
    }
    Trouble::Failing { code, reason: short(&status.message) }
}

fn known(text: &str) -> bool {
    !text.is_empty() && text != "Failed to parse error data"
}

/// What a webhook says, without who says it a second time.
fn denial(message: &str) -> &str {
    message.split_once("is forbidden: ").map_or(message, |(_, said)| said)
}

fn forbidden(status: &Status, asked: &Asked<'_>) -> Trouble {
    let message = &status.message;
    if message.contains("attempting to grant RBAC permissions") {
        return Trouble::Escalation { object: asked.object() };
    }
    if message.contains("because it is being terminated") {
        let namespace = asked.namespace.unwrap_or(asked.name).to_owned();
        return Trouble::Terminating { namespace };
    }
    let Some((before, after)) = message.split_once(" cannot ") else {
        return Trouble::Refused { object: asked.object(), reason: short(denial(message)) };
    };
    let user = quoted(before.rsplit_once("User ").map_or("", |(_, user)| user)).unwrap_or_default();
    let verb = after.split_whitespace().next().unwrap_or(asked.verb);
    let plural = after.split_once("resource ").and_then(|(_, rest)| quoted(rest));
    let group = after.split_once("API group ").and_then(|(_, rest)| quoted(rest));
    let resource = match (plural, group) {
        (Some(plural), Some("") | None) => plural.to_owned(),
        (Some(plural), Some(group)) => format!("{plural}.{group}"),
        (None, _) => asked.kind.resource(),
    };
    let namespace = after.split_once("in the namespace ").and_then(|(_, rest)| quoted(rest));
    Trouble::Forbidden {
        user: user.to_owned(),
        verb: verb.to_owned(),
        resource,
        namespace: namespace.map(str::to_owned),
        name: asked.name.to_owned(),
    }
}

/// What stands in the double quotes at the beginning.
fn quoted(text: &str) -> Option<&str> {
    text.strip_prefix('"')?.split_once('"').map(|(quoted, _)| quoted)
}

/// No object, or no such kind: of the latter the server says no name.
fn missing(status: &Status, asked: &Asked<'_>) -> Trouble {
    let details = status.details.as_ref().filter(|details| !details.name.is_empty());
    let Some(details) = details else {
        return Trouble::NoSuchKind { kind: Box::new(asked.kind.clone()) };
    };
    let resource = match (details.kind.as_str(), details.group.as_str()) {
        ("", _) => asked.kind.resource(),
        (kind, "") => kind.to_owned(),
        (kind, group) => format!("{kind}.{group}"),
    };
    let namespace = asked.namespace.filter(|_| asked.kind.namespaced && resource != "namespaces");
    Trouble::NotFound { resource, namespace: namespace.map(str::to_owned), name: details.name.clone() }
}

fn conflict(status: &Status, asked: &Asked<'_>) -> Trouble {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    let clashes: Vec<_> = causes
        .filter(|cause| cause.reason == "FieldManagerConflict")
        .map(|cause| Clash {
            manager: cause
                .message
                .split_once("conflict with ")
                .and_then(|(_, rest)| quoted(rest))
                .unwrap_or("another manager")
                .to_owned(),
            field: cause.field.clone(),
        })
        .collect();
    if clashes.is_empty() && !status.message.starts_with("Apply failed") {
        return Trouble::Changed { object: asked.object() };
    }
    Trouble::Conflict { object: asked.object(), clashes }
}

fn invalid(status: &Status, asked: &Asked<'_>) -> Trouble {
    let told = status.details.iter().flat_map(|details| &details.causes);
    let mut causes: Vec<_> =
        told.map(|cause| Cause { field: cause.field.clone(), message: short(&cause.message) }).collect();
    if causes.is_empty() {
        let message = status.message.split_once("strict decoding error: ");
        let parts = message.map_or(vec![status.message.as_str()], |(_, list)| list.split(", ").collect());
        causes = parts
            .into_iter()
            .map(|part| Cause { field: String::new(), message: short(&part.replace('"', "`")) })
            .collect();
    }
    Trouble::Invalid { object: asked.object(), causes }
}

/// On one line, in plain characters, and not too long.
fn short(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.is_empty() { "without a reason".to_owned() } else { cut(&plain(&line), MAX_TEXT).into_owned() }
}

#[cfg(test)]
mod tests;
