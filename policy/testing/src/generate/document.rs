//! Policies, as documents.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

use super::http;
use super::pattern;
use super::peer::{may_lie_in, namespace, peer, selector};
use super::port::{any_port, tcp};

/// A policy that can be written down in several orders.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Nothing for one of the cluster.
    namespace: Option<&'static str>,
    name: String,
    tier: Option<&'static str>,
    priority: Option<i32>,
    audit: bool,
    isolate: Vec<Value>,
    rules: Vec<Rule>,
}

#[derive(Clone, Debug)]
struct Rule {
    name: String,
    action: &'static str,
    /// `priority`, `mode` and `at`, where they are said.
    rest: Map<String, Value>,
    from: Option<Vec<Value>>,
    to: Option<Vec<Value>>,
    ports: Option<Vec<Value>>,
    not_ports: Option<Vec<Value>>,
    http: Option<Vec<Condition>>,
}

#[derive(Clone, Debug)]
enum Condition {
    /// A number, and whether it is turned round.
    Numbered(u32, bool),
    Written(Value),
}

/// What conditions look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// Each can hold or not whatever the others do, and nobody asks for principals.
    Independent,
    /// Everything there is.
    Rich,
}

impl Policy {
    /// The document. `turn` moves the first rules of each list to its end; it must not matter.
    pub fn document(&self, turn: usize) -> String {
        let mut spec = Map::new();
        if !self.isolate.is_empty() {
            spec.insert("isolate".to_owned(), Value::from(self.isolate.clone()));
        }
        spec.extend(self.tier.map(|tier| ("tier".to_owned(), Value::from(tier))));
        spec.extend(self.priority.map(|priority| ("priority".to_owned(), Value::from(priority))));
        spec.extend(self.audit.then(|| ("mode".to_owned(), Value::from("audit"))));
        for action in ["allow", "deny", "pass"] {
            let mut rules: Vec<Value> =
                self.rules.iter().filter(|rule| rule.action == action).map(Rule::document).collect();
            if !rules.is_empty() {
                let middle = turn % rules.len();
                rules.rotate_left(middle);
                spec.insert(action.to_owned(), Value::from(rules));
            }
        }
        let mut metadata = Map::from_iter([("name".to_owned(), Value::from(self.name.clone()))]);
        metadata.extend(self.namespace.map(|name| ("namespace".to_owned(), Value::from(name))));
        json!({
            "apiVersion": "bookend.dev/v1alpha1",
            "kind": if self.namespace.is_some() { "Policy" } else { "ClusterPolicy" },
            "metadata": metadata,
            "spec": spec,
        })
        .to_string()
    }

    /// The same policy, all of it audited only.
    #[must_use]
    pub fn audited(mut self) -> Self {
        self.audit = true;
        for rule in &mut self.rules {
            rule.rest.remove("mode");
        }
        for isolation in &mut self.isolate {
            isolation.as_object_mut().map(|isolation| isolation.remove("mode"));
        }
        self.isolate = unique(self.isolate);
        self
    }

    /// Numbers the conditions of this policy on from `next`; those beyond the last number are left out.
    pub(super) fn number_conditions(&mut self, next: &mut u32) {
        for rule in &mut self.rules {
            let Some(conditions) = &mut rule.http else { continue };
            conditions.retain_mut(|condition| match condition {
                Condition::Written(_) => true,
                Condition::Numbered(number, _) => {
                    *number = *next;
                    *next += 1;
                    *number < super::CONDITIONS
                }
            });
            if conditions.is_empty() {
                rule.http = None;
            }
        }
    }
}

impl Rule {
    fn document(&self) -> Value {
        let mut rule = self.rest.clone();
        rule.insert("name".to_owned(), Value::from(self.name.clone()));
        let lists =
            [("from", &self.from), ("to", &self.to), ("ports", &self.ports), ("notPorts", &self.not_ports)];
        for (field, list) in lists {
            rule.extend(list.clone().map(|list| (field.to_owned(), Value::from(list))));
        }
        if let Some(conditions) = &self.http {
            let list = conditions.iter().map(|condition| match condition {
                Condition::Numbered(number, false) => json!({ "paths": [pattern(*number)] }),
                Condition::Numbered(number, true) => json!({ "not": [{ "paths": [pattern(*number)] }] }),
                Condition::Written(condition) => condition.clone(),
            });
            rule.insert("http".to_owned(), list.collect());
        }
        Value::from(rule)
    }
}

/// What a rule says beside its peers, ports and conditions.
fn rest() -> impl Strategy<Value = Map<String, Value>> {
    let at = select(vec![json!(["source"]), json!(["destination"]), json!(["source", "destination"])]);
    let priority = select(vec![json!(-1), json!(0), json!(1)]);
    let mode = select(vec![json!("audit"), json!("enforce")]);
    (option::weighted(0.3, priority), option::weighted(0.2, mode), option::weighted(0.3, at)).prop_map(
        |(priority, mode, at)| {
            let all = [("priority", priority), ("mode", mode), ("at", at)];
            all.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
        },
    )
}

fn unique(mut list: Vec<Value>) -> Vec<Value> {
    list.sort_by_key(Value::to_string);
    list.dedup();
    list
}

fn rule(action: impl Strategy<Value = &'static str> + 'static, style: Style) -> BoxedStrategy<Rule> {
    let rich = style == Style::Rich;
    let from = option::of(vec(peer(rich), 1..3).prop_map(unique));
    let to = option::of(vec(peer(false), 1..3).prop_map(unique));
    let condition = match style {
        Style::Independent => any::<bool>().prop_map(|not| Condition::Numbered(0, not)).boxed(),
        Style::Rich => http::condition().prop_map(Condition::Written).boxed(),
    };
    let conditions = option::weighted(if rich { 0.6 } else { 0.4 }, vec(condition, 1..3));
    let conditions = conditions.prop_map(|list| {
        list.map(|mut list| {
            list.dedup_by(|one, other| match (one, other) {
                (Condition::Written(one), Condition::Written(other)) => one == other,
                _ => false,
            });
            list
        })
    });
    (action, rest(), from, to, conditions)
        .prop_flat_map(|(action, rest, from, to, http)| {
            // HTTP conditions beside ports of other protocols are refused.
            let port = if http.is_some() { tcp().boxed() } else { any_port().boxed() };
            let not_port = if http.is_some() { tcp().boxed() } else { any_port().boxed() };
            // What is taken away has to be there, and something has to be left.
            let ports = prop_oneof![
                3 => Just((None, None)),
                6 => vec(port, 1..3).prop_map(|ports| (Some(unique(ports)), None)),
                2 => not_port.prop_map(|port| (None, Some(vec![port]))),
            ];
            ports.prop_map(move |(ports, not_ports)| {
                let (rest, from, to, http) = (rest.clone(), from.clone(), to.clone(), http.clone());
                Rule { name: String::new(), action, rest, from, to, ports, not_ports, http }
            })
        })
        .boxed()
}

/// Tiers that take policies of namespaces, in every plane.
const NAMESPACED: [&str; 5] = ["middle", "middle", "network", "late", "mesh"];

/// Tiers of every plane.
const TIERS: [&str; 9] = [
    "admin",
    "middle",
    "middle",
    "baseline",
    "network-admin",
    "network-baseline",
    "late",
    "mesh",
    "mesh-late",
];

/// Namespace, tier and priority of a policy.
fn place() -> impl Strategy<Value = (Option<&'static str>, Option<&'static str>, Option<i32>)> {
    let priority = || option::weighted(0.2, select(vec![-1, 1]));
    prop_oneof![
        3 => (namespace(), option::weighted(0.4, select(NAMESPACED.to_vec())), priority())
            .prop_map(|(namespace, tier, priority)| (Some(namespace), tier, priority)),
        1 => (option::weighted(0.8, select(TIERS.to_vec())), priority())
            .prop_map(|(tier, priority)| (None, tier, priority)),
    ]
}

/// A policy of this name.
pub(super) fn policy(name: &'static str, style: Style) -> BoxedStrategy<Policy> {
    let directions = select(vec![vec!["ingress"], vec!["egress"], vec!["ingress", "egress"]]);
    let isolation = (selector(), directions, proptest::bool::weighted(0.15)).prop_map(
        |(workloads, directions, audit)| {
            let mode = if audit { "audit" } else { "enforce" };
            json!({ "workloads": workloads, "directions": directions, "mode": mode })
        },
    );
    let action = select(vec!["allow", "allow", "allow", "deny", "deny", "pass"]);
    let rules = vec(rule(action, style), 1..5);
    (place(), vec(isolation, 0..3), rules, proptest::bool::weighted(0.1))
        .prop_map(move |((namespace, tier, priority), isolate, rules, audit)| {
            let name = name.to_owned();
            let isolate = unique(isolate);
            finished(Policy { namespace, name, tier, priority, audit, isolate, rules })
        })
        .boxed()
}

/// A policy that holds one enforced rule of this action and nothing else.
pub(super) fn single(action: &'static str) -> impl Strategy<Value = Policy> {
    (place(), rule(Just(action), Style::Independent)).prop_map(|((namespace, tier, priority), mut rule)| {
        rule.rest.remove("mode");
        let (name, isolate, rules) = ("single".to_owned(), Vec::new(), vec![rule]);
        finished(Policy { namespace, name, tier, priority, audit: false, isolate, rules })
    })
}

/// Names the rules, and widens those that would govern nothing, which are refused.
fn finished(mut policy: Policy) -> Policy {
    for (number, rule) in policy.rules.iter_mut().enumerate() {
        rule.name = format!("r{number}");
        let possible = |peers: &Option<Vec<Value>>| {
            peers.as_ref().is_none_or(|list| list.iter().any(|peer| may_lie_in(peer, policy.namespace)))
        };
        let governs = match rule.rest.get("at").and_then(Value::as_array) {
            None => possible(&rule.from) || possible(&rule.to),
            Some(ends) => {
                ends.iter().all(|end| possible(if end == "source" { &rule.from } else { &rule.to }))
            }
        };
        if !governs {
            (rule.from, rule.to) = (None, None);
        }
    }
    policy
}
