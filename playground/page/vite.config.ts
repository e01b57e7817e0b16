import { fileURLToPath } from "node:url";
import { readdirSync, readFileSync } from "node:fs";
import { defineConfig, type Plugin } from "vite";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const target = process.env["BOOKEND_TARGET"] ?? here("../../target");
const engine = process.env["BOOKEND_PLAYGROUND_ENGINE"] ?? `${target}/playground/engine`;

/** What the page may do: nothing but what comes from where it comes from. The server says the same in a header. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "style-src 'self' 'unsafe-inline'", // CodeMirror writes style elements
  "img-src 'self' data: blob:",
  "connect-src 'self'",
  "worker-src 'self'",
  "font-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");

/** Only in what is built: while one develops, Vite speaks to the page in ways that this forbids. */
const contentSecurityPolicy: Plugin = {
  name: "content-security-policy",
  apply: "build",
  transformIndexHtml: () => [
    { tag: "meta", attrs: { "http-equiv": "Content-Security-Policy", content: POLICY }, injectTo: "head-prepend" },
  ],
};

/** Whose code the page contains, and under which terms: the licence of each goes with it. */
const licenses: Plugin = {
  name: "licenses",
  apply: "build",
  generateBundle(_, bundle) {
    const packages = new Set<string>();
    for (const file of Object.values(bundle)) {
      for (const id of file.type === "chunk" ? Object.keys(file.modules) : []) {
        const name = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(id)?.[1];
        if (name) packages.add(name);
      }
    }
    const texts = [...packages].sort().map((name) => {
      const folder = here(`node_modules/${name}/`);
      const { version, license } = JSON.parse(readFileSync(`${folder}package.json`, "utf8")) as Record<string, string>;
      if (license !== "MIT") throw new Error(`${name} is under ${license}; nobody has looked whether that fits`);
      const file = readdirSync(folder).find((each) => /^licen[cs]e/i.test(each));
      if (!file) throw new Error(`${name} has no file with its licence`);
      return `${name} ${version}\n\n${readFileSync(folder + file, "utf8").trim()}\n`;
    });
    this.emitFile({ type: "asset", fileName: "licenses.txt", source: texts.join(`\n${"-".repeat(72)}\n\n`) });
  },
};

export default defineConfig({
  // All addresses are relative, so that the page lies anywhere: under a secret path, too.
  base: "./",
  resolve: { alias: { "@engine": engine } },
  server: { fs: { allow: [here("../.."), engine] } },
  worker: { format: "es" },
  plugins: [contentSecurityPolicy, licenses],
  build: {
    outDir: process.env["BOOKEND_PLAYGROUND_OUT"] ?? `${target}/dist/playground`,
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 700,
  },
});
