//! What is drawn: boxes and edges, whatever they will look like.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::bail;
use bookend_analysis::{ClassSet, Extent, Party, Place, Reach};
use bookend_engine::End;

use crate::documents::Documents;

/// More edges than these would be a grey sheet.
const MAX_EDGES: usize = 4_000;

/// How many names a box lists.
const MAX_NAMES: usize = 3;

/// A graph of boxes in groups.
#[derive(Debug)]
pub struct Graph {
    /// The names of the groups: namespaces, and last what is outside.
    pub(crate) groups: Vec<String>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) edges: Vec<Edge>,
    /// Whether edges of this kind were asked for.
    pub(crate) denied: bool,
    /// Workloads that are drawn.
    pub(crate) workloads: usize,
}

/// A box.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    /// Its group.
    pub(crate) group: usize,
    /// What it is called.
    pub(crate) label: String,
    /// Everybody in it.
    pub(crate) members: Vec<String>,
    pub(crate) kind: Shape,
    /// Whether a filter stands before it.
    pub(crate) proxied: bool,
}

/// What a box stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Shape {
    /// Workloads, isolated in these directions.
    Workloads {
        /// Whether what they open is denied by default.
        egress: bool,
        /// Whether what they accept is denied by default.
        ingress: bool,
    },
    /// Every workload of its group.
    All,
    /// Addresses.
    Outside,
}

/// How much passes, for those who draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Line {
    /// Everything on the connection.
    Open,
    /// It depends on the request.
    Requests,
    /// A rule denies it.
    Denied,
}

/// Traffic from one box to another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Edge {
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) line: Line,
    pub(crate) ports: String,
    /// Ids of the rules.
    pub(crate) by: Vec<String>,
    /// What the rules ask of requests, in words.
    pub(crate) requests: Vec<String>,
}

impl Line {
    pub(crate) const ALL: [Self; 3] = [Self::Open, Self::Requests, Self::Denied];

    /// For programs.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Open => "allowed",
            Self::Requests => "requests",
            Self::Denied => "denied",
        }
    }

    /// For people.
    pub(crate) fn meaning(self) -> &'static str {
        match self {
            Self::Open => "allowed: everything on these ports",
            Self::Requests => "depends on the request",
            Self::Denied => "denied by a rule",
        }
    }
}

impl Graph {
    /// The graph of what was found.
    ///
    /// # Errors
    /// When a namespace has no workload, and when there are too many edges to look at.
    pub(crate) fn of(
        reach: &Reach<'_>,
        documents: &Documents,
        namespaces: &[String],
        denied: bool,
    ) -> anyhow::Result<Self> {
        let parties = reach.ground.parties();
        for namespace in namespaces {
            if !parties.iter().any(|party| party.namespace() == Some(namespace)) {
                bail!("no workload of the inventory is in the namespace `{namespace}`; check its spelling");
            }
        }
        let mut drawing = Drawing::new(parties, namespaces, documents);
        for passage in &reach.passages {
            let rules: Vec<_> = passage.stand.by.iter().filter_map(|id| documents.rule(id)).collect();
            let line = match passage.stand.extent {
                Extent::Allowed => Line::Open,
                Extent::SomeRequests | Extent::MostRequests => Line::Requests,
                Extent::Denied => Line::Denied,
            };
            if rules.is_empty() || line == Line::Denied && !denied {
                continue;
            }
            let requests = rules.iter().filter(|_| line == Line::Requests).flat_map(|rule| {
                let verb = rule.action.name();
                let conditions = rule.http.alternatives().unwrap_or_default().iter();
                conditions.map(move |http| format!("{verb} {}", crate::passage::request_in_words(http)))
            });
            let edge = Edge {
                from: 0,
                to: 0,
                line,
                ports: passage.ports.to_string(),
                by: rules.iter().map(|rule| rule.id.clone()).collect(),
                requests: requests.collect(),
            };
            drawing.add(&passage.sources, &passage.destinations, &edge);
            if drawing.edges.len() > MAX_EDGES {
                bail!(
                    "there are more than {MAX_EDGES} edges, too many to look at; choose some with `--namespace`"
                );
            }
        }
        Ok(drawing.finish(denied))
    }
}

/// A graph that is being drawn.
struct Drawing<'r> {
    parties: &'r [Party<'r>],
    groups: Vec<String>,
    nodes: Vec<Node>,
    edges: BTreeSet<Edge>,
    /// The box of each class.
    node_of: Vec<usize>,
    /// The box of all workloads of a group, once it is needed.
    all_of: BTreeMap<usize, usize>,
    /// Namespaces that are drawn; all, if empty.
    wanted: Vec<String>,
}

impl<'r> Drawing<'r> {
    fn new(parties: &'r [Party<'r>], namespaces: &[String], documents: &Documents) -> Self {
        let names: BTreeSet<&str> = parties.iter().filter_map(Party::namespace).collect();
        let mut groups: Vec<String> = names.into_iter().map(str::to_owned).collect();
        groups.push("outside".to_owned());
        let outside = groups.len() - 1;
        let nodes: Vec<Node> = parties
            .iter()
            .map(|party| {
                let group = party.namespace().and_then(|name| groups.iter().position(|group| group == name));
                node(party, group.unwrap_or(outside), documents)
            })
            .collect();
        let node_of = (0..nodes.len()).collect();
        Self {
            parties,
            groups,
            nodes,
            edges: BTreeSet::new(),
            node_of,
            all_of: BTreeMap::new(),
            wanted: namespaces.to_vec(),
        }
    }

    /// The boxes that a set of classes comes to: one for a namespace that is in it as a whole.
    fn boxes(&mut self, classes: &ClassSet) -> Vec<usize> {
        let mut by_group: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for class in classes.iter() {
            let Some(node) = self.node_of.get(class as usize) else { continue };
            if let Some(found) = self.nodes.get(*node) {
                by_group.entry(found.group).or_default().push(*node);
            }
        }
        let outside = self.groups.len() - 1;
        let mut boxes = Vec::new();
        for (group, members) in by_group {
            let size = self.parties.iter().zip(&self.nodes).filter(|(_, node)| node.group == group).count();
            if group == outside || size < 3 || members.len() < size {
                boxes.extend(members);
                continue;
            }
            let next = self.nodes.len();
            let all = *self.all_of.entry(group).or_insert(next);
            if all == next {
                self.nodes.push(Node {
                    group,
                    label: format!("all of {}", self.groups.get(group).map_or("", String::as_str)),
                    members: Vec::new(),
                    kind: Shape::All,
                    proxied: false,
                });
            }
            boxes.push(all);
        }
        boxes
    }

    fn add(&mut self, sources: &ClassSet, destinations: &ClassSet, edge: &Edge) {
        let (sources, destinations) = (self.boxes(sources), self.boxes(destinations));
        let wanted = |drawing: &Self, node: &usize| {
            let group = drawing.nodes.get(*node).and_then(|node| drawing.groups.get(node.group));
            drawing.wanted.is_empty() || group.is_some_and(|group| drawing.wanted.contains(group))
        };
        for from in &sources {
            for to in &destinations {
                if self.edges.len() <= MAX_EDGES && (wanted(self, from) || wanted(self, to)) {
                    self.edges.insert(Edge { from: *from, to: *to, ..edge.clone() });
                }
            }
        }
    }

    /// Without boxes outside of what was asked for that nothing leads to, and with edges between the same boxes put
    /// together.
    fn finish(self, denied: bool) -> Graph {
        let ends: BTreeSet<usize> = self.edges.iter().flat_map(|edge| [edge.from, edge.to]).collect();
        let keep = |number: &usize, node: &Node| {
            let in_wanted = self.groups.get(node.group).is_some_and(|group| self.wanted.contains(group));
            let unasked = self.wanted.is_empty() && node.kind != Shape::Outside;
            ends.contains(number) || in_wanted || unasked
        };
        let kept: Vec<usize> = self
            .nodes
            .iter()
            .enumerate()
            .filter(|(number, node)| keep(number, node))
            .map(|(n, _)| n)
            .collect();
        let place: BTreeMap<usize, usize> = kept.iter().enumerate().map(|(new, old)| (*old, new)).collect();
        let nodes: Vec<Node> = kept.iter().filter_map(|old| self.nodes.get(*old).cloned()).collect();
        let mut merged: BTreeMap<(usize, usize, Line, Vec<String>), Edge> = BTreeMap::new();
        for edge in self.edges {
            let (Some(from), Some(to)) = (place.get(&edge.from), place.get(&edge.to)) else { continue };
            let key = (*from, *to, edge.line, edge.by.clone());
            match merged.get_mut(&key) {
                Some(known) => known.ports = format!("{}; {}", known.ports, edge.ports),
                None => drop(merged.insert(key, Edge { from: *from, to: *to, ..edge })),
            }
        }
        let workloads =
            nodes.iter().filter(|node| node.kind != Shape::Outside).map(|node| node.members.len());
        let workloads = workloads.sum();
        let mut groups: Vec<String> = self.groups;
        let mut nodes = nodes;
        let used: BTreeSet<usize> = nodes.iter().map(|node| node.group).collect();
        let renumbered: BTreeMap<usize, usize> =
            used.iter().enumerate().map(|(new, old)| (*old, new)).collect();
        for node in &mut nodes {
            node.group = renumbered.get(&node.group).copied().unwrap_or_default();
        }
        groups =
            groups.into_iter().enumerate().filter(|(n, _)| used.contains(n)).map(|(_, name)| name).collect();
        Graph { groups, nodes, edges: merged.into_values().collect(), denied, workloads }
    }
}

fn node(party: &Party<'_>, group: usize, documents: &Documents) -> Node {
    let Some(identity) = party.identity(0) else {
        let names: Vec<String> = party
            .places
            .iter()
            .map(|place| match place {
                Place::Block(net) => net.to_string(),
                Place::Elsewhere => "anywhere else".to_owned(),
            })
            .collect();
        return Node { group, label: short(&names), members: names, kind: Shape::Outside, proxied: false };
    };
    let names: Vec<String> = party.workloads.iter().map(|name| name.name.to_owned()).collect();
    let isolated = |end| {
        let known = bookend_engine::Identity::Workload(identity);
        documents.compiled.program.isolations().iter().any(|isolation| {
            isolation.mode == bookend_engine::Mode::Enforce
                && isolation.covers(end)
                && isolation.workloads.holds(&known) != bookend_engine::Truth::No
        })
    };
    let kind = Shape::Workloads { egress: isolated(End::Source), ingress: isolated(End::Destination) };
    Node { group, label: short(&names), members: names, kind, proxied: identity.proxied }
}

/// `a, b ×7`: what the names are called without the numbers at their end, and how many they are.
fn short(names: &[String]) -> String {
    if let [one] = names {
        return one.clone();
    }
    let unnumbered = |name: &'_ String| match name.rsplit_once('-') {
        Some((start, end)) if !start.is_empty() && end.bytes().all(|byte| byte.is_ascii_digit()) => {
            start.to_owned()
        }
        _ => name.clone(),
    };
    let bases: BTreeSet<String> = names.iter().map(unnumbered).collect();
    let mut listed: Vec<&str> = bases.iter().take(MAX_NAMES).map(String::as_str).collect();
    if bases.len() > MAX_NAMES {
        listed.push("…");
    }
    let listed = listed.join(", ");
    if bases.len() == names.len() && names.len() <= MAX_NAMES {
        listed
    } else {
        format!("{listed} ×{}", names.len())
    }
}
