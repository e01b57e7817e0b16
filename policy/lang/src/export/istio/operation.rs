//! `to` and `when` of an AuthorizationPolicy.

mod request;

use bookend_engine::{Action, HttpMatch, PortMatch, Protocol, Rule};
use serde_json::{Map, Value, json};

use super::super::gap::{Effect, Gaps};
use super::super::ground::{Filtered, Ground};
use super::agent;

/// The most ports that are written one by one.
const MOST_PORTS: usize = 64;

/// One `to` with the conditions beside it.
#[derive(Clone, Debug, Default)]
pub(super) struct Operation {
    /// The fields of the operation.
    fields: Map<String, Value>,
    /// The elements of `when`, all of which must hold.
    when: Vec<Value>,
}

impl Operation {
    /// The rules that say so of these sources: `None` for everybody.
    pub(super) fn rule(&self, sources: &Option<Vec<Value>>) -> Option<Value> {
        let mut rule = Map::new();
        match sources {
            None => {}
            Some(sources) if sources.is_empty() => return None,
            Some(sources) => {
                let from: Vec<Value> = sources.iter().map(|source| json!({ "source": source })).collect();
                rule.insert("from".to_owned(), json!(from));
            }
        }
        if !self.fields.is_empty() {
            rule.insert("to".to_owned(), json!([{ "operation": self.fields }]));
        }
        if !self.when.is_empty() {
            rule.insert("when".to_owned(), json!(self.when));
        }
        Some(Value::Object(rule))
    }

    /// Adds a field of the operation.
    ///
    /// # Errors
    /// When it is there already.
    fn field(&mut self, name: &str, value: Value) -> Result<(), String> {
        match self.fields.insert(name.to_owned(), value) {
            None => Ok(()),
            Some(_) => Err(format!("two conditions would both be `{name}`")),
        }
    }

    /// Adds a condition.
    fn condition(&mut self, key: String, values: &[String], wanted: bool) {
        let field = if wanted { "values" } else { "notValues" };
        self.when.push(json!({ "key": key, field: values }));
    }
}

/// What a rule says of ports and requests, as alternatives.
pub(super) fn operations(rule: &Rule, ground: &Ground<'_>, gaps: &mut Gaps) -> Vec<Operation> {
    let (effect, instead) = match rule.action {
        Action::Allow => (Effect::Stricter, "that is not allowed by it"),
        _ => (Effect::Open, "that is not denied by it"),
    };
    let mut start = Operation::default();
    if let Err(reason) = ports(rule, &mut start) {
        if let Some(reason) = reason {
            gaps.add(&rule.id, effect, reason, instead);
        }
        return Vec::new();
    }
    let Some(list) = rule.http.alternatives() else { return vec![start] };
    if ground.filtered(&rule.to) != Filtered::All && rule.action == Action::Allow {
        let reason = "it has HTTP conditions, and not all destinations have a proxy";
        gaps.add(&rule.id, Effect::Same, reason, "where there is none it says nothing");
    }
    let mut operations = Vec::new();
    for http in list {
        match alternatives(http, &start, rule.action) {
            Ok(found) => operations.extend(found),
            Err(reason) => gaps.add(&rule.id, effect, reason, instead),
        }
    }
    operations
}

/// Adds the ports of a rule, as far as they are TCP.
///
/// # Errors
/// When none is, without a reason; and when they cannot be written, with one.
fn ports(rule: &Rule, operation: &mut Operation) -> Result<(), Option<String>> {
    let tcp = |list: &[PortMatch]| -> Vec<PortMatch> {
        list.iter().filter(|port| port.protocol() == Protocol::Tcp).cloned().collect()
    };
    if let Some(list) = rule.ports.alternatives() {
        let list = tcp(list);
        if list.is_empty() {
            return Err((rule.action != Action::Allow).then(|| "a mesh sees TCP only".to_owned()));
        }
        if let Some(numbers) = numbers(&list)? {
            operation.fields.insert("ports".to_owned(), json!(numbers));
        }
    }
    let not = tcp(&agent::excepted(rule));
    if !not.is_empty() {
        let Some(numbers) = numbers(&not)? else { return Err(None) };
        operation.fields.insert("notPorts".to_owned(), json!(numbers));
    }
    Ok(())
}

/// The numbers of ports; nothing where all are meant.
///
/// # Errors
/// When they are too many, or have names.
fn numbers(list: &[PortMatch]) -> Result<Option<Vec<String>>, Option<String>> {
    let mut numbers: Vec<u16> = Vec::new();
    for port in list {
        match port {
            PortMatch::Named(named) => {
                return Err(Some(format!("a mesh knows numbers of ports, and `{}` is a name", named.name)));
            }
            PortMatch::Range(range) if (range.first(), range.last()) == (0, u16::MAX) => return Ok(None),
            PortMatch::Range(range) if usize::from(range.last() - range.first()) >= MOST_PORTS => {
                return Err(Some(
                    "ranges of ports cannot be written, and this one is too long to be written port by port"
                        .to_owned(),
                ));
            }
            PortMatch::Range(range) => numbers.extend(range.first()..=range.last()),
        }
    }
    numbers.sort_unstable();
    numbers.dedup();
    Ok(Some(numbers.iter().map(u16::to_string).collect()))
}

/// What one HTTP condition says.
fn alternatives(http: &HttpMatch, start: &Operation, action: Action) -> Result<Vec<Operation>, String> {
    let mut operation = start.clone();
    request::fields(http, &mut operation, action, true)?;
    for not in &http.not {
        request::excepted(not, &mut operation, action)?;
    }
    let mut found = Vec::new();
    for grpc in request::grpc(http, &operation)? {
        found.extend(request::tokens(http, &grpc, action)?);
    }
    Ok(found)
}
