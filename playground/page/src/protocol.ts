/**
 * What the engine is asked, and what it answers: the forms of docs/json.md, as `playground/src` speaks them.
 */

export type Verdict = "allow" | "deny";
export type Layer = "kernel" | "proxy";
export type End = "source" | "destination";

/** A text as the engine reads it. */
export interface Source {
  name: string;
  text: string;
}

/** A position in a file as it is printed: the line from 1, the column in characters from 1. */
export interface Place {
  file: string;
  line: number;
  column: number;
}

export interface Diagnostic extends Place {
  code: string;
  severity: "error" | "warning";
  message: string;
  cure: string;
  related: (Place & { message: string }) | null;
}

export interface Check {
  accepted: boolean;
  errors: number;
  warnings: number;
  policies: string[] | null;
  rules: number | null;
  workloads: number | null;
  diagnostics: Diagnostic[];
}

/** A stretch of a source, in UTF-16 units, as the editor counts. */
export interface Span {
  source: number;
  from: number;
  to: number;
}

export interface Findings {
  check: Check;
  /** One for each diagnostic. */
  marks: (Span & { related: Span | null })[];
}

export interface Meaning {
  code: string;
  severity: string;
  title: string;
  explanation: string;
}

export interface Names {
  workloads: {
    name: string;
    labels: Record<string, string>;
    ports: { name: string; protocol: string; port: number }[] | null;
    proxied: boolean;
    serviceAccount: string | null;
  }[];
  services: { name: string; ports: number[] }[];
  networks: string[];
  namespaces: string[];
}

export type Places = Record<string, Span & { line: number }>;

export type Passes = "allowed" | "requests" | "denied";

export interface GraphNode {
  id: number;
  kind: "workloads" | "all" | "outside";
  namespace: string | null;
  label: string;
  members: string[];
  isolated: { egress: boolean; ingress: boolean } | null;
  proxied: boolean;
}

export interface GraphEdge {
  from: number;
  to: number;
  passes: Passes;
  ports: string;
  rules: string[];
  requests: string[];
}

export interface Graph {
  nodes: GraphNode[];
  edges: GraphEdge[];
}

/** A request as it is asked about. */
export interface Request {
  method?: string;
  path: string;
  host?: string;
  headers?: [string, string][];
  claims?: unknown[];
  client?: string;
  sni?: string;
}

/** What `explain` is asked. */
export interface Inquiry {
  from: string;
  to: string;
  port?: string;
  protocol?: string;
  icmp?: string;
  packet?: boolean;
  plaintext?: boolean;
  principal?: string;
  request?: Request;
}

export interface By {
  id: string;
  at: Place | null;
}

export interface Near extends By {
  action: string;
  missed: { field: string; certain: boolean; because: string }[];
}

export interface PointOnThePath extends By {
  layer: Layer;
  end: End;
  verdict: Verdict;
  plane?: string;
  tier?: string;
  priority?: number;
  planes?: (By & { plane: string; verdict: Verdict })[];
  forEnd: End;
  passedBy: string[];
  near: Near[];
  audit: (By & { verdict: Verdict; forEnd: End }) | null;
  answer?: { status: number; body: string; headers: Record<string, string>; grpcStatus?: number };
  limits?: Record<string, { rate: string; burst: number }>;
}

export type Point = PointOnThePath | { layer: Layer; end: End; notOnThePath: string };

export interface Passage {
  from: string;
  to: string;
  fromAddress: string;
  toAddress: string;
  protocol: string;
  port?: number;
  plaintext: boolean;
  principal?: string;
  request?: Request;
  verdict: Verdict;
  decidedBy: By & { layer: Layer; end: End };
  audit: (By & { verdict: Verdict; layer: Layer; end: End }) | null;
  points: Point[];
  service?: {
    name: string;
    mixed: boolean;
    backends: { to: string; address: string; port: number; source: unknown; passage: Passage | null }[];
  };
  residual: (By & { action: string; requests: string[] })[];
  withoutAddress: string[];
}

export type Extent = "denied" | "someRequests" | "mostRequests" | "allowed";

export interface Side {
  namespaces: string[];
  workloads: string[];
  outside: string[];
}

export interface Change {
  kind: "opened" | "changed" | "undecided" | "closed" | "audited";
  from: Side;
  to: Side;
  ports: { protocol: string; first: number; last: number }[];
  before: { extent: Extent; by: By[] };
  after: { extent: Extent; by: By[] };
  opens: string[];
  closes: string[];
}

export interface Diff {
  opens: boolean;
  changes: Change[];
  crossings: { from: Side; to: Side; ports: Change["ports"]; before: By & { end: End }; after: By & { end: End } }[];
  services: {
    kind: "opened" | "closed";
    service: string;
    protocol: string;
    port: number;
    from: string[];
    before: By & { verdict: Verdict };
    after: By & { verdict: Verdict };
  }[];
  onlyOld: string[];
  onlyNew: string[];
  answers: By[];
  limits: By[];
  settings: { name: string; before: unknown; after: unknown }[];
}

export interface Tests {
  passed: number;
  failed: number;
  packets: { number: number; judgedBy: string; because: string | null };
  tests: {
    suite: string;
    name: string;
    at: Place;
    passed: boolean;
    expected: Verdict;
    connections: {
      from: string;
      to: string;
      verdict: Verdict;
      decidedBy: By & { layer: Layer; end: End };
    }[];
    failures: { because: string[]; explanation: Passage }[];
  }[];
}

export interface Import {
  documents: { kind: string; namespace?: string; name: string; text: string }[];
  policies: Record<string, number>;
  idle: string[];
  proof: { rules: number[]; isolations: number[]; workloads: number; madeUp: number; classes: number; today: string[] };
  warnings: Diagnostic[];
}

/** Everything that can be asked, by name: the rest of the question, and the answer. */
export interface Questions {
  open: [{ version: string; sources: Source[]; bestEffort?: boolean }, Findings];
  check: [{ version: string }, Findings];
  meaning: [{ code: string }, Meaning];
  schema: [object, unknown];
  names: [{ version: string }, Names];
  places: [{ version: string }, Places];
  graph: [{ version: string; namespaces?: string[]; denied?: boolean }, { graph: Graph }];
  drawing: [{ version: string; form: "svg" | "html" | "dot" | "mermaid"; denied?: boolean }, string];
  explain: [{ version: string } & Inquiry, Passage[]];
  diff: [{ old: string; new: string }, Diff];
  test: [{ version: string; filter?: string }, Tests];
  import: [{ sources: Source[]; bestEffort?: boolean; merge?: boolean }, Import];
  format: [{ source: Source }, string];
  report: [{ version: string }, string];
  about: [object, { version: string }];
}

/** What comes back of one question. */
export type Reply<A> = { answer: A } | { refused: Check } | { error: string };
