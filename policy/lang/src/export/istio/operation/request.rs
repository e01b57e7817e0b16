//! Conditions on requests.

use bookend_engine::{
    Action, ClaimMatch, Clause, HeaderMatch, HostPattern, HttpMatch, PathPattern, TextMatch, TextPattern,
    TokenMatch, ValueMatch,
};
use serde_json::json;

use super::super::super::address::Range;
use super::Operation;

/// Adds what a condition says of the parts of a request that a mesh can ask for by themselves.
///
/// # Errors
/// When it says something that a mesh cannot ask.
pub(super) fn fields(
    http: &HttpMatch,
    operation: &mut Operation,
    action: Action,
    wanted: bool,
) -> Result<(), String> {
    let name = |plain: &str, negated: &str| if wanted { plain.to_owned() } else { negated.to_owned() };
    // What matches less of a negated field allows more.
    let widens = (action == Action::Allow) != wanted;
    if !http.query.is_empty() {
        return Err("a mesh cannot ask for parameters of the query".to_owned());
    }
    if http.when.is_some() {
        return Err("a mesh has no expressions".to_owned());
    }
    if let Some(methods) = http.methods.alternatives() {
        operation.field(&name("methods", "notMethods"), json!(methods))?;
    }
    if let Some(hosts) = http.hosts.alternatives() {
        let mut written = Vec::new();
        for host in hosts {
            written.extend(self::hosts(host, widens)?);
        }
        operation.field(&name("hosts", "notHosts"), json!(written))?;
    }
    if let Some(paths) = http.paths.alternatives() {
        let written: Result<Vec<String>, String> = paths.iter().map(path).collect();
        operation.field(&name("paths", "notPaths"), json!(written?))?;
    }
    if let Some(clients) = http.clients.alternatives() {
        let ranges: Vec<Range> = clients.iter().map(Range::of).collect();
        if ranges.iter().any(|range| !range.except.is_empty()) {
            return Err("exceptions of clients' addresses cannot be written".to_owned());
        }
        let nets: Vec<String> = ranges.iter().map(|range| range.net.to_string()).collect();
        operation.condition("remote.ip".to_owned(), &nets, wanted);
    }
    for header in &http.headers {
        header_condition(header, operation, wanted)?;
    }
    Ok(())
}

/// Adds a condition that must not hold: one of one part.
pub(super) fn excepted(not: &HttpMatch, operation: &mut Operation, action: Action) -> Result<(), String> {
    let parts = [!not.methods.is_any(), !not.hosts.is_any(), !not.paths.is_any(), !not.clients.is_any()];
    let parts = parts.into_iter().filter(|part| *part).count() + not.headers.len();
    if parts != 1 || !not.not.is_empty() || !not.grpc.is_any() || !not.jwt.is_any() {
        return Err("a mesh can except only parts of requests, each by itself".to_owned());
    }
    fields(not, operation, action, false)
}

/// A host with and without a port, as Bookend means it (S50).
fn hosts(host: &HostPattern, widens: bool) -> Result<Vec<String>, String> {
    let text = host.as_str();
    let bare =
        text.strip_prefix('[').map_or(text, |rest| rest.split_once(']').map_or(rest, |(_, rest)| rest));
    match (bare.contains(':'), text.starts_with("*.")) {
        (true, _) => Ok(vec![text.to_owned()]),
        (false, false) => Ok(vec![text.to_owned(), format!("{text}:*")]),
        (false, true) if widens => Err(format!("a mesh cannot ask for `{text}` with any port")),
        // With a port it does not match, which allows less.
        (false, true) => Ok(vec![text.to_owned()]),
    }
}

/// A path pattern: what is a template there is one here, without names.
fn path(pattern: &PathPattern) -> Result<String, String> {
    let text = pattern.as_str();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~!$&'()+,=:@/*{}".contains(c);
    if !text.chars().all(plain) {
        return Err(format!("`{text}` has characters that are compared in another way"));
    }
    let segments = text.split('/').map(|segment| match segment {
        "{**}" => segment,
        _ if segment.starts_with('{') => "{*}",
        _ => segment,
    });
    Ok(segments.collect::<Vec<_>>().join("/"))
}

fn header_condition(header: &HeaderMatch, operation: &mut Operation, wanted: bool) -> Result<(), String> {
    let key = format!("request.headers[{}]", header.name());
    value_condition(key, header.value(), operation, wanted)
}

fn value_condition(
    key: String,
    value: &ValueMatch,
    operation: &mut Operation,
    wanted: bool,
) -> Result<(), String> {
    match value {
        ValueMatch::Present(present) => operation.condition(key, &["*".to_owned()], *present == wanted),
        ValueMatch::Text(texts) => operation.condition(key, &self::texts(texts)?, wanted),
    }
    Ok(())
}

/// Texts as a mesh compares them: whole, or with a star at one end.
fn texts(texts: &TextMatch) -> Result<Vec<String>, String> {
    texts.patterns().iter().map(text).collect()
}

fn text(pattern: &TextPattern) -> Result<String, String> {
    let text = pattern.as_str();
    if text.contains('*') || text.is_empty() {
        return Err(format!("`{text}` would mean something else in a mesh"));
    }
    match pattern {
        TextPattern::Exact(_) => Ok(text.to_owned()),
        TextPattern::Prefix(_) => Ok(format!("{text}*")),
        TextPattern::Suffix(_) => Ok(format!("*{text}")),
        TextPattern::Regex(_) => Err("a mesh has no regular expressions".to_owned()),
    }
}

/// One operation for each gRPC method, or the same one.
pub(super) fn grpc(http: &HttpMatch, start: &Operation) -> Result<Vec<Operation>, String> {
    let Some(list) = http.grpc.alternatives() else { return Ok(vec![start.clone()]) };
    let mut operation = start.clone();
    let method =
        |grpc: &bookend_engine::GrpcMatch| format!("/{}/{}", grpc.service(), grpc.method().unwrap_or("*"));
    let paths: Vec<String> = list.iter().map(method).collect();
    operation.field("paths", json!(paths))?;
    operation.field("methods", json!(["POST"]))?;
    let types = ["application/grpc".to_owned(), "application/grpc+*".to_owned()];
    operation.condition("request.headers[content-type]".to_owned(), &types, true);
    Ok(vec![operation])
}

/// One operation for each condition on tokens, or the same one.
pub(super) fn tokens(http: &HttpMatch, start: &Operation, action: Action) -> Result<Vec<Operation>, String> {
    let Some(list) = http.jwt.alternatives() else { return Ok(vec![start.clone()]) };
    if action != Action::Allow {
        return Err("a token that no proxy verified denies nothing in a mesh".to_owned());
    }
    list.iter().map(|token| self::token(token, start)).collect()
}

fn token(token: &TokenMatch, start: &Operation) -> Result<Operation, String> {
    let mut operation = start.clone();
    let exact = |clause: &Clause<String>| -> Result<Option<Vec<String>>, String> {
        let Some(list) = clause.alternatives() else { return Ok(None) };
        match list.iter().find(|text| text.contains('*') || text.is_empty()) {
            Some(text) => Err(format!("`{text}` would mean something else in a mesh")),
            None => Ok(Some(list.to_vec())),
        }
    };
    if let Some(issuers) = exact(&token.issuer)? {
        operation.condition("request.auth.claims[iss]".to_owned(), &issuers, true);
    }
    if let Some(subject) = &token.subject {
        operation.condition("request.auth.claims[sub]".to_owned(), &texts(subject)?, true);
    }
    if let Some(audiences) = exact(&token.audiences)? {
        operation.condition("request.auth.audiences".to_owned(), &audiences, true);
    }
    if token.claims.iter().any(|claim| *claim.value() == ValueMatch::Present(false)) {
        // What is asked not to be there is not there without a token either, and such a request is not meant (S54).
        operation.condition("request.auth.principal".to_owned(), &["*".to_owned()], true);
    }
    for claim in &token.claims {
        value_condition(claim_key(claim)?, claim.value(), &mut operation, true)?;
    }
    Ok(operation)
}

fn claim_key(claim: &ClaimMatch) -> Result<String, String> {
    match claim.claim().iter().find(|name| name.contains(['[', ']'])) {
        Some(name) => Err(format!("the claim `{name}` cannot be named")),
        None => Ok(format!("request.auth.claims[{}]", claim.claim().join("]["))),
    }
}
