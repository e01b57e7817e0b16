import { count, download, h, prose } from "./dom";
import { Documents, type Schema } from "./editor/schema";
import { Editor } from "./editor/editor";
import { tabs } from "./editor/tabs";
import { Engine, Refused, Stopped } from "./engine/engine";
import { type Example, EXAMPLES } from "./examples";
import { explanation, notes, station } from "./explanation/passage";
import { share } from "./files/share";
import { merge } from "./files/merge";
import { importDialog } from "./files/import";
import type { Server } from "./files/server";
import { frame, type Frame } from "./frame";
import { questionOf } from "./graph/question";
import { GraphView } from "./graph/view";
import type { Findings, Passage, Place } from "./protocol";
import { trials } from "./question/trials";
import { Form } from "./question/form";
import { changes } from "./views/changes";
import { problems } from "./views/problems";
import { tests } from "./views/tests";
import { versions } from "./views/versions";
import type { File, Workspace } from "./workspace";

/** More text than this is not checked while one types, in UTF-16 units. */
const CHECKED = 4_000_000;
const NOW = { version: "now" };

/** Joins everything: what is typed goes to the engine, and its answers are shown. */
export class Page {
  readonly engine: Engine;
  private readonly frame: Frame;
  private readonly editor: Editor;
  private readonly form: Form;
  private readonly graph: GraphView;
  private readonly tabs: ReturnType<typeof tabs>;
  private readonly answer = h("div", { class: "answer" });
  private findings: Findings | null = null;
  private opening = false;
  private again = false;
  private turn = 0;
  private pause = 0;
  private checkLarge = false;

  constructor(
    root: HTMLElement,
    private readonly workspace: Workspace,
    private example: Example | null,
    private readonly server: Server | null,
  ) {
    this.engine = new Engine(undefined, (why) => {
      this.checkLarge = false;
      this.say(`The engine stopped: ${why}. Your text is kept, and another engine was started.`, () => this.open());
    });
    this.frame = frame(root, {
      example: (index) => this.load(EXAMPLES[index] ?? null),
      share: () => void this.attempt(async () => this.say(await share(workspace))),
      save: server ? () => void this.save() : null,
      import: () => importer.showModal(),
      exportPolicy: () =>
        download(
          "policy.yaml",
          "application/yaml",
          workspace.files.map(({ name, text }) => `# ${name}\n${text.trimEnd()}\n`).join("---\n"),
        ),
      exportDrawing: () =>
        void this.attempt(async () =>
          download(
            "graph.svg",
            "image/svg+xml",
            await this.engine.ask("drawing", { ...NOW, form: "svg", denied: true }),
          ),
        ),
      exportReport: () =>
        void this.attempt(async () => download("report.md", "text/markdown", await this.engine.ask("report", NOW))),
      format: () => void this.attempt(() => this.format()),
      view: (view) => workspace.set({ view }),
    });
    const importer = importDialog(this.engine, workspace, () => this.baseline("as it was imported"));
    root.append(importer);
    this.tabs = tabs(
      workspace,
      "editor",
      (index) => this.findings?.marks.filter((mark) => mark.source === index).length ?? 0,
    );
    this.frame.tabs.append(this.tabs.element);
    this.editor = new Editor(this.frame.editor, workspace);
    this.form = new Form(workspace);
    this.graph = new GraphView((edge, from, to) => workspace.set({ inquiry: questionOf(edge, from, to) }));
    this.tabs.draw();
    workspace.listen((parts) => {
      if (parts.has("files") || parts.has("active") || parts.has("text")) this.tabs.draw();
      if (parts.has("files")) this.findings = null;
      if (parts.has("text")) this.open();
      else if (parts.has("view")) this.draw();
      if (parts.has("inquiry") && !parts.has("text")) void this.ask();
      if (parts.has("before") && !parts.has("text")) this.draw();
    });
    document.addEventListener("keydown", (event) => {
      if (!server || event.key !== "s" || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      void this.save();
    });
    this.draw();
    this.open();
    void this.attempt(
      async () => (this.editor.schema = new Documents((await this.engine.ask("schema", {})) as Schema)),
    );
    if (server)
      void server.follow(
        (files) => this.reread(files),
        (why) => (why ? this.say(why) : undefined),
      );
  }

  /** Says something that concerns the whole page, and what can be done. */
  say(words: string | null, retry?: () => void): void {
    const { notice } = this.frame;
    notice.hidden = words === null;
    notice.replaceChildren(
      h("span", {}, prose(words ?? "")),
      retry
        ? h(
            "button",
            {
              type: "button",
              class: "button",
              click: () => {
                this.say(null);
                retry();
              },
            },
            "Try again",
          )
        : "",
      h("button", { type: "button", class: "icon-button", "aria-label": "Close", click: () => this.say(null) }, "×"),
    );
  }

  private async attempt(action: () => Promise<unknown>): Promise<void> {
    try {
      await action();
    } catch (error) {
      if (error instanceof Refused)
        this.say("The documents are refused; repair what is listed below the editor first.");
      else if (!(error instanceof Stopped)) this.say(error instanceof Error ? error.message : String(error));
    }
  }

  /** Gives the engine what is in the editor: one at a time, and the latest last. */
  private open(): void {
    if (this.opening) {
      this.again = true;
      return;
    }
    clearTimeout(this.pause);
    if (this.workspace.size() > CHECKED && !this.checkLarge) {
      const size = (this.workspace.size() / 1e6).toFixed(1);
      this.say(`There are ${size} MB of text here, too much to check at every key. It is kept as it is.`, () => {
        this.checkLarge = true;
        this.open();
      });
      return;
    }
    this.opening = true;
    void this.attempt(async () => {
      const begun = performance.now();
      const findings = await this.engine.ask("open", { ...NOW, sources: this.workspace.sources() });
      if (this.again) return;
      this.found(findings);
      document.documentElement.dataset["milliseconds"] = (performance.now() - begun).toFixed(1);
      await this.judge();
      this.pause = window.setTimeout(
        () =>
          void this.attempt(async () => {
            const turn = this.turn;
            const checked = await this.engine.ask("check", NOW);
            if (turn === this.turn && !this.opening) this.found(checked);
          }),
        350,
      );
    }).finally(() => {
      this.opening = false;
      if (!this.again) return;
      this.again = false;
      this.open();
    });
  }

  private found(findings: Findings): void {
    this.findings = findings;
    this.editor.mark(findings);
    this.tabs.draw();
    this.frame.problems.replaceChildren(
      ...problems(
        findings,
        (code) => this.engine.ask("meaning", { code }),
        (span) => this.editor.reveal(span.source, span.from, true),
      ),
    );
  }

  /** What can only be said once the documents are accepted. */
  private async judge(): Promise<void> {
    if (this.findings?.check.accepted) {
      const names = await this.engine.ask("names", NOW);
      this.form.know(names);
      const { inquiry } = this.workspace;
      if (!inquiry.from && names.workloads[0]) {
        const [from, to] = [names.workloads[0], names.workloads[1] ?? names.workloads[0]];
        this.workspace.set({ inquiry: { from: from.name, to: to.name, port: String(to.ports?.[0]?.port ?? 80) } });
      }
    }
    await this.ask();
    await this.answerView();
  }

  /** Asks the question of the form, and shows what becomes of it. */
  private async ask(): Promise<void> {
    const turn = ++this.turn;
    if (!this.findings) return;
    const stale = (words: string) => {
      this.answer.classList.add("stale");
      if (!this.answer.hasChildNodes()) this.answer.replaceChildren(h("p", { class: "quiet" }, words));
    };
    if (!this.findings.check.accepted)
      return stale("The documents are refused, so nothing can be asked about them yet.");
    try {
      const passages = await this.engine.ask("explain", { ...NOW, ...this.workspace.inquiry });
      const places = await this.engine.ask("places", NOW);
      if (turn !== this.turn) return;
      this.form.complain(null);
      this.answer.classList.remove("stale");
      const show = (passage: Passage) => {
        this.editor.note(
          notes(passage).flatMap(({ id, role, words }) => {
            const place = places[id];
            return place ? [{ source: place.source, at: place.from, role, words }] : [];
          }),
        );
        const place = places[passage.decidedBy.id];
        if (place && place.source === this.workspace.active) this.editor.reveal(place.source, place.from, false);
        body.replaceChildren(explanation(passage, this.goTo));
        this.frame.live.textContent = `${passage.from} to ${passage.to}: ${passage.verdict === "deny" ? "denied" : "allowed"} by ${station(passage.decidedBy.layer, passage.decidedBy.end)}, ${passage.decidedBy.id}`;
      };
      const body = h("div");
      const denied = passages.find(({ verdict }) => verdict === "deny") ?? passages[0];
      const choice = h(
        "select",
        {
          "aria-label": "Which connection",
          change: () => {
            const chosen = passages[choice.selectedIndex];
            if (chosen) show(chosen);
          },
        },
        ...passages.map((each) =>
          h(
            "option",
            { selected: each === denied },
            `${each.from} → ${each.to}: ${each.verdict === "deny" ? "denied" : "allowed"}`,
          ),
        ),
      );
      this.answer.replaceChildren(
        ...(passages.length > 1
          ? [h("p", { class: "several" }, `${count(passages.length, "connection")}: `, choice)]
          : []),
        body,
      );
      if (denied) show(denied);
    } catch (error) {
      if (error instanceof Stopped || error instanceof Refused || turn !== this.turn) return;
      this.form.complain(error instanceof Error ? error.message : String(error));
      stale("");
    }
  }

  private readonly goTo = (place: Place): void => {
    const source = this.workspace.files.findIndex(({ name }) => name === place.file);
    if (source >= 0) this.editor.goTo(source, place.line, place.column);
  };

  private body = h("div");

  private draw(): void {
    const { view } = this.workspace;
    this.frame.select(view);
    this.body = h("div");
    const chips = trials(this.example?.questions ?? [], (inquiry) => this.workspace.set({ inquiry }));
    const inner =
      view === "explain"
        ? [this.form.element, chips, this.answer]
        : view === "graph"
          ? [this.graph.element, this.answer]
          : view === "changes"
            ? [
                versions(this.workspace.beforeName, this.workspace.activeFile?.name ?? "", (name, text) =>
                  this.baseline(name, text),
                ),
                this.body,
              ]
            : [this.body];
    this.frame.panel.replaceChildren(...inner.filter((each) => each !== null));
    this.frame.panel.dataset["view"] = view;
    void this.attempt(() => this.answerView());
  }

  /** Takes the present version, or it with another text in the active file, as the one that changes are told against. */
  private baseline(beforeName: string, text?: string): void {
    const before = this.workspace
      .sources()
      .map((source, index) => (text !== undefined && index === this.workspace.active ? { ...source, text } : source));
    this.workspace.set({ before, beforeName });
  }

  /** Fills the view that is shown, where it is more than the explanation. */
  private async answerView(): Promise<void> {
    const { view } = this.workspace;
    const body = this.body;
    if (!this.findings || view === "explain") return;
    body.classList.toggle("stale", !this.findings.check.accepted);
    if (!this.findings.check.accepted) {
      if (!body.hasChildNodes())
        body.replaceChildren(
          h("p", { class: "quiet" }, "The documents are refused, so nothing can be asked about them yet."),
        );
      return;
    }
    try {
      if (view === "graph") this.graph.show((await this.engine.ask("graph", { ...NOW, denied: true })).graph);
      else if (view === "tests") body.replaceChildren(tests(await this.engine.ask("test", NOW), this.goTo));
      else {
        await this.engine.ask("open", { version: "before", sources: [...this.workspace.before] });
        body.replaceChildren(changes(await this.engine.ask("diff", { old: "before", new: "now" }), this.goTo));
      }
    } catch (error) {
      if (error instanceof Stopped) return;
      const words =
        error instanceof Refused
          ? "The other version is refused, so it cannot be compared."
          : error instanceof Error
            ? error.message
            : String(error);
      if (view === "graph") this.say(words);
      else body.replaceChildren(h("p", { class: "complaint" }, prose(words)));
    }
  }

  private load(example: Example | null): void {
    if (!example) return;
    this.example = example;
    this.graph.forget();
    const files = example.files.map((file) => ({ ...file }));
    this.workspace.set({
      files,
      active: 0,
      before: example.files,
      beforeName: "as it was opened",
      inquiry: example.questions[0]?.inquiry ?? { from: "", to: "" },
    });
    this.draw();
  }

  private async format(): Promise<void> {
    const file = this.workspace.activeFile;
    if (!file) return;
    const text = await this.engine.ask("format", { source: { name: file.name, text: file.text } });
    const { view } = this.editor;
    if (view.state.doc.toString() === file.text && text !== file.text)
      view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } });
  }

  private async save(): Promise<void> {
    const file = this.workspace.activeFile;
    if (!file || !this.server) return;
    if (file.writable === false) return this.say(`\`${file.name}\` cannot be written.`);
    const { text } = file;
    await this.attempt(async () => {
      file.hash = await (this.server as Server).save(file);
      file.saved = text;
      this.tabs.draw();
      this.say(`\`${file.name}\` is saved.`);
    });
  }

  /** Files that changed on disk take the place of those here, except where something is not saved yet. */
  private reread(files: File[]): void {
    const { files: merged, kept } = merge(this.workspace.files, files);
    const same =
      merged.length === this.workspace.files.length &&
      merged.every(
        (file, index) =>
          file.text === this.workspace.files[index]?.text && file.name === this.workspace.files[index]?.name,
      );
    if (same) merged.forEach((file, index) => Object.assign(this.workspace.files[index] ?? {}, file));
    else this.workspace.set({ files: merged, active: Math.min(this.workspace.active, merged.length - 1) });
    if (kept.length > 0) this.say(`${kept.join(", ")} changed on disk; what you typed here is kept.`);
  }
}
