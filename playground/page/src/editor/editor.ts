import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { yaml } from "@codemirror/lang-yaml";
import { bracketMatching, indentOnInput, indentUnit } from "@codemirror/language";
import { lintGutter, lintKeymap, nextDiagnostic, setDiagnostics } from "@codemirror/lint";
import { highlightSelectionMatches, search, searchKeymap } from "@codemirror/search";
import { EditorState, type Extension, Transaction } from "@codemirror/state";
import {
  drawSelection,
  EditorView,
  highlightActiveLine,
  highlightActiveLineGutter,
  keymap,
  lineNumbers,
} from "@codemirror/view";
import type { Findings } from "../protocol";
import type { Workspace } from "../workspace";
import { completion, hover } from "./completion";
import { marksOf } from "./finding";
import { type Note, ruleAround, ruleNotes, showNotes } from "./rule";
import type { Documents } from "./schema";
import { theme } from "./theme";

/** A rule in the text of some file. */
export type Noted = Note & { source: number };

/** Beyond this many UTF-16 units a text is shown without colours: it takes a parser longer than a keystroke may. */
const COLOURED = 2_000_000;

/** The editor: one state for each file, of which one is shown. */
export class Editor {
  readonly view: EditorView;
  private states: EditorState[] = [];
  private shown = -1;
  private findings: Findings | null = null;
  private notes: readonly Noted[] = [];
  private documents: Documents | null = null;

  constructor(
    parent: HTMLElement,
    private readonly workspace: Workspace,
  ) {
    this.view = new EditorView({ parent });
    this.load();
    workspace.listen((parts) => {
      if (parts.has("files")) this.load();
      else if (parts.has("active")) this.show(workspace.active);
    });
  }

  /** What the schema says, once the engine has told it. */
  set schema(documents: Documents) {
    this.documents = documents;
  }

  /** Underlines what is wrong. */
  mark(findings: Findings): void {
    this.findings = findings;
    const marks = marksOf(findings, this.shown, this.view.state.doc.length);
    this.view.dispatch(setDiagnostics(this.view.state, marks));
  }

  /** Marks the rules that decide. */
  note(notes: readonly Noted[]): void {
    this.notes = notes;
    showNotes(
      this.view,
      notes.filter((note) => note.source === this.shown),
    );
  }

  /** Goes to a stretch of a file; `focus` moves the keyboard there too. */
  reveal(source: number, at: number, focus: boolean): void {
    if (source !== this.shown) this.workspace.set({ active: source });
    const state = this.view.state;
    const { from, to } = ruleAround(state, Math.min(at, state.doc.length));
    this.view.dispatch({
      ...(focus ? { selection: { anchor: Math.min(at, state.doc.length) } } : {}),
      effects: EditorView.scrollIntoView(from, { y: to - from > 1_500 ? "start" : "center", yMargin: 60 }),
    });
    if (focus) this.view.focus();
  }

  /** The same by the line and column that answers tell. */
  goTo(source: number, line: number, column: number): void {
    if (source !== this.shown) this.workspace.set({ active: source });
    const document = this.view.state.doc;
    const found = document.line(Math.max(1, Math.min(line, document.lines)));
    // Columns are counted in characters, and the editor counts UTF-16 units.
    const before = [...found.text].slice(0, column - 1).join("").length;
    this.reveal(source, found.from + before, true);
  }

  private load(): void {
    this.states = this.workspace.files.map((file) =>
      EditorState.create({ doc: file.text, extensions: this.extensions(file.name, file.text.length) }),
    );
    this.shown = -1;
    this.findings = null;
    this.notes = [];
    this.show(this.workspace.active);
  }

  private show(index: number): void {
    if (index === this.shown) return;
    if (this.shown >= 0) this.states[this.shown] = this.view.state;
    this.shown = index;
    const state = this.states[index];
    if (!state) return;
    this.view.setState(state);
    if (this.findings) this.mark(this.findings);
    this.note(this.notes);
  }

  private extensions(name: string, length: number): Extension {
    return [
      lineNumbers(),
      lintGutter(),
      highlightActiveLineGutter(),
      history(),
      drawSelection(),
      indentOnInput(),
      indentUnit.of("  "),
      EditorState.tabSize.of(2),
      bracketMatching(),
      closeBrackets(),
      highlightActiveLine(),
      highlightSelectionMatches(),
      search({ top: true }),
      length < COLOURED ? yaml() : [],
      autocompletion({ override: [completion(() => this.documents)], activateOnTypingDelay: 60 }),
      hover(() => this.documents),
      ruleNotes,
      theme,
      EditorView.contentAttributes.of({ "aria-label": `${name}, YAML`, spellcheck: "false", tabindex: "0" }),
      keymap.of([
        ...closeBracketsKeymap,
        ...defaultKeymap,
        ...searchKeymap,
        ...historyKeymap,
        ...completionKeymap,
        ...lintKeymap,
        { key: "F8", run: nextDiagnostic },
        indentWithTab,
      ]),
      EditorView.updateListener.of((update) => {
        if (!update.docChanged) return;
        // A file that was read again from disk is no edit.
        if (update.transactions.some((transaction) => transaction.annotation(Transaction.remote))) return;
        this.workspace.edit(this.shown, update.state.doc.toString());
      }),
    ];
  }
}
