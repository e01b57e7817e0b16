import type { Completion, CompletionContext, CompletionResult } from "@codemirror/autocomplete";
import type { EditorState } from "@codemirror/state";
import { hoverTooltip } from "@codemirror/view";
import { h, prose } from "../dom";
import { positionAt } from "./position";
import type { Documents, Property, Schema } from "./schema";

/** Texts larger than this are not read again at every key, in UTF-16 units. */
const LARGEST = 300_000;

const SPEC = "apiVersion: bookend.dev/v1alpha1\nkind: ";

/** What may be written here, by the schema. */
export function completion(documents: () => Documents | null) {
  return (context: CompletionContext): CompletionResult | null => {
    const schema = documents();
    if (!schema || context.state.doc.length > LARGEST) return null;
    const position = positionAt(context.state.doc.toString(), context.pos);
    if (!position) return null;
    const { path, at, typed, from, kind, siblings } = position;
    if (!context.explicit && typed === "" && at === "key" && !position.flow) return null;
    if (at === "value") {
      const options = values(schema, kind, path);
      return options.length > 0 ? { from, options, validFor: /^[\w.-]*$/ } : null;
    }
    if (path.length === 0 && kind === undefined && siblings.length === 0) {
      const options = schema.kinds().map(({ name, description }) => ({
        label: name,
        detail: "document",
        info: description,
        type: "class",
        apply: `${SPEC}${name}\nmetadata:\n  name: `,
      }));
      return { from, options, validFor: /^\w*$/ };
    }
    const properties = schema.properties(kind, path).filter((property) => !siblings.includes(property.name));
    const items = values(schema, kind, path);
    const options = [...properties.map((property) => key(schema, property, position.flow, position.indent)), ...items];
    return options.length > 0 ? { from, options, validFor: /^[\w.-]*$/ } : null;
  };
}

function values(schema: Documents, kind: string | undefined, path: readonly (string | 0)[]): Completion[] {
  return schema.values(kind, path).map((label) => ({ label, type: "enum" }));
}

function key(documents: Documents, { name, schema, required }: Property, flow: boolean, indent: number): Completion {
  const shape = documents.shape(schema);
  const deeper = " ".repeat(indent + 2);
  const behind = flow
    ? { list: ": [", mapping: ": { ", scalar: ": " }[shape]
    : { list: `:\n${" ".repeat(indent)}- `, mapping: `:\n${deeper}`, scalar: ": " }[shape];
  return {
    label: name,
    apply: name + behind,
    detail: required ? "required" : documents.type(schema).slice(0, 40),
    boost: required ? 1 : 0,
    type: "property",
    ...(schema.description ? { info: () => described(documents, name, schema) } : {}),
  };
}

function described(documents: Documents, name: string, schema: Schema): HTMLElement {
  const type = documents.type(schema);
  return h(
    "div",
    { class: "hover" },
    h("div", { class: "hover-head" }, h("code", {}, name), type ? h("span", {}, prose(type)) : null),
    schema.description ? h("p", {}, prose(schema.description)) : null,
  );
}

/** Says of a key what it is for. */
export function hover(documents: () => Documents | null) {
  return hoverTooltip((view, at) => {
    const schema = documents();
    const word = keyAt(view.state, at);
    if (!schema || !word || view.state.doc.length > LARGEST) return null;
    const position = positionAt(view.state.doc.toString(), word.from);
    if (!position || (position.at !== "key" && !position.flow)) return null;
    const property = schema.properties(position.kind, position.path).find(({ name }) => name === word.name);
    if (!property?.schema.description) return null;
    return {
      pos: word.from,
      end: word.to,
      above: true,
      create: () => ({ dom: described(schema, property.name, property.schema) }),
    };
  });
}

function keyAt(state: EditorState, at: number): { from: number; to: number; name: string } | null {
  const word = state.wordAt(at);
  if (!word || state.sliceDoc(word.to, word.to + 1) !== ":") return null;
  return { from: word.from, to: word.to, name: state.sliceDoc(word.from, word.to) };
}
