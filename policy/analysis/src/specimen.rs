//! Requests that stand for others: enough of them to tell the conditions of rules apart, where that can be done.

mod aspect;
mod path;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write};
use std::net::{IpAddr, Ipv4Addr};

use bookend_engine::{Head, HeaderLine, HttpMatch, Request, ServerName, Tokens};
use serde_json::Value;

use aspect::Aspect;

/// How many requests are made up for one comparison, at most.
const MAX_SPECIMENS: usize = 8_192;

/// More conditions than these are not combined with each other.
const MAX_COMBINED: usize = 48;

/// Where clients are of whom nothing is asked: in a block for documentation (RFC 5737).
const SOMEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 250));

/// A request that stands for all that the same conditions hold for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Specimen {
    /// Its method.
    pub method: String,
    /// Its host.
    pub host: String,
    /// Where its client is, as the proxy finds it.
    pub client: IpAddr,
    /// Its path, without a query.
    pub path: String,
    /// Its headers.
    pub headers: BTreeMap<String, String>,
    /// Its query parameters.
    pub query: BTreeMap<String, String>,
    /// The claims of its verified token; none when it has no token.
    pub claims: Option<Value>,
}

impl Default for Specimen {
    fn default() -> Self {
        Self {
            method: "GET".to_owned(),
            host: "some.example".to_owned(),
            client: SOMEWHERE,
            path: path::NOWHERE.to_owned(),
            headers: BTreeMap::new(),
            query: BTreeMap::new(),
            claims: None,
        }
    }
}

impl Specimen {
    /// Calls `ask` with the request as the engine reads it.
    pub(crate) fn asked<T>(&self, ask: impl FnOnce(&Request<'_>) -> T) -> T {
        let lines: Vec<HeaderLine<'_>> =
            self.headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
        let target = self.target();
        ask(&Request::new(Head {
            method: Some(self.method.as_bytes()),
            authority: Some(self.host.as_bytes()),
            path: Some(target.as_bytes()),
            headers: Some(&lines),
            tokens: Tokens::Verified(self.claims.iter().cloned().collect()),
            client: Some(self.client),
            // Expressions are not looked into.
            server_name: ServerName::Unknown,
        }))
    }

    /// Path and query, as they are sent.
    fn target(&self) -> String {
        let mut target = self.path.clone();
        let encoded = |text: &str| {
            let mut encoded = String::new();
            for byte in text.bytes() {
                if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                    encoded.push(char::from(byte));
                } else {
                    let _ = write!(encoded, "%{byte:02X}");
                }
            }
            encoded
        };
        for (position, (name, value)) in self.query.iter().enumerate() {
            let mark = if position == 0 { '?' } else { '&' };
            let _ = write!(target, "{mark}{}={}", encoded(name), encoded(value));
        }
        target
    }

    /// Requests for all `conditions`: for each of them one that meets it, others that miss one part of it and meet the
    /// rest, and one that meets each two of them; every method with every path.
    pub(crate) fn of(conditions: &[&HttpMatch]) -> Vec<Self> {
        let mut all: Vec<&HttpMatch> = Vec::new();
        for condition in conditions {
            flatten(condition, &mut all);
        }
        let mut seen = Seen::default();
        seen.add(Self::default());
        let parts: Vec<Vec<Vec<Aspect>>> = all.iter().map(|condition| aspect::parts(condition)).collect();
        let meets: Vec<Self> = parts.iter().map(|parts| Self::default().meeting(parts)).collect();
        for (number, (parts, meeting)) in parts.iter().zip(&meets).enumerate() {
            seen.add(meeting.clone());
            for part in parts {
                for aspect in part {
                    seen.add(meeting.clone().with(aspect));
                }
                if let Some(aspect) = part.first() {
                    seen.add(meeting.clone().with(&aspect.missed()));
                    seen.add(Self::default().with(aspect));
                }
            }
            for (other, base) in meets.iter().enumerate() {
                if other != number && meets.len() <= MAX_COMBINED {
                    seen.add(base.clone().meeting(parts));
                }
            }
        }
        let mut methods: BTreeSet<&str> = BTreeSet::new();
        let mut patterns: BTreeSet<&str> = BTreeSet::new();
        for condition in &all {
            methods.extend(condition.methods.alternatives().unwrap_or_default().iter().map(String::as_str));
            patterns.extend(condition.paths.alternatives().unwrap_or_default().iter().map(|p| p.as_str()));
        }
        let other = ["GET", "POST", "DELETE", "OTHER"].into_iter().find(|other| !methods.contains(other));
        methods.extend(other);
        let patterns: Vec<&str> = patterns.into_iter().collect();
        for path in path::paths(&patterns) {
            for method in &methods {
                seen.add(Self { method: (*method).to_owned(), path: path.clone(), ..Self::default() });
            }
            for base in meets.iter().take(MAX_COMBINED) {
                seen.add(Self { path: path.clone(), ..base.clone() });
            }
        }
        seen.found
    }

    fn meeting(self, parts: &[Vec<Aspect>]) -> Self {
        parts.iter().filter_map(|part| part.first()).fold(self, Self::with)
    }

    fn with(mut self, aspect: &Aspect) -> Self {
        aspect.put(&mut self);
        self
    }
}

/// What was made up so far.
#[derive(Default)]
struct Seen {
    found: Vec<Specimen>,
    known: BTreeSet<String>,
}

impl Seen {
    fn add(&mut self, specimen: Specimen) {
        if self.found.len() < MAX_SPECIMENS && self.known.insert(format!("{specimen:?}")) {
            self.found.push(specimen);
        }
    }
}

/// A condition and all that are negated in it.
fn flatten<'c>(condition: &'c HttpMatch, found: &mut Vec<&'c HttpMatch>) {
    if !found.contains(&condition) {
        found.push(condition);
    }
    for inner in &condition.not {
        flatten(inner, found);
    }
}

impl fmt::Display for Specimen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.target())?;
        if self.host != Self::default().host {
            write!(f, " at {}", self.host)?;
        }
        if self.client != SOMEWHERE {
            write!(f, " for a client at {}", self.client)?;
        }
        for (name, value) in &self.headers {
            write!(f, ", {name}: {value}")?;
        }
        if let Some(claims) = &self.claims {
            write!(f, ", token {claims}")?;
        }
        Ok(())
    }
}
