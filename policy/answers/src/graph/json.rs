//! For programs.

use serde::Serialize;

use super::layout::{Area, layout};
use super::model::{Edge, Graph, Node, Shape};

/// The graph.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer<'g> {
    nodes: Vec<Vertex<'g>>,
    edges: Vec<Arrow<'g>>,
}

/// A class of workloads, all workloads of a namespace, or addresses outside.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Vertex<'g> {
    /// Its position, by which edges name it.
    id: usize,
    /// `workloads`, `all` or `outside`.
    kind: &'static str,
    /// The namespace; `null` outside.
    namespace: Option<&'g str>,
    label: &'g str,
    /// Names of workloads, or blocks.
    members: &'g [String],
    isolated: Option<Isolated>,
    proxied: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Isolated {
    egress: bool,
    ingress: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Arrow<'g> {
    from: usize,
    to: usize,
    /// `allowed`, `requests` (it depends on the request) or `denied`.
    passes: &'static str,
    ports: &'g str,
    rules: &'g [String],
    requests: &'g [String],
}

impl<'g> Answer<'g> {
    /// The form of a graph for programs.
    pub(super) fn new(graph: &'g Graph) -> Self {
        let node = |(id, node): (usize, &'g Node)| {
            let (kind, isolated) = match node.kind {
                Shape::Workloads { egress, ingress } => ("workloads", Some(Isolated { egress, ingress })),
                Shape::All => ("all", None),
                Shape::Outside => ("outside", None),
            };
            let namespace = graph.groups.get(node.group).map(String::as_str);
            Vertex {
                id,
                kind,
                namespace: namespace.filter(|_| node.kind != Shape::Outside),
                label: &node.label,
                members: &node.members,
                isolated,
                proxied: node.proxied,
            }
        };
        let edge = |edge: &'g Edge| Arrow {
            from: edge.from,
            to: edge.to,
            passes: edge.line.name(),
            ports: &edge.ports,
            rules: &edge.by,
            requests: &edge.requests,
        };
        Self {
            nodes: graph.nodes.iter().enumerate().map(node).collect(),
            edges: graph.edges.iter().map(edge).collect(),
        }
    }
}

/// A graph, and where its drawing has everything.
#[derive(Debug, Serialize)]
pub struct Placed<'g> {
    graph: Answer<'g>,
    layout: Layout<'g>,
}

/// In pixels, from the upper left corner.
#[derive(Debug, Serialize)]
struct Layout<'g> {
    width: f64,
    height: f64,
    /// By node.
    nodes: Vec<Area>,
    groups: Vec<Lane<'g>>,
}

/// A namespace, or what is outside.
#[derive(Debug, Serialize)]
struct Lane<'g> {
    name: &'g str,
    #[serde(flatten)]
    area: Area,
}

impl<'g> Placed<'g> {
    pub(super) fn new(graph: &'g Graph) -> Self {
        let found = layout(graph, 0.0);
        let lanes = graph.groups.iter().zip(found.lanes).map(|(name, area)| Lane { name, area });
        let layout =
            Layout { width: found.width, height: found.height, nodes: found.boxes, groups: lanes.collect() };
        Self { graph: Answer::new(graph), layout }
    }
}
