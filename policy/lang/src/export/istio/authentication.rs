//! PeerAuthentications: rules that deny whoever proves nothing, where one of Istio says that by itself.
//!
//! What one of them means depends on the others (S94), so it is not argued here that they say the same: they are read again, and a
//! rule that does not come back as it was is left to AuthorizationPolicies.

use std::collections::{BTreeMap, BTreeSet};

use bookend_engine::{Action, Clause, Labels, NamespaceMatch, Plane, PortMatch, Program, Rule};
use serde_json::{Map, Value, json};

use super::super::document::{Origins, document};
use super::super::naming::{Id, Names};
use super::agent;
use crate::{Source, compile};

/// Group, version and kind.
const KIND: (&str, &str) = ("security.istio.io/v1", "PeerAuthentication");

/// The rules that are written so, and how.
#[derive(Debug, Default)]
pub(super) struct Authentications {
    pub(super) documents: Vec<Value>,
    rules: BTreeSet<String>,
}

/// Workloads as PeerAuthentications mean them: a namespace, and labels if not all of it is meant.
type Place = (String, Labels);

/// A rule that may be one.
#[derive(Clone, Debug)]
struct Candidate<'p> {
    rule: &'p Rule,
    place: Place,
    /// What is left to other documents.
    others: Vec<Place>,
}

impl Authentications {
    /// Those of a program.
    pub(super) fn of(program: &Program) -> Self {
        let root = program.rules().iter().find_map(root);
        let mut candidates: Vec<Candidate<'_>> =
            program.rules().iter().filter_map(|rule| candidate(rule, root)).collect();
        while !candidates.is_empty() {
            let documents = documents(&candidates);
            let Some(read) = read_again(&documents, root) else { return Self::default() };
            let all = candidates.len();
            let mut left = read.clone();
            candidates.retain(|candidate| {
                let wanted = plain(candidate.rule);
                let found = left.iter().position(|rule| *rule == wanted);
                found.map(|position| left.swap_remove(position)).is_some()
            });
            if candidates.len() == all {
                // What would deny more than was asked for is not written either.
                let rules = candidates.iter().map(|candidate| candidate.rule.id.clone());
                return if left.is_empty() {
                    Self { documents, rules: rules.collect() }
                } else {
                    Self::default()
                };
            }
        }
        Self::default()
    }

    /// Whether a rule is written so.
    pub(super) fn say(&self, rule: &Rule) -> bool {
        self.rules.contains(&rule.id)
    }
}

/// The root namespace, from a rule that was read from one of its documents: the name of a native policy has no slash.
fn root(rule: &Rule) -> Option<&str> {
    let (policy, _) = rule.id.rsplit_once('/')?;
    let (namespace, name) = policy.split_once('/')?;
    (rule.namespace.is_none() && name.starts_with("peerauthentication.")).then_some(namespace)
}

/// A rule of which the outline is that of a PeerAuthentication. What else it says is compared later.
fn candidate<'p>(rule: &'p Rule, root: Option<&str>) -> Option<Candidate<'p>> {
    if rule.plane != Plane::Mesh || rule.action != Action::Deny {
        return None;
    }
    let [to] = rule.to.alternatives()? else { return None };
    let selector = to.workloads.as_ref()?;
    let namespace = match (&selector.namespaces, rule.namespace.as_deref()) {
        (NamespaceMatch::Named(name), Some(own)) if name == own => own,
        (NamespaceMatch::Labelled(_), None) => root?,
        _ => return None,
    };
    let others: Option<Vec<Place>> = to
        .not
        .iter()
        .map(|not| match not.workloads.as_ref().map(|selector| (&selector.namespaces, &selector.labels)) {
            Some((NamespaceMatch::Named(name), labels)) => Some((name.clone(), labels.clone())),
            _ => None,
        })
        .collect();
    Some(Candidate { rule, place: (namespace.to_owned(), selector.labels.clone()), others: others? })
}

/// The documents of these rules, and of those whom they leave out.
fn documents(candidates: &[Candidate<'_>]) -> Vec<Value> {
    let mut names = Names::default();
    let mut written: BTreeMap<(String, String), Value> = BTreeMap::new();
    let mut told: BTreeSet<&Place> = BTreeSet::new();
    for candidate in candidates {
        told.insert(&candidate.place);
        let mut origins = Origins::default();
        origins.add(&candidate.rule.id);
        let Id { name, element, .. } = Id::of(&candidate.rule.id);
        let (mode, ports) = modes(candidate.rule);
        let name = names.give(&candidate.place.0, name, element);
        let one = one(&candidate.place, &name, &origins, (mode, &ports));
        written.insert((candidate.place.0.clone(), name), one);
    }
    let mut left_out: BTreeMap<&Place, Origins> = BTreeMap::new();
    for candidate in candidates {
        for place in candidate.others.iter().filter(|place| !told.contains(place)) {
            left_out.entry(place).or_default().add(&candidate.rule.id);
        }
    }
    for (place, origins) in left_out {
        let labels: Vec<&str> = place.1.values().map(String::as_str).collect();
        let name = names.give(&place.0, "permissive", &labels.join("-"));
        written.insert((place.0.clone(), name.clone()), one(place, &name, &origins, ("PERMISSIVE", &[])));
    }
    written.into_values().collect()
}

/// The mode of a rule's workloads, and the ports that have the other one.
fn modes(rule: &Rule) -> (&'static str, Vec<(u16, &'static str)>) {
    let of =
        |ports: &[PortMatch], mode| ports.iter().filter_map(agent::number).map(|port| (port, mode)).collect();
    match rule.ports.alternatives() {
        Some(ports) => ("PERMISSIVE", of(ports, "STRICT")),
        None => ("STRICT", of(&agent::excepted(rule), "PERMISSIVE")),
    }
}

fn one(
    (namespace, labels): &Place,
    name: &str,
    origins: &Origins,
    (mode, ports): (&str, &[(u16, &str)]),
) -> Value {
    let mut spec = Map::new();
    if !labels.is_empty() {
        spec.insert("selector".to_owned(), json!({ "matchLabels": labels }));
    }
    spec.insert("mtls".to_owned(), json!({ "mode": mode }));
    if !ports.is_empty() {
        let ports = ports.iter().map(|(port, mode)| (port.to_string(), json!({ "mode": mode })));
        spec.insert("portLevelMtls".to_owned(), Value::Object(ports.collect()));
    }
    document(KIND, Some(namespace), name, origins, Value::Object(spec))
}

/// What documents mean by themselves, without ids; nothing where they cannot be read.
fn read_again(documents: &[Value], root: Option<&str>) -> Option<Vec<Rule>> {
    let mesh = root.map(|root| {
        json!({
            "apiVersion": "bookend.dev/v1alpha1",
            "kind": "Inventory",
            "metadata": { "name": "mesh" },
            "spec": { "rootNamespace": root },
        })
    });
    let texts = documents.iter().chain(&mesh).map(Value::to_string);
    let sources: Vec<Source> = texts.map(|text| Source::new("export.yaml", text.into_bytes())).collect();
    let compiled = compile(&sources).ok()?;
    Some(compiled.program.rules().iter().filter(|rule| !agent::opens(rule)).map(plain).collect())
}

/// A rule without its id and without the ports at which it never holds, and with its lists in one order.
fn plain(rule: &Rule) -> Rule {
    let mut rule = Rule { id: String::new(), ..rule.clone() };
    // Neither ports nor peers have an order of their own.
    let sorted = |mut ports: Vec<PortMatch>| {
        ports.sort_by_key(|port| (agent::number(port), port.protocol()));
        ports.dedup();
        ports
    };
    rule.not_ports = sorted(agent::excepted(&rule));
    if let Some(ports) = rule.ports.alternatives() {
        rule.ports = Clause::one_of(sorted(ports.to_vec())).unwrap_or_default();
    }
    if let Some([to]) = rule.to.alternatives() {
        let mut to = to.clone();
        to.not.sort_by_key(|not| {
            not.workloads.as_ref().map(|selector| (name(&selector.namespaces), selector.labels.clone()))
        });
        rule.to = Clause::only(to);
    }
    rule
}

/// The name of a namespace that is named.
fn name(namespaces: &NamespaceMatch) -> Option<String> {
    match namespaces {
        NamespaceMatch::Named(name) => Some(name.clone()),
        NamespaceMatch::Labelled(_) => None,
    }
}
