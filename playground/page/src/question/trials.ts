import { h } from "../dom";
import type { Inquiry } from "../protocol";

/** Questions to try, one click each. */
export function trials(
  questions: readonly { words: string; inquiry: Inquiry }[],
  ask: (inquiry: Inquiry) => void,
): HTMLElement | null {
  if (questions.length === 0) return null;
  return h(
    "div",
    { class: "chips", role: "group", "aria-label": "Questions to try" },
    h("span", { class: "quiet" }, "Try: "),
    ...questions.map(({ words, inquiry }) =>
      h("button", { type: "button", class: "chip", click: () => ask(inquiry) }, words),
    ),
  );
}
