import type { GraphEdge, GraphNode, Inquiry } from "../protocol";

function end(node: GraphNode): string {
  if (node.kind === "all") return `namespace:${node.namespace}`;
  if (node.kind === "outside") return (node.members[0] ?? node.label).replace(/\/\d+$/, "");
  return `${node.namespace}/${node.members[0]}`;
}

/** A question that an edge answers: its first port, and a request as the first of its conditions has it. */
export function questionOf(edge: GraphEdge, from: GraphNode, to: GraphNode): Inquiry {
  const inquiry: Inquiry = { from: end(from), to: end(to) };
  const port = /(\d+)/.exec(edge.ports)?.[1];
  inquiry.port = port ?? "80";
  const [, method, path] = /\b([A-Z]+)\b of (\S+)/.exec(edge.requests[0] ?? "") ?? [];
  if (method && path) inquiry.request = { method, path: path.replace(/\{[^}]*\}|\*+/g, "1") };
  return inquiry;
}
