/**
 * One ticking clock for all deadlines of running calls.
 *
 * A timer per call and chunk would cost more than the call's own work; a
 * sweep every 25 ms is exact enough for deadlines of seconds.
 */

import { Roster, type Rostered } from '../live/roster.ts';

/** Something with deadlines; `now` is monotonic milliseconds. */
export interface Watched extends Rostered {
  check(now: number): void;
}

const tickMs = 25;

export class Watchdog {
  readonly #watched = new Roster<Watched>();
  #timer: NodeJS.Timeout | undefined;
  /** The monotonic time of the last tick; fine enough for deadlines, and free to read. */
  now = performance.now();

  add(watched: Watched): void {
    this.#watched.add(watched);
    if (this.#timer !== undefined) return;
    this.now = performance.now();
    this.#timer = setInterval(() => this.#tick(), tickMs);
    this.#timer.unref();
  }

  remove(watched: Watched): void {
    this.#watched.delete(watched);
  }

  #tick(): void {
    this.now = performance.now();
    for (const watched of this.#watched) watched.check(this.now);
    if (this.#watched.size > 0 || this.#timer === undefined) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
