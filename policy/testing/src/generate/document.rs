//! Policies, as documents.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

use super::pattern;

/// A policy that can be written down in several orders.
#[derive(Clone, Debug)]
pub struct Policy {
    pub(super) namespace: &'static str,
    pub(super) name: String,
    isolate: Vec<Value>,
    rules: Vec<Rule>,
}

#[derive(Clone, Debug)]
struct Rule {
    name: String,
    deny: bool,
    from: Option<Vec<Peer>>,
    to: Option<Vec<Peer>>,
    ports: Option<Vec<(u16, u16, bool)>>,
    /// Numbers of conditions; `None` is a rule without any.
    http: Option<Vec<u32>>,
}

#[derive(Clone, Debug)]
enum Peer {
    Workloads { namespace: Option<&'static str>, rest: Map<String, Value> },
    Block(Value),
}

/// Blocks that nest and touch, and what can be excepted from them.
const BLOCKS: [(&str, &[&str]); 7] = [
    ("0.0.0.0/0", &["10.0.0.0/8", "203.0.113.0/24"]),
    ("10.0.0.0/8", &["10.0.0.0/30", "10.0.0.5/32"]),
    ("10.0.0.0/29", &["10.0.0.2/32", "10.0.0.4/31"]),
    ("203.0.113.0/24", &["203.0.113.9/32"]),
    ("::/0", &["fd00::/8"]),
    ("fd00::/125", &["fd00::2/128"]),
    ("2001:db8::/32", &["2001:db8:1::/48"]),
];

/// Ports worth naming.
pub(super) const PORTS: [u16; 5] = [1, 80, 443, 9080, 65535];

impl Policy {
    /// The document. `turn` moves the first rules of each list to its end; it must not matter.
    pub fn document(&self, turn: usize) -> String {
        let mut spec = Map::new();
        if !self.isolate.is_empty() {
            spec.insert("isolate".to_owned(), Value::from(self.isolate.clone()));
        }
        for (field, deny) in [("allow", false), ("deny", true)] {
            let mut rules: Vec<Value> =
                self.rules.iter().filter(|rule| rule.deny == deny).map(Rule::document).collect();
            if !rules.is_empty() {
                let middle = turn % rules.len();
                rules.rotate_left(middle);
                spec.insert(field.to_owned(), Value::from(rules));
            }
        }
        json!({
            "apiVersion": "bookend.dev/v1alpha1",
            "kind": "Policy",
            "metadata": { "namespace": self.namespace, "name": self.name },
            "spec": spec,
        })
        .to_string()
    }

    /// Numbers the conditions of this policy on from `next`; those beyond the last number are left out.
    pub(super) fn number_conditions(&mut self, next: &mut u32) {
        for rule in &mut self.rules {
            let Some(conditions) = &mut rule.http else { continue };
            for condition in conditions.iter_mut() {
                *condition = *next;
                *next += 1;
            }
            conditions.retain(|number| *number < super::CONDITIONS);
            if conditions.is_empty() {
                rule.http = None;
            }
        }
    }
}

impl Rule {
    fn document(&self) -> Value {
        let mut rule = Map::from_iter([("name".to_owned(), Value::from(self.name.clone()))]);
        for (field, peers) in [("from", &self.from), ("to", &self.to)] {
            if let Some(peers) = peers {
                let list: Vec<Value> = peers.iter().map(Peer::document).collect();
                rule.insert(field.to_owned(), Value::from(list));
            }
        }
        if let Some(ports) = &self.ports {
            let list = ports.iter().map(|(a, b, udp)| {
                // HTTP conditions beside UDP ports are refused.
                let protocol = if *udp && self.http.is_none() { "UDP" } else { "TCP" };
                json!({ "port": a.min(b), "endPort": a.max(b), "protocol": protocol })
            });
            rule.insert("ports".to_owned(), list.collect());
        }
        if let Some(conditions) = &self.http {
            let list = conditions.iter().map(|number| json!({ "paths": [pattern(*number)] }));
            rule.insert("http".to_owned(), list.collect());
        }
        Value::from(rule)
    }
}

impl Peer {
    fn document(&self) -> Value {
        match self {
            Self::Block(block) => block.clone(),
            Self::Workloads { namespace, rest } => {
                let mut selector = rest.clone();
                selector.extend(namespace.map(|name| ("namespace".to_owned(), Value::from(name))));
                json!({ "workloads": selector })
            }
        }
    }

    fn may_lie_in(&self, own: &str) -> bool {
        match self {
            Self::Block(_) => true,
            Self::Workloads { namespace, .. } => namespace.is_none_or(|named| named == own),
        }
    }
}

pub(super) fn namespace() -> impl Strategy<Value = &'static str> {
    select(vec!["a", "a", "b"])
}

/// Labels of a workload, or in a selector.
pub(super) fn labels() -> impl Strategy<Value = Map<String, Value>> {
    let value = |list: [&'static str; 2]| option::of(select(list.to_vec()));
    (value(["x", "y"]), value(["1", "2"])).prop_map(|(app, version)| {
        let pairs = [("app", app), ("version", version)];
        pairs.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?.into()))).collect()
    })
}

fn expression() -> impl Strategy<Value = Value> {
    let key = select(vec!["app", "version"]);
    (key, select(vec!["In", "NotIn", "Exists", "DoesNotExist"])).prop_map(|(key, operator)| {
        if operator.ends_with("In") {
            json!({ "key": key, "operator": operator, "values": ["x", "1"] })
        } else {
            json!({ "key": key, "operator": operator })
        }
    })
}

/// A selector without its namespace.
fn selector() -> impl Strategy<Value = Map<String, Value>> {
    let account = option::weighted(0.3, select(vec!["s", "t"]));
    (labels(), option::weighted(0.3, expression()), account).prop_map(|(labels, expression, account)| {
        let mut selector = Map::new();
        if !labels.is_empty() {
            selector.insert("labels".to_owned(), Value::from(labels));
        }
        selector.extend(expression.map(|e| ("matchExpressions".to_owned(), json!([e]))));
        selector.extend(account.map(|a| ("serviceAccounts".to_owned(), json!([a]))));
        selector
    })
}

fn peer() -> impl Strategy<Value = Peer> {
    let workloads = (option::of(namespace()), selector())
        .prop_map(|(namespace, rest)| Peer::Workloads { namespace, rest });
    let block = (select(BLOCKS.to_vec()), any::<bool>()).prop_map(|((cidr, except), with)| {
        Peer::Block(if with { json!({ "cidr": cidr, "except": except }) } else { json!({ "cidr": cidr }) })
    });
    prop_oneof![2 => workloads, 1 => block]
}

fn rule(deny: impl Strategy<Value = bool>) -> impl Strategy<Value = Rule> {
    let peers = || option::of(vec(peer(), 1..3));
    let range = (select(PORTS.to_vec()), select(PORTS.to_vec()), any::<bool>());
    let conditions = option::weighted(0.4, vec(Just(0), 1..3));
    (deny, peers(), peers(), option::of(vec(range, 1..3)), conditions)
        .prop_map(|(deny, from, to, ports, http)| Rule { name: String::new(), deny, from, to, ports, http })
}

/// A policy of this name.
pub(super) fn policy(name: &'static str) -> impl Strategy<Value = Policy> {
    let isolation = (selector(), select(vec![vec!["ingress"], vec!["egress"], vec!["ingress", "egress"]]))
        .prop_map(|(workloads, directions)| json!({ "workloads": workloads, "directions": directions }));
    let rules = vec(rule(proptest::bool::weighted(0.4)), 1..5);
    (namespace(), vec(isolation, 0..3), rules).prop_map(move |(namespace, isolate, rules)| {
        finished(Policy { namespace, name: name.to_owned(), isolate, rules })
    })
}

/// A policy that holds one deny rule and nothing else, or one allow rule.
pub(super) fn single(deny: bool) -> impl Strategy<Value = Policy> {
    (namespace(), rule(Just(deny))).prop_map(|(namespace, rule)| {
        finished(Policy { namespace, name: "single".to_owned(), isolate: Vec::new(), rules: vec![rule] })
    })
}

/// Names the rules, and widens those that would govern nothing, which are refused.
fn finished(mut policy: Policy) -> Policy {
    for (number, rule) in policy.rules.iter_mut().enumerate() {
        rule.name = format!("r{number}");
        let possible = |peers: &Option<Vec<Peer>>| {
            peers.as_ref().is_none_or(|list| list.iter().any(|peer| peer.may_lie_in(policy.namespace)))
        };
        if !possible(&rule.from) && !possible(&rule.to) {
            rule.from = None;
        }
    }
    policy
}
