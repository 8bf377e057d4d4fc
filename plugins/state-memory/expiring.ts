/**
 * A bounded map whose entries end by themselves.
 *
 * An entry that has ended is never seen again; `sweep` takes such entries out
 * a slice at a time, so that no call pays for a whole map.
 */
import { RutterError } from '@rutter/plugin-sdk';

export interface Ending {
  /** Reading of the monotonic clock at which it is over; Infinity for never. */
  endsAtMs: number;
}

export interface Expiring<T extends Ending> {
  get(key: string): T | undefined;
  /** Throws ERR_LIMIT_OVERLOADED when the map is full of entries that have not ended. */
  set(key: string, entry: T): void;
  delete(key: string): boolean;
  /** Looks at so many entries, going on where the last slice stopped. */
  sweep(slice: number): void;
  readonly size: number;
}

export interface Bounds {
  /** What the entries are, for the error. */
  readonly what: string;
  readonly maxEntries: number;
  now(): number;
}

/** A view of `entries`, which may outlive it. */
export function expiring<T extends Ending>(entries: Map<string, T>, { what, maxEntries, now }: Bounds): Expiring<T> {
  let cursor = entries.entries();

  const sweep = (slice: number) => {
    const nowMs = now();
    for (let seen = 0; seen < slice; seen++) {
      const { done, value } = cursor.next();
      if (done) {
        cursor = entries.entries();
        return;
      }
      if (value[1].endsAtMs <= nowMs) entries.delete(value[0]);
    }
  };

  const makeRoom = () => {
    cursor = entries.entries();
    sweep(entries.size);
    if (entries.size < maxEntries) return;
    throw new RutterError(
      'ERR_LIMIT_OVERLOADED',
      `state-memory holds ${entries.size} ${what}, which is all it may. Raise \`maxEntries\`, or use a state outside the process.`,
    );
  };

  return {
    get(key) {
      const entry = entries.get(key);
      return entry !== undefined && entry.endsAtMs > now() ? entry : undefined;
    },
    set(key, entry) {
      if (entries.size >= maxEntries && !entries.has(key)) makeRoom();
      entries.set(key, entry);
    },
    delete(key) {
      const entry = entries.get(key);
      return entries.delete(key) && entry !== undefined && entry.endsAtMs > now();
    },
    sweep,
    get size() {
      return entries.size;
    },
  };
}
