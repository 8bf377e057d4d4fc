/** The timers of one instance: they end with it, and never overlap themselves. */
import { type Clock, RutterError } from '@rutter/plugin-sdk';

const mostTimers = 64;

export class Timers {
  readonly #clock: Clock;
  readonly #onFault: (error: unknown) => void;
  readonly #stops = new Set<() => void>();
  #running = 0;

  constructor(clock: Clock, onFault: (error: unknown) => void) {
    this.#clock = clock;
    this.#onFault = onFault;
  }

  /** Runs the task each interval; a turn that finds the last one still running is skipped. */
  every(intervalMs: number, task: () => void | Promise<void>): () => void {
    if (!(intervalMs >= 1) || this.#stops.size >= mostTimers) {
      throw new RutterError(
        'ERR_PLUGIN_INVALID',
        `host.every found an interval of ${intervalMs} ms beside ${this.#stops.size} timers, expected at least 1 ms and at most ${mostTimers} timers.`,
      );
    }
    const abort = new AbortController();
    const stop = () => {
      abort.abort();
      this.#stops.delete(stop);
    };
    this.#stops.add(stop);
    void this.#repeat(intervalMs, task, abort.signal);
    return stop;
  }

  /** Stops all; says how many stood and how many tasks are still running. */
  end(): { readonly standing: number; readonly running: number } {
    const standing = this.#stops.size;
    for (const stop of [...this.#stops]) stop();
    return { standing, running: this.#running };
  }

  async #repeat(intervalMs: number, task: () => void | Promise<void>, signal: AbortSignal): Promise<void> {
    let isRunning = false;
    const run = async () => {
      isRunning = true;
      this.#running += 1;
      try {
        await task();
      } catch (error) {
        this.#onFault(error);
      } finally {
        isRunning = false;
        this.#running -= 1;
      }
    };
    for (;;) {
      try {
        await this.#clock.sleep(intervalMs, signal);
      } catch {
        return;
      }
      if (signal.aborted) return;
      if (!isRunning) void run();
    }
  }
}
