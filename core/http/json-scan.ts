/**
 * Finds, in the bytes of a JSON object, where each top-level field lies.
 *
 * The scan checks nesting and balance, not every rule of JSON: a parse follows
 * for what is read. It can stop and go on, so that a large body never holds
 * the event loop; long strings are noted so that they need not be parsed.
 */
import { RutterError } from '@rutter/plugin-sdk';
import { characterAt } from './json-fault.ts';

/** One top-level field: `"key":` begins at `start`, its value spans `valueStart` to `end`. */
export interface Span {
  readonly key: string;
  readonly start: number;
  readonly valueStart: number;
  readonly end: number;
}

/** Contents of a long string, quotes excluded. */
export interface LongString {
  readonly start: number;
  readonly end: number;
}

const quote = 0x22;
const backslash = 0x5c;
const maxDepth = 100;
/** Strings of at least this many bytes are noted. */
const longStringBytes = 64 * 1024;

const invalid = (message: string) => new RutterError('ERR_REQUEST_INVALID', message);

const tooDeep = (at: number) =>
  invalid(`The body is nested deeper than ${maxDepth} levels, at byte ${at}; expected at most that many.`);

export class JsonScan {
  readonly #bytes: Uint8Array;
  readonly spans: Span[] = [];
  readonly longStrings: LongString[] = [];
  #at = 0;
  #depth = 0;
  /** Whether each open level is an object. */
  readonly #levels: boolean[] = [];
  #key: string | undefined;
  #keyStart = 0;
  #valueStart = -1;
  #isDone = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Scans on to about `limit` bytes further; true when the whole object has been seen. */
  run(limit = Number.POSITIVE_INFINITY): boolean {
    const bytes = this.#bytes;
    const stop = Math.min(bytes.length, this.#at + limit);
    while (this.#at < stop) this.#step(bytes[this.#at] as number);
    if (this.#at < bytes.length) return false;
    if (!this.#isDone)
      throw invalid(`The body ends inside a JSON value; found ${bytes.length} bytes, expected a whole JSON object.`);
    return true;
  }

  #step(byte: number): void {
    switch (byte) {
      case quote:
        this.#string();
        return;
      case 0x7b: // {
      case 0x5b: // [
        this.#open(byte === 0x7b);
        return;
      case 0x7d: // }
      case 0x5d: // ]
        this.#close(byte === 0x7d);
        return;
      case 0x2c: // ,
        if (this.#depth === 1) this.#endField(this.#at);
        this.#at++;
        return;
      case 0x20:
      case 0x0a:
      case 0x0d:
      case 0x09:
        this.#at++;
        return;
      default:
        this.#plain();
    }
  }

  #plain(): void {
    if (this.#depth === 0) throw this.#misplaced();
    if (this.#depth === 1) {
      if (this.#key === undefined) throw this.#misplaced();
      this.#mark();
    }
    this.#at++;
  }

  /** Something outside the one object, or in place of a key. */
  #misplaced(): RutterError {
    const found = `${characterAt(this.#bytes, this.#at)} at byte ${this.#at}`;
    if (this.#depth === 1) return invalid(`The body is not valid JSON: found ${found}, expected a key in quotes.`);
    if (this.#isDone) return invalid(`The body goes on after its JSON object: found ${found}, expected the end.`);
    return invalid(`The body is not a JSON object: found ${found}, expected "{".`);
  }

  #mark(): void {
    // The colon after a key is not part of the value.
    if (this.#valueStart < 0 && this.#key !== undefined && this.#bytes[this.#at] !== 0x3a) this.#valueStart = this.#at;
  }

  #open(isObject: boolean): void {
    if (this.#isDone) throw this.#misplaced();
    if (this.#depth === 0 && !isObject) throw invalid('The body is a JSON array; expected an object.');
    if (this.#depth === 1) this.#mark();
    if (this.#depth === maxDepth) throw tooDeep(this.#at);
    this.#levels[++this.#depth] = isObject;
    this.#at++;
  }

  #close(isObject: boolean): void {
    if (this.#depth === 0 || this.#levels[this.#depth] !== isObject)
      throw invalid(`Unbalanced bracket in the JSON body at byte ${this.#at}.`);
    if (this.#depth === 1) this.#endField(this.#at);
    this.#depth--;
    this.#at++;
    if (this.#depth === 0) this.#isDone = true;
  }

  #string(): void {
    if (this.#depth === 0) throw this.#misplaced();
    const start = this.#at;
    const end = stringEnd(this.#bytes, start + 1);
    if (end < 0) throw invalid(`A string that begins at byte ${start} never ends.`);
    if (this.#depth === 1) {
      if (this.#key === undefined) this.#beginField(start, end);
      else this.#mark();
    }
    if (end - start > longStringBytes) this.longStrings.push({ start: start + 1, end });
    this.#at = end + 1;
  }

  #beginField(start: number, end: number): void {
    const raw = Buffer.from(this.#bytes.buffer, this.#bytes.byteOffset + start, end + 1 - start).toString('utf8');
    this.#key = raw.includes('\\') ? (parseKey(raw) ?? raw) : raw.slice(1, -1);
    this.#keyStart = start;
    this.#valueStart = -1;
  }

  #endField(at: number): void {
    if (this.#key === undefined) return;
    if (this.#valueStart < 0) throw invalid(`Field "${this.#key.slice(0, 64)}" has no value, at byte ${at}.`);
    for (const span of this.spans) {
      if (span.key === this.#key)
        throw new RutterError(
          'ERR_REQUEST_INVALID',
          `Field "${span.key.slice(0, 64)}" stands twice in the body; expected it once.`,
          { param: span.key.slice(0, 64) },
        );
    }
    if (this.spans.length >= 1024) throw invalid('The body has more than 1024 top-level fields.');
    let end = at;
    while (isSpace(this.#bytes[end - 1] as number)) end--;
    this.spans.push({ key: this.#key, start: this.#keyStart, valueStart: this.#valueStart, end });
    this.#key = undefined;
  }
}

const isSpace = (byte: number) => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;

function parseKey(raw: string): string | undefined {
  try {
    return JSON.parse(raw) as string;
  } catch {
    return undefined;
  }
}

/** Index of the quote that ends the string whose contents begin at `from`, or -1. */
function stringEnd(bytes: Uint8Array, from: number): number {
  // Most strings are short: a plain loop beats a native search for them.
  const near = Math.min(bytes.length, from + 48);
  let at = from;
  while (at < near) {
    const byte = bytes[at];
    if (byte === quote) return at;
    at += byte === backslash ? 2 : 1;
  }
  for (;;) {
    const end = bytes.indexOf(quote, at);
    if (end < 0) return -1;
    let slashes = 0;
    while (end - slashes - 1 >= at && bytes[end - slashes - 1] === backslash) slashes++;
    if (slashes % 2 === 0) return end;
    at = end + 1;
  }
}

/** Throws for any JSON that is nested deeper than a body may be; balance and the rest are left to the parse. */
export function checkDepth(bytes: Uint8Array): void {
  let depth = 0;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === quote) {
      const end = stringEnd(bytes, at + 1);
      if (end < 0) return;
      at = end;
    } else if (byte === 0x7b || byte === 0x5b) {
      if (++depth > maxDepth) throw tooDeep(at);
    } else if (byte === 0x7d || byte === 0x5d) depth--;
  }
}

/** Scans a body that is small enough to be done at once. */
export function scanObject(bytes: Uint8Array): JsonScan {
  const scan = new JsonScan(bytes);
  scan.run();
  return scan;
}
