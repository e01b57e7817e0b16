import type { Check, Questions, Reply } from "../protocol";

/** The documents are refused, so that nothing can be asked about them. */
export class Refused extends Error {
  constructor(readonly check: Check) {
    super("the documents are refused");
  }
}

/** The question cannot be answered: a name that nobody has, an address that is none. */
export class Unanswerable extends Error {}

/** The engine stopped in the middle of a question; another one was started. */
export class Stopped extends Error {}

interface Waiting {
  resolve(text: string): void;
  reject(error: Error): void;
  timer: number;
}

interface Posted {
  id?: number;
  text?: string;
  trap?: string;
  unavailable?: string;
  milliseconds?: number;
}

/** How long one question may take, in milliseconds, before the engine is taken for stuck. */
const LIMIT = 30_000;

/**
 * The engine as the page sees it: questions and answers. It runs in a worker; when it stops or hangs there, a new one takes its
 * place, and whoever needs a version opens it there again.
 */
export class Engine {
  private worker: Worker;
  private readonly waiting = new Map<number, Waiting>();
  private readonly open = new Set<string>();
  private next = 1;
  /** How long the last question took in the engine itself, in milliseconds. */
  lastMilliseconds = 0;

  constructor(
    private readonly limit = LIMIT,
    private readonly stopped: (why: string) => void = () => undefined,
  ) {
    this.worker = this.start();
  }

  /** Asks one question. Rejects with {@link Refused}, {@link Unanswerable} or {@link Stopped}. */
  async ask<Q extends keyof Questions>(ask: Q, rest: Questions[Q][0]): Promise<Questions[Q][1]> {
    const question = { ask, ...rest };
    if (ask === "open") this.open.add((rest as Questions["open"][0]).version);
    const reply = JSON.parse(await this.post(question)) as Reply<Questions[Q][1]>;
    if ("refused" in reply) throw new Refused(reply.refused);
    if ("error" in reply) throw new Unanswerable(reply.error);
    return reply.answer;
  }

  private post(question: { ask: string }): Promise<string> {
    const id = this.next++;
    return new Promise((resolve, reject) => {
      const timer = window.setTimeout(() => this.late(), this.limit);
      this.waiting.set(id, { resolve, reject, timer });
      this.worker.postMessage({ id, question: JSON.stringify(question) });
    });
  }

  private start(): Worker {
    const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module", name: "engine" });
    worker.onmessage = ({ data }: MessageEvent<Posted>) => this.receive(data);
    worker.onerror = (event) => this.restart(event.message || "its program cannot be loaded");
    return worker;
  }

  private receive(posted: Posted): void {
    if (posted.id === undefined) return;
    const waiting = this.waiting.get(posted.id);
    if (!waiting) return;
    if (posted.trap !== undefined) return this.restart(posted.trap);
    this.waiting.delete(posted.id);
    clearTimeout(waiting.timer);
    if (posted.text === undefined) {
      waiting.reject(new Stopped(`the engine cannot be loaded: ${posted.unavailable ?? "nothing was said why"}`));
      return;
    }
    this.lastMilliseconds = posted.milliseconds ?? 0;
    waiting.resolve(posted.text);
    // Time that a question spent behind another one does not count against it.
    for (const other of this.waiting.values()) {
      clearTimeout(other.timer);
      other.timer = window.setTimeout(() => this.late(), this.limit);
    }
  }

  private late(): void {
    this.restart(`it had no answer after ${this.limit / 1000} seconds`);
  }

  /** Ends the engine that runs, says so to everybody who waits, and starts another. */
  restart(why: string): void {
    this.worker.terminate();
    const waiting = [...this.waiting.values()];
    this.waiting.clear();
    this.worker = this.start();
    this.open.clear();
    for (const { reject, timer } of waiting) {
      clearTimeout(timer);
      reject(new Stopped(why));
    }
    this.stopped(why);
  }

  /** Whether the engine that runs now was given this version. */
  has(version: string): boolean {
    return this.open.has(version);
  }
}
