/**
 * Every running instance and how many hold it.
 *
 * Invariant: an instance is disposed of once, when its last holder gives it
 * back, and after everything that was set up later and goes with it.
 */

import type { KeepStore } from '../plugins/keep.ts';
import type { FeatureStore } from '../plugins/kernel-services.ts';
import type { Running } from './running.ts';

interface Entry {
  readonly running: Running;
  readonly sequence: number;
  holders: number;
}

export class InstanceTable {
  readonly #byKey = new Map<string, Entry>();
  readonly #keep: KeepStore;
  readonly #features: FeatureStore;
  #sequence = 0;
  #disposals: Promise<void> = Promise.resolve();

  constructor({ keep, features }: { readonly keep: KeepStore; readonly features: FeatureStore }) {
    this.#keep = keep;
    this.#features = features;
  }

  /** A running instance, held once more; undefined when none has the key. */
  take(key: string): Running | undefined {
    const entry = this.#byKey.get(key);
    if (entry !== undefined) entry.holders += 1;
    return entry?.running;
  }

  /** A new one, held once. */
  add(running: Running): void {
    this.#sequence += 1;
    this.#byKey.set(running.key, { running, sequence: this.#sequence, holders: 1 });
  }

  /** Gives back one hold on each; resolves when those that nobody holds any more have been disposed of. */
  async release(held: readonly Running[]): Promise<void> {
    const ending: Entry[] = [];
    for (const running of held) {
      const entry = this.#byKey.get(running.key);
      if (entry?.running !== running) continue;
      entry.holders -= 1;
      if (entry.holders === 0) ending.push(entry);
    }
    // Out of reach at once, so that no generation takes one that is on its way out.
    for (const { running } of ending) {
      this.#byKey.delete(running.key);
      this.#features.forget(running.key);
    }
    this.#disposals = this.#disposals.then(() => this.#dispose(ending));
    await this.#disposals;
  }

  running(): readonly Running[] {
    return Array.from(this.#byKey.values(), ({ running }) => running);
  }

  async #dispose(ending: readonly Entry[]): Promise<void> {
    for (const { running } of ending.toSorted((a, b) => b.sequence - a.sequence)) {
      await running.dispose();
      if (!this.running().some(({ name }) => name === running.name)) this.#keep.drop(running.name);
    }
  }
}
