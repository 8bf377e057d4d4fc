/**
 * A JSON request body: its bytes, where its fields lie, and its values.
 *
 * Up to 1 MiB it is scanned and parsed at once. Beyond that it is worked on in
 * slices; strings over 64 KiB are left out of the parse and stand-ins take
 * their place, to be filled in again where the values are written out. So a
 * large body costs the event loop no long pause, whatever is done with it.
 */
import { isUtf8 } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { RutterError } from '@rutter/plugin-sdk';
import { type Edits, editFields, editLargeFields } from './edit.ts';
import { joinInTurns } from './join-bytes.ts';
import { jsonFault, utf8Fault } from './json-fault.ts';
import { checkDepth, JsonScan, type LongString, type Span, scanObject } from './json-scan.ts';

const smallBytes = 1024 * 1024;
const sliceBytes = 512 * 1024;
/** Of an array's elements, which may be many and small, read in one go. */
const elementBytes = 32 * 1024;
/** What remains of a long string ahead of its stand-in: enough for the head of a data URL. */
const headBytes = 128;

export interface JsonBody {
  readonly bytes: Buffer;
  readonly spans: readonly Span[];
  readonly fields: Readonly<Record<string, unknown>>;
  /** The caller's bytes with some top-level fields changed; values made from `fields` are filled in. */
  edit(edits: Edits): Buffer | Promise<Buffer>;
  /** Serialises a value made from `fields`, in slices when it is large. */
  write(value: unknown): Buffer | string | Promise<Buffer>;
  /** A string of `fields` as the caller sent it. */
  whole(text: string): string;
  /** Whether a string of `fields` is all there, rather than the head of a long one and a stand-in. */
  isWhole(text: string): boolean;
}

/** `where` says what could not be read and why, without the parser's words: those quote the body. */
const malformed = (where: string, cause?: unknown) =>
  new RutterError('ERR_REQUEST_INVALID', `The body is not valid JSON: ${where}.`, { cause });

function checkUtf8(bytes: Buffer, offset = 0): void {
  if (isUtf8(bytes)) return;
  throw new RutterError(
    'ERR_REQUEST_INVALID',
    `The body is not valid UTF-8 at byte ${offset + utf8Fault(bytes)}; expected JSON in UTF-8.`,
  );
}

/** Any JSON value, for routes that take more than objects. Nested as deep as other bodies may be, no deeper. */
export function parseJsonBody(bytes: Buffer): unknown {
  checkUtf8(bytes);
  checkDepth(bytes);
  return parseSmall(bytes);
}

function parseSmall(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw malformed(jsonFault(bytes) ?? 'it cannot be read', error);
  }
}

/** Reads a body; a promise only for one beyond 1 MiB. */
export function readJsonBody(bytes: Buffer): JsonBody | Promise<JsonBody> {
  if (bytes.length === 0) throw new RutterError('ERR_REQUEST_INVALID', 'The body is empty; expected a JSON object.');
  if (bytes.length > smallBytes) return readLarge(bytes);
  checkUtf8(bytes);
  const { spans } = scanObject(bytes);
  return new SmallBody(bytes, spans, parseSmall(bytes) as Record<string, unknown>);
}

class SmallBody implements JsonBody {
  readonly bytes: Buffer;
  readonly spans: readonly Span[];
  readonly fields: Readonly<Record<string, unknown>>;
  constructor(bytes: Buffer, spans: readonly Span[], fields: Readonly<Record<string, unknown>>) {
    this.bytes = bytes;
    this.spans = spans;
    this.fields = fields;
  }
  edit(edits: Edits): Buffer {
    return editFields(this.bytes, this.spans, edits);
  }
  write(value: unknown): string {
    return JSON.stringify(value);
  }
  whole(text: string): string {
    return text;
  }
  isWhole(): boolean {
    return true;
  }
}

async function readLarge(bytes: Buffer): Promise<JsonBody> {
  // Validity is checked per slice, cut back to a character boundary.
  for (let at = 0; at < bytes.length; ) {
    const end = characterBoundary(bytes, Math.min(bytes.length, at + 8 * sliceBytes));
    checkUtf8(bytes.subarray(at, end), at);
    at = end;
    await nextTurn();
  }
  const scan = new JsonScan(bytes);
  while (!scan.run(sliceBytes)) await nextTurn();
  const mark = `@@${randomBytes(12).toString('hex')}:`;
  const reader = new SlicedReader(bytes, scan, mark);
  return new LargeBody(bytes, scan.spans, await reader.fields(), scan.longStrings, mark);
}

function characterBoundary(bytes: Buffer, end: number): number {
  if (end === bytes.length) return end;
  let at = end;
  while (at > end - 4 && ((bytes[at] as number) & 0xc0) === 0x80) at--;
  return at;
}

/** Parses field by field, and an array element by element, long strings replaced. */
class SlicedReader {
  readonly #bytes: Buffer;
  readonly #scan: JsonScan;
  readonly #mark: string;
  #next = 0;

  constructor(bytes: Buffer, scan: JsonScan, mark: string) {
    this.#bytes = bytes;
    this.#scan = scan;
    this.#mark = mark;
  }

  async fields(): Promise<Record<string, unknown>> {
    const fields: Record<string, unknown> = Object.create(null);
    for (const span of this.#scan.spans) {
      Object.defineProperty(fields, span.key, {
        value: await this.#value(span),
        enumerable: true,
        configurable: true,
        writable: true,
      });
      await nextTurn();
    }
    return fields;
  }

  async #value(span: Span): Promise<unknown> {
    const text = this.#shortened(span.valueStart, span.end);
    const parse = (part: string) => parseField(part, span.key);
    if (text.length < sliceBytes || text[0] !== '[') return parse(text);
    const items: unknown[] = [];
    let taken = 0;
    for (const item of elements(text)) {
      items.push(parse(item));
      taken += item.length;
      if (taken > elementBytes) {
        taken = 0;
        await nextTurn();
      }
    }
    return items;
  }

  /** The text between two offsets, each long string in it cut to its head and a stand-in. */
  #shortened(start: number, end: number): string {
    const parts: string[] = [];
    let at = start;
    for (; this.#next < this.#scan.longStrings.length; this.#next++) {
      const long = this.#scan.longStrings[this.#next] as LongString;
      if (long.start >= end) break;
      const head = headEnd(this.#bytes, long);
      parts.push(this.#bytes.toString('utf8', at, head), this.#mark, String(this.#next), '@@');
      at = long.end;
    }
    parts.push(this.#bytes.toString('utf8', at, end));
    return parts.join('');
  }
}

/** Ends the head before an escape or a partial character could be cut. */
function headEnd(bytes: Buffer, long: LongString): number {
  const limit = long.start + headBytes;
  let at = long.start;
  while (at < limit && (bytes[at] as number) < 0x80 && bytes[at] !== 0x5c) at++;
  return at;
}

function parseField(text: string, key: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw malformed(`field ${JSON.stringify(key.slice(0, 64))} cannot be read, expected a JSON value`, error);
  }
}

function parseString(text: string): string {
  try {
    return JSON.parse(text) as string;
  } catch (error) {
    throw malformed(`a string of ${text.length} characters cannot be read, expected it escaped`, error);
  }
}

/** Elements of a JSON array as texts; brackets are known to balance. */
function* elements(text: string): Generator<string> {
  let depth = 0;
  let from = 1;
  for (let at = 1; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x22) {
      at++;
      while (at < text.length && text.charCodeAt(at) !== 0x22) at += text.charCodeAt(at) === 0x5c ? 2 : 1;
    } else if (code === 0x7b || code === 0x5b) depth++;
    else if (code === 0x7d || (code === 0x5d && depth > 0)) depth--;
    else if ((code === 0x2c && depth === 0) || (code === 0x5d && depth === 0)) {
      const item = text.slice(from, at);
      if (code === 0x2c || item.trim() !== '') yield item;
      from = at + 1;
    }
  }
}

class LargeBody implements JsonBody {
  readonly bytes: Buffer;
  readonly spans: readonly Span[];
  readonly fields: Readonly<Record<string, unknown>>;
  readonly #long: readonly LongString[];
  readonly #mark: string;

  constructor(
    bytes: Buffer,
    spans: readonly Span[],
    fields: Readonly<Record<string, unknown>>,
    long: readonly LongString[],
    mark: string,
  ) {
    this.bytes = bytes;
    this.spans = spans;
    this.fields = fields;
    this.#long = long;
    this.#mark = mark;
  }

  edit(edits: Edits): Promise<Buffer> {
    return editLargeFields(this.bytes, this.spans, { ...edits, fill: (text) => this.#filled(text) });
  }

  #filled(text: string): Buffer {
    return Buffer.concat(this.#pieces(text));
  }

  /** Only what was cut is put back: the bytes are the caller's own, escapes included. */
  #pieces(text: string): Buffer[] {
    const parts: Buffer[] = [];
    let at = 0;
    for (;;) {
      const found = text.indexOf(this.#mark, at);
      if (found < 0) break;
      const end = text.indexOf('@@', found + this.#mark.length);
      const long = this.#long[Number(text.slice(found + this.#mark.length, end))];
      if (end < 0 || !long) break;
      parts.push(Buffer.from(text.slice(at, found)), this.bytes.subarray(headEnd(this.bytes, long), long.end));
      at = end + 2;
    }
    parts.push(Buffer.from(text.slice(at)));
    return parts;
  }

  async write(value: unknown): Promise<Buffer> {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return this.#filled(JSON.stringify(value));
    const parts: Buffer[] = [];
    let opening = '{';
    for (const [key, field] of Object.entries(value)) {
      if (field === undefined) continue;
      parts.push(Buffer.from(`${opening}${JSON.stringify(key)}:`));
      opening = ',';
      if (Array.isArray(field)) await this.#writeArray(field, parts);
      else parts.push(...this.#pieces(JSON.stringify(field)));
    }
    parts.push(Buffer.from(opening === '{' ? '{}' : '}'));
    return joinInTurns(parts);
  }

  async #writeArray(items: readonly unknown[], parts: Buffer[]): Promise<void> {
    let pending = '';
    let opening = '[';
    for (const item of items) {
      pending += opening + (JSON.stringify(item) ?? 'null');
      opening = ',';
      if (pending.length < sliceBytes) continue;
      parts.push(...this.#pieces(pending));
      pending = '';
      await nextTurn();
    }
    parts.push(...this.#pieces(opening === '[' ? '[]' : `${pending}]`));
  }

  isWhole(text: string): boolean {
    return !text.includes(this.#mark);
  }

  whole(text: string): string {
    if (this.isWhole(text)) return text;
    return parseString(`"${this.#filled(JSON.stringify(text).slice(1, -1)).toString('utf8')}"`);
  }
}

/** Text fields of a form, in the same shape; they have no bytes of their own. */
export const formFields = (fields: Readonly<Record<string, unknown>>): JsonBody =>
  new SmallBody(Buffer.from('{}'), [], fields);
