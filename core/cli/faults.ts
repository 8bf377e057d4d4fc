/**
 * Errors that nobody caught: a promise a plugin let go, a throw in its timer.
 *
 * They end neither the process nor the requests of others; they are told.
 */
import type { KernelLog } from '../log/log.ts';

/** One line for each is enough for a while; further ones are counted into the next. */
const quietMs = 1000;

export function surviveFaults(log: KernelLog, describe: (error: unknown) => string): void {
  let toldAt = Number.NEGATIVE_INFINITY;
  let untold = 0;
  const tell = (error: unknown) => {
    const now = performance.now();
    if (now - toldAt < quietMs) {
      untold += 1;
      return;
    }
    toldAt = now;
    log.of('process').error({ error: describe(error), untold }, 'an error was caught by nobody');
    untold = 0;
  };
  process.on('unhandledRejection', tell).on('uncaughtException', tell);
  // Who read the output has gone: that is no reason to stop serving.
  for (const output of [process.stdout, process.stderr]) output.on('error', () => {});
}
