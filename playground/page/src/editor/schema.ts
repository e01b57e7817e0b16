/** The JSON schema of the documents, asked by the keys that lead somewhere. */

export interface Schema {
  $ref?: string;
  $defs?: Record<string, Schema>;
  type?: string | string[];
  description?: string;
  properties?: Record<string, Schema>;
  additionalProperties?: boolean | Schema;
  items?: Schema;
  required?: string[];
  enum?: unknown[];
  const?: unknown;
  anyOf?: Schema[];
  oneOf?: Schema[];
  minimum?: number;
  maximum?: number;
}

export interface Property {
  name: string;
  schema: Schema;
  required: boolean;
}

export class Documents {
  constructor(private readonly root: Schema) {}

  /** The kinds of documents, each with what it is for. */
  kinds(): { name: string; description: string }[] {
    const kinds = this.root.properties?.["kind"]?.enum ?? [];
    return kinds.map((name) => ({
      name: String(name),
      description: this.root.$defs?.[String(name)]?.description ?? "",
    }));
  }

  /** What may stand where `path` leads in a document of this kind; several where the schema leaves it open. */
  at(kind: string | undefined, path: readonly (string | 0)[]): Schema[] {
    const root = kind === undefined ? this.root : this.root.$defs?.[kind];
    if (!root) return [];
    let here = this.alternatives(root);
    for (const step of path) {
      here = here.flatMap((schema) => this.step(schema, step)).flatMap((schema) => this.alternatives(schema));
    }
    return here;
  }

  /** The keys of the mapping that `path` leads to, those that must be there first. */
  properties(kind: string | undefined, path: readonly (string | 0)[]): Property[] {
    const found = new Map<string, Property>();
    for (const schema of this.at(kind, path)) {
      for (const [name, property] of Object.entries(schema.properties ?? {})) {
        if (property === (false as unknown)) continue;
        const required = schema.required?.includes(name) ?? false;
        if (!found.has(name)) found.set(name, { name, schema: this.described(property), required });
      }
    }
    return [...found.values()].sort((a, b) => Number(b.required) - Number(a.required));
  }

  /** The values that may stand there, where the schema lists them. */
  values(kind: string | undefined, path: readonly (string | 0)[]): string[] {
    const values = this.at(kind, path).flatMap((schema) => {
      if (schema.const !== undefined) return [schema.const];
      if (schema.enum) return schema.enum;
      return schema.type === "boolean" ? [true, false] : [];
    });
    return [...new Set(values.map(String))];
  }

  /** Whether a list or a mapping stands there, so that it goes on in the next line. */
  shape(schema: Schema): "list" | "mapping" | "scalar" {
    const types = this.alternatives(schema).flatMap((each) => each.type ?? (each.properties ? "object" : []));
    if (types.includes("array") && !types.includes("string")) return "list";
    if (types.includes("object") && !types.includes("string")) return "mapping";
    return "scalar";
  }

  /** A schema with the description of what it refers to, unless it has one of its own. */
  private described(schema: Schema): Schema {
    const target = this.target(schema);
    return { ...target, ...schema, ...(schema.description ? {} : { description: target.description ?? "" }) };
  }

  /** What a place is, in a few words: its type and its bounds. */
  type(schema: Schema): string {
    const one = (each: Schema): string => {
      if (each.const !== undefined) return `\`${String(each.const)}\``;
      if (each.enum) return each.enum.map((value) => `\`${String(value)}\``).join(" or ");
      const type = Array.isArray(each.type) ? each.type.join(" or ") : each.type;
      if (type === "array") return `list of ${each.items ? this.type(each.items) : "anything"}`;
      if (type === "object") return "mapping";
      if (type === "integer" && each.minimum !== undefined && each.maximum !== undefined)
        return `number from ${each.minimum} to ${each.maximum}`;
      return type === "string" ? "text" : (type ?? "");
    };
    return [...new Set(this.alternatives(schema).map(one))].filter(Boolean).join(", or ");
  }

  private target(schema: Schema): Schema {
    const name = schema.$ref?.replace("#/$defs/", "");
    const target = name === undefined ? undefined : this.root.$defs?.[name];
    return target ? this.target(target) : schema;
  }

  private alternatives(schema: Schema, depth = 0): Schema[] {
    if (depth > 8) return [];
    const target = this.target(schema);
    const branches = [...(target.oneOf ?? []), ...(target.anyOf ?? [])];
    const inner = branches.flatMap((branch) => this.alternatives(branch, depth + 1));
    const own = target.type ?? target.properties ?? target.enum ?? target.const;
    return own === undefined ? inner : [target, ...inner.filter((each) => each.properties ?? each.enum)];
  }

  private step(schema: Schema, step: string | 0): Schema[] {
    if (step === 0) return schema.items ? [schema.items] : [];
    const property = schema.properties?.[step];
    if (property) return [property];
    return typeof schema.additionalProperties === "object" ? [schema.additionalProperties] : [];
  }
}
