/** How often one plugin has fallen lately, and whether it is left alone for it. */
import { fallWindowMs, mostFalls } from './limits.ts';

export class Falls {
  readonly #monotonic: () => number;
  #recent: number[] = [];
  #isQuarantined = false;
  #total = 0;

  constructor(monotonic: () => number) {
    this.#monotonic = monotonic;
  }

  get isQuarantined(): boolean {
    return this.#isQuarantined;
  }

  /** Since it was set up first. */
  get total(): number {
    return this.#total;
  }

  /** True when this one was one too many. */
  add(): boolean {
    const now = this.#monotonic();
    this.#total += 1;
    this.#recent = [...this.#recent.filter((at) => now - at < fallWindowMs), now].slice(-mostFalls);
    if (this.#isQuarantined || this.#recent.length < mostFalls) return false;
    this.#isQuarantined = true;
    return true;
  }

  forgive(): void {
    this.#recent = [];
    this.#isQuarantined = false;
  }
}
