/**
 * The table that ships: one model a line, parsed when somebody asks for it.
 * What nobody asks for stays bytes, so that a gateway of a few models pays
 * for a few.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ModelRow } from '@rutter/plugin-sdk';

/** Where rows are from. */
export interface Source {
  readonly from: string;
  /** `YYYY-MM-DD`. */
  readonly date: string;
  readonly licence: string;
}

const lineFeed = 0x0a;
/** Each row begins with its name, which holds no quotes. */
const nameStart = '{"name":"'.length;

export class Table {
  readonly sources: Readonly<Record<string, Source>>;
  readonly #bytes: Buffer;
  readonly #spans = new Map<string, readonly [start: number, end: number]>();

  constructor(file = join(import.meta.dirname, 'models.jsonl')) {
    this.#bytes = readFileSync(file);
    const headEnd = this.#bytes.indexOf(lineFeed);
    this.sources = JSON.parse(this.#bytes.toString('utf8', 0, headEnd)).sources;
    for (let start = headEnd + 1; start < this.#bytes.length; ) {
      const end = this.#bytes.indexOf(lineFeed, start);
      const from = start + nameStart;
      this.#spans.set(this.#bytes.toString('utf8', from, this.#bytes.indexOf('"', from)), [start, end]);
      start = end + 1;
    }
  }

  get names(): Iterable<string> {
    return this.#spans.keys();
  }

  row(name: string): ModelRow | undefined {
    const span = this.#spans.get(name);
    return span && JSON.parse(this.#bytes.toString('utf8', ...span));
  }
}
