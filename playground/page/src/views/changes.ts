import { count, h, icon } from "../dom";
import type { GoTo } from "../explanation/passage";
import type { By, Change, Diff, Extent, Side } from "../protocol";

const KINDS = { opened: "Opens", changed: "Changes", undecided: "May open", closed: "Closes", audited: "Audit only" };
const EXTENTS: Record<Extent, string> = {
  denied: "denied",
  someRequests: "some requests",
  mostRequests: "most requests",
  allowed: "allowed",
};

export const side = (each: Side): string =>
  [
    ...each.namespaces.map((name) => `everybody in ${name}`),
    ...each.workloads.map((name) => name.replace(/^default\//, "")),
    ...each.outside.map((name) => (name === "elsewhere" ? "everybody else outside" : name)),
  ].join(", ");

const ports = (list: Change["ports"]): string =>
  list
    .map(({ protocol, first, last }) =>
      first === last
        ? `${protocol} ${first}`
        : first <= 1 && last === 65535
          ? `every ${protocol} port`
          : `${protocol} ${first}–${last}`,
    )
    .join(", ");

/** What the text in the editor changes, against another version. */
export function changes(diff: Diff, goTo: GoTo): HTMLElement {
  const extent = (words: string, each: { extent: Extent; by: By[] }) =>
    h(
      "div",
      { class: `extent extent-${each.extent}` },
      h("span", { class: "quiet" }, `${words} `),
      h("strong", {}, EXTENTS[each.extent]),
      ...each.by.map((by) =>
        h(
          "div",
          {},
          by.at && words === "now"
            ? h(
                "button",
                { type: "button", class: "rule-link", click: () => by.at && goTo(by.at) },
                h("code", {}, by.id),
              )
            : h("code", {}, by.id),
        ),
      ),
    );
  const cards = diff.changes.map((change) =>
    h(
      "li",
      { class: `change change-${change.kind}` },
      h(
        "div",
        { class: "change-kind" },
        icon(change.kind === "closed" ? "deny" : change.kind === "opened" ? "allow" : "warning"),
        KINDS[change.kind],
      ),
      h(
        "p",
        {},
        h("strong", {}, side(change.from)),
        " → ",
        h("strong", {}, side(change.to)),
        ` · ${ports(change.ports)}`,
      ),
      h("div", { class: "extents" }, extent("was", change.before), extent("now", change.after)),
      change.opens.length > 0 ? h("p", {}, "Now allowed, for example: ", h("code", {}, change.opens.join(", "))) : null,
      change.closes.length > 0
        ? h("p", {}, "Now denied, for example: ", h("code", {}, change.closes.join(", ")))
        : null,
    ),
  );
  const others = [
    ...diff.services.map(
      (each) => `${each.service} ${each.protocol} ${each.port} is ${each.kind} for ${each.from.join(", ")}`,
    ),
    ...diff.crossings.map(
      (each) => `${side(each.from)} → ${side(each.to)} may pass for a moment while the edit is rolled out`,
    ),
    ...diff.onlyOld.map((name) => `the workload ${name} is gone`),
    ...diff.onlyNew.map((name) => `the workload ${name} is new`),
    ...diff.answers.map(({ id }) => `${id} answers otherwise`),
    ...diff.limits.map(({ id }) => `${id} has other limits`),
    ...diff.settings.map(
      ({ name, before, after }) => `the setting ${name} was ${JSON.stringify(before)} and is ${JSON.stringify(after)}`,
    ),
  ];
  const none = cards.length + others.length === 0;
  return h(
    "div",
    {},
    h(
      "header",
      { class: `verdict verdict-${diff.opens ? "warn" : "plain"}` },
      h("span", { class: "verdict-mark" }, icon(diff.opens ? "warning" : "allow")),
      h(
        "div",
        {},
        h("h2", {}, none ? "Nothing changes" : diff.opens ? "This opens something" : "This opens nothing"),
        h(
          "p",
          {},
          none
            ? "Every connection and request gets the verdict it had before."
            : `${count(diff.changes.length, "change")}, in what the policy means and not in how it is written.`,
        ),
      ),
    ),
    h("ol", { class: "changes" }, ...cards),
    others.length > 0 ? h("ul", {}, ...others.map((words) => h("li", {}, words))) : null,
  );
}
