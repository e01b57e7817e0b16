//! For Markdown that draws.

use std::fmt::Write;

use super::model::{Graph, Line, Shape};

/// Writes a graph in Mermaid's language.
pub(super) fn render(graph: &Graph) -> String {
    let mut text = String::from("flowchart LR\n");
    for (group, name) in graph.groups.iter().enumerate() {
        let _ = writeln!(text, "  subgraph g{group}[{}]", quote(name));
        for (number, node) in graph.nodes.iter().enumerate().filter(|(_, node)| node.group == group) {
            let label = quote(&node.label);
            let (open, close, class) = match node.kind {
                Shape::Workloads { egress: true, ingress: true } => ("[", "]", "isolated"),
                Shape::Workloads { .. } => ("[", "]", "bare"),
                Shape::All => ("([", "])", "all"),
                Shape::Outside => ("([", "])", "outside"),
            };
            let _ = writeln!(text, "    n{number}{open}{label}{close}:::{class}");
        }
        text.push_str("  end\n");
    }
    for edge in &graph.edges {
        let arrow = match edge.line {
            Line::Open => "-->",
            Line::Requests => "-.->",
            Line::Denied => "--x",
        };
        let _ = writeln!(text, "  n{} {arrow}|{}| n{}", edge.from, quote(&edge.ports), edge.to);
    }
    for (number, edge) in graph.edges.iter().enumerate() {
        let colour = match edge.line {
            Line::Open => "#1d4ed8",
            Line::Requests => "#b45309",
            Line::Denied => "#dc2626",
        };
        let _ = writeln!(text, "  linkStyle {number} stroke:{colour}");
    }
    text.push_str(
        "  classDef isolated fill:#fff,stroke:#334155\n  classDef bare fill:#fff,stroke:#334155,stroke-dasharray:5 4\n  \
         classDef all fill:#e0e7ff,stroke:#4338ca\n  classDef outside fill:#e2e8f0,stroke:#64748b\n",
    );
    text
}

/// Mermaid has entities in place of escapes.
fn quote(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("#quot;"),
            '#' => quoted.push_str("#35;"),
            '<' => quoted.push_str("#lt;"),
            '>' => quoted.push_str("#gt;"),
            c if c.is_control() => quoted.push(' '),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
