//! What a cluster's enforcers and policies say of themselves, and what of it is not as it should be.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::anyhow;
use bookend_api::{EnforcerStatus, PolicyStatus, Truth};
use serde::Serialize;
use serde_json::Value;

use super::drops::Drops;
use crate::output::count;

/// A node's enforcer.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) name: String,
    /// What it says; none before it said anything.
    pub(super) status: Option<EnforcerStatus>,
}

/// An object that has a state.
#[derive(Clone, Debug)]
pub(super) struct Policy {
    pub(super) kind: String,
    pub(super) namespace: Option<String>,
    pub(super) name: String,
    generation: i64,
    pub(super) status: PolicyStatus,
    /// The ids of its rules and isolations that deny.
    denying: Vec<String>,
}

impl Policy {
    /// Reads one.
    ///
    /// # Errors
    /// If its state makes no sense.
    pub(super) fn read(kind: &str, object: &Value) -> anyhow::Result<Self> {
        let text = |path: &str| object.pointer(path).and_then(Value::as_str).map(str::to_owned);
        let (namespace, name) = (text("/metadata/namespace"), text("/metadata/name").unwrap_or_default());
        let status = object.get("status").filter(|status| !status.is_null()).cloned();
        let status = status.map_or(Ok(PolicyStatus::default()), serde_json::from_value);
        let status = status.map_err(|error| {
            anyhow!(
                "the state of the {kind} `{name}` makes no sense ({error}); is it written by another version?"
            )
        })?;
        let policy =
            namespace.as_ref().map_or_else(|| name.clone(), |namespace| format!("{namespace}/{name}"));
        let list = |path: &str| object.pointer(path).and_then(Value::as_array).into_iter().flatten();
        let rules = list("/spec/deny").filter_map(|rule| rule.get("name").and_then(Value::as_str));
        let isolations = (0..list("/spec/isolate").count()).map(|index| format!("isolate[{index}]"));
        let denying =
            rules.map(str::to_owned).chain(isolations).map(|rule| format!("{policy}/{rule}")).collect();
        let generation = object.pointer("/metadata/generation").and_then(Value::as_i64).unwrap_or_default();
        Ok(Self { kind: kind.to_owned(), namespace, name, generation, status, denying })
    }

    /// `Policy shop/web`
    pub(super) fn title(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("{} {namespace}/{}", self.kind, self.name),
            None => format!("{} {}", self.kind, self.name),
        }
    }

    /// What is wrong with it.
    fn problem(&self) -> Option<String> {
        let about = |name: &str| self.status.conditions.iter().find(|condition| condition.r#type == name);
        let title = self.title();
        match (about("Accepted"), about("Enforced")) {
            (None, _) => Some(format!("{title}: the controller has not looked at it")),
            (Some(accepted), _) if accepted.status != Truth::True => {
                Some(format!("{title}: not accepted: {}", accepted.message))
            }
            _ if self.status.observed_generation.is_some_and(|seen| seen < self.generation) => {
                Some(format!("{title}: the controller has not looked at its last edit"))
            }
            (_, Some(enforced)) if enforced.status == Truth::False => {
                Some(format!("{title}: not enforced everywhere: {}", enforced.message))
            }
            _ => None,
        }
    }
}

/// All of it.
#[derive(Clone, Debug)]
pub(super) struct Fleet {
    pub(super) nodes: Vec<Node>,
    pub(super) policies: Vec<Policy>,
    /// Nodes that should have an enforcer, and enforcers that kubelets call ready.
    pub(super) desired: u64,
    pub(super) ready: u64,
    /// Whether a controller says which policies should be in force.
    led: bool,
    /// The policy revision that should be everywhere.
    pub(super) revision: Option<String>,
}

/// Nodes that should have an enforcer, and enforcers that kubelets call ready.
#[derive(Clone, Copy, Debug)]
pub(super) struct Count {
    pub(super) desired: u64,
    pub(super) ready: u64,
}

/// The value that most have; of those that as many have, the last in order.
fn most<'a>(values: impl Iterator<Item = (&'a str, u64)>) -> Option<String> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    values.for_each(|(value, number)| *counts.entry(value).or_default() += number);
    counts.into_iter().max_by_key(|(_, number)| *number).map(|(value, _)| value.to_owned())
}

impl Fleet {
    /// What there is, and which policies the controller `told` should be in force; what most nodes have, where it told nothing.
    pub(super) fn new(
        mut nodes: Vec<Node>,
        policies: Vec<Policy>,
        count: Count,
        told: Option<String>,
    ) -> Self {
        nodes.sort_by(|a, b| a.name.cmp(&b.name));
        let revision = told.clone().or_else(|| {
            most(nodes.iter().filter_map(|node| Some((node.status.as_ref()?.policies.as_deref()?, 1))))
        });
        Self { nodes, policies, desired: count.desired, ready: count.ready, led: told.is_some(), revision }
    }

    /// Nodes with the revision that should be everywhere, and all.
    pub(super) fn nodes_at(&self) -> (usize, usize) {
        let at = |node: &&Node| {
            self.revision.is_some()
                && node.status.as_ref().is_some_and(|status| status.policies == self.revision)
        };
        (self.nodes.iter().filter(at).count(), self.nodes.len())
    }

    /// Proxies with the revision that should be everywhere, all, and those that did not say.
    pub(super) fn proxies_at(&self) -> (u64, u64, u64) {
        let (mut at, mut all, mut silent) = (0, 0, 0);
        for status in self.nodes.iter().filter_map(|node| node.status.as_ref()) {
            for share in &status.proxies {
                all += u64::from(share.count);
                if Some(&share.revision) == self.revision.as_ref() {
                    at += u64::from(share.count);
                }
            }
            silent += u64::from(status.unreadable_proxies);
        }
        (at, all + silent, silent)
    }

    /// Whether any proxy says what it has: where enforcers do not ask, none does, and that is nobody's fault.
    pub(super) fn asks(&self) -> bool {
        self.nodes.iter().filter_map(|node| node.status.as_ref()).any(|status| !status.proxies.is_empty())
    }

    /// What is wrong with a node; nothing if all is well.
    pub(super) fn trouble(&self, node: &Node) -> Vec<String> {
        let Some(status) = &node.status else { return vec!["it has said nothing yet".to_owned()] };
        let mut found: Vec<String> = Vec::new();
        if !status.ready {
            match status.obstacles.as_slice() {
                [] => found.push("not everything is enforced".to_owned()),
                obstacles => found.extend(obstacles.iter().cloned()),
            }
        }
        match (&status.policies, &self.revision) {
            (None, _) => found.push("no policies of the cluster are in force".to_owned()),
            (Some(has), Some(wanted)) if has != wanted => {
                found.push(format!("it has the policies {has}, and {wanted} are those of the controller"));
            }
            _ => {}
        }
        let behind: u32 = status
            .proxies
            .iter()
            .filter(|share| Some(&share.revision) != self.revision.as_ref())
            .map(|share| share.count)
            .sum();
        if behind > 0 && self.revision.is_some() {
            let proxies = count(usize::try_from(behind).unwrap_or(usize::MAX), "proxy has", "proxies have");
            found.push(format!("{proxies} other policies"));
        }
        if status.unreadable_proxies > 0 && self.asks() {
            let number = usize::try_from(status.unreadable_proxies).unwrap_or(usize::MAX);
            found.push(format!(
                "{} not say which policies they have",
                count(number, "proxy does", "proxies do")
            ));
        }
        found.extend(status.refused.iter().map(|object| {
            let name = object
                .namespace
                .as_ref()
                .map_or_else(|| object.name.clone(), |n| format!("{n}/{}", object.name));
            format!("it refuses the {} `{name}`: {}", object.kind, object.message)
        }));
        found
    }

    /// Everything that is not as it should be, a line each.
    pub(super) fn problems(&self) -> Vec<String> {
        let mut found = Vec::new();
        if self.desired == 0 {
            found.push("no node should run an enforcer: look at the node selector and the tolerations of the DaemonSet".to_owned());
        }
        if !self.led {
            found.push("no controller says which policies should be in force, and nobody keeps those of proxies current".to_owned());
        }
        if self.ready < self.desired {
            found.push(format!("{} of {} enforcers are not ready", self.desired - self.ready, self.desired));
        }
        let nodes = self.nodes.len() as u64;
        if nodes < self.desired {
            found.push(format!(
                "{} of {} nodes have said nothing of themselves",
                self.desired - nodes,
                self.desired
            ));
        }
        for node in &self.nodes {
            found.extend(
                self.trouble(node).into_iter().map(|trouble| format!("node {}: {trouble}", node.name)),
            );
        }
        found.extend(self.policies.iter().filter_map(Policy::problem));
        found
    }

    /// The ids of rules and isolations that deny.
    pub(super) fn denying(&self) -> BTreeSet<&str> {
        self.policies.iter().flat_map(|policy| &policy.denying).map(String::as_str).collect()
    }
}

/// The answer for programs; docs/json.md describes it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer<'a> {
    revision: Option<&'a str>,
    nodes: Numbers,
    proxies: Numbers,
    unreadable_proxies: u64,
    enforcers: Vec<NodeAnswer<'a>>,
    policies: Vec<PolicyAnswer<'a>>,
    problems: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    drops: Option<&'a Drops>,
}

/// How many have the revision, of how many.
#[derive(Debug, Serialize)]
struct Numbers {
    enforced: u64,
    total: u64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct NodeAnswer<'a> {
    node: &'a str,
    status: Option<&'a EnforcerStatus>,
    problems: Vec<String>,
}

#[derive(Debug, Serialize)]
struct PolicyAnswer<'a> {
    kind: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<&'a str>,
    name: &'a str,
    status: &'a PolicyStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

impl<'a> Answer<'a> {
    pub(super) fn new(fleet: &'a Fleet, drops: Option<&'a Drops>) -> Self {
        let (at, all) = fleet.nodes_at();
        let (proxies_at, proxies, unreadable_proxies) = fleet.proxies_at();
        let enforcers = fleet.nodes.iter().map(|node| NodeAnswer {
            node: &node.name,
            status: node.status.as_ref(),
            problems: fleet.trouble(node),
        });
        let policies = fleet.policies.iter().map(|policy| PolicyAnswer {
            kind: &policy.kind,
            namespace: policy.namespace.as_deref(),
            name: &policy.name,
            status: &policy.status,
            problem: policy.problem(),
        });
        Self {
            revision: fleet.revision.as_deref(),
            nodes: Numbers { enforced: at as u64, total: fleet.desired.max(all as u64) },
            proxies: Numbers { enforced: proxies_at, total: proxies },
            unreadable_proxies,
            enforcers: enforcers.collect(),
            policies: policies.collect(),
            problems: fleet.problems(),
            drops,
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use serde_json::json;

    /// A node as its object says it.
    pub(in super::super) fn node(name: &str, status: Value) -> Node {
        Node { name: name.to_owned(), status: serde_json::from_value(status).unwrap() }
    }

    pub(in super::super) fn policy(name: &str, status: Value) -> Policy {
        let object = json!({
            "metadata": { "name": name, "namespace": "shop", "generation": 2 },
            "spec": { "isolate": [{ "workloads": {} }], "deny": [{ "name": "never" }] },
            "status": status
        });
        Policy::read("Policy", &object).unwrap()
    }

    pub(in super::super) fn accepted(revision: &str) -> Value {
        let condition = |kind: &str| json!({ "type": kind, "status": "True", "lastTransitionTime": "", "reason": "Fine", "message": "" });
        json!({ "revision": revision, "observedGeneration": 2, "conditions": [condition("Accepted"), condition("Enforced")] })
    }

    #[test]
    fn a_fleet_of_one_revision_has_no_problem() {
        let sound = json!({ "version": "1", "policies": "b", "ready": true, "proxies": [{ "revision": "b", "count": 3 }] });
        let fleet = Fleet::new(
            vec![node("n1", sound)],
            vec![policy("web", accepted("b"))],
            Count { desired: 1, ready: 1 },
            Some("b".to_owned()),
        );
        assert_eq!(fleet.problems(), Vec::<String>::new());
        assert_eq!((fleet.nodes_at(), fleet.proxies_at()), ((1, 1), (3, 3, 0)));
        assert_eq!(
            fleet.denying().into_iter().collect::<Vec<_>>(),
            ["shop/web/isolate[0]", "shop/web/never"]
        );
    }

    #[test]
    fn without_a_controller_most_nodes_say_what_should_be_in_force() {
        let nodes =
            ["a", "b", "b"].map(|policies| node(policies, json!({ "policies": policies, "ready": true })));
        let fleet = Fleet::new(nodes.into(), Vec::new(), Count { desired: 3, ready: 3 }, None);
        assert_eq!((fleet.revision.as_deref(), fleet.nodes_at()), (Some("b"), (2, 3)));
        let problems = fleet.problems();
        assert!(problems.iter().any(|problem| problem.starts_with("no controller")), "{problems:?}");
    }

    #[test]
    fn everything_that_is_not_as_it_should_be_is_told() {
        let behind = json!({ "version": "1", "policies": "a", "ready": true, "proxies": [{ "revision": "a", "count": 2 }], "unreadableProxies": 1 });
        let stuck = json!({ "version": "1", "policies": "b", "ready": false, "obstacles": ["no interface of a pod"],
            "refused": [{ "kind": "Policy", "namespace": "shop", "name": "web", "message": "B1105" }] });
        let refused = json!({ "conditions": [{ "type": "Accepted", "status": "False", "lastTransitionTime": "", "reason": "Invalid", "message": "no tier `x`" }] });
        let mut late = accepted("b");
        late["observedGeneration"] = json!(1);
        let policies = vec![
            policy("web", accepted("b")),
            policy("bad", refused),
            policy("late", late),
            policy("new", Value::Null),
        ];
        let nodes = vec![node("n1", behind), node("n2", stuck), node("n3", Value::Null)];
        let fleet = Fleet::new(nodes, policies, Count { desired: 5, ready: 4 }, Some("b".to_owned()));
        assert_eq!(
            fleet.problems(),
            [
                "1 of 5 enforcers are not ready",
                "2 of 5 nodes have said nothing of themselves",
                "node n1: it has the policies a, and b are those of the controller",
                "node n1: 2 proxies have other policies",
                "node n1: 1 proxy does not say which policies they have",
                "node n2: no interface of a pod",
                "node n2: it refuses the Policy `shop/web`: B1105",
                "node n3: it has said nothing yet",
                "Policy shop/bad: not accepted: no tier `x`",
                "Policy shop/late: the controller has not looked at its last edit",
                "Policy shop/new: the controller has not looked at it",
            ]
        );
    }
}
