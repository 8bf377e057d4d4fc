/**
 * A clock that stands still until it is told to move.
 *
 * Timers fire in order of their time, and everything a timer set going is
 * given the chance to run before the next one fires.
 */
import type { Clock } from '../contract/host.ts';

export interface ManualClock extends Clock {
  /** Moves time on, firing what falls due on the way. */
  advance(ms: number): Promise<void>;
  /** Calls back once after the time. Returns the way to stop. */
  after(ms: number, task: () => void): () => void;
}

interface Timer {
  readonly dueMs: number;
  readonly task: () => void;
}

/** A turn of the event loop: all promises already settled have had their reactions run. */
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Starts at `startMs` since the epoch; `monotonic` counts from zero. */
export function manualClock(startMs = Date.UTC(2030, 0, 1)): ManualClock {
  const timers = new Set<Timer>();
  let elapsedMs = 0;

  const after = (ms: number, task: () => void) => {
    const timer: Timer = { dueMs: elapsedMs + Math.max(0, ms), task };
    timers.add(timer);
    return () => void timers.delete(timer);
  };

  const advance = async (ms: number) => {
    const endMs = elapsedMs + ms;
    await nextTurn();
    for (let timer = earliest(timers, endMs); timer !== undefined; timer = earliest(timers, endMs)) {
      timers.delete(timer);
      elapsedMs = Math.max(elapsedMs, timer.dueMs);
      timer.task();
      await nextTurn();
    }
    elapsedMs = endMs;
    await nextTurn();
  };

  return {
    now: () => startMs + elapsedMs,
    monotonic: () => elapsedMs,
    sleep: (ms, signal) => sleep(after, ms, signal),
    after,
    advance,
  };
}

function earliest(timers: Iterable<Timer>, endMs: number): Timer | undefined {
  let first: Timer | undefined;
  for (const timer of timers) {
    if (timer.dueMs <= endMs && (first === undefined || timer.dueMs < first.dueMs)) first = timer;
  }
  return first;
}

function sleep(after: ManualClock['after'], ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const onAbort = () => {
      stop();
      reject(signal?.reason);
    };
    const stop = after(ms, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
