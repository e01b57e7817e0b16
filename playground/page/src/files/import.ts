import { count, h, prose } from "../dom";
import { type Engine, Refused } from "../engine/engine";
import type { Workspace } from "../workspace";

/** Documents that decide something, or expect it; what lacks them says who is who. */
const POLICIES = /^\s*kind:\s*(\S*Policy|PolicyTest|PeerAuthentication|Tier)\s*$/m;

/** Reads policies of other systems, and writes them as Bookend's own, proven to mean the same. */
export function importDialog(engine: Engine, workspace: Workspace, loaded: () => void): HTMLDialogElement {
  const text = h("textarea", {
    rows: 12,
    id: "import-text",
    spellcheck: "false",
    placeholder: "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n…",
  });
  const said = h("div", { class: "import-said", role: "status" });
  const add = (name: string, content: string) => {
    const free = workspace.freeName(name);
    workspace.set({
      files: [{ name: free, text: content }, ...workspace.files.filter(({ text: other }) => !POLICIES.test(other))],
      active: 0,
      view: "graph",
    });
    loaded();
    dialog.close();
  };
  const convert = async () => {
    said.replaceChildren("Reading and proving …");
    try {
      const inventory = workspace.sources().filter((source) => !POLICIES.test(source.text));
      const result = await engine.ask("import", { sources: [{ name: "pasted.yaml", text: text.value }, ...inventory] });
      const content = result.documents.map((each) => each.text).join("---\n");
      const { proof } = result;
      said.replaceChildren(
        h(
          "p",
          {},
          h("strong", {}, `${count(result.documents.length, "document")} of Bookend's own, proven to mean the same`),
          ` for ${count(proof.workloads, "workload")} and ${proof.madeUp} made up besides.`,
        ),
        h("pre", { tabindex: 0, "aria-label": "What was made" }, content),
        h(
          "button",
          { type: "button", class: "button button-main", click: () => add("imported.yaml", content) },
          "Use these instead of the policies here",
        ),
      );
    } catch (error) {
      if (error instanceof Refused)
        said.replaceChildren(
          h("p", { class: "complaint" }, "These cannot be read:"),
          h(
            "ul",
            {},
            ...error.check.diagnostics
              .slice(0, 20)
              .map((each) => h("li", {}, prose(`${each.file}:${each.line}: ${each.message}; ${each.cure}`))),
          ),
        );
      else
        said.replaceChildren(
          h("p", { class: "complaint" }, prose(error instanceof Error ? error.message : String(error))),
        );
    }
  };
  const dialog = h(
    "dialog",
    { class: "dialog", "aria-labelledby": "import-title" },
    h("h2", { id: "import-title" }, "Import policies"),
    h(
      "p",
      { class: "quiet" },
      "Of Kubernetes, Istio or Calico, as kubectl prints them. They stay in this page. The inventory is the one in the editor.",
    ),
    h("label", { for: "import-text" }, "Documents"),
    text,
    h(
      "div",
      { class: "dialog-buttons" },
      h(
        "button",
        { type: "button", class: "button button-main", click: () => void convert() },
        "Write them as Bookend's own",
      ),
      h(
        "button",
        { type: "button", class: "button", click: () => text.value.trim() && add("pasted.yaml", text.value) },
        "Use them as they are",
      ),
      h("button", { type: "button", class: "button", click: () => dialog.close() }, "Close"),
    ),
    said,
  );
  return dialog;
}
