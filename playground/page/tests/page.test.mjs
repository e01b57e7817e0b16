import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { gzipSync } from "node:zlib";
import { BUILT, launch, ROOT, write } from "./browser.mjs";

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

const verdict = (page) => page.locator(".passage .verdict");
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Puts a text into the first file, at once, as a test must that is not about typing. */
const policy = (name, rules) => `apiVersion: bookend.dev/v1alpha1
kind: Policy
metadata: { name: ${name}, namespace: default }
spec:
  allow:
${rules}`;

test("the first page says why POST /ratings/1 is refused, and where", async () => {
  const page = await browser.open();
  await verdict(page).waitFor();
  assert.match(
    await verdict(page).innerText(),
    /Denied by the proxy of the destination\s+POST \/ratings\/1 from reviews-v2/,
  );
  assert.match(await page.locator(".would").innerText(), /reviews-read-ratings — but http.methods is GET, not POST/);
  assert.deepEqual(await page.locator(".point-badge").allInnerTexts(), [
    "Lets the connection pass",
    "Lets the connection pass",
    "Denies",
  ]);
  assert.match(await page.locator(".rule-deny").innerText(), /workloads: \{\}.*denies at the proxy/);
  assert.match(await page.locator("#live").innerText(), /denied by the proxy/);
  assert.deepEqual(page.wrong, []);
});

test("a mistake is underlined and explained as one types", async () => {
  const page = await browser.open();
  await write(page, policy("p", "  - name: a\n    ports: [70000]\n"));
  await page.locator(".problems .finding-error").waitFor();
  assert.match(await page.locator(".problems").innerText(), /`?70000`? is not a port/);
  assert.match(await page.locator(".problems").innerText(), /B1203[\s\S]*write a number from 1 to 65535/);
  assert.equal(await page.locator(".cm-lintRange-error").innerText(), "70000");
  await page.locator(".finding-code").first().click();
  await page.locator(".finding-more strong").waitFor();
});

test("keys and values are completed from the schema", async () => {
  const page = await browser.open();
  await write(page, policy("p", "  - name: a\n    "));
  await page.keyboard.type("not");
  await page.locator(".cm-tooltip-autocomplete").waitFor();
  assert.match(await page.locator(".cm-tooltip-autocomplete").innerText(), /notPorts/);
});

test("a click on an edge asks what it answers", async () => {
  const page = await browser.open();
  await page.click("#view-graph");
  const edge = page.getByRole("button", { name: /^ratings-v1 to 192\.0\.2\.33/ });
  await edge.focus();
  await page.keyboard.press("Enter");
  await page.locator(".passage .verdict-allow").waitFor();
  assert.match(await verdict(page).innerText(), /TCP 3306 from ratings-v1 to 192\.0\.2\.33/);
});

test("changes are told as one edits", async () => {
  const page = await browser.open();
  await page.click("#view-changes");
  await page.getByText("Nothing changes").waitFor();
  const text = readFileSync(join(ROOT, "examples/bookinfo/policy.yaml"), "utf8");
  await write(page, text.replaceAll("methods: [GET]", "methods: [GET, POST]"));
  await page.getByText("This opens something").waitFor();
});

test("every example is accepted without a warning that is not meant, and its tests pass", async () => {
  const page = await browser.open();
  for (const name of ["Bookinfo", "Default deny", "Read-only API", "External database", "Audit rollout"]) {
    await page.selectOption("#example", name);
    await page.click("#view-tests");
    await page.getByText(/All \d+ tests passed/).waitFor();
    await page.click("#view-explain");
    await verdict(page).waitFor();
    assert.doesNotMatch(await page.locator(".summary").innerText(), /Refused/);
  }
  assert.deepEqual(page.wrong, []);
});

test("policies of Kubernetes are imported", async () => {
  const page = await browser.open();
  await page.getByRole("button", { name: "Import" }).click();
  await page.fill("#import-text", readFileSync(join(ROOT, "examples/migration/network-policies.yaml"), "utf8"));
  await page.getByRole("button", { name: "Write them" }).click();
  await page.getByRole("button", { name: "Use these" }).click();
  await page.getByRole("tab", { name: "imported.yaml" }).waitFor();
  await page.locator(".summary-fine").waitFor();
});

test("a link carries everything, and a broken one does no harm", async () => {
  const page = await browser.open();
  await page.selectOption("#example", "Default deny");
  await page.locator(".notice").waitFor({ state: "hidden" });
  await page.getByRole("button", { name: "Share" }).click();
  await page.locator(".notice").waitFor();
  const other = await browser.open({ fragment: await page.evaluate(() => location.hash) });
  await verdict(other).waitFor();
  assert.match(await verdict(other).innerText(), /web to shop\/ledger/);
  const broken = await browser.open({ fragment: "#v1.AAAA" });
  assert.match(await broken.locator(".notice").innerText(), /cannot be read/);
});

test("an engine that stops is replaced, and the text stays", async () => {
  const page = await browser.open();
  await verdict(page).waitFor();
  const text = await page.locator(".cm-line").first().innerText();
  // An own module takes the place of the engine, which traps at the next question.
  await page.route("**/worker-*.js", (route) =>
    route.fulfill({
      contentType: "text/javascript",
      body: "onmessage=({data})=>postMessage({id:data.id,trap:'panicked at the test'})",
    }),
  );
  await page.reload();
  await page.getByText(/The engine stopped: panicked at the test/).waitFor();
  assert.equal(await page.locator(".cm-line").first().innerText(), text);
  await page.unroute("**/worker-*.js");
  // Those that were started before end as soon as they are asked.
  for (let left = 3; left > 0 && !(await verdict(page).isVisible()); left--) {
    await page.getByRole("button", { name: "Try again" }).click();
    await verdict(page)
      .waitFor({ timeout: 3000 })
      .catch(() => undefined);
  }
  assert.ok(await verdict(page).isVisible());
});

test("ten megabytes are kept, and not checked unasked", async () => {
  const page = await browser.open();
  await page.locator(".cm-content").focus();
  await page.evaluate(() => {
    const data = new DataTransfer();
    data.setData("text/plain", "# much text\n".repeat(870_000));
    document
      .querySelector(".cm-content")
      .dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
  });
  await page.getByText(/There are 10\.\d MB of text here/).waitFor();
  await page.click("#view-graph");
  await page.locator(".edge").first().waitFor();
});

test("nothing is asked of anybody else", async () => {
  const page = await browser.open();
  for (const view of ["graph", "changes", "tests"]) await page.click(`#view-${view}`);
  assert.deepEqual(
    page.asked.filter((address) => !address.startsWith(browser.address) && !address.startsWith("blob:")),
    [],
  );
  const html = readFileSync(join(BUILT, "index.html"), "utf8");
  assert.match(html, /Content-Security-Policy" content="default-src (&#39;|')none/);
});

test("everything is smaller than 1.5 MB compressed", () => {
  const sizes = { wasm: 0, js: 0, other: 0 };
  for (const folder of ["", "assets"]) {
    for (const name of readdirSync(join(BUILT, folder))) {
      const path = join(BUILT, folder, name);
      if (!statSync(path).isFile()) continue;
      const kind = name.endsWith(".wasm") ? "wasm" : name.endsWith(".js") ? "js" : "other";
      sizes[kind] += gzipSync(readFileSync(path), { level: 9 }).length;
    }
  }
  console.log("compressed:", sizes);
  assert.ok(sizes.wasm < 1_250_000 && sizes.js < 220_000 && sizes.other < 30_000, JSON.stringify(sizes));
  assert.ok(sizes.wasm + sizes.js + sizes.other < 1_500_000);
});

test("what can be checked by a program is accessible, in light, dark and at phone width", async () => {
  for (const looks of [{}, { dark: true }, { width: 360, height: 740 }]) {
    const page = await browser.open(looks);
    await verdict(page).waitFor();
    for (const view of ["explain", "graph", "changes", "tests"]) {
      await page.click(`#view-${view}`);
      await page.locator(".passage, .change, .test, .versions + div .verdict").first().waitFor();
      await page.evaluate(axe.replace(/^/, ""));
      const { violations } = await page.evaluate(() => window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa"] }));
      const told = violations.map(
        ({ id, nodes }) =>
          `${id}: ${nodes
            .map(({ target }) => target)
            .slice(0, 4)
            .join(" | ")}`,
      );
      assert.deepEqual(told, [], `${view}, ${JSON.stringify(looks)}`);
    }
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(wide <= 0, `${JSON.stringify(looks)}: ${wide} px too wide`);
  }
});

test("verdicts are those of the command", async () => {
  const bookend = join(BUILT, "../bookend");
  const page = await browser.open();
  for (const [method, from] of [
    ["GET", "reviews-v2"],
    ["POST", "reviews-v2"],
    ["GET", "reviews-v1"],
    ["GET", "intruder"],
  ]) {
    let text;
    try {
      text = execFileSync(
        bookend,
        [
          "explain",
          "-f",
          "examples/bookinfo",
          "--from",
          from,
          "--to",
          "ratings",
          "--port",
          "9080",
          "--method",
          method,
          "--path",
          "/ratings/1",
          "-o",
          "json",
        ],
        { cwd: ROOT },
      );
    } catch (error) {
      text = error.stdout; // 3: denied
    }
    const [told] = JSON.parse(text);
    await page.fill("#question-from", from);
    await page.selectOption("#question-method", method);
    await page
      .locator(`.passage .verdict-${told.verdict}`, { hasText: told.decidedBy.id })
      .filter({ hasText: `${method} /ratings/1 from ${from} ` })
      .waitFor();
  }
});
