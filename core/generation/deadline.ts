/** Waiting that ends. */
import { type Clock, RutterError } from '@rutter/plugin-sdk';

export interface Deadline {
  readonly clock: Clock;
  readonly ms: number;
  /** Said of it when it is late: `plugin "x" took longer to set up`. */
  readonly late: string;
}

/** The result of the work, or ERR_PLUGIN_TIMEOUT when it is not there in time. The work itself cannot be stopped. */
export async function within<T>(work: () => T | Promise<T>, { clock, ms, late }: Deadline): Promise<T> {
  const done = new AbortController();
  const alarm = clock.sleep(ms, done.signal).then(
    () => {
      throw new RutterError('ERR_PLUGIN_TIMEOUT', `${late} than ${ms} ms.`);
    },
    // Stopped because the work was done; the race is over.
    () => new Promise<never>(() => {}),
  );
  try {
    return await Promise.race([Promise.resolve().then(work), alarm]);
  } finally {
    done.abort();
  }
}
