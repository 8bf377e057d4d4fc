/**
 * Brings a map of prices from a file or an address, at the start, with every
 * new generation, and from time to time. A map that cannot be had or read
 * changes nothing: the last good one stays, and the log says why.
 */
import { open } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Host } from '@rutter/plugin-sdk';
import type { Book, Loaded } from './book.ts';
import { readMap } from './cost-map.ts';

const mostBytes = 16 * 1024 * 1024;
const fetchMs = 30_000;

export interface LoaderParts {
  readonly host: Pick<Host, 'fetch' | 'log' | 'clock'>;
  readonly book: Book;
  /** An address of HTTP or of a file, or a path. */
  readonly location: string;
  /** Told of every map that was taken up. */
  onLoaded(loaded: Loaded): void;
}

export class Loader {
  readonly #parts: LoaderParts;
  #running: Promise<void> | undefined;
  /** ETag of the address, or time and size of the file, of what was last read, good or bad. */
  #mark: string | undefined;
  #hasMap = false;

  constructor(parts: LoaderParts) {
    this.#parts = parts;
  }

  get isFile(): boolean {
    return !/^https?:/i.test(this.#parts.location);
  }

  /** Never rejects; one at a time. */
  refresh(): Promise<void> {
    this.#running ??= this.#refresh().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #refresh(): Promise<void> {
    const { host, book, onLoaded } = this.#parts;
    const source = this.#shown;
    try {
      const text = await (this.isFile ? this.#read() : this.#fetch());
      if (text === undefined) return;
      const loaded = { rows: readMap(text), source };
      book.load(loaded);
      this.#hasMap = true;
      onLoaded(loaded);
      host.log.info({ source, models: loaded.rows.size }, 'a map of prices was loaded');
    } catch (error) {
      const stays = this.#hasMap ? 'the last good one stays' : 'the prices known before stay';
      host.log.error({ source, problem: (error as Error).message }, `the map of prices was refused; ${stays}`);
    }
  }

  /** Undefined when it is what was read last. */
  async #read(): Promise<string | undefined> {
    const { location } = this.#parts;
    const file = await open(location.startsWith('file:') ? fileURLToPath(location) : resolve(location));
    try {
      const { mtimeMs, size } = await file.stat();
      const mark = `${mtimeMs}:${size}`;
      if (mark === this.#mark) return undefined;
      if (size > mostBytes) throw new Error(`Found a file of ${size} bytes, expected at most ${mostBytes}.`);
      const text = await file.readFile('utf8');
      this.#mark = mark;
      return text;
    } finally {
      await file.close();
    }
  }

  async #fetch(): Promise<string | undefined> {
    const { host, location } = this.#parts;
    const headers: Record<string, string> = { accept: 'application/json' };
    if (this.#mark !== undefined) headers['if-none-match'] = this.#mark;
    const response = await host.fetch(location, { headers, timeoutMs: fetchMs, maxBytes: mostBytes });
    if (response.status === 304) return undefined;
    const text = await response.text();
    if (response.status !== 200) throw new Error(`Found status ${response.status}, expected 200.`);
    this.#mark = response.headers.etag;
    return text;
  }

  /** Without what may be secret in an address. */
  get #shown(): string {
    const { location } = this.#parts;
    if (this.isFile) return location;
    const { origin, pathname } = new URL(location);
    return origin + pathname;
  }
}
