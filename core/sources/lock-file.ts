/**
 * What runs of what came from sources, kept in the data folder: while a
 * source is away, a start takes what ran last.
 */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { FileDigests } from './plugin-index.ts';

export interface Locked {
  readonly name: string;
  readonly version: string;
  readonly files: FileDigests;
}

const mostEntries = 1000;

export class LockFile {
  readonly #file: string;
  #written = '';

  constructor(file: string) {
    this.#file = file;
  }

  /** What an address stood for when it ran last; undefined for one that never did. */
  async find(use: string): Promise<Locked | undefined> {
    return (await this.#read())[use];
  }

  /** Replaces all; written in one step, and only where it differs. */
  async write(locked: ReadonlyMap<string, Locked>): Promise<void> {
    const plugins = Object.fromEntries([...locked].slice(0, mostEntries).sort(([a], [b]) => (a < b ? -1 : 1)));
    const text = `${JSON.stringify({ format: 1, plugins }, undefined, 2)}\n`;
    if (text === this.#written) return;
    await mkdir(dirname(this.#file), { recursive: true });
    const draft = `${this.#file}.${process.pid}.draft`;
    await writeFile(draft, text);
    await rename(draft, this.#file);
    this.#written = text;
  }

  /** One that cannot be read is as good as none: it only stands in for a source that is away. */
  async #read(): Promise<Readonly<Record<string, Locked>>> {
    try {
      const value = JSON.parse(await readFile(this.#file, 'utf8')) as {
        readonly plugins?: Readonly<Record<string, Locked>>;
      };
      return value.plugins ?? {};
    } catch {
      return {};
    }
  }
}
