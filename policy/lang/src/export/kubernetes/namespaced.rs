//! NetworkPolicies.

use std::collections::{BTreeMap, BTreeSet};

use bookend_engine::{End, Isolation, NamespaceMatch, PortMatch, Rule, Truth};
use serde_json::{Value, json};

use super::super::address::Range;
use super::super::document::{Origins, document};
use super::super::gap::{Effect, Gaps};
use super::super::ground::Ground;
use super::super::naming::{Id, Names, naturally};
use super::super::peer::{self, Group, Remote, Said, Spaces};
use super::super::pods::Pods;
use super::super::port::Ports;

/// NetworkPolicies while they are put together.
#[derive(Debug)]
pub(super) struct Namespaced<'g> {
    ground: &'g Ground<'g>,
    /// Who is isolated, by namespace and end.
    isolated: BTreeMap<(String, End), Vec<Pods>>,
    policies: BTreeMap<Key, Policy>,
}

/// What one NetworkPolicy speaks of: its namespace, the policy it comes from, and whom it selects.
type Key = (String, String, Pods);

#[derive(Debug, Default)]
struct Policy {
    /// How many there were before it.
    position: usize,
    /// The first rule or isolation in it.
    first: String,
    origins: Origins,
    /// `None`: it does not isolate those it selects at this end.
    ingress: Option<Vec<Value>>,
    egress: Option<Vec<Value>>,
}

impl Policy {
    fn rules(&mut self, end: End) -> &mut Vec<Value> {
        let rules = match end {
            End::Destination => &mut self.ingress,
            End::Source => &mut self.egress,
        };
        rules.get_or_insert_default()
    }
}

impl<'g> Namespaced<'g> {
    pub(super) fn new(ground: &'g Ground<'g>) -> Self {
        Self { ground, isolated: BTreeMap::new(), policies: BTreeMap::new() }
    }

    /// Isolates workloads.
    pub(super) fn isolation(&mut self, isolation: &Isolation, end: End, gaps: &mut Gaps) {
        let mut open = |reason: &str, instead: &str| gaps.add(&isolation.id, Effect::Open, reason, instead);
        if self.ground.selects_hosts(&isolation.workloads) {
            open("NetworkPolicies do not concern hosts", "hosts are not isolated");
        }
        let group = match peer::group(&isolation.workloads, self.ground) {
            Ok(group) => group,
            Err(reason) => return open(&reason, "nobody is isolated by it"),
        };
        if group.pods.label_selector().is_none() {
            return open("label selectors do not know an operator of it", "nobody is isolated by it");
        }
        for namespace in self.namespaces(&isolation.id, &group, &isolation.workloads.namespaces, gaps) {
            self.isolated.entry((namespace.clone(), end)).or_default().push(group.pods.clone());
            self.policy(&namespace, &isolation.id, &group.pods).rules(end);
        }
    }

    /// The namespaces in which an isolation holds.
    fn namespaces(&self, id: &str, group: &Group, written: &NamespaceMatch, gaps: &mut Gaps) -> Vec<String> {
        if let Spaces::Named(name) = &group.spaces {
            return vec![name.clone()];
        }
        let known = self.ground.namespaces().into_iter();
        let meant = known.filter(|name| self.ground.lies_in(written, name) != Truth::No);
        let meant: Vec<String> = meant.map(str::to_owned).collect();
        let reason = "a NetworkPolicy lies in one namespace";
        match meant.is_empty() {
            true => {
                gaps.add(id, Effect::Open, reason, "nobody is isolated, because no such namespace is known")
            }
            false => {
                let instead = format!("it holds in `{}`, and not in namespaces to come", meant.join("`, `"));
                gaps.add(id, Effect::Looser, reason, instead);
            }
        }
        meant
    }

    /// The policy of these workloads that comes from the same one as `id`.
    fn policy(&mut self, namespace: &str, id: &str, pods: &Pods) -> &mut Policy {
        let position = self.policies.len();
        let key = (namespace.to_owned(), Id::of(id).policy.to_owned(), pods.clone());
        let policy = self.policies.entry(key).or_insert_with(|| Policy {
            position,
            first: id.to_owned(),
            ..Policy::default()
        });
        policy.origins.add(id);
        policy
    }

    /// Allows what a rule allows, to those who are isolated.
    pub(super) fn allow(&mut self, rule: &Rule, end: End, gaps: &mut Gaps) {
        let remotes = peer::remotes(rule.peers(other(end)), self.ground);
        self.allow_from(rule, end, remotes, gaps);
    }

    /// Allows what a rule allows to those outside, and to those who are known by their addresses.
    pub(super) fn allow_addresses(&mut self, rule: &Rule, end: End, gaps: &mut Gaps) {
        let mut remotes = peer::remotes(rule.peers(other(end)), self.ground);
        remotes.missing.clear();
        let reason =
            "those outside are told apart only in NetworkPolicies, which come after ClusterNetworkPolicies";
        gaps.add(&rule.id, Effect::Stricter, reason, "where a rule denies pods, it is tried before this one");
        remotes.list.retain(|remote| !matches!(remote, Remote::Group(_)));
        self.allow_from(rule, end, remotes, gaps);
    }

    fn allow_from(&mut self, rule: &Rule, end: End, remotes: Said<Remote>, gaps: &mut Gaps) {
        let mut stricter =
            |reason: &str, instead: &str| gaps.add(&rule.id, Effect::Stricter, reason, instead);
        let locals = peer::locals(rule.peers(end), rule.namespace.as_deref(), self.ground);
        for reason in &locals.missing {
            stricter(reason, "those are not allowed by it");
        }
        if locals.list.is_empty() {
            return;
        }
        for reason in &remotes.missing {
            stricter(reason, "those are not allowed by it");
        }
        let ports = Ports::of(rule).only_with_ports();
        if let Some(reason) = ports.lost {
            stricter(reason, "the rest of its ports is allowed");
        }
        let peers: Option<Vec<Value>> = (!remotes.list.contains(&Remote::Everybody)).then(|| {
            let written = remotes.list.iter().map(|remote| network_peer(remote, rule.namespace.as_deref()));
            if written.clone().any(|peer| peer.is_none()) {
                stricter("label selectors do not know an operator of it", "those are not allowed by it");
            }
            written.flatten().collect()
        });
        let nothing = |list: &Vec<Value>| list.is_empty();
        if peers.as_ref().is_some_and(nothing) || ports.list.as_ref().is_some_and(Vec::is_empty) {
            return;
        }
        let mut written = serde_json::Map::new();
        if let Some(peers) = &peers {
            let field = if end == End::Destination { "from" } else { "to" };
            written.insert(field.to_owned(), json!(peers));
        }
        if let Some(ports) = &ports.list {
            written.insert("ports".to_owned(), ports.iter().filter_map(network_port).collect());
        }
        let written = Value::Object(written);
        for local in &locals.list {
            for (namespace, pods) in self.isolated_among(rule, local, end, gaps) {
                self.policy(&namespace, &rule.id, &pods).rules(end).push(written.clone());
            }
        }
    }

    /// Those of a group who are isolated, by namespace.
    fn isolated_among(&self, rule: &Rule, local: &Group, end: End, gaps: &mut Gaps) -> Vec<(String, Pods)> {
        let mut found = Vec::new();
        for ((namespace, isolated_end), isolated) in &self.isolated {
            let meant = match &local.spaces {
                Spaces::Named(name) => Truth::from(name == namespace),
                Spaces::Labelled(labels) => self.ground.fits(labels, namespace),
            };
            if *isolated_end != end || meant == Truth::No {
                continue;
            }
            if meant == Truth::Unknown {
                let reason = format!("the labels of the namespace `{namespace}` are not known");
                gaps.add(&rule.id, Effect::Stricter, reason, "it allows nothing there");
                continue;
            }
            let each: Vec<Pods> = isolated.iter().filter_map(|pods| local.pods.both(pods)).collect();
            let each: BTreeSet<Pods> = each.into_iter().collect();
            let wider = |pods: &Pods| each.iter().any(|other| other != pods && pods.within(other));
            found.extend(
                each.iter().filter(|pods| !wider(pods)).map(|pods| (namespace.clone(), pods.clone())),
            );
        }
        found
    }

    /// Whether all of a group are isolated by one isolation.
    pub(super) fn isolates(&self, local: &Group, end: End) -> bool {
        let Spaces::Named(namespace) = &local.spaces else { return false };
        let isolated = self.isolated.get(&(namespace.clone(), end));
        isolated.is_some_and(|isolated| isolated.iter().any(|pods| local.pods.within(pods)))
    }

    /// The documents, by namespace and policy.
    pub(super) fn documents(self) -> Vec<Value> {
        let mut policies: Vec<(Key, Policy)> = self.policies.into_iter().collect();
        policies.sort_by(|((a_namespace, a, _), left), ((b_namespace, b, _), right)| {
            let by_policy = a_namespace.cmp(b_namespace).then_with(|| naturally(a, b));
            by_policy.then_with(|| left.position.cmp(&right.position))
        });
        let mut names = Names::default();
        let written = policies.into_iter().filter_map(|((namespace, _, pods), policy)| {
            let id = Id::of(&policy.first);
            let selected: Vec<&str> = pods.labels.values().map(String::as_str).collect();
            let selected = selected.join("-");
            let name =
                names.give(&namespace, id.name, if selected.is_empty() { id.element } else { &selected });
            let mut spec = serde_json::Map::new();
            spec.insert("podSelector".to_owned(), pods.label_selector()?);
            let directions = [("Ingress", "ingress", policy.ingress), ("Egress", "egress", policy.egress)];
            let mut types = Vec::new();
            for (direction, field, rules) in directions {
                let Some(rules) = rules else { continue };
                types.push(direction);
                if !rules.is_empty() {
                    spec.insert(field.to_owned(), json!(rules));
                }
            }
            spec.insert("policyTypes".to_owned(), json!(types));
            let kind = ("networking.k8s.io/v1", "NetworkPolicy");
            Some(document(kind, Some(&namespace), &name, &policy.origins, Value::Object(spec)))
        });
        written.collect()
    }
}

/// The opposite end.
pub(super) fn other(end: End) -> End {
    match end {
        End::Source => End::Destination,
        End::Destination => End::Source,
    }
}

/// An element of `from` or `to`. The selector of a namespace's own pods needs no namespace.
fn network_peer(remote: &Remote, own: Option<&str>) -> Option<Value> {
    match remote {
        Remote::Everybody => None,
        Remote::Addresses(Range { net, except }) if except.is_empty() => {
            Some(json!({ "ipBlock": { "cidr": net.to_string() } }))
        }
        Remote::Addresses(Range { net, except }) => {
            let except: Vec<String> = except.iter().map(ToString::to_string).collect();
            Some(json!({ "ipBlock": { "cidr": net.to_string(), "except": except } }))
        }
        Remote::Group(Group { spaces: Spaces::Named(name), pods, .. }) if Some(name.as_str()) == own => {
            Some(json!({ "podSelector": pods.label_selector()? }))
        }
        Remote::Group(Group { spaces, pods, .. }) => {
            let namespaces = spaces.pods().label_selector()?;
            match pods.is_any() {
                true => Some(json!({ "namespaceSelector": namespaces })),
                false => {
                    Some(json!({ "namespaceSelector": namespaces, "podSelector": pods.label_selector()? }))
                }
            }
        }
    }
}

/// An element of `ports`.
fn network_port(port: &PortMatch) -> Option<Value> {
    let protocol = port.protocol().name();
    Some(match port {
        PortMatch::Named(named) => json!({ "port": named.name, "protocol": protocol }),
        PortMatch::Range(range) if range.first() == 0 => json!({ "protocol": protocol }),
        PortMatch::Range(range) if range.first() == range.last() => {
            json!({ "port": range.first(), "protocol": protocol })
        }
        PortMatch::Range(range) => {
            json!({ "port": range.first(), "endPort": range.last(), "protocol": protocol })
        }
    })
}
