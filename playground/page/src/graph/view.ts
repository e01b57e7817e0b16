import { count, h, icon, s } from "../dom";
import type { Graph, GraphEdge, GraphNode } from "../protocol";
import { type Box, collapse, lay, type Layout, OUTSIDE } from "./layout";

/** More boxes than this are shown one for each namespace at first. */
const EXPANDED = 60;
/** Labels of edges are left out above this many; an edge tells its own when it is pointed at or chosen. */
const LABELLED = 60;
const WORDS = { allowed: "everything on these ports", requests: "depends on the request", denied: "denied" };

/** Who can talk to whom, as a drawing that can be walked through with a mouse, fingers or keys. */
export class GraphView {
  readonly element: HTMLElement;
  private readonly drawing = s("svg", {
    class: "graph-drawing",
    role: "group",
    "aria-label": "Who can talk to whom",
    tabindex: 0,
  });
  private readonly filter = h("input", {
    type: "search",
    placeholder: "Filter",
    "aria-label": "Show only workloads whose names contain",
  });
  private readonly denied = h("input", { type: "checkbox", id: "graph-denied", checked: true });
  private readonly status = h("p", { class: "graph-status", role: "status" });
  private graph: Graph = { nodes: [], edges: [] };
  private collapsed: Set<string> | null = null;
  private layout: Layout | null = null;
  private camera = { x: 0, y: 0, width: 100, height: 100 };
  private chosen: string | null = null;
  /** How long the last layout took, in milliseconds. */
  milliseconds = 0;

  constructor(private readonly choose: (edge: GraphEdge, from: GraphNode, to: GraphNode) => void) {
    this.filter.addEventListener("input", () => this.draw(true));
    this.denied.addEventListener("change", () => this.draw(true));
    const button = (name: "plus" | "minus" | "fit", label: string, click: () => void) =>
      h("button", { type: "button", class: "icon-button", title: label, "aria-label": label, click }, icon(name));
    this.element = h(
      "section",
      { class: "graph", "aria-label": "Graph" },
      h(
        "div",
        { class: "graph-bar" },
        this.filter,
        h("span", { class: "box" }, this.denied, h("label", { for: "graph-denied" }, "denied")),
        h("span", { class: "spacer" }),
        button("minus", "Zoom out", () => this.zoom(1.3)),
        button("plus", "Zoom in", () => this.zoom(1 / 1.3)),
        button("fit", "Show everything", () => this.fit()),
      ),
      legend(),
      this.drawing,
      this.status,
    );
    this.listen();
  }

  show(graph: Graph): void {
    this.graph = graph;
    if (this.collapsed === null && graph.nodes.length > 0)
      this.collapsed = new Set(
        graph.nodes.length > EXPANDED ? graph.nodes.flatMap(({ namespace }) => namespace ?? []) : [],
      );
    this.draw(true);
  }

  /** Forgets what was chosen and folded, for other files. */
  forget(): void {
    this.collapsed = null;
    this.chosen = null;
  }

  private draw(fit: boolean): void {
    const begun = performance.now();
    const wanted = this.filter.value.trim().toLowerCase();
    let nodes = this.graph.nodes;
    let edges = this.graph.edges.filter((edge) => this.denied.checked || edge.passes !== "denied");
    if (wanted) {
      const hit = new Set(
        nodes
          .filter((node) =>
            [node.label, node.namespace ?? "", ...node.members].some((name) => name.toLowerCase().includes(wanted)),
          )
          .map(({ id }) => id),
      );
      edges = edges.filter(({ from, to }) => hit.has(from) || hit.has(to));
      const near = new Set(edges.flatMap(({ from, to }) => [from, to]));
      nodes = nodes.filter(({ id }) => hit.has(id) || near.has(id));
    } else if (!this.denied.checked) {
      const near = new Set(edges.flatMap(({ from, to }) => [from, to]));
      nodes = nodes.filter(({ id, kind }) => kind === "workloads" || near.has(id));
    }
    const members = new Map<string, number>();
    for (const node of nodes) {
      const lane = node.namespace ?? OUTSIDE;
      members.set(lane, (members.get(lane) ?? 0) + node.members.length);
    }
    const collapsed = this.collapsed ?? new Set<string>();
    this.layout = lay(collapse({ nodes, edges }, collapsed), collapsed, members);
    this.milliseconds = performance.now() - begun;
    this.element.dataset["milliseconds"] = this.milliseconds.toFixed(1);
    this.paint(this.layout);
    if (fit) this.fit();
    const workloads = nodes.reduce((sum, node) => sum + (node.kind === "workloads" ? node.members.length : 0), 0);
    this.status.textContent = `${count(workloads, "workload")}, ${count(this.layout.edges.length, "edge")}. Arrow keys move, + and − zoom, Tab goes from edge to edge, Enter explains one.`;
  }

  private paint(layout: Layout): void {
    const marker = (name: string) =>
      s(
        "marker",
        {
          id: `head-${name}`,
          viewBox: "0 0 10 10",
          refX: 9,
          refY: 5,
          markerWidth: 7,
          markerHeight: 7,
          orient: "auto-start-reverse",
        },
        name === "denied"
          ? s("path", { d: "M1 1l8 8M9 1l-8 8", class: `head head-${name}` })
          : s("path", { d: "M0 0 10 5 0 10z", class: `head head-${name}` }),
      );
    const labelled = layout.edges.length <= LABELLED;
    this.drawing.replaceChildren(
      s("defs", {}, marker("allowed"), marker("requests"), marker("denied")),
      ...layout.lanes.map((lane) => {
        const name = lane.name === OUTSIDE ? "Outside" : lane.name;
        const fold = () => {
          const collapsed = (this.collapsed ??= new Set());
          if (!collapsed.delete(lane.name)) collapsed.add(lane.name);
          this.draw(true);
        };
        const foldable = lane.name !== OUTSIDE;
        return s(
          "g",
          { class: `lane${foldable ? "" : " lane-outside"}` },
          s("rect", { x: lane.x, y: lane.y, width: lane.width, height: lane.height, rx: 8 }),
          s(
            "text",
            foldable
              ? {
                  x: lane.x + 12,
                  y: lane.y + 21,
                  role: "button",
                  tabindex: 0,
                  "aria-expanded": String(!lane.collapsed),
                  "aria-label": `namespace ${name}`,
                  click: fold,
                  keydown: (event: KeyboardEvent) => {
                    if (event.key === "Enter" || event.key === " ") {
                      event.preventDefault();
                      fold();
                    }
                  },
                }
              : { x: lane.x + 12, y: lane.y + 21 },
            `${foldable ? (lane.collapsed ? "▸ " : "▾ ") : ""}${name}${lane.collapsed ? ` (${count(lane.members, "workload")})` : ""}`,
          ),
        );
      }),
      ...layout.edges.flatMap((edge, index) => this.edge(edge, index, layout, labelled) ?? []),
      ...[...layout.boxes.values()].map(node),
    );
  }

  private edge(edge: GraphEdge, index: number, layout: Layout, labelled: boolean): SVGElement | null {
    const from = layout.boxes.get(edge.from);
    const to = layout.boxes.get(edge.to);
    if (!from || !to) return null;
    const { path, x, y } = route(from, to);
    const key = `${edge.from} ${edge.to} ${edge.passes} ${edge.ports}`;
    const say = `${from.node.label} to ${to.node.label}, ${edge.ports}: ${WORDS[edge.passes]}${edge.requests.length > 0 ? `, ${edge.requests.join(", or ")}` : ""}`;
    const select = () => {
      this.chosen = key;
      this.drawing.querySelectorAll(".edge-chosen").forEach((each) => each.classList.remove("edge-chosen"));
      group.classList.add("edge-chosen");
      this.choose(edge, from.node, to.node);
    };
    const label =
      edge.passes === "requests"
        ? `HTTP ${edge.ports.replace("TCP ", "")}`
        : edge.passes === "denied"
          ? `✕ ${edge.ports}`
          : edge.ports;
    const group: SVGGElement = s(
      "g",
      {
        class: `edge edge-${edge.passes}${this.chosen === key ? " edge-chosen" : ""}`,
        role: "button",
        tabindex: 0,
        "aria-label": say,
        "data-edge": index,
        click: select,
        keydown: (event: KeyboardEvent) => {
          if (event.key === "Enter" || event.key === " ") {
            event.preventDefault();
            select();
          }
        },
      },
      s("title", {}, say),
      s("path", { d: path, class: "edge-target" }),
      s("path", { d: path, class: "edge-line", "marker-end": `url(#head-${edge.passes})` }),
      s(
        "text",
        { x, y: y - 5, class: labelled ? "edge-label" : "edge-label edge-label-hidden", "text-anchor": "middle" },
        label,
      ),
    );
    return group;
  }

  private fit(): void {
    if (!this.layout) return;
    const frame = this.drawing.getBoundingClientRect();
    // As high as the drawing needs at this width, so that what is chosen is explained in sight.
    const wanted = Math.min(1.15, (frame.width || 600) / this.layout.width) * this.layout.height;
    this.drawing.style.height = `${Math.max(240, Math.min(innerHeight * 0.6, wanted))}px`;
    const { width, height } = this.drawing.getBoundingClientRect();
    // Small graphs are not blown up, and no box becomes unreadable: what does not fit is reached by moving.
    const scale = Math.max(
      0.45,
      Math.min(1.25, (width || 600) / this.layout.width, (height || 400) / this.layout.height),
    );
    this.camera = { x: 0, y: 0, width: (width || 600) / scale, height: (height || 400) / scale };
    if (this.camera.width > this.layout.width) this.camera.x = (this.layout.width - this.camera.width) / 2;
    this.look();
  }

  private look(): void {
    const { x, y, width, height } = this.camera;
    this.drawing.setAttribute("viewBox", `${x} ${y} ${width} ${height}`);
  }

  private zoom(factor: number, at = { x: 0.5, y: 0.5 }): void {
    const { x, y, width, height } = this.camera;
    const bounded = Math.max(120, Math.min(12_000, width * factor)) / width;
    this.camera = {
      x: x + width * (1 - bounded) * at.x,
      y: y + height * (1 - bounded) * at.y,
      width: width * bounded,
      height: height * bounded,
    };
    this.look();
  }

  private listen(): void {
    const svg = this.drawing;
    const scale = () => this.camera.width / (svg.getBoundingClientRect().width || 1);
    svg.addEventListener(
      "wheel",
      (event) => {
        event.preventDefault();
        const frame = svg.getBoundingClientRect();
        this.zoom(Math.exp(event.deltaY * 0.0015), {
          x: (event.clientX - frame.x) / frame.width,
          y: (event.clientY - frame.y) / frame.height,
        });
      },
      { passive: false },
    );
    let held: number | null = null;
    svg.addEventListener("pointerdown", (event) => {
      if ((event.target as Element).closest("[role=button]")) return;
      held = event.pointerId;
      svg.setPointerCapture(event.pointerId);
    });
    svg.addEventListener("pointermove", (event) => {
      if (held !== event.pointerId) return;
      this.camera.x -= event.movementX * scale();
      this.camera.y -= event.movementY * scale();
      this.look();
    });
    for (const end of ["pointerup", "pointercancel"] as const) svg.addEventListener(end, () => (held = null));
    svg.addEventListener("keydown", (event) => {
      const step = this.camera.width / 10;
      const move = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[
        event.key
      ];
      if (move) {
        this.camera.x += move[0] ?? 0;
        this.camera.y += move[1] ?? 0;
        this.look();
      } else if (event.key === "+" || event.key === "=") this.zoom(1 / 1.3);
      else if (event.key === "-") this.zoom(1.3);
      else if (event.key === "0") this.fit();
      else return;
      event.preventDefault();
    });
  }
}

function node({ node: each, x, y, width, height }: Box): SVGElement {
  const open = each.isolated !== null && !(each.isolated.egress && each.isolated.ingress);
  const label = each.label.length > 28 ? `${each.label.slice(0, 27)}…` : each.label;
  return s(
    "g",
    { class: `node node-${each.kind}${open ? " node-open" : ""}` },
    s(
      "title",
      {},
      `${each.members.join(", ") || each.label}${open ? "; not isolated" : ""}${each.proxied ? "; behind a proxy" : ""}`,
    ),
    s("rect", { x, y, width, height, rx: each.kind === "workloads" ? 5 : height / 2 }),
    each.proxied ? s("rect", { x: x + 5, y: y + 7, width: 4, height: height - 14, rx: 2, class: "node-proxy" }) : null,
    s("text", { x: x + width / 2 + (each.proxied ? 3 : 0), y: y + height / 2 + 4.5, "text-anchor": "middle" }, label),
  );
}

function route(from: Box, to: Box): { path: string; x: number; y: number } {
  const a = { x: from.x + from.width, y: from.y + from.height / 2 };
  const b = { x: to.x - 2, y: to.y + to.height / 2 };
  if (b.x > a.x + 12) {
    const bend = Math.max(28, (b.x - a.x) / 2);
    return {
      path: `M${a.x} ${a.y}C${a.x + bend} ${a.y} ${b.x - bend} ${b.y} ${b.x} ${b.y}`,
      x: (a.x + b.x) / 2,
      y: (a.y + b.y) / 2,
    };
  }
  // Backward, or within a column: around the right side of both.
  const right = Math.max(a.x, to.x + to.width) + 36;
  const end = to.x + to.width + 2;
  return { path: `M${a.x} ${a.y}C${right} ${a.y} ${right} ${b.y} ${end} ${b.y}`, x: right - 8, y: (a.y + b.y) / 2 };
}

function legend(): HTMLElement {
  const line = (kind: string, words: string) =>
    h(
      "li",
      {},
      s(
        "svg",
        { viewBox: "0 0 34 10", class: `edge edge-${kind}`, "aria-hidden": "true" },
        s("path", { d: "M1 5h24", class: "edge-line" }),
        s("path", { d: kind === "denied" ? "M25 1l8 8M33 1l-8 8" : "M25 0l9 5-9 5z", class: `head head-${kind}` }),
      ),
      words,
    );
  return h(
    "ul",
    { class: "legend", "aria-label": "Legend" },
    line("allowed", "everything on these ports"),
    line("requests", "depends on the request (HTTP)"),
    line("denied", "denied by a rule"),
  );
}
