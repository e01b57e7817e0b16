//! Where Bookend and Istio differ, and why that may be: by what the policies ask and what is asked of them, and not by what
//! anybody says of it. Every reason is a difference that docs/semantics.md lists.

use std::net::Ipv4Addr;

use serde_json::Value;

use crate::client::Verdict;
use crate::generate::{Question, Request};
use crate::pilot::TRUST_DOMAINS;
use crate::policy::{Asked, AuthorizationPolicy};
use crate::world::{NAMESPACES, PEERS, tokens};

/// A reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    Path,
    Host,
    Header,
    Claim,
    Plaintext,
    Domain,
    Namespace,
    Stream,
    Name,
    /// The two that are no stricter.
    Segment,
    Number,
}

impl Class {
    pub(crate) const ALL: [Self; 11] = [
        Self::Path,
        Self::Host,
        Self::Header,
        Self::Claim,
        Self::Plaintext,
        Self::Domain,
        Self::Namespace,
        Self::Stream,
        Self::Name,
        Self::Segment,
        Self::Number,
    ];

    /// What it is, for a table.
    pub(crate) fn told(self) -> &'static str {
        match self {
            Self::Path => "a path that servers read differently (S33)",
            Self::Host => "a host that servers read differently (S50)",
            Self::Header => "a header that can be read in several ways (S51)",
            Self::Claim => "a claim that is neither a text nor a list of texts (S54)",
            Self::Plaintext => "a peer without a certificate, where somebody is named (S24)",
            Self::Domain => "the namespace or account of an id of another trust domain (S21)",
            Self::Namespace => "a part of the name of a namespace that the inventory does not know (S40)",
            Self::Stream => "a client's address or a server's name on a stream (S34)",
            Self::Name => "a server's name, where no handshake asked for one (S55)",
            Self::Segment => "a segment of a template with characters that Envoy does not know (S33)",
            Self::Number => "a claim that is a number or a boolean (S54)",
        }
    }

    /// Words of the difference in docs/semantics.md.
    fn documented(self) -> &'static str {
        match self {
            Self::Path | Self::Host | Self::Header => "servers read differently is in doubt",
            Self::Claim => "in doubt where nobody verifies tokens or they cannot be read (S54)",
            Self::Plaintext => "A peer without a certificate may be anybody (S24)",
            Self::Domain => "`namespaces` and `serviceAccounts` are in doubt for ids of other trust domains",
            Self::Namespace => "the start or the end of a namespace's name is in doubt (S40)",
            Self::Stream => "`remoteIpBlocks`, `remote.ip` and `connection.sni` are in doubt (S34)",
            Self::Name => "`connection.sni` is in doubt where no handshake asked for a name (S55)",
            Self::Segment => "where Envoy knows only characters that are",
            Self::Number => "a claim that is a number or a boolean",
        }
    }

    /// Whether Bookend allows here what Istio denies, because the condition means more.
    fn is_wider(self) -> bool {
        matches!(self, Self::Segment | Self::Number)
    }

    /// Whether something is asked that it is about.
    fn applies(self, asked: Asked<'_>, question: &Question) -> bool {
        let (key, values, not_values) = asked;
        let account = PEERS[question.line.peer].account;
        let belongs = ["source.namespace", "source.serviceAccount"].contains(&key);
        let identity = belongs || ["source.principal", "trustDomains"].contains(&key);
        match (self, &question.request) {
            (Self::Plaintext, _) => identity && account.is_none(),
            (Self::Domain, _) => belongs && account.is_some_and(|(domain, ..)| domain != TRUST_DOMAINS[0]),
            (Self::Namespace, _) => {
                let part = |value: &String| value.contains('*') && value != "*";
                let unknown = account.is_some_and(|(_, namespace, _)| !NAMESPACES.contains(&namespace));
                key == "source.namespace" && unknown && values.iter().chain(not_values).any(part)
            }
            (Self::Stream, None) => ["remote.ip", "connection.sni"].contains(&key),
            (_, None) | (Self::Stream, _) => false,
            (Self::Name, _) => key == "connection.sni" && question.line.sni.is_none(),
            (Self::Path, Some(request)) => key == "paths" && odd_path(&request.target),
            (Self::Host, Some(request)) => key == "hosts" && odd_host(&request.host),
            (Self::Header, Some(request)) => {
                let name = key.strip_prefix("request.headers[").and_then(|rest| rest.strip_suffix(']'));
                name.is_some_and(|name| odd_header(name, request))
            }
            (Self::Claim, Some(request)) => claim(key, request).is_some_and(|claim| odd_claim(&claim)),
            (Self::Segment, Some(request)) => {
                let template = values.iter().chain(not_values).any(|value| value.contains('{'));
                key == "paths" && template && unknown_to_templates(&request.target)
            }
            (Self::Number, Some(request)) => {
                claim(key, request).is_some_and(|claim| claim.is_number() || claim.is_boolean())
            }
        }
    }
}

/// The first reason for which the verdicts, Istio's first, may differ so.
pub(crate) fn reason(
    policies: &[AuthorizationPolicy],
    question: &Question,
    pair: &(Verdict, Verdict),
) -> Option<Class> {
    let wider = match pair {
        (Verdict::Allowed, Verdict::Denied) => false,
        (Verdict::Denied, Verdict::Allowed) => true,
        _ => return None,
    };
    let rules = || policies.iter().filter(|policy| policy.in_force()).flat_map(|policy| &policy.spec.rules);
    let applies =
        |class: &Class| rules().flat_map(|rule| rule.asked()).any(|asked| class.applies(asked, question));
    // What means more may be what denies.
    Class::ALL.into_iter().filter(|class| !wider || class.is_wider()).find(applies)
}

/// S33, of what Envoy leaves when it has taken dot segments out.
fn odd_path(target: &str) -> bool {
    let path = target.split(['?', '#']).next().unwrap_or_default();
    let lower = path.to_ascii_lowercase();
    let encoded = ["%2f", "%5c", "%3f", "%23", "%3b", "%25", "%00", "%20", "%e2%80%8b"];
    let dot = |segment: &str| segment.ends_with('.') && !segment.trim_matches('.').is_empty();
    encoded.iter().any(|code| lower.contains(code))
        || target.contains('#')
        || path.contains(['\\', ';'])
        || path.contains("//")
        || lower.replace("%2e", ".").split('/').any(dot)
}

/// Characters that Envoy's templates do not take for part of a segment.
fn unknown_to_templates(target: &str) -> bool {
    let path = target.split(['?', '#']).next().unwrap_or_default();
    path.contains(['*', '"', '|', '[', ']', '^', '`', '<', '>', '{', '}', '=', '\'', '%'])
}

/// S50.
fn odd_host(host: &str) -> bool {
    let (name, port) = match host.strip_prefix('[') {
        Some(_) => return false,
        None => host.rsplit_once(':').map_or((host, None), |(name, port)| (name, Some(port))),
    };
    let port = port.is_some_and(|port| {
        !port.bytes().all(|b| b.is_ascii_digit()) || port.is_empty() || port.starts_with('0')
    });
    let letters = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    // What ends in a number some read as an address (WHATWG URL, 3.5).
    let numeric = |label: &str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_digit());
    let number = name.rsplit('.').next().is_some_and(numeric) && name.parse::<Ipv4Addr>().is_err();
    port || number || name.is_empty() || name.split('.').any(str::is_empty) || !letters(name)
}

/// S51.
fn odd_header(name: &str, request: &Request) -> bool {
    let folded = |name: &str| name.to_ascii_lowercase().replace('_', "-");
    let same: Vec<_> = request.headers.iter().filter(|(other, _)| folded(other) == folded(name)).collect();
    same.len() > 1
        || same.iter().any(|(other, value)| other.contains('_') || value.contains(',') || !value.is_ascii())
}

/// The claim that a condition is about, if the request's token has it.
fn claim(key: &str, request: &Request) -> Option<Value> {
    let names: Vec<&str> = match key {
        "request.auth.audiences" => vec!["aud"],
        "request.auth.presenter" => vec!["azp"],
        other => other.strip_prefix("request.auth.claims[")?.strip_suffix(']')?.split("][").collect(),
    };
    let token = tokens().get(request.token?)?.clone();
    names.iter().try_fold(&token, |value, name| value.get(name)).cloned()
}

/// S54.
fn odd_claim(claim: &Value) -> bool {
    match claim {
        Value::Array(list) => list.iter().any(|element| !element.is_string()),
        other => !other.is_string(),
    }
}

#[test]
fn every_reason_to_differ_is_documented() {
    let text = include_str!("../../../docs/semantics.md").replace('\n', " ");
    let (_, differences) = text.split_once("## Where dialects differ").unwrap();
    let (_, differences) = differences.split_once(" Istio: ").unwrap();
    for class in Class::ALL {
        assert!(differences.contains(class.documented()), "docs/semantics.md does not list {class:?}");
    }
}
