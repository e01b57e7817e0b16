import { createServer } from "node:http";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

/** The built page. */
export const BUILT =
  process.env.BOOKEND_PLAYGROUND_OUT ?? `${process.env.BOOKEND_DIST ?? here("../../../target/dist")}/playground`;
export const ROOT = here("../../../");

const TYPES = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".wasm": "application/wasm",
  ".svg": "image/svg+xml",
  ".txt": "text/plain",
};

/** Serves the page as any static server does, and opens it in Chromium. */
export async function launch() {
  if (!existsSync(join(BUILT, "index.html")))
    throw new Error(`there is no page in ${BUILT}; run scripts/build playground`);
  const server = createServer(async (request, response) => {
    const path = normalize(new URL(request.url, "http://page").pathname).replace(/\/$/, "/index.html");
    try {
      const content = await readFile(join(BUILT, path));
      response.writeHead(200, { "content-type": TYPES[extname(path)] ?? "application/octet-stream" }).end(content);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = `http://127.0.0.1:${server.address().port}/`;
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--force-color-profile=srgb", "--font-render-hinting=none"],
  });
  const close = async () => {
    await browser.close();
    server.close();
  };
  /** A page of its own; whatever it asks for, and whatever goes wrong in it, is remembered. */
  const open = async ({ width = 1440, height = 900, dark = false, fragment = "" } = {}) => {
    const context = await browser.newContext({
      viewport: { width, height },
      colorScheme: dark ? "dark" : "light",
      reducedMotion: "reduce",
    });
    const page = await context.newPage();
    page.asked = [];
    page.wrong = [];
    page.on("request", (request) => page.asked.push(request.url()));
    page.on("pageerror", (error) => page.wrong.push(String(error)));
    page.on("console", (message) => message.type() === "error" && page.wrong.push(message.text()));
    await page.goto(address + fragment);
    await page.locator(".summary").waitFor();
    return page;
  };
  return { address, open, close };
}

/** Replaces the text of the file that is shown. */
export async function write(page, text) {
  await page.locator(".cm-content").focus();
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.insertText(text);
}
