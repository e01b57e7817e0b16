//! Where boxes stand: groups are lanes one below the other, and connections run from left to right.

use std::collections::BTreeMap;

use serde::Serialize;

use super::model::{Graph, Shape};

/// Heights and distances, in pixels.
pub(super) const BOX_HEIGHT: f64 = 40.0;
const ROW_GAP: f64 = 18.0;
const LANE_HEAD: f64 = 30.0;
const LANE_FOOT: f64 = 18.0;
const LANE_GAP: f64 = 16.0;
const MARGIN: f64 = 24.0;
/// Room between columns, where the edges run.
const COLUMN_GAP: f64 = 130.0;
const CHARACTER: f64 = 7.3;
const MIN_WIDTH: f64 = 96.0;
pub(super) const MAX_LABEL: usize = 34;

/// How often the order within columns is improved.
const SWEEPS: usize = 8;

/// A rectangle, by its upper left corner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(super) struct Area {
    /// Left edge, in pixels.
    pub(super) x: f64,
    /// Upper edge, in pixels.
    pub(super) y: f64,
    /// In pixels.
    pub(super) width: f64,
    /// In pixels.
    pub(super) height: f64,
}

/// Where everything is.
#[derive(Debug)]
pub(super) struct Layout {
    /// By node.
    pub(super) boxes: Vec<Area>,
    /// By group.
    pub(super) lanes: Vec<Area>,
    /// In pixels.
    pub(super) width: f64,
    /// In pixels.
    pub(super) height: f64,
}

/// Lays a graph out below `top`.
pub(super) fn layout(graph: &Graph, top: f64) -> Layout {
    let ranks = ranks(graph);
    let order = order(graph, &ranks);
    let columns = columns(graph, &ranks);
    let mut boxes = vec![Area::default(); graph.nodes.len()];
    let mut lanes = vec![Area::default(); graph.groups.len()];
    let inner = columns.iter().map(|(x, width)| x + width).fold(640.0_f64, f64::max);
    let mut y = top;
    for group in from_the_top(graph, &order) {
        let Some(rows) = order.get(group) else { continue };
        let tallest = rows.values().map(Vec::len).max().unwrap_or(0);
        let mut bottom = y + LANE_HEAD + tallest as f64 * (BOX_HEIGHT + ROW_GAP);
        for (rank, members) in rows {
            let Some((x, column)) = columns.get(*rank) else { continue };
            // A short column stands in the middle of its lane.
            let slack = (tallest - members.len()) as f64 * (BOX_HEIGHT + ROW_GAP) / 2.0;
            for (row, node) in members.iter().enumerate() {
                let width = width_of(graph, *node);
                let area = Area {
                    x: x + (column - width) / 2.0,
                    y: y + LANE_HEAD + slack + row as f64 * (BOX_HEIGHT + ROW_GAP),
                    width,
                    height: BOX_HEIGHT,
                };
                if let Some(place) = boxes.get_mut(*node) {
                    *place = area;
                }
            }
        }
        bottom = lone(graph, group, bottom, inner, &mut boxes);
        let height = bottom - ROW_GAP + LANE_FOOT - y;
        if let Some(lane) = lanes.get_mut(group) {
            *lane = Area { x: MARGIN / 2.0, y, width: inner + MARGIN / 2.0, height };
        }
        y += height + LANE_GAP;
    }
    Layout { boxes, lanes, width: inner + MARGIN * 1.5, height: y }
}

/// The lanes from top to bottom: where traffic starts is on top, and who is outside comes last.
fn from_the_top(graph: &Graph, order: &[BTreeMap<usize, Vec<usize>>]) -> Vec<usize> {
    let mut groups: Vec<usize> = (0..graph.groups.len()).collect();
    let outside =
        |group: usize| graph.nodes.iter().any(|node| node.group == group && node.kind == Shape::Outside);
    groups.sort_by_key(|group| {
        let first = order.get(*group).and_then(|rows| rows.keys().next().copied());
        (outside(*group), first.unwrap_or(usize::MAX), *group)
    });
    groups
}

/// Puts boxes that nothing leads to or from into rows of their own, and says where these end.
fn lone(graph: &Graph, group: usize, top: f64, right: f64, boxes: &mut [Area]) -> f64 {
    let (mut x, mut y, mut any) = (MARGIN, top, false);
    for (number, node) in graph.nodes.iter().enumerate() {
        if node.group != group || degree(graph, number) > 0 {
            continue;
        }
        let width = width_of(graph, number);
        if any && x + width > right {
            x = MARGIN;
            y += BOX_HEIGHT + ROW_GAP;
        }
        if let Some(place) = boxes.get_mut(number) {
            *place = Area { x, y, width, height: BOX_HEIGHT };
        }
        x += width + ROW_GAP;
        any = true;
    }
    if any { y + BOX_HEIGHT + ROW_GAP } else { top }
}

fn degree(graph: &Graph, node: usize) -> usize {
    graph.edges.iter().filter(|edge| edge.from == node || edge.to == node).count()
}

fn width_of(graph: &Graph, node: usize) -> f64 {
    let label = graph.nodes.get(node).map_or(0, |node| node.label.chars().count().min(MAX_LABEL));
    (label as f64 * CHARACTER + 36.0).max(MIN_WIDTH)
}

/// The column of each box: one to the right of everybody who talks to it, once circles are cut.
fn ranks(graph: &Graph) -> Vec<usize> {
    let mut after: Vec<Vec<usize>> = vec![Vec::new(); graph.nodes.len()];
    for edge in &graph.edges {
        if let Some(list) = after.get_mut(edge.from)
            && edge.from != edge.to
        {
            list.push(edge.to);
        }
    }
    // Depth first; what leads back to a box on the way there is a circle and is cut.
    let mut state = vec![0_u8; graph.nodes.len()];
    let mut finished: Vec<usize> = Vec::new();
    let mut cut = std::collections::BTreeSet::new();
    let incoming = |node: usize| graph.edges.iter().filter(|edge| edge.to == node).count();
    let mut starts: Vec<usize> = (0..graph.nodes.len()).collect();
    starts.sort_by_key(|node| incoming(*node));
    for start in starts {
        let mut stack = vec![(start, 0_usize)];
        while let Some((node, next)) = stack.pop() {
            if next == 0 {
                if state.get(node) != Some(&0) {
                    continue;
                }
                set(&mut state, node, 1);
            }
            match after.get(node).and_then(|list| list.get(next)) {
                Some(target) => {
                    stack.push((node, next + 1));
                    match state.get(*target) {
                        Some(1) => drop(cut.insert((node, *target))),
                        Some(0) => stack.push((*target, 0)),
                        _ => {}
                    }
                }
                None => {
                    set(&mut state, node, 2);
                    finished.push(node);
                }
            }
        }
    }
    let mut ranks = vec![0_usize; graph.nodes.len()];
    for node in finished.iter().rev() {
        let own = ranks.get(*node).copied().unwrap_or_default();
        for target in after.get(*node).into_iter().flatten() {
            if !cut.contains(&(*node, *target))
                && let Some(rank) = ranks.get_mut(*target)
            {
                *rank = (*rank).max(own + 1);
            }
        }
    }
    ranks
}

fn set(states: &mut [u8], node: usize, state: u8) {
    if let Some(slot) = states.get_mut(node) {
        *slot = state;
    }
}

/// The left edge and the width of each column.
fn columns(graph: &Graph, ranks: &[usize]) -> Vec<(f64, f64)> {
    let count = ranks.iter().max().map_or(0, |max| max + 1);
    let mut columns = Vec::new();
    let mut x = MARGIN;
    for rank in 0..count {
        let members = (0..graph.nodes.len()).filter(|node| ranks.get(*node) == Some(&rank));
        let connected = members.filter(|node| degree(graph, *node) > 0);
        let width = connected.map(|node| width_of(graph, node)).fold(MIN_WIDTH, f64::max);
        columns.push((x, width));
        x += width + COLUMN_GAP;
    }
    columns
}

/// Of each lane and column the boxes from top to bottom: those that talk to each other lie near each other.
fn order(graph: &Graph, ranks: &[usize]) -> Vec<BTreeMap<usize, Vec<usize>>> {
    let mut lanes: Vec<BTreeMap<usize, Vec<usize>>> = vec![BTreeMap::new(); graph.groups.len()];
    for (number, node) in graph.nodes.iter().enumerate() {
        if degree(graph, number) == 0 {
            continue;
        }
        if let (Some(lane), Some(rank)) = (lanes.get_mut(node.group), ranks.get(number)) {
            lane.entry(*rank).or_default().push(number);
        }
    }
    let mut neighbours: Vec<Vec<usize>> = vec![Vec::new(); graph.nodes.len()];
    for edge in &graph.edges {
        for (one, other) in [(edge.from, edge.to), (edge.to, edge.from)] {
            if let Some(list) = neighbours.get_mut(one) {
                list.push(other);
            }
        }
    }
    for _ in 0..SWEEPS {
        let mut height = vec![0.0_f64; graph.nodes.len()];
        let mut above = 0.0;
        for lane in &lanes {
            let tallest = lane.values().map(Vec::len).max().unwrap_or(0) as f64;
            for members in lane.values() {
                let slack = (tallest - members.len() as f64) / 2.0;
                for (row, node) in members.iter().enumerate() {
                    if let Some(slot) = height.get_mut(*node) {
                        *slot = above + slack + row as f64;
                    }
                }
            }
            above += tallest + 1.0;
        }
        let pull = |node: &usize| {
            let list = neighbours.get(*node).map_or(&[][..], Vec::as_slice);
            let sum: f64 = list.iter().filter_map(|other| height.get(*other)).sum();
            let own = height.get(*node).copied().unwrap_or_default();
            if list.is_empty() { own } else { sum / list.len() as f64 }
        };
        for members in lanes.iter_mut().flat_map(BTreeMap::values_mut) {
            members.sort_by(|a, b| pull(a).total_cmp(&pull(b)));
        }
    }
    // What stands for all of a lane is looked for at its top.
    for members in lanes.iter_mut().flat_map(BTreeMap::values_mut) {
        members.sort_by_key(|node| graph.nodes.get(*node).is_none_or(|node| node.kind != Shape::All));
    }
    lanes
}
