import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { launch, ROOT } from "./browser.mjs";

/** What the engine answered outside of a browser, where every answer was compared with what the corpus expects. */
const TRANSCRIPT = process.env.BOOKEND_TRANSCRIPT ?? `${ROOT}target/tmp/playground-transcript.jsonl`;
const BATCH = 250;

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

test("the engine answers the whole conformance corpus in a browser as it does outside of one", async () => {
  assert.ok(
    existsSync(TRANSCRIPT),
    `${TRANSCRIPT} is missing; run cargo test -p bookend-playground --test conformance`,
  );
  const lines = readFileSync(TRANSCRIPT, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  const asked = lines.filter(({ question }) => JSON.parse(question).ask === "explain").length;
  assert.ok(asked > 3000, `only ${asked} questions`);
  const page = await browser.open();
  const worker = page.asked.find((url) => /worker[^/]*\.js$/.test(url));
  assert.ok(worker, `no worker among ${page.asked}`);
  await page.evaluate(
    (url) =>
      new Promise((resolve) => {
        window.corpus = new Worker(url, { type: "module" });
        window.corpus.onmessage = ({ data }) => data.ready && resolve();
      }),
    worker,
  );
  for (let begin = 0; begin < lines.length; begin += BATCH) {
    const batch = lines.slice(begin, begin + BATCH);
    const told = await page.evaluate(
      async (questions) => {
        const answers = [];
        for (const [id, question] of questions.entries()) {
          window.corpus.postMessage({ id, question });
          answers.push(await new Promise((resolve) => (window.corpus.onmessage = ({ data }) => resolve(data))));
        }
        return answers.map(({ text, trap, unavailable }) => text ?? trap ?? unavailable);
      },
      batch.map(({ question }) => question),
    );
    for (const [index, { question, answer }] of batch.entries()) assert.equal(told[index], answer, question);
  }
  assert.deepEqual(page.wrong, []);
});
