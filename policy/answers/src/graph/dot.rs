//! For Graphviz.

use std::fmt::Write;

use super::model::{Graph, Line, Shape};
use super::svg::described;

/// Writes a graph in the DOT language.
pub(super) fn render(graph: &Graph) -> String {
    let mut dot = String::from(
        "digraph bookend {\n  rankdir=LR; compound=true; nodesep=0.3; ranksep=1.1;\n  \
         node [shape=box, style=\"rounded,filled\", fillcolor=white, fontname=\"Helvetica\", fontsize=11];\n  \
         edge [fontname=\"Helvetica\", fontsize=9];\n",
    );
    for (group, name) in graph.groups.iter().enumerate() {
        let _ = writeln!(
            dot,
            "  subgraph cluster_{group} {{\n    label={}; style=\"rounded,filled\"; color=\"#cbd5e1\"; fillcolor=\"#f1f5f9\";",
            quote(name)
        );
        for (number, node) in graph.nodes.iter().enumerate().filter(|(_, node)| node.group == group) {
            let look = match node.kind {
                Shape::Workloads { egress: true, ingress: true } => "",
                Shape::Workloads { .. } => ", style=\"rounded,filled,dashed\"",
                Shape::All => ", shape=ellipse, fillcolor=\"#e0e7ff\"",
                Shape::Outside => ", shape=ellipse, fillcolor=\"#e2e8f0\"",
            };
            let bold = if node.proxied { ", penwidth=2, color=\"#0f766e\"" } else { "" };
            let (label, tip) = (quote(&node.label), quote(&described(node)));
            let _ = writeln!(dot, "    n{number} [label={label}, tooltip={tip}{look}{bold}];");
        }
        dot.push_str("  }\n");
    }
    for edge in &graph.edges {
        let look = match edge.line {
            Line::Open => "color=\"#1d4ed8\", style=solid",
            Line::Requests => "color=\"#b45309\", style=dashed",
            Line::Denied => "color=\"#dc2626\", style=dotted, arrowhead=tee",
        };
        let (label, tip) = (quote(&edge.ports), quote(&edge.by.join(", ")));
        let _ = writeln!(dot, "  n{} -> n{} [label={label}, tooltip={tip}, {look}];", edge.from, edge.to);
    }
    dot.push_str("}\n");
    dot
}

fn quote(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("\"{escaped}\"")
}
