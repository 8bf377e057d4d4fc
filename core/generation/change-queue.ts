/**
 * Changes, one at a time. Those that come while one waits are taken together
 * with it: whoever asked gets the same answer.
 */
const mostSources = 16;

export interface Waiting {
  readonly sources: readonly string[];
  readonly sinceMs: number;
}

interface Pending<R> extends Waiting {
  readonly sources: string[];
  readonly result: Promise<R>;
  readonly resolve: (result: R) => void;
  readonly reject: (error: unknown) => void;
}

export interface ChangeQueueOptions<R> {
  now(): number;
  /** Resolves when a change may begin; until then later ones still join. */
  ready(): Promise<void>;
  run(sources: readonly string[]): Promise<R>;
}

export class ChangeQueue<R> {
  readonly #options: ChangeQueueOptions<R>;
  #pending: Pending<R> | undefined;
  #isWorking = false;
  #turn: Promise<void> = Promise.resolve();

  constructor(options: ChangeQueueOptions<R>) {
    this.#options = options;
  }

  /** The change that waits for its turn, if any. */
  get waiting(): Waiting | undefined {
    const { sources, sinceMs } = this.#pending ?? {};
    return sources === undefined || sinceMs === undefined ? undefined : { sources, sinceMs };
  }

  add(source: string): Promise<R> {
    const pending = this.#pending ?? this.#open();
    this.#pending = pending;
    if (!pending.sources.includes(source) && pending.sources.length < mostSources) pending.sources.push(source);
    if (!this.#isWorking) void this.#work();
    return pending.result;
  }

  /** Waits for the turn of something that is no queued change; call what it returns when done. */
  async turn(): Promise<() => void> {
    const before = this.#turn;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#turn = promise;
    await before;
    return resolve;
  }

  #open(): Pending<R> {
    const { promise, resolve, reject } = Promise.withResolvers<R>();
    return { sources: [], sinceMs: this.#options.now(), result: promise, resolve, reject };
  }

  async #work(): Promise<void> {
    this.#isWorking = true;
    while (this.#pending !== undefined) {
      const end = await this.turn();
      await this.#options.ready();
      const { sources, resolve, reject } = this.#pending;
      this.#pending = undefined;
      await this.#options.run(sources).then(resolve, reject);
      end();
    }
    this.#isWorking = false;
  }
}
