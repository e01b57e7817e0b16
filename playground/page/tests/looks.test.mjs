import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { after, before, test } from "node:test";
import pixelmatch from "pixelmatch";
import { PNG } from "pngjs";
import { launch } from "./browser.mjs";

/** How much of a picture may differ: fonts are drawn a little otherwise by each version of the browser. */
const TOLERANCE = 0.04;
const folder = (name) => new URL(`./${name}/`, import.meta.url);

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

const SCENES = {
  explain: {},
  graph: { view: "graph" },
  changes: { view: "changes" },
  tests: { view: "tests" },
  dark: { dark: true },
  phone: { width: 360, height: 740 },
};

for (const [name, { view = "explain", ...looks }] of Object.entries(SCENES)) {
  test(`${name} looks as it was approved`, async () => {
    const page = await browser.open(looks);
    await page.locator(".passage .verdict").waitFor();
    await page.click(`#view-${view}`);
    await page.locator(".panel .verdict").first().waitFor();
    if (view === "graph") await page.locator(".edge").first().waitFor();
    await page.evaluate(() => document.activeElement?.blur());
    const seen = PNG.sync.read(await page.screenshot({ animations: "disabled", caret: "hide" }));
    const golden = new URL(`${name}.png`, folder("goldens"));
    if (process.env.APPROVE || !existsSync(golden)) {
      assert.ok(process.env.APPROVE, `${name} has no golden; look at it and run the tests with APPROVE=1`);
      mkdirSync(folder("goldens"), { recursive: true });
      return writeFileSync(golden, PNG.sync.write(seen));
    }
    const wanted = PNG.sync.read(readFileSync(golden));
    assert.deepEqual([seen.width, seen.height], [wanted.width, wanted.height]);
    const differ = pixelmatch(wanted.data, seen.data, null, seen.width, seen.height, { threshold: 0.2 });
    const share = differ / (seen.width * seen.height);
    if (share > TOLERANCE) {
      mkdirSync(folder("seen"), { recursive: true });
      writeFileSync(new URL(`${name}.png`, folder("seen")), PNG.sync.write(seen));
    }
    assert.ok(share <= TOLERANCE, `${(share * 100).toFixed(1)} % of ${name} differ; what was seen is in tests/seen`);
  });
}
