/** Waiting with a deadline, for what announces itself in no other way. */
import { setTimeout as sleep } from 'node:timers/promises';

/** The first value that is not undefined, null or false; throws with `what` when none came in time. */
export async function until<T>(
  what: string,
  probe: () => T | Promise<T>,
  ms = 5000,
): Promise<NonNullable<Exclude<T, false>>> {
  const dueAt = performance.now() + ms;
  for (;;) {
    const value = await probe();
    if (value !== undefined && value !== null && value !== false) return value as NonNullable<Exclude<T, false>>;
    if (performance.now() > dueAt) throw new Error(`Waited ${ms} ms in vain for ${what}.`);
    await sleep(10);
  }
}

/** The promise's value, or an error naming what was waited for. */
export async function within<T>(what: string, promise: Promise<T>, ms = 5000): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`Waited ${ms} ms in vain for ${what}.`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
