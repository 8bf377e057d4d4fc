/** Leads the lines of a stack trace from a packed text back to its sources. */

import { SourceMap } from 'node:module';
import { dirname, resolve } from 'node:path';

/** Maps `file:line:column` of one packed file; the map is parsed when the first trace asks for it. */
export class Trace {
  readonly #file: string;
  readonly #frames: RegExp;
  readonly #read: () => string | undefined;
  #map: SourceMap | undefined;

  /** `read` gives the text of the source map, or undefined where there is none. */
  constructor(file: string, read: () => string | undefined) {
    this.#file = file;
    this.#frames = new RegExp(`${file.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}:(\\d+):(\\d+)`, 'g');
    this.#read = read;
  }

  /** The same trace, frames in the packed file replaced; anything else stays as it is. */
  map(stack: string): string {
    if (!stack.includes(this.#file)) return stack;
    const map = this.#parsed();
    if (map === undefined) return stack;
    return stack.replace(this.#frames, (frame, line: string, column: string) => {
      const entry = map.findEntry(Number(line) - 1, Number(column) - 1);
      if (!('originalSource' in entry)) return frame;
      const source = resolve(dirname(this.#file), entry.originalSource);
      return `${source}:${entry.originalLine + 1}:${entry.originalColumn + 1}`;
    });
  }

  #parsed(): SourceMap | undefined {
    if (this.#map !== undefined) return this.#map;
    const text = this.#read();
    if (text !== undefined) this.#map = new SourceMap(JSON.parse(text));
    return this.#map;
  }
}
