/**
 * A router of the operator's own in a worker thread: what it throws, how long
 * it takes and whether it blocks is its own affair. It gets no environment,
 * and no more memory than it is given.
 */
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';

export interface ThreadOptions {
  readonly path: string;
  /** Handed to the router when it is made. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly memoryMb: number;
}

/** A model a router may name. */
export interface RoutedModel {
  readonly name: string;
  readonly description?: string | undefined;
  /** Dollars for a million tokens, in and out together. */
  readonly price?: number | undefined;
  /** Billions of parameters. */
  readonly size?: number | undefined;
}

export interface RouteRequest {
  /** The words of the request. */
  readonly query: string;
  readonly models: readonly RoutedModel[];
}

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

const startMs = 5000;
/** Questions under way at once. */
const mostWaiting = 256;
/** So many questions in a row without an answer: it is blocked. */
const mostSilent = 3;

/** Runs in the thread. Plain JavaScript, since it is evaluated as it is. */
const program = `
const { parentPort, workerData } = require('node:worker_threads');
const isClass = (value) => /^class\\b/.test(Function.prototype.toString.call(value));
async function made() {
  const loaded = await import(workerData.url);
  let router = loaded.default ?? loaded.router ?? loaded;
  if (typeof router === 'function') router = isClass(router) ? new router(workerData.options) : await router(workerData.options);
  if (typeof router === 'function') return router;
  const route = router?.route_single ?? router?.route;
  if (typeof route !== 'function') throw new TypeError('found no router; expected a default export that makes one: a function, or an object with route_single or route');
  return (request) => route.call(router, request);
}
const words = (error) => String(error?.message ?? error).slice(0, 500);
made().then((route) => {
  parentPort.on('message', async ({ id, request }) => {
    try {
      parentPort.postMessage({ id, value: JSON.stringify((await route(request)) ?? null) });
    } catch (error) {
      parentPort.postMessage({ id, error: String(error?.name ?? typeof error).slice(0, 60), detail: words(error) });
    }
  });
  parentPort.postMessage({ isReady: true });
}, (error) => parentPort.postMessage({ failure: words(error) }));
`;

interface Message {
  readonly id?: number;
  readonly value?: string;
  readonly error?: string;
  readonly detail?: string;
  readonly isReady?: boolean;
  readonly failure?: string;
}

export class RouterThread {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  readonly #onEnd: (reason: string) => void;
  #next = 0;
  #silent = 0;
  #end: string | undefined;

  private constructor(worker: Worker, onEnd: (reason: string) => void) {
    this.#worker = worker;
    this.#onEnd = onEnd;
    worker.on('message', (message: Message) => this.#heard(message));
    worker.on('error', (error) => this.#over(`it failed: ${error instanceof Error ? error.message : String(error)}`));
    worker.on('exit', () => this.#over('it ended'));
  }

  /** Resolves when the router has been made; rejects with what was wrong with it. `onEnd` is told once when it ends by itself. */
  static async start(
    { path, options, memoryMb }: ThreadOptions,
    onEnd: (reason: string) => void,
  ): Promise<RouterThread> {
    const worker = new Worker(program, {
      eval: true,
      workerData: { url: pathToFileURL(path).href, options },
      env: {},
      resourceLimits: { maxOldGenerationSizeMb: memoryMb },
    });
    worker.unref();
    try {
      await ready(worker);
    } catch (error) {
      await worker.terminate();
      throw error;
    }
    return new RouterThread(worker, onEnd);
  }

  /**
   * What the router said, as plain JSON. Rejects where it threw, did not answer in time, or is gone; what it said when
   * it threw is the cause alone, since it may quote the caller.
   */
  ask(request: RouteRequest, timeoutMs: number): Promise<unknown> {
    if (this.#end !== undefined) return Promise.reject(new Error(this.#end));
    if (this.#waiting.size >= mostWaiting) return Promise.reject(new Error('too many questions wait for it'));
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        reject(new Error(`it did not answer within ${timeoutMs} ms`));
        if (++this.#silent >= mostSilent) this.#over('it is blocked');
      }, timeoutMs);
      this.#waiting.set(id, {
        resolve: (value) => {
          clearTimeout(timer);
          resolve(value);
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      });
      this.#worker.postMessage({ id, request });
    });
  }

  async close(): Promise<void> {
    this.#end ??= 'it was closed';
    this.#refuse(this.#end);
    await this.#worker.terminate();
  }

  #heard({ id, value, error, detail }: Message): void {
    this.#silent = 0;
    const waiting = id === undefined ? undefined : this.#waiting.get(id);
    if (id === undefined || waiting === undefined) return;
    this.#waiting.delete(id);
    if (error !== undefined) waiting.reject(new Error(`it threw ${error}`, { cause: detail }));
    else waiting.resolve(JSON.parse(value ?? 'null'));
  }

  #over(reason: string): void {
    if (this.#end !== undefined) return;
    this.#end = reason;
    this.#refuse(reason);
    void this.#worker.terminate();
    this.#onEnd(reason);
  }

  #refuse(reason: string): void {
    for (const { reject } of this.#waiting.values()) reject(new Error(reason));
    this.#waiting.clear();
  }
}

function ready(worker: Worker): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (settle: () => void) => {
      clearTimeout(timer);
      worker.off('message', heard).off('error', failed).off('exit', ended);
      settle();
    };
    const heard = ({ isReady, failure }: Message) =>
      done(() => (isReady ? resolve() : reject(new Error(failure ?? 'the router could not be made'))));
    const failed = (error: Error) => done(() => reject(error));
    const ended = () => done(() => reject(new Error('the router ended before it was made')));
    const late = () => done(() => reject(new Error(`the router was not made within ${startMs} ms`)));
    const timer = setTimeout(late, startMs);
    worker.on('message', heard).on('error', failed).on('exit', ended);
  });
}
