/**
 * Keeps one child running: one that ends is followed by another, after a wait
 * that doubles while children end without having answered anything.
 */
import type { Clock, HostChild, Log } from '@rutter/plugin-sdk';
import { broken, Connection } from './connection.ts';

export interface RestartingOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly backoffMs: number;
  readonly maxBackoffMs: number;
  spawn(): HostChild;
}

export class Restarting {
  readonly #options: RestartingOptions;
  readonly #stopped = new AbortController();
  #connection: Connection | undefined;
  #lastReason = 'could not be started';
  #nextStartAt = 0;
  #failures = 0;

  constructor(options: RestartingOptions) {
    this.#options = options;
    this.#start();
  }

  /** The child to ask. Throws a 502 that says when it will be back while there is none. */
  get connection(): Connection {
    if (this.#connection !== undefined) return this.#connection;
    const waitMs = Math.max(0, this.#nextStartAt - this.#options.clock.monotonic());
    throw broken(`${this.#lastReason}; another is started in ${Math.ceil(waitMs)} ms`, waitMs);
  }

  stop(): void {
    this.#stopped.abort();
    this.#connection?.kill();
  }

  #start(): void {
    try {
      const connection = new Connection(this.#options.spawn(), this.#options.log);
      this.#connection = connection;
      void connection.ended.then((reason) => this.#again(reason, connection.hasAnswered));
    } catch (error) {
      this.#again(error instanceof Error ? error.message : String(error), false);
    }
  }

  #again(reason: string, hasAnswered: boolean): void {
    this.#connection = undefined;
    if (this.#stopped.signal.aborted) return;
    const { clock, log, backoffMs, maxBackoffMs } = this.#options;
    if (hasAnswered) this.#failures = 0;
    const waitMs = Math.min(maxBackoffMs, backoffMs * 2 ** Math.min(this.#failures++, 30));
    this.#lastReason = reason;
    this.#nextStartAt = clock.monotonic() + waitMs;
    log.warn({ reason, waitMs }, 'the child ended and will be started again');
    clock.sleep(waitMs, this.#stopped.signal).then(
      () => this.#start(),
      () => {},
    );
  }
}
