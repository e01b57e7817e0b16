import { h } from "../dom";

/** Which version changes are told against, and how to take another. */
export function versions(name: string, file: string, take: (name: string, text?: string) => void): HTMLElement {
  const paste = h("textarea", {
    rows: 6,
    spellcheck: "false",
    id: "other",
    placeholder: "Paste the other version of the policy",
  });
  const compare = () => take("that you pasted", paste.value);
  return h(
    "div",
    { class: "versions" },
    h(
      "p",
      {},
      "What the text in the editor changes, against the version ",
      h("strong", {}, name),
      ". Edit the policy and see.",
    ),
    h(
      "div",
      { class: "chips" },
      h(
        "button",
        { type: "button", class: "chip", click: () => take("that you kept just now") },
        "Compare with what is here now",
      ),
      h(
        "details",
        { class: "more" },
        h("summary", {}, "Compare with another text"),
        h("label", { for: "other" }, `In place of ${file}`),
        paste,
        h("button", { type: "button", class: "button", click: compare }, "Compare"),
      ),
    ),
  );
}
