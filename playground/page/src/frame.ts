import { h, icon } from "./dom";
import { EXAMPLES } from "./examples";
import type { View } from "./workspace";

export const VIEWS: Record<View, string> = { explain: "Explain", graph: "Graph", changes: "Changes", tests: "Tests" };

/** What the page's buttons do. */
export interface Actions {
  example(index: number): void;
  share(): void;
  save: (() => void) | null;
  import(): void;
  exportPolicy(): void;
  exportDrawing(): void;
  exportReport(): void;
  format(): void;
  view(view: View): void;
}

export interface Frame {
  tabs: HTMLElement;
  editor: HTMLElement;
  problems: HTMLElement;
  notice: HTMLElement;
  live: HTMLElement;
  panel: HTMLElement;
  examples: HTMLSelectElement;
  select(view: View): void;
}

/** The page around the editor and the answers. */
export function frame(root: HTMLElement, actions: Actions): Frame {
  const button = (words: string, title: string, click: () => void, main = false) =>
    h("button", { type: "button", class: `button${main ? " button-main" : ""}`, title, click }, words);
  const examples = h(
    "select",
    { id: "example", "aria-label": "Example", change: () => actions.example(examples.selectedIndex - 1) },
    h("option", { value: "" }, "Examples …"),
    ...EXAMPLES.map(({ name }) => h("option", { value: name }, name)),
  );
  const menu = h(
    "details",
    { class: "menu" },
    h("summary", { class: "button" }, "Export"),
    h(
      "div",
      { class: "menu-items", click: () => (menu.open = false) },
      button("Policy (YAML)", "Download all files as one", actions.exportPolicy),
      button("Graph (SVG)", "Download the drawing", actions.exportDrawing),
      button("Report (Markdown)", "Download what is in force", actions.exportReport),
    ),
  );
  const theme = h(
    "button",
    {
      type: "button",
      class: "icon-button",
      title: "Light or dark",
      "aria-label": "Light or dark",
      click: () => {
        const style = document.documentElement;
        const dark = style.dataset["theme"]
          ? style.dataset["theme"] === "dark"
          : matchMedia("(prefers-color-scheme: dark)").matches;
        style.dataset["theme"] = dark ? "light" : "dark";
        localStorage.setItem("theme", style.dataset["theme"]);
      },
    },
    icon("moon"),
  );
  const header = h(
    "header",
    { class: "top" },
    h(
      "h1",
      {},
      h("img", { src: "./icon.svg", alt: "", width: 26, height: 26 }),
      "Bookend ",
      h("span", {}, "playground"),
    ),
    h(
      "nav",
      { "aria-label": "Actions" },
      examples,
      button("Import", "Read policies of Kubernetes, Istio or Calico", actions.import),
      button("Format", "Lay this file out in the usual way", actions.format),
      actions.save
        ? button("Save", "Write this file to disk (Ctrl+S)", actions.save, true)
        : button("Share", "Make a link that carries all of this", actions.share),
      menu,
      theme,
    ),
  );
  const tabs = h("div");
  const editor = h("div", { class: "editor", id: "editor", role: "tabpanel" });
  const problems = h("section", { class: "problems", "aria-label": "Problems" });
  const notice = h("div", { class: "notice", role: "alert", hidden: true });
  const live = h("div", { class: "visually-hidden", "aria-live": "polite", id: "live" });
  const panel = h("div", { class: "panel", id: "panel", role: "tabpanel", tabindex: -1 });
  const keys = Object.keys(VIEWS) as View[];
  const views = new Map(
    keys.map((view, index) => [
      view,
      h(
        "button",
        {
          type: "button",
          role: "tab",
          id: `view-${view}`,
          "aria-controls": "panel",
          class: "view-tab",
          click: () => actions.view(view),
          keydown: (event: KeyboardEvent) => {
            const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
            const to = step === undefined ? undefined : keys[(index + step + keys.length) % keys.length];
            if (!to) return;
            actions.view(to);
            views.get(to)?.focus();
          },
        },
        VIEWS[view],
      ),
    ]),
  );
  root.replaceChildren(
    header,
    notice,
    h(
      "main",
      {},
      h("section", { class: "left", "aria-label": "Documents" }, tabs, editor, problems),
      h(
        "section",
        { class: "right", "aria-label": "Answers" },
        h("div", { class: "view-tabs", role: "tablist", "aria-label": "Views" }, ...views.values()),
        panel,
      ),
    ),
    live,
  );
  return {
    tabs,
    editor,
    problems,
    notice,
    live,
    panel,
    examples,
    select(view) {
      for (const [name, tab] of views) {
        tab.setAttribute("aria-selected", String(name === view));
        tab.tabIndex = name === view ? 0 : -1;
      }
      panel.setAttribute("aria-labelledby", `view-${view}`);
    },
  };
}
