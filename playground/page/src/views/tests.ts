import { count, h, icon, prose } from "../dom";
import { type GoTo, station } from "../explanation/passage";
import type { Tests } from "../protocol";

/** Policy unit tests, judged as one types. */
export function tests(result: Tests, goTo: GoTo): HTMLElement {
  const good = result.failed === 0;
  return h(
    "div",
    {},
    h(
      "header",
      { class: `verdict verdict-${good ? "allow" : "deny"}` },
      h("span", { class: "verdict-mark" }, icon(good ? "allow" : "deny")),
      h(
        "div",
        {},
        h(
          "h2",
          {},
          good
            ? `All ${count(result.passed, "test")} passed`
            : `${count(result.failed, "test")} failed, ${result.passed} passed`,
        ),
        h("p", {}, "Judged by the engine, and by the function that the kernel's programs run."),
      ),
    ),
    h(
      "ul",
      { class: "tests" },
      ...result.tests.map((test) =>
        h(
          "li",
          { class: `test test-${test.passed ? "passed" : "failed"}` },
          h(
            "div",
            { class: "test-line" },
            icon(test.passed ? "allow" : "deny"),
            h("span", { class: "visually-hidden" }, test.passed ? "passed: " : "failed: "),
            h("button", { type: "button", class: "rule-link", click: () => goTo(test.at) }, test.name),
            h("span", { class: "quiet" }, ` expects ${test.expected}`),
          ),
          ...[
            ...new Set(
              test.connections.map(({ decidedBy }) => `${decidedBy.id}, ${station(decidedBy.layer, decidedBy.end)}`),
            ),
          ].map((words) => h("div", { class: "test-by" }, words)),
          ...test.failures
            .flatMap(({ because }) => because)
            .map((words) => h("p", { class: "complaint" }, prose(words))),
        ),
      ),
    ),
  );
}
