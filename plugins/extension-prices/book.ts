/** The price book: the table that ships with this plugin, and over it the map that was loaded. */
import type { PriceBook } from '@rutter/plugin-sdk';
import type { Rows } from './cost-map.ts';
import { isSameProvider, spellingsOf, undated } from './names.ts';
import { Table } from './table.ts';

export interface Loaded {
  readonly rows: Rows;
  /** Where it is from, in words. */
  readonly source: string;
}

type Found = NonNullable<ReturnType<PriceBook['find']>>;

/** Vendors whose prices for long prompts begin at the threshold. */
const atThreshold: ReadonlySet<string> = new Set(['xai']);

export class Book implements PriceBook {
  version = 1;
  readonly #table = new Table();
  #loaded: Loaded | undefined;
  /** The latest release of a family that has no row under its own name. */
  #latest = new Map<string, string>();

  constructor(loaded?: Loaded) {
    this.#loaded = loaded;
    this.#index();
  }

  /** Lays a map over the table, in place of the one before. */
  load(loaded: Loaded | undefined): void {
    this.#loaded = loaded;
    this.#index();
    this.version++;
  }

  find(query: Parameters<PriceBook['find']>[0]): Found | undefined {
    const spellings = [...spellingsOf(query)];
    for (const { name, provider } of spellings) {
      const found = this.#row(name, provider);
      if (found) return found;
    }
    for (const { name, provider } of spellings) {
      const latest = this.#latest.get(name);
      const found = latest === undefined ? undefined : this.#row(latest, provider);
      if (found) return found;
    }
    return this.#row(`${query.provider}/*`, undefined);
  }

  includesThreshold(provider: string): boolean {
    return atThreshold.has(provider);
  }

  #row(name: string, provider: string | undefined): Found | undefined {
    const loaded = this.#loaded?.rows.get(name);
    const row = loaded ?? this.#table.row(name);
    if (!row || (provider !== undefined && !isSameProvider(row.litellm_provider, provider))) return undefined;
    const { from, date } = this.#table.sources[String(row.source)] ?? { from: 'the table', date: '' };
    return { name, row, source: loaded ? (this.#loaded?.source ?? '') : `${from} (${date})` };
  }

  #index(): void {
    this.#latest = new Map();
    for (const name of [...this.#table.names, ...(this.#loaded?.rows.keys() ?? [])]) {
      const family = undated(name);
      const last = this.#latest.get(family);
      if (family !== name && (last === undefined || last < name)) this.#latest.set(family, name);
    }
  }
}
