import type { Inquiry, Source } from "./protocol";

/** One text in the editor. */
export interface File {
  name: string;
  text: string;
  /** Served files only: what the text on disk hashes to, and whether it may be written. */
  hash?: string;
  writable?: boolean;
  /** What is on disk, where that is known; the text differs from it while it is not saved. */
  saved?: string;
}

export type View = "explain" | "graph" | "changes" | "tests";

/** Everything that makes up one state of the page, and nothing that can be worked out from it. */
export interface State {
  files: File[];
  active: number;
  /** The version that changes are told against. */
  before: Source[];
  beforeName: string;
  inquiry: Inquiry;
  view: View;
}

export type Part = "files" | "text" | "active" | "before" | "inquiry" | "view";

type Listener = (parts: ReadonlySet<Part>) => void;

/** The state of the page, and who wants to hear when it changes. */
export class Workspace {
  private readonly listeners: Listener[] = [];

  constructor(private readonly state: State) {}

  get files(): readonly File[] {
    return this.state.files;
  }
  get active(): number {
    return this.state.active;
  }
  get activeFile(): File | undefined {
    return this.state.files[this.state.active];
  }
  get before(): readonly Source[] {
    return this.state.before;
  }
  get beforeName(): string {
    return this.state.beforeName;
  }
  get inquiry(): Inquiry {
    return this.state.inquiry;
  }
  get view(): View {
    return this.state.view;
  }

  listen(listener: Listener): void {
    this.listeners.push(listener);
  }

  /** Changes parts of the state and tells everybody which. */
  set(change: Partial<State>): void {
    Object.assign(this.state, change);
    const parts = new Set<Part>();
    if (change.files) parts.add("files").add("text").add("active");
    if (change.active !== undefined) parts.add("active");
    if (change.before) parts.add("before");
    if (change.inquiry) parts.add("inquiry");
    if (change.view) parts.add("view");
    this.tell(parts);
  }

  /** What the editor holds now. */
  edit(index: number, text: string): void {
    const file = this.state.files[index];
    if (!file || file.text === text) return;
    file.text = text;
    this.tell(new Set<Part>(["text"]));
  }

  /** The texts, for the engine. */
  sources(): Source[] {
    return this.state.files.map(({ name, text }) => ({ name, text }));
  }

  /** How large all texts are together, in UTF-16 units. */
  size(): number {
    return this.state.files.reduce((sum, file) => sum + file.text.length, 0);
  }

  /** A name that no file has yet. */
  freeName(wanted: string): string {
    const taken = new Set(this.state.files.map((file) => file.name));
    if (!taken.has(wanted)) return wanted;
    const [, stem = wanted, ending = ""] = /^(.*?)(\.[^.]*)?$/.exec(wanted) ?? [];
    for (let number = 2; ; number++) {
      const name = `${stem}-${number}${ending}`;
      if (!taken.has(name)) return name;
    }
  }

  private tell(parts: ReadonlySet<Part>): void {
    for (const listener of this.listeners) listener(parts);
  }
}
