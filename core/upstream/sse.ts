/**
 * Server-sent events as the WHATWG describes them, with one leniency: an event
 * that lacks only its closing empty line at the end of the stream still counts,
 * since several vendors end on `data: [DONE]` without one.
 */
import type { Frame } from '@rutter/plugin-sdk';
import { type FrameCutter, LineCutter, tooLong } from './lines.ts';

const colon = 0x3a;
const space = 0x20;
const dataName = Buffer.from('data');
const eventName = Buffer.from('event');

export class SseReader implements FrameCutter {
  readonly #maxBytes: number;
  readonly #lines: LineCutter;
  #event = '';
  #data: string | undefined;
  #bytes = 0;
  #isFirstLine = true;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
    this.#lines = new LineCutter(maxBytes, true);
  }

  read(chunk: Buffer, into: Frame[]): void {
    this.#lines.push(chunk, (bytes, start, end) => this.#line(bytes, start, end, into));
  }

  end(into: Frame[]): void {
    this.#lines.finish((bytes, start, end) => this.#line(bytes, start, end, into));
    this.#dispatch(into);
  }

  #line(bytes: Buffer, from: number, end: number, into: Frame[]): void {
    let start = from;
    if (this.#isFirstLine) {
      this.#isFirstLine = false;
      if (bytes[start] === 0xef && bytes[start + 1] === 0xbb && bytes[start + 2] === 0xbf) start += 3;
    }
    if (start === end) {
      this.#dispatch(into);
      return;
    }
    this.#bytes += end - start;
    if (this.#bytes > this.#maxBytes) throw tooLong(this.#maxBytes);
    if (isField(dataName, bytes, start, end)) {
      const value = readValue(dataName, bytes, start, end);
      this.#data = this.#data === undefined ? value : `${this.#data}\n${value}`;
    } else if (isField(eventName, bytes, start, end)) {
      this.#event = readValue(eventName, bytes, start, end);
    }
  }

  #dispatch(into: Frame[]): void {
    if (this.#data !== undefined) into.push({ event: this.#event, data: this.#data });
    this.#event = '';
    this.#data = undefined;
    this.#bytes = 0;
  }
}

/** Whether the line is the named field. Looked at byte by byte: comments and other fields are not even decoded. */
function isField(name: Buffer, bytes: Buffer, start: number, end: number): boolean {
  const mark = start + name.length;
  if (mark > end || (mark < end && bytes[mark] !== colon)) return false;
  for (let index = 0; index < name.length; index++) if (bytes[start + index] !== name[index]) return false;
  return true;
}

function readValue(name: Buffer, bytes: Buffer, start: number, end: number): string {
  let from = Math.min(start + name.length + 1, end);
  if (from < end && bytes[from] === space) from++;
  return bytes.toString('utf8', from, end);
}
