//! What can be different about requests, as far as conditions ask.

use std::net::{IpAddr, Ipv4Addr};

use bookend_engine::{
    Block, ClaimMatch, HttpMatch, Location, TextMatch, TextPattern, TokenMatch, Truth, ValueMatch,
};
use serde_json::{Map, Value};

use super::{Specimen, path};

/// A text that no policy is likely to name.
const OTHER: &str = "something-else";

/// An address that hardly any policy names: of a block that was never given out (RFC 1112, 4).
const ELSEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(240, 0, 0, 1));

/// One thing about a request.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Aspect {
    Method(String),
    Host(String),
    /// Where its client is, as the proxy finds it.
    Client(IpAddr),
    Path(String),
    /// `None`: it is not there.
    Header(String, Option<String>),
    Query(String, Option<String>),
    /// A whole token; `None`: there is none.
    Token(Option<Value>),
    /// A call of a gRPC method, by its path.
    Call(String),
}

impl Aspect {
    pub(super) fn put(&self, specimen: &mut Specimen) {
        let set =
            |map: &mut std::collections::BTreeMap<String, String>, name: &String, value: &Option<String>| {
                match value {
                    Some(value) => map.insert(name.clone(), value.clone()),
                    None => map.remove(name),
                };
            };
        match self {
            Self::Method(method) => specimen.method.clone_from(method),
            Self::Host(host) => specimen.host.clone_from(host),
            Self::Client(address) => specimen.client = *address,
            Self::Path(path) => specimen.path.clone_from(path),
            Self::Header(name, value) => set(&mut specimen.headers, name, value),
            Self::Query(name, value) => set(&mut specimen.query, name, value),
            Self::Token(claims) => specimen.claims.clone_from(claims),
            Self::Call(path) => {
                specimen.path.clone_from(path);
                "POST".clone_into(&mut specimen.method);
                specimen.headers.insert("content-type".to_owned(), "application/grpc".to_owned());
            }
        }
    }

    /// The same thing, so that it is not what was asked for.
    pub(super) fn missed(&self) -> Self {
        let flipped = |value: &Option<String>| if value.is_some() { None } else { Some(OTHER.to_owned()) };
        match self {
            Self::Method(_) => Self::Method("OTHER".to_owned()),
            Self::Host(_) => Self::Host("other.example".to_owned()),
            Self::Client(_) => Self::Client(ELSEWHERE),
            Self::Path(_) | Self::Call(_) => Self::Path(path::NOWHERE.to_owned()),
            Self::Header(name, value) => Self::Header(name.clone(), flipped(value)),
            Self::Query(name, value) => Self::Query(name.clone(), flipped(value)),
            Self::Token(Some(_)) => Self::Token(None),
            Self::Token(None) => Self::Token(Some(Value::Object(Map::new()))),
        }
    }
}

/// The parts of a condition that are present; of each the ways to meet it, the plainest first, and then some to miss it.
pub(super) fn parts(condition: &HttpMatch) -> Vec<Vec<Aspect>> {
    let mut parts = Vec::new();
    let mut add = |part: Vec<Aspect>| {
        if !part.is_empty() {
            parts.push(part);
        }
    };
    add(condition.methods.alternatives().unwrap_or_default().iter().cloned().map(Aspect::Method).collect());
    let hosts = condition.hosts.alternatives().unwrap_or_default().iter();
    add(hosts.map(|pattern| Aspect::Host(pattern.as_str().replace('*', "some"))).collect());
    add(condition
        .clients
        .alternatives()
        .unwrap_or_default()
        .iter()
        .filter_map(inside)
        .map(Aspect::Client)
        .collect());
    let paths = condition.paths.alternatives().unwrap_or_default().iter();
    add(paths.filter_map(|pattern| path::path(pattern.as_str())).map(Aspect::Path).collect());
    let calls = condition.grpc.alternatives().unwrap_or_default().iter();
    add(calls
        .map(|call| Aspect::Call(format!("/{}/{}", call.service(), call.method().unwrap_or("Some"))))
        .collect());
    for header in &condition.headers {
        add(values(header.value())
            .into_iter()
            .map(|value| Aspect::Header(header.name().to_owned(), value))
            .collect());
    }
    for parameter in &condition.query {
        add(values(parameter.value())
            .into_iter()
            .map(|value| Aspect::Query(parameter.name().to_owned(), value))
            .collect());
    }
    add(condition.jwt.alternatives().unwrap_or_default().iter().flat_map(tokens).collect());
    parts
}

/// An address of a block: its first or its last, if it excepts neither.
fn inside(block: &Block) -> Option<IpAddr> {
    let whole = block.nets().next()?;
    let is_meant = |address: &IpAddr| block.holds(Location::of(*address)) == Truth::Yes;
    [whole.network(), whole.broadcast()].into_iter().find(is_meant)
}

/// Texts that meet what is asked of a value, and one that is there and does not.
fn values(wanted: &ValueMatch) -> Vec<Option<String>> {
    match wanted {
        ValueMatch::Present(true) => vec![Some(OTHER.to_owned())],
        ValueMatch::Present(false) => vec![None],
        ValueMatch::Text(texts) => {
            let mut found: Vec<_> = texts.patterns().iter().flat_map(text).map(Some).collect();
            found.push(Some(OTHER.to_owned()));
            found
        }
    }
}

/// Texts that a pattern means; of a regular expression only those that are easily guessed.
fn text(pattern: &TextPattern) -> Vec<String> {
    let written = pattern.as_str();
    match pattern {
        TextPattern::Exact(_) => vec![written.to_owned()],
        TextPattern::Prefix(_) => vec![format!("{written}x"), written.to_owned()],
        TextPattern::Suffix(_) => vec![format!("x{written}"), written.to_owned()],
        TextPattern::Regex(_) => ["x", "a", "0", "1", "abc", "123", "true", written]
            .into_iter()
            .filter(|guess| pattern.holds(guess.as_bytes()) == Truth::Yes)
            .map(str::to_owned)
            .collect(),
    }
}

/// Tokens that meet a condition, and such as miss one part of it.
fn tokens(wanted: &TokenMatch) -> Vec<Aspect> {
    let mut claims: Vec<(Vec<&str>, Vec<Option<Value>>)> = Vec::new();
    let strings =
        |list: &[String]| list.iter().map(|text| Some(Value::String(text.clone()))).collect::<Vec<_>>();
    let missed = || Some(Value::String(OTHER.to_owned()));
    if let Some(issuers) = wanted.issuer.alternatives() {
        claims.push((vec!["iss"], strings(issuers).into_iter().chain([missed()]).collect()));
    }
    if let Some(subject) = &wanted.subject {
        claims.push((vec!["sub"], subject_values(subject).into_iter().chain([missed()]).collect()));
    }
    if let Some(audiences) = wanted.audiences.alternatives() {
        claims.push((vec!["aud"], strings(audiences).into_iter().chain([missed()]).collect()));
    }
    for claim in &wanted.claims {
        claims.push((claim.claim().iter().map(String::as_str).collect(), claim_values(claim)));
    }
    let mut base = Value::Object(Map::new());
    for (names, ways) in &claims {
        set(&mut base, names, ways.first().cloned().flatten());
    }
    let mut found = vec![Aspect::Token(Some(base.clone()))];
    for (names, ways) in &claims {
        for way in ways.iter().skip(1).cloned().chain([None]) {
            let mut token = base.clone();
            set(&mut token, names, way);
            found.push(Aspect::Token(Some(token)));
        }
    }
    found.push(Aspect::Token(None));
    found
}

fn subject_values(subject: &TextMatch) -> Vec<Option<Value>> {
    subject.patterns().iter().flat_map(text).map(|text| Some(Value::String(text))).collect()
}

fn claim_values(claim: &ClaimMatch) -> Vec<Option<Value>> {
    values(claim.value()).into_iter().map(|value| value.map(Value::String)).collect()
}

/// Puts a claim into a token, or takes it out.
fn set(token: &mut Value, names: &[&str], value: Option<Value>) {
    let Some((first, rest)) = names.split_first() else { return };
    let Value::Object(claims) = token else { return };
    match (rest, value) {
        ([], Some(value)) => drop(claims.insert((*first).to_owned(), value)),
        ([], None) => drop(claims.remove(*first)),
        (rest, value) => {
            let inner = claims.entry(*first).or_insert_with(|| Value::Object(Map::new()));
            set(inner, rest, value);
        }
    }
}
