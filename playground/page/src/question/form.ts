import { h } from "../dom";
import type { Inquiry, Names, Request } from "../protocol";
import type { Workspace } from "../workspace";

const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
const PROTOCOLS = ["tcp", "udp", "sctp", "icmp", "icmpv6"];

/** The question, as a form: who asks whom for what. It follows the workspace, and changes it as one types. */
export class Form {
  readonly element: HTMLElement;
  /** What is wrong with the question itself, if anything. */
  private readonly complaint = h("p", { class: "complaint", role: "alert", hidden: true });
  private readonly fields = new Map<string, HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement>();
  private readonly people = h("datalist", { id: "people" });
  private readonly more: HTMLDetailsElement;

  constructor(private readonly workspace: Workspace) {
    this.more = h(
      "details",
      { class: "more" },
      h("summary", {}, "Headers, token, protocol and more"),
      h(
        "div",
        { class: "fields" },
        this.select("protocol", "Protocol", PROTOCOLS),
        this.input("host", "Host", { placeholder: "as the destination is called" }),
        this.input("principal", "SPIFFE id it proves", { placeholder: "somebody outside, who has one" }),
        this.input("client", "Client address", { placeholder: "as the proxy finds it" }),
        this.input("sni", "Server name (SNI)", {}),
        this.input("icmp", "ICMP type/code", { placeholder: "8/0" }),
        this.area("headers", "Headers, one a line", "x-user: ann"),
        this.area("claims", "Claims of a verified token, JSON", '{ "iss": "https://issuer.example", "sub": "ann" }'),
        this.box("plaintext", "without mutual TLS, as a process that goes around its proxy"),
        this.box("packet", "only the packet that opens the connection"),
      ),
    );
    this.element = h(
      "form",
      { class: "question", "aria-label": "Question", submit: (event: Event) => event.preventDefault() },
      h(
        "div",
        { class: "fields fields-main" },
        this.input("from", "From", { list: "people", class: "wide" }),
        this.input("to", "To", { list: "people", class: "wide" }),
        this.input("port", "Port", { size: 6 }),
        this.select("method", "Method", METHODS),
        this.input("path", "Path", { placeholder: "none: not HTTP", class: "wide" }),
      ),
      this.complaint,
      this.more,
      this.people,
    );
    this.show(workspace.inquiry);
    workspace.listen((parts) => {
      if (parts.has("inquiry") && !this.element.contains(document.activeElement)) this.show(workspace.inquiry);
      else if (parts.has("inquiry") && JSON.stringify(this.read()) !== JSON.stringify(workspace.inquiry))
        this.show(workspace.inquiry);
    });
  }

  /** Whom the inventory knows, for suggestions. */
  know(names: Names): void {
    const options = [
      ...names.workloads.map(({ name }) => [name, "workload"]),
      ...names.services.map(({ name }) => [name, "Service"]),
      ...names.networks.map((name) => [`network:${name}`, "network"]),
      ...names.namespaces.map((name) => [`namespace:${name}`, "everybody there"]),
    ];
    this.people.replaceChildren(
      ...options.slice(0, 500).map(([value, label]) => h("option", { value: short(value ?? "") }, label ?? "")),
    );
  }

  complain(text: string | null): void {
    this.complaint.hidden = text === null;
    this.complaint.textContent = text ?? "";
  }

  private read(): Inquiry | string {
    const value = (name: string) => this.fields.get(name)?.value.trim() ?? "";
    const checked = (name: string) => (this.fields.get(name) as HTMLInputElement).checked;
    const inquiry: Inquiry = { from: value("from"), to: value("to") };
    if (value("port")) inquiry.port = value("port");
    if (value("protocol") !== "tcp") inquiry.protocol = value("protocol");
    if (value("icmp")) inquiry.icmp = value("icmp");
    if (value("principal")) inquiry.principal = value("principal");
    if (checked("plaintext")) inquiry.plaintext = true;
    if (checked("packet")) inquiry.packet = true;
    if (value("path")) {
      const request: Request = { method: value("method"), path: value("path") };
      if (value("host")) request.host = value("host");
      if (value("client")) request.client = value("client");
      if (value("sni")) request.sni = value("sni");
      const headers: [string, string][] = [];
      for (const line of value("headers")
        .split("\n")
        .filter((each) => each.trim())) {
        const colon = line.indexOf(":");
        if (colon < 1) return `the header “${line}” has no colon; write name: value`;
        headers.push([line.slice(0, colon).trim(), line.slice(colon + 1).trim()]);
      }
      if (headers.length > 0) request.headers = headers;
      if (value("claims")) {
        try {
          const claims: unknown = JSON.parse(value("claims"));
          request.claims = Array.isArray(claims) ? claims : [claims];
        } catch {
          return 'the claims are no JSON; write an object, such as { "sub": "ann" }';
        }
      }
      inquiry.request = request;
    }
    return inquiry;
  }

  private show(inquiry: Inquiry): void {
    const request = inquiry.request;
    const texts: Record<string, string> = {
      from: inquiry.from,
      to: inquiry.to,
      port: inquiry.port ?? "",
      protocol: inquiry.protocol ?? "tcp",
      icmp: inquiry.icmp ?? "",
      principal: inquiry.principal ?? "",
      method: request?.method ?? "GET",
      path: request?.path ?? "",
      host: request?.host ?? "",
      client: request?.client ?? "",
      sni: request?.sni ?? "",
      headers: (request?.headers ?? []).map(([name, value]) => `${name}: ${value}`).join("\n"),
      claims: request?.claims ? JSON.stringify(request.claims.length === 1 ? request.claims[0] : request.claims) : "",
    };
    for (const [name, text] of Object.entries(texts)) {
      const field = this.fields.get(name);
      if (!field) continue;
      if (field instanceof HTMLSelectElement && ![...field.options].some((option) => option.value === text))
        field.append(h("option", { value: text }, text));
      field.value = text;
    }
    (this.fields.get("plaintext") as HTMLInputElement).checked = inquiry.plaintext ?? false;
    (this.fields.get("packet") as HTMLInputElement).checked = inquiry.packet ?? false;
  }

  private changed = (): void => {
    const inquiry = this.read();
    if (typeof inquiry === "string") return this.complain(inquiry);
    this.complain(null);
    this.workspace.set({ inquiry });
  };

  private field(
    name: string,
    label: string,
    field: HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement,
    wide = false,
  ) {
    field.id = `question-${name}`;
    field.addEventListener("input", this.changed);
    this.fields.set(name, field);
    return h(
      "div",
      { class: `field field-${name}${wide ? " wide" : ""}` },
      h("label", { for: field.id }, label),
      field,
    );
  }

  private input(name: string, label: string, attributes: Record<string, string | number>): HTMLElement {
    const field = h("input", { type: "text", autocomplete: "off", spellcheck: "false", ...attributes });
    return this.field(name, label, field, attributes["class"] === "wide");
  }

  private area(name: string, label: string, placeholder: string): HTMLElement {
    return this.field(name, label, h("textarea", { rows: 2, placeholder, spellcheck: "false" }), true);
  }

  private select(name: string, label: string, options: string[]): HTMLElement {
    return this.field(name, label, h("select", {}, ...options.map((value) => h("option", { value }, value))));
  }

  private box(name: string, label: string): HTMLElement {
    const field = h("input", { type: "checkbox", id: `question-${name}`, change: this.changed });
    this.fields.set(name, field);
    return h("div", { class: "box wide" }, field, h("label", { for: field.id }, label));
  }
}

const short = (name: string) => name.replace(/^default\//, "");
