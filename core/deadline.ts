/** Waiting that ends. */
import { type Clock, RutterError } from '@rutter/plugin-sdk';

export interface Deadline {
  readonly ms: number;
  /** Said of it when it is late: `plugin "x" took longer to set up`. */
  readonly late: string;
  /** Real time when absent. */
  readonly clock?: Clock;
}

/** The result of the work, or ERR_PLUGIN_TIMEOUT when it is not there in time. The work itself cannot be stopped. */
export async function within<T>(work: () => T | Promise<T>, { clock, ms, late }: Deadline): Promise<T> {
  const overdue = Promise.withResolvers<never>();
  const expire = () => overdue.reject(new RutterError('ERR_PLUGIN_TIMEOUT', `${late} than ${ms} ms.`));
  const stop = clock ? alarm(clock, ms, expire) : timer(ms, expire);
  try {
    return await Promise.race([Promise.resolve().then(work), overdue.promise]);
  } finally {
    stop();
  }
}

const pluginMs = 30_000;

/** What a plugin answers in the midst of a request. */
export const answerOf = <T>(plugin: string, answer: Promise<T>, ms = pluginMs): Promise<T> =>
  within(() => answer, { ms, late: `Plugin ${plugin} took longer` });

function timer(ms: number, expire: () => void): () => void {
  const handle = setTimeout(expire, ms);
  return () => clearTimeout(handle);
}

function alarm(clock: Clock, ms: number, expire: () => void): () => void {
  const done = new AbortController();
  // Stopped because the work was done: nobody waits any more.
  clock.sleep(ms, done.signal).then(expire, () => {});
  return () => done.abort();
}
