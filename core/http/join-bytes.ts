/**
 * Large bytes joined without holding the event loop: copying 30 MB into fresh
 * memory takes as long as serving hundreds of small requests.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';

/** Copied in one go; a fraction of a millisecond, since many bodies may take turns. */
const sliceBytes = 256 * 1024;
/** Bodies up to this length are joined at once. */
const smallBytes = 1024 * 1024;

export async function joinInTurns(parts: readonly Uint8Array[]): Promise<Buffer> {
  const joined = Buffer.allocUnsafeSlow(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  let copied = 0;
  for (const part of parts) {
    for (let from = 0; from < part.length; from += sliceBytes) {
      const slice = part.subarray(from, from + sliceBytes);
      joined.set(slice, at);
      at += slice.length;
      copied += slice.length;
      if (copied < sliceBytes) continue;
      copied = 0;
      await nextTurn();
    }
  }
  return joined;
}

/**
 * Bytes as they arrive, joined at the end. Of a length known ahead they are
 * put in place at once, but only after enough has come: memory is not to be
 * had for a promise.
 */
export class ArrivingBytes {
  readonly #expected: number;
  #parts: Uint8Array[] = [];
  #whole: Buffer | undefined;
  #length = 0;

  /** 0 where the length is not known. */
  constructor(expected: number) {
    this.#expected = expected;
  }

  get length(): number {
    return this.#length;
  }

  push(chunk: Uint8Array): void {
    if (this.#whole) this.#whole.set(chunk, this.#length);
    else this.#parts.push(chunk);
    this.#length += chunk.length;
    if (this.#whole === undefined && this.#expected > smallBytes && this.#length >= smallBytes) this.#place();
  }

  #place(): void {
    this.#whole = Buffer.allocUnsafeSlow(this.#expected);
    let at = 0;
    for (const part of this.#parts) {
      this.#whole.set(part, at);
      at += part.length;
    }
    this.#parts = [];
  }

  take(): Buffer {
    if (this.#whole) return this.#whole.subarray(0, this.#length);
    return this.#parts.length === 1 ? (this.#parts[0] as Buffer) : Buffer.concat(this.#parts);
  }
}
