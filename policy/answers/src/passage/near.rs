//! The rules that nearly decided otherwise, and what they missed.

use bookend_engine::{
    Action, Condition, Connection, End, Exchange, Explanation, HttpMatch, Outcome, Protocol, Request, Rule,
    Step, Truth, Verdict,
};
use serde::Serialize;

use super::words;
use crate::documents::{Documents, Place};

/// How many conditions a rule may miss and still be near.
const MAX_MISSED: usize = 2;

/// How many are shown.
const MAX_SHOWN: usize = 5;

/// A rule that would have decided otherwise, had it matched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Near {
    /// The rule, isolation or default, by its id.
    pub id: String,
    /// Where that is written.
    pub at: Option<Place>,
    /// `allow`, `deny`, or `pass`, which would have left its tier.
    pub action: &'static str,
    /// At least one.
    pub missed: Vec<Miss>,
}

/// A condition that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Miss {
    /// The field of the rule.
    pub field: &'static str,
    /// Whether that is certain; in doubt an allow rule does not match either.
    pub certain: bool,
    /// In words.
    pub because: String,
}

/// The rules of another action that were tried at one of `ends` and missed the fewest conditions. A rule that has
/// nothing in common with the traffic is not near.
pub(super) fn near(
    ends: &[End],
    verdict: Verdict,
    connection: &Connection<'_>,
    exchange: Exchange<'_>,
    trace: &Explanation,
    documents: &Documents,
) -> Vec<Near> {
    let agrees = match verdict {
        Verdict::Deny => Action::Deny,
        Verdict::Allow => Action::Allow,
    };
    let mut found: Vec<Near> = Vec::new();
    for step in &trace.steps {
        let Step::Rule { end, id, outcome: Outcome::Missed(first, _) } = step else { continue };
        // Where a plane denies, nothing that another one allows would help (S83).
        let denied = trace.planes.iter().find(|told| told.end == *end && told.verdict == Verdict::Deny);
        let concerns = |rule: &&Rule| {
            let here = verdict == Verdict::Allow || denied.is_none_or(|told| told.plane == rule.plane);
            here && rule.action != agrees && ends.contains(end)
        };
        let Some(rule) = documents.rule(id).filter(concerns) else { continue };
        let written = [
            !rule.from.is_any(),
            !rule.to.is_any(),
            !rule.ports.is_any(),
            !rule.not_ports.is_empty(),
            !rule.http.is_any(),
        ];
        let written = written.into_iter().filter(|written| *written).count();
        let missed = missed(rule, *first, connection, exchange);
        // All parts of `http` together are one condition.
        let mut fields: Vec<_> =
            missed.iter().map(|miss| miss.field.split('.').next().unwrap_or_default()).collect();
        fields.dedup();
        let close = !missed.is_empty() && fields.len() < written && fields.len() <= MAX_MISSED;
        if close && found.iter().all(|near| near.id != *id) {
            let at = documents.place(id);
            found.push(Near { id: id.clone(), at, action: rule.action.name(), missed });
        }
    }
    let fewest = found.iter().map(|near| near.missed.len()).min().unwrap_or_default();
    found.retain(|near| near.missed.len() == fewest);
    found.truncate(MAX_SHOWN);
    found
}

/// Collects what does not hold.
struct Misses(Vec<Miss>);

impl Misses {
    fn note(&mut self, field: &'static str, truth: Truth, because: impl FnOnce() -> String) {
        if truth != Truth::Yes {
            self.0.push(Miss { field, certain: truth == Truth::No, because: because() });
        }
    }
}

/// Every condition of a rule that does not hold. The engine stops at the `first`; a reader wants them all.
fn missed(rule: &Rule, first: Condition, connection: &Connection<'_>, exchange: Exchange<'_>) -> Vec<Miss> {
    let mut misses = Misses(Vec::new());
    for (field, clause, endpoint, who) in [
        ("from", &rule.from, &connection.source, "source"),
        ("to", &rule.to, &connection.destination, "destination"),
    ] {
        let truth = clause.means(endpoint);
        misses.note(field, truth, || match truth {
            Truth::Unknown => format!("it cannot be told whether `{field}` includes the {who}"),
            _ => format!("`{field}` does not include the {who}"),
        });
    }
    let asked = words::asked(connection.protocol, connection.port);
    let ports = rule.ports.holds(|port| port.holds(connection));
    let listed = || words::ports(rule.ports.alternatives().unwrap_or_default());
    misses.note("ports", ports, || match ports {
        Truth::Unknown => format!("it cannot be told whether {asked} is {}", listed()),
        _ => format!("`ports` is {}, not {asked}", listed()),
    });
    let excluded = Truth::any(&rule.not_ports, |port| port.holds(connection)).negated();
    misses.note("notPorts", excluded, || {
        format!("`notPorts` is {}, and that may be {asked}", words::ports(&rule.not_ports))
    });
    if !rule.http.is_any() {
        http(rule, first, connection, exchange, &mut misses);
    }
    misses.0
}

fn http(
    rule: &Rule,
    first: Condition,
    connection: &Connection<'_>,
    exchange: Exchange<'_>,
    misses: &mut Misses,
) {
    if first == Condition::Proxy {
        return misses.note("http", Truth::Unknown, || {
            "nobody can enforce `http`, for the destination has no Bookend filter".to_owned()
        });
    }
    match exchange {
        _ if connection.protocol != Protocol::Tcp => misses
            .note("http", Truth::No, || format!("`http` is about TCP, not {}", connection.protocol.name())),
        Exchange::Packet => {}
        Exchange::Stream => misses.note("http", Truth::Unknown, || {
            "what travels on a stream is not known; ask about a request with `--path`".to_owned()
        }),
        Exchange::Http(request) if !request.is_bounded() => misses.note("http", Truth::Unknown, || {
            "a header passes for `Transfer-Encoding` or `Content-Length`, so servers may find another request in this one"
                .to_owned()
        }),
        Exchange::Http(request) => parts(rule, connection, request, misses),
    }
}

fn parts(rule: &Rule, connection: &Connection<'_>, request: &Request<'_>, misses: &mut Misses) {
    let before = misses.0.len();
    for part in HttpMatch::PARTS {
        let truth = rule.http.holds(|http| http.part_holds(part, connection, request));
        misses.note(part.field(), truth, || because(rule, part, truth, connection, request));
    }
    if misses.0.len() == before {
        let together = rule.http.holds(|http| http.holds(connection, request));
        misses.note("http", together, || {
            "the parts of `http` hold, but never all of them in the same entry".to_owned()
        });
    }
}

/// Why a part of all entries of `http` does not hold.
fn because(
    rule: &Rule,
    part: Condition,
    truth: Truth,
    connection: &Connection<'_>,
    request: &Request<'_>,
) -> String {
    let field = part.field();
    let entries = rule.http.alternatives().unwrap_or_default().iter();
    let mut listed: Vec<String> = entries.filter_map(|entry| words::part(entry, part)).collect();
    listed.dedup();
    let listed = listed.join(" or ");
    match part {
        Condition::Methods => {
            format!("`{field}` is {listed}, not {}", request.method().unwrap_or("unreadable"))
        }
        Condition::Paths => match request.path() {
            Ok(path) => format!("`{field}` is {listed}, not {}", path.as_str()),
            Err(doubt) => format!("servers may read this path in different ways ({doubt})"),
        },
        Condition::Hosts => match request.host() {
            Ok(host) if truth == Truth::No => format!("`{field}` asks for {listed}, not {host}"),
            Ok(host) => format!("it cannot be told whether {host} is {listed}"),
            Err(doubt) => format!("servers may read this host in different ways ({doubt})"),
        },
        Condition::Jwt if truth == Truth::Unknown && !verifies(connection) => {
            format!("`{field}` asks for {listed}, and the destination's proxy verifies no tokens")
        }
        _ if truth == Truth::Unknown => format!("`{field}` asks for {listed}, and that is in doubt"),
        _ => format!("`{field}` asks for {listed}"),
    }
}

/// Whether the destination's proxy is known to verify tokens.
fn verifies(connection: &Connection<'_>) -> bool {
    use bookend_engine::Identity::Workload;
    matches!(&connection.destination.identity, Workload(workload) if workload.jwt)
}
