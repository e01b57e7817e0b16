import { h, icon, prose } from "../dom";
import type { By, End, Layer, Near, Passage, Place, Point, PointOnThePath } from "../protocol";
import type { Note } from "../editor/rule";

export type GoTo = (place: Place) => void;

const isolation = (id: string) => /\/isolate\[\d+\]$/.test(id);
const short = (name: string) => name.replace(/^default\//, "");

/** Where a decision is made, in words. */
export function station(layer: Layer, end: End): string {
  return layer === "proxy" ? `the proxy of the ${end}` : `the kernel at the ${end}`;
}

function link(by: By, goTo: GoTo): HTMLElement {
  if (!by.at) return h("code", {}, by.id);
  const place = by.at;
  return h(
    "button",
    { type: "button", class: "rule-link", title: `Show it: ${place.file}:${place.line}`, click: () => goTo(place) },
    h("code", {}, by.id),
  );
}

/** What a request is called in a sentence. */
export function asked(passage: Passage): string {
  const { request, protocol, port } = passage;
  if (request) return `${request.method ?? "GET"} ${request.path}`;
  return port === undefined ? protocol : `${protocol} ${port}`;
}

function why(point: PointOnThePath): string {
  if (point.id === "default-allow") return "No rule speaks of it, and nobody isolates the workload.";
  if (isolation(point.id)) return "No rule allows it, and this isolation denies whatever no rule allows.";
  return point.verdict === "allow" ? "This rule allows it." : "This rule denies it.";
}

function misses(near: readonly Near[], goTo: GoTo, action: string): HTMLElement | null {
  const shown = near.filter((each) => each.action === action);
  if (shown.length === 0) return null;
  return h(
    "ul",
    { class: "near" },
    ...shown.map((each) =>
      h("li", {}, link(each, goTo), " — but ", prose(each.missed.map((miss) => miss.because).join(", and "))),
    ),
  );
}

function point(passage: Passage, each: Point, decided: boolean, goTo: GoTo): HTMLElement {
  const title = each.layer === "proxy" ? "Proxy" : "Kernel";
  const whose = each.end === "source" ? passage.from : passage.to;
  const where = each.layer === "proxy" ? `in front of ${short(whose)}` : `on the ${each.end} host, ${short(whose)}`;
  if ("notOnThePath" in each) {
    return h(
      "li",
      { class: "point point-skip" },
      h("div", { class: "point-badge" }, icon("skip"), "Not on the way"),
      h("h3", {}, title),
      h("p", { class: "point-where" }, where),
      h("p", {}, prose(each.notOnThePath)),
    );
  }
  const partly =
    each.layer === "kernel" && each.verdict === "allow" && passage.residual.some(({ id }) => id === each.id);
  return h(
    "li",
    { class: `point point-${each.verdict}${decided ? " point-decides" : ""}` },
    h(
      "div",
      { class: "point-badge" },
      icon(each.verdict),
      each.verdict === "deny" ? "Denies" : partly ? "Lets the connection pass" : "Allows",
    ),
    h("h3", {}, title),
    h("p", { class: "point-where" }, where),
    h(
      "p",
      {},
      link(each, goTo),
      each.at ? h("span", { class: "place" }, ` ${each.at.file.split("/").pop()}:${each.at.line}`) : null,
    ),
    h("p", {}, partly ? "It sees the connection, not the requests on it." : why(each)),
    each.answer
      ? h(
          "p",
          {},
          "Answers ",
          h("strong", {}, String(each.answer.status)),
          each.answer.body ? ` “${each.answer.body.trim()}”` : "",
        )
      : null,
    each.audit
      ? h("p", { class: "audit" }, icon("audit"), ` Audit: would ${each.audit.verdict} by `, link(each.audit, goTo))
      : null,
  );
}

/** The whole explanation of one connection: the verdict, the points that judge it, and what would have changed it. */
export function explanation(passage: Passage, goTo: GoTo): HTMLElement {
  const { verdict, decidedBy: by } = passage;
  const denied = verdict === "deny";
  const decisive = passage.points.find(
    (each) => each.layer === by.layer && each.end === by.end && !("notOnThePath" in each),
  ) as PointOnThePath | undefined;
  const seen = new Set<string>();
  const near = passage.points
    .flatMap((each) => ("notOnThePath" in each ? [] : each.near))
    .filter(({ id }) => !seen.has(id) && seen.add(id));
  const missed = misses(near, goTo, denied ? "allow" : "deny");
  return h(
    "article",
    { class: "passage" },
    h(
      "header",
      { class: `verdict verdict-${verdict}` },
      h("span", { class: "verdict-mark" }, icon(verdict)),
      h(
        "div",
        {},
        h("h2", {}, denied ? `Denied by ${station(by.layer, by.end)}` : "Allowed"),
        h("p", {}, h("strong", {}, asked(passage)), ` from ${short(passage.from)} to ${short(passage.to)}`),
        decisive ? h("p", { class: "reason" }, why(decisive), " ", link(by, goTo)) : null,
      ),
    ),
    missed
      ? h(
          "section",
          { class: "would" },
          h("h3", {}, denied ? "What nearly allowed it" : "What nearly denied it"),
          missed,
        )
      : null,
    h("h3", { class: "course-title" }, "On its way"),
    h(
      "ol",
      { class: "course", "aria-label": "Points that judge it, in order" },
      ...passage.points.map((each) => point(passage, each, each === decisive, goTo)),
    ),
    passage.audit
      ? h(
          "p",
          { class: "audit" },
          icon("audit"),
          ` In audit mode: ${passage.audit.verdict} by `,
          link(passage.audit, goTo),
        )
      : null,
    passage.residual.length > 0
      ? h(
          "section",
          { class: "residual" },
          h("h3", {}, "The proxy allows less than the kernel"),
          h(
            "p",
            {},
            "The kernel sees addresses and ports; only the proxy sees requests. Of these connections the proxy looks at each request:",
          ),
          h(
            "ul",
            {},
            ...passage.residual.map((each) =>
              h("li", {}, link(each, goTo), ` ${each.action}s only ${each.requests.join(", or ")}`),
            ),
          ),
        )
      : null,
    passage.withoutAddress.length > 0
      ? h("p", { class: "quiet" }, `The inventory has no address of ${passage.withoutAddress.join(" and ")}.`)
      : null,
    passage.service
      ? h(
          "section",
          {},
          h("h3", {}, `Behind the Service ${passage.service.name}`),
          h(
            "ul",
            {},
            ...passage.service.backends.map((each) =>
              h(
                "li",
                {},
                `${each.to}: ${each.passage ? (each.passage.verdict === "allow" ? "allowed" : "denied") : "nobody judges"}`,
              ),
            ),
          ),
        )
      : null,
  );
}

/** What to mark in the text: by id, with what each rule does. */
export function notes(passage: Passage): { id: string; role: Note["role"]; words: string }[] {
  const { decidedBy: by, verdict } = passage;
  const found = [
    {
      id: by.id,
      role: verdict as Note["role"],
      words: `${verdict === "deny" ? "✕ denies" : "✓ allows"} at ${station(by.layer, by.end)}`,
    },
  ];
  for (const each of passage.points) {
    if ("notOnThePath" in each) continue;
    if (verdict === "deny")
      for (const near of each.near.filter(({ action }) => action === "allow"))
        found.push({
          id: near.id,
          role: "near",
          words: `nearly: ${near.missed.map(({ because }) => because.replaceAll("`", "")).join(", ")}`,
        });
  }
  const seen = new Set<string>();
  return found.filter(({ id }) => !seen.has(id) && seen.add(id)).slice(0, 12);
}
