/** Streams under way: a reader or a watcher each, remembered between calls by the number the gateway gave it. */
import { RutterError } from '@rutter/plugin-sdk';

export interface StreamStep {
  readonly stream: number;
  /** What the stream is opened with; in its first step alone. */
  readonly open?: unknown;
}

const mostStreams = 1024;

export class Streams<T> {
  readonly #open = new Map<number, T>();

  /** The stream's own, made by its first step. */
  of({ stream, open }: StreamStep, make: (open: never) => T): T {
    const known = this.#open.get(stream);
    if (known !== undefined) return known;
    if (open === undefined) throw new RutterError('ERR_PLUGIN_INVALID', 'It was asked about a stream it has lost.');
    if (this.#open.size >= mostStreams)
      throw new RutterError('ERR_LIMIT_OVERLOADED', `The sandbox has ${mostStreams} streams open already.`);
    const made = make(open as never);
    this.#open.set(stream, made);
    return made;
  }

  close(stream: number): void {
    this.#open.delete(stream);
  }
}
