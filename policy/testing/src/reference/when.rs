//! `when` expressions (S55): read and evaluated at once, as often as asked.

use serde_json::Value as Json;

use super::condition::{Request, claim, whole};
use super::path::Segments;
use super::peer::{Candidate, Party};
use super::text::plain;
use super::truth::Truth::{self, Doubt, No, Yes};
use crate::question::ServerName;

/// A value, as one reading of a request has it.
#[derive(Clone, Debug, PartialEq)]
enum Value {
    Text(String),
    Number(i64),
    Flag(bool),
    List(Vec<Value>),
    Absent,
    /// It is there, and compares with nothing.
    Opaque,
    /// Not even whether it is there can be told.
    Unknown,
}

/// All readings of a value.
type Readings = Vec<Value>;

/// What an expression comes to.
enum Outcome {
    Truth(Truth),
    Value(Readings),
}

/// Whether `text` holds for a request whose path has these named segments.
pub(super) fn holds(text: &str, request: &Request<'_>, segments: Option<&Segments>) -> Truth {
    let mut parser = Parser { rest: text, request, segments };
    match parser.or() {
        Some(outcome) if parser.rest.trim().is_empty() => outcome.truth(),
        // The language refuses what cannot be read.
        _ => Doubt,
    }
}

impl Outcome {
    fn truth(self) -> Truth {
        match self {
            Self::Truth(truth) => truth,
            Self::Value(readings) => Truth::agreed(readings.iter().map(|value| match value {
                Value::Flag(flag) => Truth::is(*flag),
                _ => Doubt,
            })),
        }
    }

    fn readings(self) -> Readings {
        match self {
            Self::Truth(Yes) => vec![Value::Flag(true)],
            Self::Truth(No) => vec![Value::Flag(false)],
            Self::Truth(Doubt) => vec![Value::Opaque],
            Self::Value(readings) => readings,
        }
    }

    /// What every pair of readings says.
    fn with(self, other: Self, relation: impl Fn(&Value, &Value) -> Truth) -> Self {
        let (left, right) = (self.readings(), other.readings());
        let pairs = left.iter().flat_map(|a| right.iter().map(|b| relation(a, b)));
        Self::Truth(Truth::agreed(pairs))
    }
}

fn equal(left: &Value, right: &Value) -> Truth {
    match (left, right) {
        (Value::Text(a), Value::Text(b)) => Truth::is(a == b),
        (Value::Number(a), Value::Number(b)) => Truth::is(a == b),
        (Value::Flag(a), Value::Flag(b)) => Truth::is(a == b),
        // As S54 compares them.
        (Value::Text(text), Value::Number(number)) | (Value::Number(number), Value::Text(text)) => {
            Truth::is(*text == number.to_string())
        }
        (Value::Text(text), Value::Flag(flag)) | (Value::Flag(flag), Value::Text(text)) => {
            Truth::is(*text == flag.to_string())
        }
        _ => Doubt,
    }
}

fn within(element: &Value, list: &Value) -> Truth {
    match list {
        Value::List(values) if *element != Value::Absent => {
            Truth::any(values.iter().map(|value| equal(element, value)))
        }
        _ => Doubt,
    }
}

fn on_texts(name: &str) -> Option<fn(&str, &str) -> bool> {
    Some(match name {
        "startsWith" => |text, part| text.starts_with(part),
        "endsWith" => |text, part| text.ends_with(part),
        "contains" => |text, part| text.contains(part),
        _ => return None,
    })
}

struct Parser<'p> {
    rest: &'p str,
    request: &'p Request<'p>,
    segments: Option<&'p Segments>,
}

impl<'p> Parser<'p> {
    fn eat(&mut self, token: &str) -> bool {
        let rest = self.rest.trim_start().strip_prefix(token);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn keyword(&mut self, keyword: &str) -> bool {
        let before = self.rest;
        let found = self.word().as_deref() == Some(keyword);
        self.rest = if found { self.rest } else { before };
        found
    }

    fn or(&mut self) -> Option<Outcome> {
        let mut left = self.and()?;
        while self.eat("||") {
            left = Outcome::Truth(left.truth().max(self.and()?.truth()));
        }
        Some(left)
    }

    fn and(&mut self) -> Option<Outcome> {
        let mut left = self.relation()?;
        while self.eat("&&") {
            left = Outcome::Truth(left.truth().min(self.relation()?.truth()));
        }
        Some(left)
    }

    fn relation(&mut self) -> Option<Outcome> {
        let left = self.unary()?;
        Some(if self.eat("==") {
            left.with(self.unary()?, equal)
        } else if self.eat("!=") {
            left.with(self.unary()?, |a, b| equal(a, b).not())
        } else if self.keyword("in") {
            left.with(self.unary()?, within)
        } else {
            left
        })
    }

    fn unary(&mut self) -> Option<Outcome> {
        if self.eat("!") {
            return Some(Outcome::Truth(self.unary()?.truth().not()));
        }
        let value = if self.eat("(") {
            let inner = self.or()?;
            self.eat(")").then_some(inner)?
        } else if self.eat("[") {
            let mut values = Vec::new();
            while !self.eat("]") {
                values.extend(self.or()?.readings());
                self.eat(",");
            }
            Outcome::Value(vec![Value::List(values)])
        } else if let Some(text) = self.quoted() {
            Outcome::Value(vec![Value::Text(text)])
        } else {
            let word = self.word()?;
            match word.as_str() {
                "true" => Outcome::Truth(Yes),
                "false" => Outcome::Truth(No),
                "has" => {
                    self.eat("(").then_some(())?;
                    let name = self.word()?;
                    let keys = self.keys(name)?;
                    self.eat(")").then_some(())?;
                    Outcome::Truth(Truth::agreed(self.attribute(&keys).iter().map(|value| match value {
                        Value::Absent => No,
                        Value::Unknown => Doubt,
                        _ => Yes,
                    })))
                }
                number if number.parse::<i64>().is_ok() => {
                    Outcome::Value(vec![Value::Number(number.parse().ok()?)])
                }
                _ => {
                    let keys = self.keys(word)?;
                    Outcome::Value(self.attribute(&keys))
                }
            }
        };
        self.called(value)
    }

    /// `.startsWith(…)` and the like.
    fn called(&mut self, mut value: Outcome) -> Option<Outcome> {
        for name in ["startsWith", "endsWith", "contains"].iter().cycle().take(9) {
            if self.eat(&format!(".{name}(")) {
                let argument = self.or()?;
                self.eat(")").then_some(())?;
                let holds = on_texts(name)?;
                value = value.with(argument, |text, part| match (text, part) {
                    (Value::Text(text), Value::Text(part)) => Truth::is(holds(text, part)),
                    _ => Doubt,
                });
            }
        }
        Some(value)
    }

    fn word(&mut self) -> Option<String> {
        let text = self.rest.trim_start();
        let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-');
        let (word, rest) = text.split_at(end.unwrap_or(text.len()));
        self.rest = rest;
        (!word.is_empty()).then(|| word.to_owned())
    }

    fn quoted(&mut self) -> Option<String> {
        let text = self.rest.trim_start();
        let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
        let mut value = String::new();
        let mut chars = text.char_indices().skip(1);
        loop {
            match chars.next()? {
                (_, '\\') => value.push(chars.next()?.1),
                (end, c) if c == quote => {
                    self.rest = text.get(end + 1..)?;
                    return Some(value);
                }
                (_, c) => value.push(c),
            }
        }
    }

    /// The rest of an attribute's name: `.key` or `['key']`, up to a call.
    fn keys(&mut self, first: String) -> Option<Vec<String>> {
        let mut keys = vec![first];
        loop {
            let before = self.rest;
            if self.eat("[") {
                keys.push(self.quoted()?);
                self.eat("]").then_some(())?;
            } else if self.eat(".") {
                let name = self.word()?;
                if on_texts(&name).is_some() && self.rest.trim_start().starts_with('(') {
                    self.rest = before;
                    return Some(keys);
                }
                keys.push(name);
            } else {
                return Some(keys);
            }
        }
    }

    fn attribute(&self, keys: &[String]) -> Readings {
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let (request, facts) = (self.request, self.request.facts);
        let texts = |values: Option<Vec<Vec<u8>>>| match values {
            None => vec![Value::Unknown],
            Some(values) if values.is_empty() => vec![Value::Absent],
            Some(values) => values.into_iter().map(text).collect(),
        };
        let known = |value: Option<String>| vec![value.map_or(Value::Unknown, |value| text(value.into()))];
        match keys.as_slice() {
            ["request", "method"] => {
                known(request.head.method.clone().and_then(|method| String::from_utf8(method).ok()))
            }
            ["request", "host"] => known(request.host().map(|(host, _)| host)),
            // S85.
            ["request", "authority"] => {
                let sent = request.host().and(request.head.authority.clone());
                known(sent.map(|authority| String::from_utf8_lossy(&authority).to_lowercase()))
            }
            ["connection", "sni"] => match &request.head.server_name {
                ServerName::Unknown => vec![Value::Unknown],
                ServerName::Absent => vec![Value::Absent],
                ServerName::Name(name) => vec![text(name.to_lowercase().into())],
            },
            ["request", "path"] => known(request.path()),
            ["request", "headers", name] => texts(request.header(name)),
            ["request", "query", name] => texts(request.parameter(name)),
            ["path", name] => known(self.segments.and_then(|segments| segments.get(*name).cloned())),
            ["jwt", "claims", keys @ ..] => match request.tokens() {
                None => vec![Value::Unknown],
                Some([]) => vec![Value::Absent],
                Some(tokens) => {
                    let said = |token| match claim(token, keys) {
                        None => Value::Unknown,
                        Some(claim) => claim.map_or(Value::Absent, dynamic),
                    };
                    tokens.iter().map(said).collect()
                }
            },
            ["source", "principal"] => match &request.source.principals {
                None => vec![Value::Unknown],
                Some(names) => names.iter().map(|name| text(name.clone().into())).collect(),
            },
            ["destination", "port"] => vec![Value::Number(facts.port.into())],
            ["source", rest @ ..] => party(request.source, rest),
            ["destination", rest @ ..] => party(&facts.destination, rest),
            _ => vec![Value::Unknown],
        }
    }
}

fn text(bytes: Vec<u8>) -> Value {
    match String::from_utf8(bytes) {
        Ok(text) if plain(text.as_bytes()) => Value::Text(text),
        _ => Value::Opaque,
    }
}

/// A claim.
fn dynamic(claim: &Json) -> Value {
    match claim {
        Json::String(value) => text(value.clone().into()),
        Json::Bool(flag) => Value::Flag(*flag),
        Json::Number(number) => number.as_f64().and_then(whole).map_or(Value::Opaque, Value::Number),
        Json::Array(elements) => Value::List(elements.iter().map(dynamic).collect()),
        Json::Null | Json::Object(_) => Value::Opaque,
    }
}

fn party(party: &Party<'_>, keys: &[&str]) -> Readings {
    let one = |candidate: &Candidate<'_>| {
        let unknown = match candidate {
            Candidate::Outside => Value::Absent,
            _ => Value::Unknown,
        };
        let known = |value: Option<&str>| value.map_or(unknown.clone(), |value| text(value.into()));
        match (keys, candidate) {
            (["namespace"], _) => known(candidate.namespace()),
            (["serviceAccount"], _) => known(candidate.account()),
            (["labels", key], Candidate::Workload(workload)) => {
                workload.labels.get(*key).and_then(Json::as_str).map_or(Value::Absent, |v| text(v.into()))
            }
            _ => unknown,
        }
    };
    party.candidates.iter().map(one).collect()
}
