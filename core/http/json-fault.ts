/**
 * Where a text stops being JSON or UTF-8, what stands there, and what should.
 *
 * Only bodies that were refused already are read by this. A message shows one
 * character of the body and no more, since bodies must not get into logs.
 */
import { isUtf8 } from 'node:buffer';

interface Fault {
  readonly at: number;
  readonly expected: string;
}

/** `found "x" at byte 12, expected "," or "}"`; undefined for what is JSON after all. */
export function jsonFault(bytes: Uint8Array): string | undefined {
  const fault = new Locator(bytes).locate();
  return fault && `found ${characterAt(bytes, fault.at)} at byte ${fault.at}, expected ${fault.expected}`;
}

/** The character that begins at an offset, for a message. */
export function characterAt(bytes: Uint8Array, at: number): string {
  const first = bytes[at];
  if (first === undefined) return 'the end';
  if (first === 0xef && bytes[at + 1] === 0xbb && bytes[at + 2] === 0xbf) return 'a byte order mark';
  if (first < 0x20 || first === 0x7f) return `control character ${first}`;
  return JSON.stringify(Buffer.from(bytes.subarray(at, at + characterLength(first))).toString('utf8'));
}

const characterLength = (first: number) => (first < 0xc0 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4);

/** The first byte that is not UTF-8. */
export function utf8Fault(bytes: Uint8Array): number {
  let from = 0;
  let to = bytes.length;
  while (to - from > 64) {
    let middle = from + ((to - from) >> 1);
    while (((bytes[middle] as number) & 0xc0) === 0x80 && middle > from + 1) middle--;
    if (isUtf8(bytes.subarray(from, middle))) from = middle;
    else to = middle;
  }
  while (from < bytes.length) {
    const end = from + characterLength(bytes[from] as number);
    if (!isUtf8(bytes.subarray(from, end))) return from;
    from = end;
  }
  return from;
}

type Expectation =
  | 'a value'
  | 'a value or "]"'
  | 'a key in quotes'
  | 'a key in quotes or "}"'
  | '":"'
  | 'more'
  | 'the end';

const number = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const words = ['true', 'false', 'null'];

class Locator {
  readonly #bytes: Uint8Array;
  readonly #text: string;
  /** The brackets that are open, the innermost last. */
  readonly #open: string[] = [];
  #at = 0;
  #expected: Expectation = 'a value';

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    // A character per byte, so that offsets are those of the bytes.
    this.#text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  }

  locate(): Fault | undefined {
    for (;;) {
      while (' \t\n\r'.includes(this.#text[this.#at] ?? '-')) this.#at++;
      if (this.#at >= this.#bytes.length) {
        return this.#expected === 'the end' ? undefined : { at: this.#at, expected: this.#words() };
      }
      const fault = this.#step(this.#text[this.#at] as string);
      if (fault) return fault;
    }
  }

  #words(): string {
    return this.#expected === 'more' ? `"," or "${this.#open.at(-1) === '{' ? '}' : ']'}"` : this.#expected;
  }

  #step(found: string): Fault | undefined {
    const expected = this.#expected;
    const isClosed = found === '}' ? this.#open.at(-1) === '{' : found === ']' && this.#open.at(-1) === '[';
    if (isClosed && (expected === 'more' || expected === 'a value or "]"' || expected === 'a key in quotes or "}"')) {
      this.#open.pop();
      return this.#past(1);
    }
    if (expected === 'more' && found === ',') {
      this.#expected = this.#open.at(-1) === '{' ? 'a key in quotes' : 'a value';
      this.#at++;
      return undefined;
    }
    if (expected === '":"' && found === ':') {
      this.#expected = 'a value';
      this.#at++;
      return undefined;
    }
    if (expected.startsWith('a key') && found === '"') return this.#string('":"');
    if (expected.startsWith('a value')) return this.#value(found);
    return { at: this.#at, expected: this.#words() };
  }

  #past(length: number): undefined {
    this.#at += length;
    this.#expected = this.#open.length === 0 ? 'the end' : 'more';
  }

  #value(found: string): Fault | undefined {
    if (found === '{' || found === '[') {
      this.#open.push(found);
      this.#expected = found === '{' ? 'a key in quotes or "}"' : 'a value or "]"';
      this.#at++;
      return undefined;
    }
    if (found === '"') return this.#string(undefined);
    const word = words.find((one) => this.#text.startsWith(one, this.#at));
    if (word) return this.#past(word.length);
    number.lastIndex = this.#at;
    const digits = number.exec(this.#text)?.[0];
    return digits ? this.#past(digits.length) : { at: this.#at, expected: this.#words() };
  }

  #string(then: Expectation | undefined): Fault | undefined {
    const text = this.#text;
    for (let at = this.#at + 1; at < text.length; at++) {
      const found = text[at] as string;
      if (found === '"') {
        this.#past(at + 1 - this.#at);
        if (then) this.#expected = then;
        return undefined;
      }
      if (found < ' ') return { at, expected: 'it escaped, as strings need' };
      if (found !== '\\') continue;
      at++;
      if (text[at] === 'u') {
        if (!/^[\da-fA-F]{4}$/.test(text.slice(at + 1, at + 5))) return { at, expected: 'four hex digits after it' };
        at += 4;
      } else if (!'"\\/bfnrt'.includes(text[at] ?? '-')) return { at, expected: 'one of "\\/bfnrtu after a backslash' };
    }
    return { at: text.length, expected: 'the quote that ends a string' };
  }
}
