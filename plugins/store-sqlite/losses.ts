/** Counts rows that were lost. The first loss is logged at once, further ones as a sum once a second. */
import type { Log } from '@rutter/plugin-sdk';

const tellEveryMs = 1_000;

export class Losses {
  readonly #log: Log;
  #lost = 0;
  #told = 0;
  #reason = '';
  #timer: NodeJS.Timeout | undefined;

  constructor(log: Log) {
    this.#log = log;
  }

  count(rows: number, reason: string): void {
    this.#lost += rows;
    this.#reason = reason;
    if (this.#timer !== undefined) return;
    this.#tell();
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#tell();
    }, tellEveryMs);
    this.#timer.unref();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#tell();
  }

  #tell(): void {
    if (this.#lost === this.#told) return;
    this.#log.error({ lost: this.#lost - this.#told, lostInAll: this.#lost, reason: this.#reason }, 'rows were lost');
    this.#told = this.#lost;
  }
}
