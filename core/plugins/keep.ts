/**
 * State of plugins that survives generations.
 *
 * Bounded to 64 entries an instance name; a name's state is dropped when no
 * live generation has an instance of that name any more.
 */
import { RutterError } from '@rutter/plugin-sdk';

const mostEntries = 64;

interface Kept {
  readonly version: number;
  readonly value: unknown;
}

export class KeepStore {
  readonly #byInstance = new Map<string, Map<string, Kept>>();

  /** The value kept under the name while its version stays, else a new one. */
  take<T>(instance: string, entry: { readonly name: string; readonly version: number }, make: () => T): T {
    const kept = this.#byInstance.get(instance) ?? new Map<string, Kept>();
    this.#byInstance.set(instance, kept);
    const found = kept.get(entry.name);
    if (found !== undefined && found.version === entry.version) return found.value as T;
    if (found === undefined && kept.size >= mostEntries) {
      throw new RutterError(
        'ERR_PLUGIN_INVALID',
        `Plugin instance "${instance}" keeps more than ${mostEntries} entries; found one more, "${entry.name}". Keep one map under one name instead.`,
      );
    }
    const value = make();
    kept.set(entry.name, { version: entry.version, value });
    return value;
  }

  drop(instance: string): void {
    this.#byInstance.delete(instance);
  }

  /** How many instance names have kept something. */
  get size(): number {
    return this.#byInstance.size;
  }
}
