import { count, h } from "../dom";
import { finding } from "../editor/finding";
import type { Findings, Meaning, Span } from "../protocol";

/** More than these are not listed; the first ones are what to repair first. */
const LISTED = 100;

/** What is wrong with the documents, or how many there are. */
export function problems(
  { check, marks }: Findings,
  meaning: (code: string) => Promise<Meaning>,
  reveal: (span: Span) => void,
): (HTMLElement | string)[] {
  const shown = check.diagnostics.slice(0, LISTED).map((diagnostic, index) => {
    const place = `${diagnostic.file.split("/").pop()}:${diagnostic.line}`;
    const go = () => marks[index] && reveal(marks[index]);
    return h(
      "li",
      {},
      h("button", { type: "button", class: "finding-place", click: go }, place),
      finding(diagnostic, meaning),
    );
  });
  const warnings = check.warnings ? `, ${count(check.warnings, "warning")}` : "";
  const words = check.accepted
    ? `${count(check.policies?.length ?? 0, "policy", "policies")}, ${count(check.rules ?? 0, "rule")}, ${count(check.workloads ?? 0, "workload")}${warnings}`
    : `Refused: ${count(check.errors, "error")}`;
  return [
    h("p", { class: `summary summary-${check.accepted ? "fine" : "wrong"}` }, words),
    shown.length > 0 ? h("ul", {}, ...shown) : "",
  ];
}
