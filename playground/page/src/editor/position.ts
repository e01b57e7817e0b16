/**
 * Where in a document somebody is typing: the keys that lead there. A YAML parser cannot say, for what is being typed is no YAML
 * yet; so lines are read by their indentation, and what stands in braces by the braces.
 */

export interface Position {
  /** Keys that lead to the mapping or the value, from the document's root; `0` stands for an item of a list. */
  path: (string | 0)[];
  /** Whether a key is being typed there, or a value. */
  at: "key" | "value";
  /** What of it is there already, and where it begins. */
  typed: string;
  from: number;
  /** The keys that this mapping has before. */
  siblings: string[];
  /** Whether it stands in braces, and how far the mapping is indented otherwise. */
  flow: boolean;
  indent: number;
  /** The value of `kind` in this document. */
  kind: string | undefined;
}

interface Level {
  indent: number;
  list: boolean;
  key: string | undefined;
  keys: string[];
}

interface Brace {
  list: boolean;
  key: string | undefined;
  keys: string[];
}

const KEY = /^("(?:[^"\\]|\\.)*"|'[^']*'|[^\s#:,[\]{}"'&*!|>%@`-][^#:,[\]{}]*|-[^\s#:,[\]{}][^#:,[\]{}]*)\s*:(?=\s|$)/;

const plain = (text: string) => text.trim().replace(/^(["'])(.*)\1$/, "$2");

/** Reads `text` up to `offset`; `null` where nobody types keys or values, such as in a comment. */
export function positionAt(text: string, offset: number): Position | null {
  const begin = documentStart(text, offset);
  const end = text.indexOf("\n---", offset);
  const kind = /^kind:[ \t]*["']?([A-Za-z]+)/m.exec(text.slice(begin, end < 0 ? undefined : end))?.[1];
  const reader = new Reader(text.slice(begin, offset));
  const position = reader.read();
  return position && { ...position, from: begin + position.from, kind };
}

function documentStart(text: string, offset: number): number {
  const marker = text.lastIndexOf("\n---", offset - 1);
  if (marker < 0) return text.startsWith("---") ? text.indexOf("\n") + 1 : 0;
  const line = text.indexOf("\n", marker + 1);
  return line < 0 || line >= offset ? offset : line + 1;
}

class Reader {
  private readonly levels: Level[] = [];
  private braces: Brace[] = [];
  /** Lines that are indented deeper than this are text, not YAML. */
  private text: number | null = null;

  constructor(private readonly source: string) {}

  read(): Omit<Position, "kind"> | null {
    const lines = this.source.split("\n");
    let start = 0;
    for (const [index, line] of lines.entries()) {
      const last = index === lines.length - 1;
      const position = this.line(line, start, last);
      if (last) return position;
      start += line.length + 1;
    }
    return null;
  }

  private line(line: string, start: number, last: boolean): Omit<Position, "kind"> | null {
    let column = line.length - line.trimStart().length;
    if (this.text !== null) {
      if (line.trim() === "" || column > this.text) return null;
      this.text = null;
    }
    if (this.braces.length > 0) return this.flow(line, 0, start, last);
    if (line.trim() === "" && !last) return null;
    if (line[column] === "#") return null;
    // Items of lists, several on one line.
    for (let item = /^-( +|$)/.exec(line.slice(column)); item; item = /^-( +|$)/.exec(line.slice(column))) {
      this.drop((level) => level.indent > column || (level.indent === column && level.list));
      this.levels.push({ indent: column, list: true, key: undefined, keys: [] });
      column += item[0].length;
      if (item[0] === "-") column = line.length;
    }
    const rest = line.slice(column);
    const key = KEY.exec(rest);
    if (!key) {
      if (rest.startsWith("{") || rest.startsWith("[")) return this.flow(line, column, start, last);
      return last ? this.word(line, column, start) : null;
    }
    const name = plain(key[1] ?? "");
    this.enter(column, name);
    let value = column + key[0].length;
    while (line[value] === " ") value++;
    const first = line[value];
    if (first === "{" || first === "[") return this.flow(line, value, start, last);
    if (/^[|>][-+0-9]*\s*(#.*)?$/.test(line.slice(value))) this.text = column;
    if (!last) return null;
    return this.value(line.slice(value), start + value, false, column);
  }

  private drop(ends: (level: Level) => boolean): void {
    for (let top = this.levels.at(-1); top && ends(top); top = this.levels.at(-1)) this.levels.pop();
  }

  /** A key at `column`: what is deeper has ended, and a mapping at the same place has one key more. */
  private enter(column: number, name: string): void {
    this.drop((level) => level.indent > column || (level.indent === column && level.list));
    const top = this.levels.at(-1);
    if (top && top.indent === column) {
      top.key = name;
      top.keys.push(name);
    } else this.levels.push({ indent: column, list: false, key: name, keys: [name] });
  }

  /** A word without a colon: a key that is being typed, or a value on a line of its own. */
  private word(line: string, column: number, start: number): Omit<Position, "kind"> {
    this.drop((level) => level.indent > column || (level.indent === column && level.list && !/^\s*-/.test(line)));
    const top = this.levels.at(-1);
    const typed = line.slice(column);
    const same = top && !top.list && top.indent === column;
    const path = this.path();
    // In a mapping that has a key here already, the last key of the path is that one, not where we are.
    if (same) path.pop();
    return {
      path,
      at: "key",
      typed,
      from: start + column,
      siblings: same ? top.keys : [],
      flow: false,
      indent: column,
    };
  }

  private value(typed: string, from: number, flow: boolean, indent: number): Omit<Position, "kind"> | null {
    if (/(^|\s)#/.test(typed)) return null;
    return { path: this.path(), at: "value", typed, from, siblings: [], flow, indent };
  }

  private path(): (string | 0)[] {
    const steps: (string | 0)[] = [];
    for (const level of this.levels) {
      if (level.list) steps.push(0);
      else if (level.key !== undefined) steps.push(level.key);
    }
    for (const brace of this.braces) {
      if (brace.list) steps.push(0);
      else if (brace.key !== undefined) steps.push(brace.key);
    }
    return steps;
  }

  /** Reads what stands in braces from `column` on. */
  private flow(line: string, column: number, start: number, last: boolean): Omit<Position, "kind"> | null {
    let from = column;
    for (let at = column; at < line.length; at++) {
      const char = line[at];
      const top = this.braces.at(-1);
      if (char === '"' || char === "'") {
        const close = line.indexOf(char, at + 1);
        if (close < 0) break;
        at = close;
      } else if (char === "#" && (at === 0 || line[at - 1] === " ")) return null;
      else if (char === "{" || char === "[") {
        this.braces.push({ list: char === "[", key: undefined, keys: [] });
        from = at + 1;
      } else if (char === "}" || char === "]") {
        this.braces.pop();
        from = at + 1;
        if (this.braces.length === 0) return null;
      } else if (char === ",") {
        if (top && !top.list) top.key = undefined;
        from = at + 1;
      } else if (char === ":" && top && !top.list && top.key === undefined && /^(\s|$)/.test(line.slice(at + 1))) {
        top.key = plain(line.slice(from, at));
        top.keys.push(top.key);
        from = at + 1;
      }
    }
    const top = this.braces.at(-1);
    if (!last || !top) return null;
    while (line[from] === " ") from++;
    const typed = line.slice(from);
    if (top.list || top.key !== undefined) return this.value(typed, start + from, true, 0);
    return { path: this.path(), at: "key", typed, from: start + from, siblings: top.keys, flow: true, indent: 0 };
  }
}
