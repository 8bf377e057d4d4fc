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

/** Plugins by the address that called for them, and digests of other files by theirs. */
export interface Lock {
  readonly plugins: Readonly<Record<string, Locked>>;
  readonly files: Readonly<Record<string, string>>;
}

const mostEntries = 1000;

export class LockFile {
  readonly #file: string;
  #known: Lock | undefined;
  #written = '';
  #writing: Promise<unknown> = Promise.resolve();

  constructor(file: string) {
    this.#file = file;
  }

  /** What ran last, in this process or before. One that cannot be read is as good as none: it only stands in for a source that is away. */
  async read(): Promise<Lock> {
    this.#known ??= await parsed(this.#file);
    return this.#known;
  }

  /** Replaces all; known at once, written in one step behind whatever is being written, and only where it differs. */
  write(lock: { readonly plugins: ReadonlyMap<string, Locked>; readonly files: ReadonlyMap<string, string> }) {
    this.#known = { plugins: sorted(lock.plugins), files: sorted(lock.files) };
    const text = `${JSON.stringify({ format: 1, ...this.#known }, undefined, 2)}\n`;
    const writing = this.#writing.then(() => this.#write(text));
    this.#writing = writing.catch(() => {});
    return writing;
  }

  async #write(text: string): Promise<void> {
    if (text === this.#written) return;
    await mkdir(dirname(this.#file), { recursive: true });
    const draft = `${this.#file}.${process.pid}.draft`;
    await writeFile(draft, text);
    await rename(draft, this.#file);
    this.#written = text;
  }
}

function sorted<V>(entries: ReadonlyMap<string, V>): Readonly<Record<string, V>> {
  return Object.fromEntries([...entries].slice(0, mostEntries).sort(([a], [b]) => (a < b ? -1 : 1)));
}

async function parsed(file: string): Promise<Lock> {
  try {
    const { plugins, files } = JSON.parse(await readFile(file, 'utf8')) as Partial<Lock>;
    return { plugins: plugins ?? {}, files: files ?? {} };
  } catch {
    return { plugins: {}, files: {} };
  }
}
