import { h } from "../dom";
import type { Workspace } from "../workspace";

/** The files, one tab each. */
export function tabs(
  workspace: Workspace,
  panel: string,
  errors: (index: number) => number,
): { element: HTMLElement; draw(): void } {
  const list = h("div", { class: "tabs", role: "tablist", "aria-label": "Files" });

  const add = h(
    "button",
    {
      type: "button",
      class: "tab-add",
      title: "Add a file",
      "aria-label": "Add a file",
      click: () => {
        const name = workspace.freeName("policy.yaml");
        workspace.set({ files: [...workspace.files, { name, text: "" }], active: workspace.files.length });
      },
    },
    "+",
  );

  function draw(): void {
    const focused = document.activeElement?.closest(".tabs") === list;
    list.replaceChildren(
      ...workspace.files.map((file, index) => {
        const selected = index === workspace.active;
        const wrong = errors(index);
        const unsaved = file.saved !== undefined && file.saved !== file.text;
        const short = file.name.split("/").pop() ?? file.name;
        return h(
          "button",
          {
            type: "button",
            role: "tab",
            id: `tab-${index}`,
            "aria-selected": String(selected),
            "aria-controls": panel,
            tabindex: selected ? 0 : -1,
            title: file.name,
            class: "tab",
            click: () => workspace.set({ active: index }),
            keydown: (event: KeyboardEvent) => move(event, index),
            dblclick: () => rename(index),
          },
          short,
          unsaved ? h("span", { class: "tab-unsaved", title: "not saved" }, " •") : null,
          wrong > 0 ? h("span", { class: "tab-wrong", "aria-label": `${wrong} wrong` }, String(wrong)) : null,
        );
      }),
    );
    document.getElementById(panel)?.setAttribute("aria-labelledby", `tab-${workspace.active}`);
    const selected = list.querySelector<HTMLElement>('[aria-selected="true"]');
    selected?.scrollIntoView({ block: "nearest", inline: "nearest" });
    if (focused) selected?.focus();
  }

  function move(event: KeyboardEvent, index: number): void {
    const last = workspace.files.length - 1;
    const to = { ArrowLeft: index - 1, ArrowRight: index + 1, Home: 0, End: last }[event.key];
    if (event.key === "Delete" && last > 0) return remove(index);
    if (event.key === "F2") return rename(index);
    if (to === undefined || to < 0 || to > last) return;
    event.preventDefault();
    workspace.set({ active: to });
  }

  function remove(index: number): void {
    const file = workspace.files[index];
    if (!file || !confirm(`Take ${file.name} out of the playground?`)) return;
    const files = workspace.files.filter((_, other) => other !== index);
    workspace.set({ files, active: Math.min(index, files.length - 1) });
  }

  function rename(index: number): void {
    const file = workspace.files[index];
    if (!file || file.hash !== undefined) return;
    const name = prompt("What is the file called?", file.name)?.trim();
    if (!name || name === file.name) return;
    const taken = workspace.freeName(name);
    workspace.set({
      files: workspace.files.map((each) => (each === file ? { ...each, name: taken } : each)),
      active: index,
    });
  }

  const close = h(
    "button",
    {
      type: "button",
      class: "tab-add",
      title: "Take this file out",
      "aria-label": "Take this file out",
      click: () => (workspace.files.length > 1 ? remove(workspace.active) : undefined),
    },
    "×",
  );
  const element = h("div", { class: "tabs-bar" }, list, add, close);
  return { element, draw };
}
