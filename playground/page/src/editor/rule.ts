import { ensureSyntaxTree } from "@codemirror/language";
import { type EditorState, type Extension, type Range, StateEffect, StateField } from "@codemirror/state";
import { Decoration, type DecorationSet, EditorView, WidgetType } from "@codemirror/view";

/** What a rule in the text does to the question that is asked. */
export interface Note {
  /** Somewhere in the rule, in UTF-16 units. */
  at: number;
  role: "allow" | "deny" | "near";
  /** What it does, in a few words, behind its first line. */
  words: string;
}

class Words extends WidgetType {
  constructor(
    private readonly role: Note["role"],
    private readonly words: string,
  ) {
    super();
  }
  override eq(other: Words): boolean {
    return other.role === this.role && other.words === this.words;
  }
  override toDOM(): HTMLElement {
    const words = document.createElement("span");
    words.className = `rule-words rule-words-${this.role}`;
    words.textContent = this.words;
    return words;
  }
}

const show = StateEffect.define<readonly Note[]>();

/** The whole rule or isolation around a place in it: the item of a list that it stands in. */
export function ruleAround(state: EditorState, at: number): { from: number; to: number } {
  const tree = ensureSyntaxTree(state, Math.min(state.doc.length, at + 2_000), 100);
  let node = tree?.resolveInner(at, 1) ?? null;
  while (node && node.name !== "Item") node = node.parent;
  if (node) return { from: node.from, to: node.to };
  const line = state.doc.lineAt(at);
  return { from: line.from, to: line.to };
}

function decorate(state: EditorState, notes: readonly Note[]): DecorationSet {
  const ranges: Range<Decoration>[] = [];
  const seen = new Set<number>();
  for (const note of notes) {
    if (note.at > state.doc.length) continue;
    const { from, to } = ruleAround(state, note.at);
    const first = state.doc.lineAt(from);
    const last = state.doc.lineAt(Math.max(from, to));
    if (seen.has(first.from)) continue;
    seen.add(first.from);
    for (let number = first.number; number <= last.number; number++) {
      const line = state.doc.line(number);
      const edges = `${number === first.number ? " rule-first" : ""}${number === last.number ? " rule-last" : ""}`;
      ranges.push(Decoration.line({ class: `rule rule-${note.role}${edges}` }).range(line.from));
    }
    ranges.push(Decoration.widget({ widget: new Words(note.role, note.words), side: 1 }).range(first.to));
  }
  return Decoration.set(ranges, true);
}

const field = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(decorations, transaction) {
    for (const effect of transaction.effects) {
      if (effect.is(show)) return decorate(transaction.state, effect.value);
    }
    return decorations.map(transaction.changes);
  },
  provide: (self) => EditorView.decorations.from(self),
});

export const ruleNotes: Extension = field;

/** Marks rules in the text; those that were marked before are no longer. */
export function showNotes(view: EditorView, notes: readonly Note[]): void {
  view.dispatch({ effects: show.of(notes) });
}
