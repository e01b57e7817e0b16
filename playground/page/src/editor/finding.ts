import type { Diagnostic as Mark } from "@codemirror/lint";
import { h, icon, prose } from "../dom";
import type { Diagnostic, Findings, Meaning } from "../protocol";

/** What is wrong, and what to do: the same words in the tooltip, and in the list below the editor. */
export function finding(diagnostic: Diagnostic, meaning?: (code: string) => Promise<Meaning>): HTMLElement {
  const more = h("div", { class: "finding-more", hidden: true });
  const code = meaning
    ? h(
        "button",
        {
          type: "button",
          class: "finding-code",
          title: `What ${diagnostic.code} means`,
          click: async (event: Event) => {
            event.stopPropagation();
            more.hidden = !more.hidden;
            if (more.hidden || more.hasChildNodes()) return;
            const { title, explanation } = await meaning(diagnostic.code);
            more.append(h("strong", {}, prose(title)));
            for (const paragraph of explanation.split("\n\n")) more.append(h("p", {}, prose(paragraph)));
          },
        },
        diagnostic.code,
      )
    : h("span", { class: "finding-code" }, diagnostic.code);
  return h(
    "div",
    { class: `finding finding-${diagnostic.severity}` },
    h(
      "div",
      { class: "finding-message" },
      icon(diagnostic.severity === "error" ? "deny" : "warning"),
      h("span", { class: "visually-hidden" }, `${diagnostic.severity}: `),
      h("span", {}, prose(diagnostic.message)),
      code,
    ),
    diagnostic.cure ? h("div", { class: "finding-cure" }, prose(diagnostic.cure)) : null,
    diagnostic.related
      ? h(
          "div",
          { class: "finding-cure" },
          prose(`${diagnostic.related.file}:${diagnostic.related.line}: ${diagnostic.related.message}`),
        )
      : null,
    more,
  );
}

/** The marks of one source, as the editor draws them. */
export function marksOf(findings: Findings, source: number, length: number): Mark[] {
  return findings.check.diagnostics.flatMap((diagnostic, index) => {
    const mark = findings.marks[index];
    if (!mark || mark.source !== source) return [];
    const from = Math.min(mark.from, length);
    // An empty stretch, such as the end of the text, is drawn as the character before it.
    const to = Math.max(Math.min(mark.to, length), from);
    return [
      {
        from: from === to ? Math.max(0, from - 1) : from,
        to,
        severity: diagnostic.severity,
        source: diagnostic.code,
        message: `${diagnostic.code}: ${diagnostic.message}`,
        renderMessage: () => finding(diagnostic),
      },
    ];
  });
}
