//! Whether two programs say the same, whoever there is.
//!
//! A rule is taken apart by the end that it governs and by its destinations, an isolation by its direction, names are taken away, and what has no
//! order is sorted. What decides of a connection depends on the set of these alone (S2): so where the sets are equal, every
//! verdict is, in every inventory.

use std::collections::{BTreeMap, BTreeSet};

use crate::Compiled;
use bookend_engine::{
    Action, Clause, End, FAILSAFE, HOST_LABEL, LabelExpression, MESH_AGENT, Mode, NamespaceMatch, PeerMatch,
    Plane, Program, Rule,
};
use serde_json::{Map, Value};

/// In which way what two sets of documents say differs; `None` where it does not.
pub(super) fn difference(before: &Compiled, after: &Compiled) -> Option<String> {
    let (old, new) = (&before.inventory, &after.inventory);
    let alike = old.workloads() == new.workloads()
        && old.namespaces() == new.namespaces()
        && old.trust_domain() == new.trust_domain()
        && old.trust_addresses() == new.trust_addresses();
    if !alike {
        return Some("workloads are known otherwise".to_owned());
    }
    let hosts = old.hosts().next().is_some();
    let (old, new) = (said(&before.program, hosts), said(&after.program, hosts));
    let missing = || old.iter().find(|(said, _)| !new.contains_key(*said));
    let added = || new.iter().find(|(said, _)| !old.contains_key(*said));
    missing()
        .map(|(_, id)| format!("`{id}` is lost"))
        .or_else(|| added().map(|(_, id)| format!("`{id}` is new")))
}

/// Everything that a program says, and the id of one that says it. Without `hosts`, that they are not meant says nothing.
fn said(program: &Program, hosts: bool) -> BTreeMap<String, &str> {
    let ranks = ranks(program);
    let mut said = BTreeMap::new();
    for rule in program.rules().iter().filter(|rule| rule.id != FAILSAFE && rule.id != MESH_AGENT) {
        let place = (rule.plane, rule.tier, rule.priority);
        let rank = ranks.get(&place).copied().unwrap_or_default();
        let ends = || End::BOTH.into_iter().filter(|end| rule.at.contains(*end) && !is_idle(rule, *end));
        // Who accepts a connection is always known, so each of several is meant by itself.
        let destinations = match rule.to.alternatives() {
            None => vec![Clause::Any],
            Some(list) => list.iter().cloned().map(Clause::only).collect(),
        };
        for to in destinations {
            let body = rule_body(Rule { to, ..rule.clone() }, rank, hosts);
            said.extend(ends().map(|end| (format!("{} {body}", end.name()), rule.id.as_str())));
        }
    }
    let mut whole: BTreeSet<(String, &str)> = BTreeSet::new();
    let mut parts = Vec::new();
    for isolation in program.isolations() {
        let mut value = object(serde_json::to_value(isolation).unwrap_or_default());
        for key in ["id", "egress", "ingress"] {
            value.remove(key);
        }
        let scope = format!("{:?} {}", isolation.plane, isolation.tier);
        let selector = &isolation.workloads;
        let no_host = |expression: &LabelExpression| {
            !hosts && matches!(expression, LabelExpression::DoesNotExist { key } if key == HOST_LABEL)
        };
        let every = selector.labels.is_empty()
            && selector.expressions.iter().all(no_host)
            && selector.proxied.is_none()
            && selector.service_accounts.is_any()
            && isolation.mode == Mode::Enforce;
        let namespace = match &selector.namespaces {
            NamespaceMatch::Named(name) => Some(name.as_str()),
            NamespaceMatch::Labelled(_) => None,
        };
        let body = normal("", Value::Object(value), hosts).to_string();
        for (direction, covers) in [("ingress", isolation.ingress), ("egress", isolation.egress)] {
            if !covers {
                continue;
            }
            if let (true, Some(namespace)) = (every, namespace) {
                whole.insert((format!("{scope} {namespace}"), direction));
            }
            let covered = namespace
                .filter(|_| !every && isolation.mode == Mode::Enforce)
                .map(|namespace| (format!("{scope} {namespace}"), direction));
            parts.push((covered, format!("{direction} {body}"), isolation.id.as_str()));
        }
    }
    let bare =
        parts.into_iter().filter(|(covered, ..)| !covered.as_ref().is_some_and(|key| whole.contains(key)));
    said.extend(bare.map(|(_, body, id)| (body, id)));
    said
}

/// The places of priorities in their tier: only their order matters.
fn ranks(program: &Program) -> BTreeMap<(Plane, u32, i32), usize> {
    let all: BTreeSet<_> =
        program.rules().iter().map(|rule| (rule.plane, rule.tier, rule.priority)).collect();
    let mut ranks = BTreeMap::new();
    let mut last = None;
    let mut rank = 0;
    for (plane, tier, priority) in all {
        rank = if last == Some((plane, tier)) { rank + 1 } else { 0 };
        last = Some((plane, tier));
        ranks.insert((plane, tier, priority), rank);
    }
    ranks
}

fn rule_body(rule: Rule, rank: usize, hosts: bool) -> String {
    let mut value = object(serde_json::to_value(&rule).unwrap_or_default());
    for key in ["id", "at"] {
        value.remove(key);
    }
    value.insert("priority".to_owned(), Value::from(rank));
    // Filters do not get them, so they are not serialized.
    value.insert("limits".to_owned(), Value::from(format!("{:?}", rule.limits)));
    normal("", Value::Object(value), hosts).to_string()
}

/// Whether an allow rule cannot govern this end, because all peers there lie in other namespaces by name (S4).
fn is_idle(rule: &Rule, end: End) -> bool {
    let Some(own) = rule.namespace.as_deref().filter(|_| rule.action == Action::Allow) else { return false };
    let elsewhere = |peer: &PeerMatch| match peer.workloads.as_ref().map(|selector| &selector.namespaces) {
        Some(NamespaceMatch::Named(name)) => name != own,
        _ => false,
    };
    let peers: &Clause<PeerMatch> = rule.peers(end);
    peers.alternatives().is_some_and(|list| list.iter().all(elsewhere))
}

/// A value with everything sorted that has no order, and with a label in place of an expression that asks for one value.
fn normal(key: &str, value: Value, hosts: bool) -> Value {
    match value {
        // The way to a claim.
        Value::Array(list) if key == "claim" => Value::Array(list),
        Value::Array(list) => {
            let mut list: Vec<(String, Value)> = list
                .into_iter()
                .map(|value| normal("", value, hosts))
                .map(|value| (value.to_string(), value))
                .collect();
            list.sort_by(|a, b| a.0.cmp(&b.0));
            list.dedup_by(|a, b| a.0 == b.0);
            Value::Array(list.into_iter().map(|(_, value)| value).collect())
        }
        Value::Object(mut fields) => {
            single_values(&mut fields, hosts);
            Value::Object(
                fields
                    .into_iter()
                    .map(|(key, value)| {
                        let value = normal(&key, value, hosts);
                        (key, value)
                    })
                    .collect(),
            )
        }
        other => other,
    }
}

fn single_values(fields: &mut Map<String, Value>, hosts: bool) {
    let (Some(Value::Array(expressions)), Some(Value::Object(labels))) =
        (fields.get("expressions").cloned(), fields.get("labels").cloned())
    else {
        return;
    };
    let (mut labels, mut others) = (labels, Vec::new());
    for expression in expressions {
        let text = |name: &str| expression.get(name).and_then(Value::as_str);
        let values = expression.get("values").and_then(Value::as_array).map(Vec::as_slice);
        match (text("operator"), text("key"), values) {
            (Some("In"), Some(key), Some([only])) if !labels.contains_key(key) => {
                labels.insert(key.to_owned(), only.clone());
            }
            (Some("DoesNotExist"), Some(HOST_LABEL), _) if !hosts => {}
            _ => others.push(expression),
        }
    }
    fields.insert("labels".to_owned(), Value::Object(labels));
    fields.insert("expressions".to_owned(), Value::Array(others));
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}
