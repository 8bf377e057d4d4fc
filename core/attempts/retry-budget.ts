/**
 * Keeps retries from becoming a storm: over the last ten seconds they may be
 * at most a share of first tries, with a floor that is always allowed.
 */

const slots = 10;
const slotMs = 1000;
const floor = 10;

export class RetryBudget {
  /** Retries as a share of first tries; the configuration may change it. */
  share = 0.2;
  readonly #now: () => number;
  readonly #tries = new Array<number>(slots).fill(0);
  readonly #retries = new Array<number>(slots).fill(0);
  #slot = 0;

  constructor(now: () => number) {
    this.#now = now;
    this.#slot = Math.floor(now() / slotMs);
  }

  firstTry(): void {
    this.#turn();
    this.#tries[this.#slot % slots] = (this.#tries[this.#slot % slots] as number) + 1;
  }

  /** Whether one more retry fits; taking it counts it. */
  take(): boolean {
    this.#turn();
    const spent = sum(this.#retries);
    if (spent >= Math.max(floor, this.share * sum(this.#tries))) return false;
    this.#retries[this.#slot % slots] = (this.#retries[this.#slot % slots] as number) + 1;
    return true;
  }

  #turn(): void {
    const slot = Math.floor(this.#now() / slotMs);
    for (let steps = Math.min(slots, slot - this.#slot); steps > 0; steps--) {
      const index = (slot - steps + 1) % slots;
      this.#tries[index] = 0;
      this.#retries[index] = 0;
    }
    if (slot > this.#slot) this.#slot = slot;
  }
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
