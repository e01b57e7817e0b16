import type { Graph, GraphEdge, GraphNode } from "../protocol";

export interface Box {
  node: GraphNode;
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Lane {
  name: string;
  /** How many workloads it stands for. */
  members: number;
  collapsed: boolean;
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Layout {
  boxes: Map<number, Box>;
  lanes: Lane[];
  edges: GraphEdge[];
  width: number;
  height: number;
}

const HEIGHT = 34;
const GAP = { column: 72, row: 16, lane: 12, title: 34, margin: 12 };
/** More boxes than this one below the other are spread over several columns. */
const ROWS = 9;
export const OUTSIDE = "outside";

const width = (label: string) => Math.max(84, Math.min(220, label.length * 7.1 + 38));
const laneOf = (node: GraphNode) => (node.kind === "outside" ? OUTSIDE : (node.namespace ?? OUTSIDE));

/** Each collapsed namespace becomes one box, and its edges become the box's. */
export function collapse(graph: Graph, collapsed: ReadonlySet<string>): Graph {
  const represents = new Map<number, number>();
  const boxes = new Map<string, GraphNode>();
  const nodes: GraphNode[] = [];
  for (const node of graph.nodes) {
    const lane = laneOf(node);
    if (!collapsed.has(lane)) {
      nodes.push(node);
      continue;
    }
    let box = boxes.get(lane);
    if (!box) {
      box = { ...node, kind: "all", label: lane, members: [], isolated: null };
      boxes.set(lane, box);
      nodes.push(box);
    }
    box.members = [...box.members, ...node.members];
    represents.set(node.id, box.id);
  }
  const edges = new Map<string, GraphEdge>();
  for (const edge of graph.edges) {
    const from = represents.get(edge.from) ?? edge.from;
    const to = represents.get(edge.to) ?? edge.to;
    const merged = represents.has(edge.from) || represents.has(edge.to);
    if (merged && from === to) continue;
    const key = merged ? `${from} ${to} ${edge.passes}` : `${edges.size}`;
    const known = edges.get(key);
    if (!known) edges.set(key, { ...edge, from, to });
    else {
      known.rules = [...new Set([...known.rules, ...edge.rules])];
      known.requests = [...new Set([...known.requests, ...edge.requests])];
      if (known.ports !== edge.ports) known.ports = "several ports";
    }
  }
  return { nodes, edges: [...edges.values()] };
}

/** How far to the right each node stands: behind everybody who connects to it, cycles aside. */
function ranks(graph: Graph): Map<number, number> {
  const out = new Map<number, number[]>();
  for (const { from, to } of graph.edges) if (from !== to) out.set(from, [...(out.get(from) ?? []), to]);
  const rank = new Map<number, number>();
  const state = new Map<number, "open" | "done">();
  const order: number[] = [];
  const back = new Set<string>();
  for (const { id } of graph.nodes) {
    const stack: [number, number][] = state.has(id) ? [] : [[id, 0]];
    if (stack.length > 0) state.set(id, "open");
    for (let top = stack.at(-1); top; top = stack.at(-1)) {
      const next = out.get(top[0])?.[top[1]++];
      if (next === undefined) {
        state.set(top[0], "done");
        order.push(top[0]);
        stack.pop();
      } else if (state.get(next) === "open") back.add(`${top[0]} ${next}`);
      else if (!state.has(next)) {
        state.set(next, "open");
        stack.push([next, 0]);
      }
    }
  }
  for (const id of order.reverse()) {
    const here = rank.get(id) ?? 0;
    rank.set(id, here);
    for (const next of out.get(id) ?? [])
      if (!back.has(`${id} ${next}`)) rank.set(next, Math.max(rank.get(next) ?? 0, here + 1));
  }
  return rank;
}

/** Places boxes in columns by who connects to whom, and in lanes by namespace. */
export function lay(graph: Graph, collapsed: ReadonlySet<string>, members: ReadonlyMap<string, number>): Layout {
  const rank = ranks(graph);
  const connected = new Set(graph.edges.flatMap(({ from, to }) => [from, to]));
  const lanes = new Map<string, GraphNode[]>();
  for (const node of graph.nodes) lanes.set(laneOf(node), [...(lanes.get(laneOf(node)) ?? []), node]);
  const columns = Math.max(0, ...rank.values()) + 1;
  const subs = new Array<number>(columns).fill(1);
  const cells = new Map<string, GraphNode[][]>();
  for (const [name, nodes] of lanes) {
    const cell: GraphNode[][] = Array.from({ length: columns }, () => []);
    for (const node of nodes.filter(({ id }) => connected.has(id))) cell[rank.get(node.id) ?? 0]?.push(node);
    cells.set(name, cell);
    cell.forEach((column, index) => (subs[index] = Math.max(subs[index] ?? 1, Math.ceil(column.length / ROWS))));
  }
  // Everybody stands near whom they are connected with: the mean of the rows of those before.
  const row = new Map<number, number>();
  for (const cell of cells.values())
    cell.forEach((column) => {
      const mean = (node: GraphNode) => {
        const rows = graph.edges.filter(({ to }) => to === node.id).flatMap(({ from }) => row.get(from) ?? []);
        return rows.length > 0 ? rows.reduce((sum, each) => sum + each, 0) / rows.length : Number.MAX_SAFE_INTEGER;
      };
      const means = new Map(column.map((node) => [node.id, mean(node)]));
      column.sort((a, b) => (means.get(a.id) ?? 0) - (means.get(b.id) ?? 0) || a.label.localeCompare(b.label));
      column.forEach((node, index) => row.set(node.id, index));
    });
  const widest = subs.map((_, index) =>
    Math.max(0, ...[...cells.values()].flatMap((cell) => (cell[index] ?? []).map((node) => width(node.label)))),
  );
  const starts: number[] = [];
  let x = GAP.margin * 2;
  for (let index = 0; index < columns; index++) {
    starts.push(x);
    x += (subs[index] ?? 1) * ((widest[index] ?? 84) + 24) - 24 + GAP.column;
  }
  const total = Math.max(420, x - GAP.column + GAP.margin);
  const boxes = new Map<number, Box>();
  const drawn: Lane[] = [];
  let y = GAP.margin;
  const names = [...lanes.keys()].sort((a, b) => Number(a === OUTSIDE) - Number(b === OUTSIDE));
  for (const name of names) {
    const top = y + GAP.title;
    let bottom = top;
    const cell = cells.get(name) ?? [];
    const rows = Math.max(0, ...cell.map((column, index) => Math.ceil(column.length / (subs[index] ?? 1))));
    cell.forEach((column, index) => {
      const each = Math.ceil(column.length / (subs[index] ?? 1));
      const shift = ((rows - Math.min(each, column.length)) * (HEIGHT + GAP.row)) / 2;
      column.forEach((node, place) => {
        const sub = Math.floor(place / each);
        const box = {
          node,
          x: (starts[index] ?? 0) + sub * ((widest[index] ?? 84) + 24),
          y: top + shift + (place % each) * (HEIGHT + GAP.row),
          width: width(node.label),
          height: HEIGHT,
        };
        boxes.set(node.id, box);
        bottom = Math.max(bottom, box.y + HEIGHT);
      });
    });
    // Whom no rule connects with anybody stands in rows below.
    let at = GAP.margin * 2;
    let level = bottom === top ? top : bottom + GAP.row;
    for (const node of (lanes.get(name) ?? []).filter(({ id }) => !connected.has(id))) {
      const wide = width(node.label);
      if (at + wide > total - GAP.margin) {
        at = GAP.margin * 2;
        level += HEIGHT + GAP.row;
      }
      boxes.set(node.id, { node, x: at, y: level, width: wide, height: HEIGHT });
      at += wide + GAP.row;
      bottom = level + HEIGHT;
    }
    const height = bottom - y + GAP.margin;
    drawn.push({
      name,
      members: members.get(name) ?? 0,
      collapsed: collapsed.has(name),
      x: GAP.margin,
      y,
      width: total - GAP.margin,
      height,
    });
    y += height + GAP.lane;
  }
  return { boxes, lanes: drawn, edges: graph.edges, width: total + GAP.margin, height: y };
}
