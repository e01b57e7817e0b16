//! A drawing in one file, without anything from elsewhere.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::layout::{Area, BOX_HEIGHT, Layout, MAX_LABEL, layout};
use super::model::{Edge, Graph, Line, Node, Shape};
use crate::count;

/// Above this many edges their ports are shown only when they are pointed at.
const MAX_LABELLED: usize = 60;

/// Where the legend ends and the lanes start.
const TOP: f64 = 108.0;

const STYLE: &str = "\
text{font:13px system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif;fill:#0f172a}\
.title{font-size:19px;font-weight:600}.quiet{fill:#475569;font-size:12px}\
.lane{fill:#f1f5f9}.lane-name{font-size:12px;font-weight:600;fill:#475569}\
.box{fill:#fff;stroke:#334155;stroke-width:1.4}.open{stroke-dasharray:5 4}\
.filter{fill:#0f766e}.outside{fill:#e2e8f0;stroke:#64748b}.all{fill:#e0e7ff;stroke:#4338ca}\
.edge{fill:none;stroke-width:1.7}.hit{fill:none;stroke:transparent;stroke-width:10}\
.allowed{stroke:#1d4ed8}.requests{stroke:#b45309;stroke-dasharray:8 4}\
.denied{stroke:#dc2626;stroke-dasharray:2 4}\
.ports{font-size:11px;paint-order:stroke;stroke:#fff;stroke-width:4px;stroke-linejoin:round}\
.allowed-text{fill:#1d4ed8}.requests-text{fill:#92400e}.denied-text{fill:#b91c1c}\
.ground{fill:#fff}.allowed-head{fill:#1d4ed8}.requests-head{fill:#b45309}.denied-head{fill:#dc2626}\
g.e:hover .edge{stroke-width:3.4}\
@media(prefers-color-scheme:dark){text{fill:#e2e8f0}.quiet,.lane-name{fill:#94a3b8}.ground{fill:#0f172a}.lane{fill:#1e293b}\
.box{fill:#0f172a;stroke:#cbd5e1}.filter{fill:#2dd4bf}.outside{fill:#334155;stroke:#94a3b8}.all{fill:#312e81;stroke:#a5b4fc}\
.allowed{stroke:#60a5fa}.requests{stroke:#f59e0b}.denied{stroke:#f87171}\
.allowed-head{fill:#60a5fa}.requests-head{fill:#f59e0b}.denied-head{fill:#f87171}.ports{stroke:#0f172a}\
.allowed-text{fill:#93c5fd}.requests-text{fill:#fbbf24}.denied-text{fill:#fca5a5}}";

/// Draws a graph.
pub(super) fn render(graph: &Graph) -> String {
    let layout = layout(graph, TOP);
    // The legend has one entry more where denied edges are drawn.
    let width = layout.width.max(if graph.denied { 1180.0 } else { 1010.0 });
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{0:.0}\" \
         viewBox=\"0 0 {width:.0} {0:.0}\" role=\"img\">\n<title>Who can talk to whom</title>\n<style>{STYLE}</style>\n<defs>\n",
        layout.height
    );
    for line in Line::ALL {
        let _ = writeln!(
            svg,
            "<marker id=\"{}\" viewBox=\"0 0 10 10\" refX=\"9\" refY=\"5\" markerWidth=\"8\" markerHeight=\"8\" \
             markerUnits=\"userSpaceOnUse\" orient=\"auto\"><path d=\"M0 0 10 5 0 10z\" class=\"{}-head\"/></marker>",
            line.name(),
            line.name()
        );
    }
    svg.push_str("</defs>\n");
    let _ = writeln!(svg, "<rect class=\"ground\" width=\"{width:.0}\" height=\"{:.0}\"/>", layout.height);
    heading(&mut svg, graph);
    for (lane, name) in layout.lanes.iter().zip(&graph.groups) {
        let Area { x, y, height, .. } = lane;
        let wide = width - 2.0 * x;
        let _ = writeln!(
            svg,
            "<rect class=\"lane\" x=\"{x:.0}\" y=\"{y:.0}\" width=\"{wide:.0}\" height=\"{height:.0}\" rx=\"10\"/>\
             <text class=\"lane-name\" x=\"{:.0}\" y=\"{:.0}\">{}</text>",
            x + 12.0,
            y + 20.0,
            escape(name)
        );
    }
    edges(&mut svg, graph, &layout);
    for (node, area) in graph.nodes.iter().zip(&layout.boxes) {
        one_box(&mut svg, node, *area);
    }
    svg.push_str("</svg>\n");
    svg
}

fn heading(svg: &mut String, graph: &Graph) {
    let edges = count(graph.edges.len(), "edge", "edges");
    let workloads = count(graph.workloads, "workload", "workloads");
    let _ = writeln!(
        svg,
        "<text class=\"title\" x=\"24\" y=\"34\">Who can talk to whom</text>\
         <text class=\"quiet\" x=\"24\" y=\"54\">{workloads}, {edges}. Two ends that are not isolated may talk without an edge.</text>"
    );
    let mut x = 24.0;
    for line in Line::ALL.into_iter().filter(|line| *line != Line::Denied || graph.denied) {
        let class = line.name();
        let _ = writeln!(
            svg,
            "<path class=\"edge {class}\" marker-end=\"url(#{class})\" d=\"M{x:.0} 80h38\"/>\
             <text class=\"quiet\" x=\"{:.0}\" y=\"84\">{}</text>",
            x + 46.0,
            line.meaning()
        );
        x += 46.0 + line.meaning().len() as f64 * 6.4 + 18.0;
    }
    for (class, meaning) in [
        ("box", "isolated"),
        ("box open", "not isolated, or not in both directions"),
        ("filter", "has a filter"),
    ] {
        let wide = if class == "filter" { 5 } else { 26 };
        let _ = writeln!(
            svg,
            "<rect class=\"{class}\" x=\"{x:.0}\" y=\"72\" width=\"{wide}\" height=\"16\" rx=\"{}\"/>\
             <text class=\"quiet\" x=\"{:.0}\" y=\"84\">{meaning}</text>",
            if class == "filter" { 2 } else { 4 },
            x + f64::from(wide) + 8.0
        );
        x += f64::from(wide) + 8.0 + meaning.len() as f64 * 6.2 + 16.0;
    }
}

fn one_box(svg: &mut String, node: &Node, area: Area) {
    let Area { x, y, width, height } = area;
    let (class, round) = match node.kind {
        Shape::Workloads { egress: true, ingress: true } => ("box", 6.0),
        Shape::Workloads { .. } => ("box open", 6.0),
        Shape::All => ("box all", height / 2.0),
        Shape::Outside => ("box outside", height / 2.0),
    };
    let _ = writeln!(
        svg,
        "<g><title>{}</title><rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" \
         rx=\"{round:.0}\"/>",
        escape(&described(node))
    );
    if node.proxied {
        let _ = writeln!(
            svg,
            "<rect class=\"filter\" x=\"{:.1}\" y=\"{:.1}\" width=\"5\" height=\"{:.1}\" rx=\"2\"/>",
            x + 4.0,
            y + 6.0,
            height - 12.0
        );
    }
    let _ = writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text></g>",
        x + width / 2.0 + if node.proxied { 4.0 } else { 0.0 },
        y + height / 2.0 + 4.5,
        escape(&shortened(&node.label))
    );
}

/// Everybody in a box, and what is known of them.
pub(super) fn described(node: &Node) -> String {
    let mut text = if node.members.is_empty() { node.label.clone() } else { node.members.join(", ") };
    if let Shape::Workloads { egress, ingress } = node.kind {
        text.push_str(match (egress, ingress) {
            (true, true) => "\nisolated in both directions",
            (true, false) => "\nisolated as a source only",
            (false, true) => "\nisolated as a destination only",
            (false, false) => "\nnot isolated",
        });
        text.push_str(if node.proxied { "; has a filter" } else { "; has no filter" });
    }
    text
}

fn shortened(label: &str) -> String {
    if label.chars().count() <= MAX_LABEL {
        return label.to_owned();
    }
    label.chars().take(MAX_LABEL - 1).chain(['…']).collect()
}

/// A side of a box.
type Side = (usize, bool);

fn edges(svg: &mut String, graph: &Graph, layout: &Layout) {
    let middle = |node: usize| layout.boxes.get(node).map_or((0.0, 0.0), |a| (a.x + a.width / 2.0, a.y));
    // Which sides an edge joins: the right one of the left box and the left one of the right box.
    let sides = |edge: &Edge| -> (Side, Side) {
        let (from, to) = (middle(edge.from).0, middle(edge.to).0);
        if to > from + 60.0 {
            ((edge.from, true), (edge.to, false))
        } else if to < from - 60.0 {
            ((edge.from, false), (edge.to, true))
        } else {
            ((edge.from, true), (edge.to, true))
        }
    };
    // Edges at one side are spread over it, in the order of where they come from.
    let mut at: BTreeMap<Side, Vec<(usize, bool)>> = BTreeMap::new();
    for (number, edge) in graph.edges.iter().enumerate() {
        let (start, end) = sides(edge);
        at.entry(start).or_default().push((number, true));
        at.entry(end).or_default().push((number, false));
    }
    let mut anchors: BTreeMap<(usize, bool), f64> = BTreeMap::new();
    for list in at.values_mut() {
        let far = |(number, starts): &(usize, bool)| {
            graph.edges.get(*number).map_or(0.0, |edge| middle(if *starts { edge.to } else { edge.from }).1)
        };
        list.sort_by(|a, b| far(a).total_cmp(&far(b)));
        let step = (BOX_HEIGHT - 10.0) / (list.len() as f64 + 1.0);
        for (place, key) in list.iter().enumerate() {
            anchors.insert(*key, 5.0 + step * (place as f64 + 1.0));
        }
    }
    // Edges between the same two boxes have their ports side by side, so that all can be read.
    let mut between: BTreeMap<(usize, usize), Vec<usize>> = BTreeMap::new();
    for (number, edge) in graph.edges.iter().enumerate() {
        between.entry((edge.from.min(edge.to), edge.from.max(edge.to))).or_default().push(number);
    }
    for (number, edge) in graph.edges.iter().enumerate() {
        let (start, end) = sides(edge);
        let beside = between.get(&(edge.from.min(edge.to), edge.from.max(edge.to)));
        let beside = beside.map_or(&[][..], Vec::as_slice);
        let place = beside.iter().position(|other| *other == number).unwrap_or_default();
        let along = (place as f64 + 1.0) / (beside.len() as f64 + 1.0);
        let along = if edge.from > edge.to { 1.0 - along } else { along };
        let label = (graph.edges.len() <= MAX_LABELLED).then_some(along);
        let point = |side: Side, starts: bool| {
            let area = layout.boxes.get(side.0).copied().unwrap_or_default();
            let down = anchors.get(&(number, starts)).copied().unwrap_or(BOX_HEIGHT / 2.0);
            (if side.1 { area.x + area.width } else { area.x }, area.y + down)
        };
        curve(svg, edge, point(start, true), point(end, false), (start.1, end.1), label);
    }
}

fn curve(
    svg: &mut String,
    edge: &Edge,
    (x1, y1): (f64, f64),
    (x2, y2): (f64, f64),
    (right1, right2): (bool, bool),
    label: Option<f64>,
) {
    let reach = if right1 == right2 {
        (30.0 + (y2 - y1).abs() * 0.15).min(70.0)
    } else {
        ((x2 - x1).abs() / 2.0).clamp(40.0, 160.0)
    };
    let away = |right: bool| if right { reach } else { -reach };
    let (cx1, cx2) = (x1 + away(right1), x2 + away(right2));
    let path = format!("M{x1:.1} {y1:.1}C{cx1:.1} {y1:.1} {cx2:.1} {y2:.1} {x2:.1} {y2:.1}");
    let class = edge.line.name();
    let mut told = format!("{}: {}\nby {}", edge.line.meaning(), edge.ports, edge.by.join(", "));
    for request in &edge.requests {
        told.push('\n');
        told.push_str(request);
    }
    let _ = writeln!(
        svg,
        "<g class=\"e\"><title>{}</title><path class=\"hit\" d=\"{path}\"/><path class=\"edge {class}\" \
         marker-end=\"url(#{class})\" d=\"{path}\"/>",
        escape(&told)
    );
    if let Some(t) = label {
        // The point of a cubic Bézier curve at `t`.
        let at = |a: f64, b: f64, c: f64, d: f64| {
            let u = 1.0 - t;
            u * u * u * a + 3.0 * u * u * t * b + 3.0 * u * t * t * c + t * t * t * d
        };
        let (x, y) = (at(x1, cx1, cx2, x2), at(y1, y1, y2, y2));
        let _ = writeln!(
            svg,
            "<text class=\"ports {class}-text\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            y - 4.0,
            escape(&shortened(&edge.ports))
        );
    }
    svg.push_str("</g>\n");
}

/// Text as XML and HTML hold it.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' => escaped.push(c),
            c if c.is_control() => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}
