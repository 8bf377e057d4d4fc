/**
 * One thread that runs a network, one text at a time, behind a bounded queue.
 *
 * A thread that dies, or that takes longer over one text than it may, is
 * replaced when the next text comes; the text it was busy with fails.
 */
import { Worker } from 'node:worker_threads';
import { type Clock, RutterError } from '@rutter/plugin-sdk';
import { type Answer, type NetworkOptions, networkSource, type Opening } from './network.ts';

export interface ThreadOptions {
  readonly network: NetworkOptions;
  /** Most texts that wait or are being worked on. */
  readonly mostWaiting: number;
  /** Longest time of one text, from when it was asked for. */
  readonly timeoutMs: number;
  readonly clock: Clock;
}

interface Job {
  readonly ids: Int32Array;
  readonly promise: PromiseWithResolvers<Float32Array>;
  /** Stops the clock of the job. */
  readonly watch: AbortController;
  isLate: boolean;
}

/** Between a thread that could not be started, or died at once, and the next. */
const restartMs = 1_000;

const down = (message: string) => new RutterError('ERR_PLUGIN_DOWN', message);

export class NetworkThread {
  readonly #options: ThreadOptions;
  readonly #queue: Job[] = [];
  #worker: Worker | undefined;
  #opening: Promise<Extract<Opening, { ok: true }>> | undefined;
  #current: Job | undefined;
  #startedAt = Number.NEGATIVE_INFINITY;
  #isClosed = false;
  /** Threads started so far, for health and tests. */
  starts = 0;

  constructor(options: ThreadOptions) {
    this.#options = options;
  }

  /** Resolves when the network has been read and tried; rejects with why it could not be. */
  open(): Promise<Extract<Opening, { ok: true }>> {
    this.#opening ??= this.#start();
    return this.#opening;
  }

  async #start(): Promise<Extract<Opening, { ok: true }>> {
    const { network, clock } = this.#options;
    const worker = new Worker(networkSource, { eval: true, workerData: network });
    this.starts++;
    this.#worker = worker;
    this.#startedAt = clock.monotonic();
    const opened = Promise.withResolvers<Opening>();
    worker.once('message', (opening: Opening) => {
      worker.on('message', (answer: Answer) => this.#answer(worker, answer));
      opened.resolve(opening);
    });
    const die = (reason: string) => {
      opened.resolve({ ok: false, message: reason });
      this.#lose(worker, reason);
    };
    worker.on('error', (error) => die(error.message));
    worker.on('exit', (code) => die(`the thread ended with code ${code}`));
    const opening = await opened.promise;
    // Only a text that is being worked on keeps the process alive.
    if (!this.#current) worker.unref();
    if (opening.ok) return opening;
    this.#lose(worker, opening.message);
    void worker.terminate();
    throw new RutterError('ERR_CONFIG_INVALID', `${network.model} cannot be run as a network: ${opening.message}.`);
  }

  /** The vector of one text's pieces. ERR_LIMIT_OVERLOADED, ERR_PLUGIN_TIMEOUT, ERR_PLUGIN_DOWN. */
  vector(ids: Int32Array): Promise<Float32Array> {
    const { mostWaiting, timeoutMs, clock } = this.#options;
    if (this.#isClosed) return Promise.reject(down('The embedder has been closed.'));
    if (this.#queue.length + (this.#current ? 1 : 0) >= mostWaiting)
      return Promise.reject(
        new RutterError('ERR_LIMIT_OVERLOADED', `${mostWaiting} texts wait to be embedded already; no more may.`),
      );
    const job: Job = { ids, promise: Promise.withResolvers(), watch: new AbortController(), isLate: false };
    clock.sleep(timeoutMs, job.watch.signal).then(
      () => this.#expire(job),
      () => {},
    );
    this.#queue.push(job);
    this.#next();
    return job.promise.promise;
  }

  #expire(job: Job): void {
    job.isLate = true;
    const { timeoutMs } = this.#options;
    job.promise.reject(new RutterError('ERR_PLUGIN_TIMEOUT', `A text was not embedded within ${timeoutMs} ms.`));
    const place = this.#queue.indexOf(job);
    if (place >= 0) this.#queue.splice(place, 1);
    // Nothing else stops a network that is running.
    else if (this.#current === job && this.#worker) this.#lose(this.#worker, 'it took too long over one text');
  }

  #next(): void {
    if (this.#current || this.#queue.length === 0) return;
    const job = this.#queue.shift() as Job;
    this.#current = job;
    this.#opened().then(
      () => {
        if (this.#current !== job) return;
        this.#worker?.ref();
        this.#worker?.postMessage(job.ids);
      },
      (error: unknown) => this.#finish(job, () => job.promise.reject(error)),
    );
  }

  async #opened(): Promise<void> {
    if (!this.#opening && this.#options.clock.monotonic() - this.#startedAt < restartMs)
      throw down('The thread of the embedder has just died.');
    await this.open();
  }

  #answer(worker: Worker, answer: Answer): void {
    const job = this.#current;
    if (worker !== this.#worker || !job) return;
    this.#finish(job, () => {
      if (answer.ok) job.promise.resolve(answer.vector);
      else job.promise.reject(new RutterError('ERR_PLUGIN_FAILED', `The network failed: ${answer.message}.`));
    });
  }

  #finish(job: Job, settle: () => void): void {
    job.watch.abort();
    if (!job.isLate) settle();
    if (this.#current === job) {
      this.#current = undefined;
      this.#worker?.unref();
    }
    this.#next();
  }

  #lose(worker: Worker, reason: string): void {
    if (worker !== this.#worker) return;
    this.#worker = undefined;
    this.#opening = undefined;
    void worker.terminate();
    const job = this.#current;
    if (job) this.#finish(job, () => job.promise.reject(down(`The thread of the embedder was lost: ${reason}.`)));
  }

  /** Ends the thread, as a fault of it would. */
  async kill(): Promise<void> {
    await this.#worker?.terminate();
  }

  /** Whatever still waits fails. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const worker = this.#worker;
    for (const job of this.#queue.splice(0))
      this.#finish(job, () => job.promise.reject(down('The embedder was closed.')));
    if (worker) this.#lose(worker, 'it was closed');
    await worker?.terminate();
  }
}
