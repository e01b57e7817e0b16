/** The engine, beside the page: whatever becomes of it here, the page goes on. */
import init, { ask } from "@engine/bookend_playground.js";

interface Posted {
  id: number;
  question: string;
}

// The engine writes why it stopped to the console, just before it does.
let lastWords = "";
const complain = console.error.bind(console);
console.error = (...words: unknown[]) => {
  lastWords = words.map(String).join(" ");
  complain(...words);
};

const ready = init();

onmessage = async ({ data: { id, question } }: MessageEvent<Posted>) => {
  try {
    await ready;
  } catch (error) {
    postMessage({ id, unavailable: String(error) });
    return;
  }
  lastWords = "";
  const begun = performance.now();
  try {
    const text = ask(question);
    postMessage({ id, text, milliseconds: performance.now() - begun });
  } catch (error) {
    postMessage({ id, trap: lastWords || String(error) });
  }
};

ready.then(
  () => postMessage({ ready: true }),
  () => undefined,
);
