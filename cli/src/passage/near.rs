//! The rules that nearly decided otherwise, and what they missed.

use bookend_engine::{
    Action, Clause, Condition, Connection, End, Exchange, Explanation, HttpMatch, Outcome, PortMatch,
    Protocol, Rule, Step, Truth, Verdict,
};
use serde::Serialize;

use crate::sources::{Documents, Place};

/// How many conditions a rule may miss and still be near.
const MAX_MISSED: usize = 2;

/// How many are shown.
const MAX_SHOWN: usize = 5;

/// A rule that would have decided otherwise, had it matched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Near {
    pub(crate) id: String,
    pub(crate) at: Option<Place>,
    /// `allow` or `deny`.
    pub(crate) action: &'static str,
    /// At least one.
    pub(crate) missed: Vec<Miss>,
}

/// A condition that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Miss {
    /// The field of the rule.
    pub(crate) field: &'static str,
    /// Whether that is certain; in doubt an allow rule does not match either.
    pub(crate) certain: bool,
    /// In words.
    pub(crate) because: String,
}

/// The rules of the opposite action that were tried at one of `ends` and missed the fewest conditions. A rule that
/// has nothing in common with the traffic is not near.
pub(super) fn near(
    ends: &[End],
    verdict: Verdict,
    connection: &Connection<'_>,
    exchange: Exchange<'_>,
    trace: &Explanation,
    documents: &Documents,
) -> Vec<Near> {
    let opposite = match verdict {
        Verdict::Deny => Action::Allow,
        Verdict::Allow => Action::Deny,
    };
    let mut found: Vec<Near> = Vec::new();
    for step in &trace.steps {
        let Step::Rule { end, id, outcome: Outcome::Missed(first, _) } = step else { continue };
        let rules = documents.compiled.program.rules();
        let Some(rule) = rules.iter().find(|rule| rule.id == *id) else { continue };
        if rule.action != opposite || !ends.contains(end) || found.iter().any(|near| near.id == *id) {
            continue;
        }
        let missed = missed(rule, *first, connection, exchange);
        let written = [rule.from.is_any(), rule.to.is_any(), rule.ports.is_any(), rule.http.is_any()]
            .into_iter()
            .filter(|any| !any)
            .count();
        if !missed.is_empty() && missed.len() < written && missed.len() <= MAX_MISSED {
            let at = documents.place(id);
            found.push(Near { id: id.clone(), at, action: rule.action.name(), missed });
        }
    }
    let fewest = found.iter().map(|near| near.missed.len()).min().unwrap_or_default();
    found.retain(|near| near.missed.len() == fewest);
    found.truncate(MAX_SHOWN);
    found
}

/// Every condition of a rule that does not hold. The engine stops at the `first`; a reader wants them all.
fn missed(rule: &Rule, first: Condition, connection: &Connection<'_>, exchange: Exchange<'_>) -> Vec<Miss> {
    let mut missed = Vec::new();
    let mut note = |field: &'static str, truth: Truth, because: String| {
        if truth != Truth::Yes {
            missed.push(Miss { field, certain: truth == Truth::No, because });
        }
    };
    for (field, clause, endpoint, who) in [
        ("from", &rule.from, &connection.source, "source"),
        ("to", &rule.to, &connection.destination, "destination"),
    ] {
        let truth = clause.holds(|peer| peer.holds(endpoint));
        let because = match truth {
            Truth::Unknown => format!("it cannot be told whether `{field}` includes the {who}"),
            _ => format!("`{field}` does not include the {who}"),
        };
        note(field, truth, because);
    }
    let Connection { protocol, port, .. } = connection;
    let ports = rule.ports.holds(|range| range.contains(*protocol, *port).into());
    let asked = if protocol.has_ports() { format!(" {port}") } else { String::new() };
    note("ports", ports, format!("`ports` is {}, not {}{asked}", self::ports(&rule.ports), protocol.name()));
    if !rule.http.is_any() {
        http(rule, first, connection, exchange, &mut note);
    }
    missed
}

fn http(
    rule: &Rule,
    first: Condition,
    connection: &Connection<'_>,
    exchange: Exchange<'_>,
    note: &mut impl FnMut(&'static str, Truth, String),
) {
    if first == Condition::Proxy {
        let because = "nobody can enforce `http`, for the destination has no Bookend filter".to_owned();
        return note("http", Truth::Unknown, because);
    }
    match exchange {
        _ if connection.protocol != Protocol::Tcp => {
            note("http", Truth::No, format!("`http` is about TCP, not {}", connection.protocol.name()));
        }
        Exchange::Packet => {}
        Exchange::Stream => {
            note(
                "http",
                Truth::No,
                "`http` is about requests, and this is a stream; ask about a request with `--path`"
                    .to_owned(),
            );
        }
        Exchange::Http(request) => {
            let methods = rule.http.holds(|http| http.method_holds(request));
            let paths = rule.http.holds(|http| http.path_holds(request));
            let method = request.method().unwrap_or("unreadable");
            let listed = list(&rule.http, |http| &http.methods, String::as_str);
            note("http.methods", methods, format!("`http.methods` is {listed}, not {method}"));
            let listed = list(&rule.http, |http| &http.paths, |pattern| pattern.as_str());
            note(
                "http.paths",
                paths,
                match request.path() {
                    Ok(path) => format!("`http.paths` is {listed}, not {}", path.as_str()),
                    Err(doubt) => format!("servers may read this path in different ways ({doubt})"),
                },
            );
            if methods == Truth::Yes && paths == Truth::Yes {
                let together = rule.http.holds(|http| http.holds(request));
                note("http", together, "method and path never match in the same entry of `http`".to_owned());
            }
        }
    }
}

/// Every distinct alternative of one part of all entries.
fn list<'r, T: 'r>(
    http: &'r Clause<HttpMatch>,
    part: impl Fn(&'r HttpMatch) -> &'r Clause<T>,
    text: impl Fn(&'r T) -> &'r str,
) -> String {
    let entries = http.alternatives().unwrap_or_default().iter();
    let mut all: Vec<&str> =
        entries.filter_map(|entry| part(entry).alternatives()).flatten().map(text).collect();
    all.dedup();
    all.join(" or ")
}

/// `TCP 80 or TCP 8080-8090`.
fn ports(ports: &Clause<PortMatch>) -> String {
    let text = |range: &PortMatch| {
        let (protocol, first, last) = (range.protocol().name(), range.first(), range.last());
        if first == last { format!("{protocol} {first}") } else { format!("{protocol} {first}-{last}") }
    };
    ports.alternatives().unwrap_or_default().iter().map(text).collect::<Vec<_>>().join(" or ")
}
