/**
 * Bytes of this dialect on their way through: read along, and changed only in
 * the model's name, in a name for reasoning or a reason to finish that is not
 * the usual one, in the usage chunk of a client that did not ask for it, and in
 * counts of cached tokens that have a vendor's own name alone.
 * Azure opens streams with a chunk that has neither id nor choices and tells
 * what was found in the prompt: that goes into the first chunk that has them.
 */
import type { Usage } from '../../contract/chat.ts';
import { RutterError } from '../../contract/errors.ts';
import type { Relay, RelayContext } from '../../contract/wire.ts';
import { malformed } from '../failures.ts';
import { EventLines, EventSplitter, maxEventBytes } from '../sse-split.ts';
import { isObject, parseJson } from '../values.ts';
import { missingCacheCount } from './cache-counts.ts';
import { carriesError, innerFailure } from './failure.ts';
import { ReplyScan } from './scan.ts';
import { readUsage } from './usage.ts';

/** What a whole reply must have: `choices`, or the `data` of embeddings. */
export type EntriesName = 'choices' | 'data';

const done = Buffer.from('[DONE]');
const doneEvent = Buffer.from('data: [DONE]\n\n');
const dataPrefix = Buffer.from('data: ');
const blankLine = Buffer.from('\n\n');
const filtersPrefix = '"prompt_filter_results":';

type Verdict = 'keep' | 'drop' | 'stop' | 'edit' | 'rewrite';

/** Bytes that take the place of others, by offset. */
interface Edit {
  readonly start: number;
  readonly end: number;
  readonly bytes: Buffer;
}

export class OpenAiRelay implements Relay {
  hasContent = false;
  outputLength = 0;
  failure: RutterError | undefined;

  readonly #model: Buffer | undefined;
  readonly #includeUsage: boolean;
  readonly #entries: EntriesName;
  readonly #splitter = new EventSplitter();
  readonly #lines = new EventLines();
  readonly #scan = new ReplyScan();
  readonly #open = new Set<number>();
  #hasFinished = false;
  #isDone = false;
  #isWhole = false;
  #usageBytes: Buffer | undefined;
  #groqBytes: Buffer | undefined;
  /** A member, with its comma, on its way from a chunk that was dropped to the next one. */
  #held: Buffer | undefined;
  #serviceTier: unknown;
  /** A member that the usage just seen lacks. */
  #cacheCount: Buffer | undefined;

  constructor(context: RelayContext, entries: EntriesName = 'choices') {
    this.#model = context.model === undefined ? undefined : Buffer.from(JSON.stringify(context.model));
    this.#includeUsage = context.includeUsage;
    this.#entries = entries;
  }

  get isComplete(): boolean {
    return this.#isDone || this.#isWhole || (this.#hasFinished && this.#open.size === 0);
  }

  /** Parsed when asked for: some vendors send usage with every chunk. */
  get usage(): Usage | undefined {
    const groq = this.#groqBytes && parseJson(this.#groqBytes.toString());
    return (
      readUsage(this.#usageBytes && parseJson(this.#usageBytes.toString()), this.#serviceTier) ??
      (isObject(groq) ? readUsage(groq.usage) : undefined)
    );
  }

  whole(body: Uint8Array): Uint8Array {
    const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
    const scan = this.#scan;
    if (!scan.scan(bytes, 0, bytes.length))
      throw malformed(bytes.toString('utf8', 0, 300), `a JSON object with ${this.#entries}`);
    if (scan.errorEnd > 0) throw innerFailure(parseJson(bytes.toString()));
    if (scan.entries < 0) throw missingEntries(bytes, this.#entries);
    this.#note(bytes);
    this.#isWhole = true;
    return this.#isKept(bytes) ? body : Buffer.concat(this.#edited(bytes, 0, bytes.length));
  }

  push(chunk: Uint8Array): Uint8Array | undefined {
    if (this.failure !== undefined || this.#isDone) return undefined;
    this.#splitter.push(chunk);
    const sent = this.#drain();
    if (this.#splitter.left > maxEventBytes) {
      this.failure = new RutterError(
        'ERR_PROVIDER_MALFORMED',
        `The vendor sent an event of more than ${maxEventBytes} bytes; that is the most one may have.`,
      );
    }
    return sent;
  }

  finish(): Uint8Array | undefined {
    if (this.failure !== undefined) throw this.failure;
    const rest = this.#isDone ? undefined : this.#last();
    if (this.failure !== undefined) throw this.failure as RutterError;
    if (!this.isComplete) {
      throw new RutterError('ERR_PROVIDER_STREAM', 'The vendor closed the stream before the reply was complete.');
    }
    if (this.#isDone) return rest;
    // Every stream ends in exactly one closing event, also where a vendor leaves it out.
    this.#isDone = true;
    return rest === undefined ? doneEvent : Buffer.concat([rest, doneEvent]);
  }

  /** What came without a blank line after it: a whole event that lacks only its end, or half of one. */
  #last(): Uint8Array | undefined {
    if (this.#splitter.left === 0) return undefined;
    this.#splitter.push(blankLine);
    const sent = this.#drain();
    // Half an event is a broken stream, unless the reply was complete ahead of it.
    if (this.failure?.code === 'ERR_PROVIDER_MALFORMED') this.failure = undefined;
    return this.#lines.dataEnd === 0 ? undefined : sent;
  }

  /** Sends on all whole events: untouched runs as they lie, joined only where something was changed between them. */
  #drain(): Uint8Array | undefined {
    const splitter = this.#splitter;
    const pieces: Uint8Array[] = [];
    let from = -1;
    let to = 0;
    const cut = (end: number) => {
      if (from !== -1 && end > from) pieces.push(splitter.bytes.subarray(from, end));
    };
    while (splitter.next()) {
      const { bytes, start, end } = splitter;
      if (from === -1) from = start;
      to = end;
      const verdict = this.#event(bytes, start, end);
      if (verdict === 'keep') {
        if (this.#isDone) break;
        continue;
      }
      if (verdict === 'edit') {
        for (const edit of this.#edits(bytes)) {
          cut(edit.start);
          pieces.push(edit.bytes);
          from = edit.end;
        }
        continue;
      }
      cut(start);
      from = end;
      if (verdict === 'rewrite') pieces.push(this.#rewritten());
      if (verdict === 'stop') break;
    }
    cut(to);
    return pieces.length < 2 ? pieces[0] : Buffer.concat(pieces);
  }

  #event(bytes: Buffer, start: number, end: number): Verdict {
    const lines = this.#lines;
    lines.read(bytes, start, end);
    if (lines.dataEnd === 0) return 'keep';
    const data = lines.joined ?? bytes;
    const from = lines.joined === undefined ? lines.dataStart : 0;
    const to = lines.joined === undefined ? lines.dataEnd : data.length;
    if (to - from >= done.length && isDone(data, from, to)) {
      this.#isDone = true;
      return 'keep';
    }
    const scan = this.#scan;
    if (!scan.scan(data, from, to)) return this.#broken(data, from, to);
    if (scan.errorEnd > 0 || lines.event === 'error') {
      this.failure = innerFailure(parseJson(data.toString('utf8', from, to)));
      return 'stop';
    }
    this.#note(data);
    if (scan.entries === 0 && scan.usageEnd > 0 && !this.#includeUsage) return 'drop';
    if (scan.entries === 0 && scan.usageEnd === 0 && scan.filtersEnd > 0) {
      this.#held = Buffer.from(`${filtersPrefix}${data.toString('utf8', scan.filtersStart, scan.filtersEnd)},`);
      return 'drop';
    }
    if (this.#isKept(data)) return 'keep';
    return lines.joined === undefined ? 'edit' : 'rewrite';
  }

  #broken(data: Buffer, from: number, to: number): Verdict {
    // Clients parse whatever data they are given, also none.
    if (from === to) return 'drop';
    const text = data.toString('utf8', from, Math.min(to, from + 2000));
    this.failure = this.#lines.event === 'error' ? innerFailure({ message: text }) : malformed(text, 'a chunk in JSON');
    return 'stop';
  }

  /** Takes down what the scan found. */
  #note(data: Buffer): void {
    const { usageStart, usageEnd, groqStart, groqEnd, tierStart, tierEnd, hasOutput, outputLength, active, finished } =
      this.#scan;
    this.#cacheCount = undefined;
    if (usageEnd > 0) {
      this.#usageBytes = Buffer.from(data.subarray(usageStart, usageEnd));
      this.#cacheCount = missingCacheCount(this.#usageBytes);
    }
    if (groqEnd > 0) this.#groqBytes = Buffer.from(data.subarray(groqStart, groqEnd));
    // The first chunk may tell what was asked for; beside the usage stands what it was.
    if (tierEnd > 0 && (this.#serviceTier === undefined || usageEnd > 0))
      this.#serviceTier = parseJson(data.toString('utf8', tierStart, tierEnd));
    if (hasOutput) this.hasContent = true;
    this.outputLength += outputLength;
    for (const index of active) this.#open.add(index);
    for (const index of finished) this.#open.delete(index);
    if (finished.length > 0) this.#hasFinished = true;
  }

  #isKept(data: Buffer): boolean {
    const isWhole = this.#held === undefined && this.#cacheCount === undefined;
    return isWhole && this.#scan.mends.length === 0 && this.#keepsModel(data);
  }

  /** What the scan found to be changed, in order. */
  #edits(data: Buffer): Edit[] {
    const { modelStart, modelEnd, objectStart, usageStart, mends } = this.#scan;
    const edits: Edit[] = mends.map(({ start, end, to }) => ({ start, end, bytes: Buffer.from(to) }));
    if (!this.#keepsModel(data)) edits.push({ start: modelStart, end: modelEnd, bytes: this.#model! });
    if (this.#held !== undefined) edits.push({ start: objectStart, end: objectStart, bytes: this.#held });
    this.#held = undefined;
    if (this.#cacheCount !== undefined)
      edits.push({ start: usageStart + 1, end: usageStart + 1, bytes: this.#cacheCount });
    return edits.sort((a, b) => a.start - b.start);
  }

  #edited(data: Buffer, start: number, end: number): Uint8Array[] {
    const pieces: Uint8Array[] = [];
    let from = start;
    for (const edit of this.#edits(data)) {
      pieces.push(data.subarray(from, edit.start), edit.bytes);
      from = edit.end;
    }
    pieces.push(data.subarray(from, end));
    return pieces;
  }

  #keepsModel(data: Buffer): boolean {
    const { modelStart, modelEnd } = this.#scan;
    if (this.#model === undefined || modelEnd === 0) return true;
    if (modelEnd - modelStart !== this.#model.length) return false;
    return data.compare(this.#model, 0, this.#model.length, modelStart, modelEnd) === 0;
  }

  /** An event whose data took several lines, on one; line feeds inside JSON are spaces. */
  #rewritten(): Buffer {
    const data = this.#lines.joined!;
    const text = Buffer.concat([dataPrefix, ...this.#edited(data, 0, data.length)]);
    for (let at = 0; at < text.length; at++) if (text[at] === 10 || text[at] === 13) text[at] = 0x20;
    return Buffer.concat([text, blankLine]);
  }
}

/** A reply without entries may say why, in a member that no other reply is searched for. */
function missingEntries(bytes: Buffer, entries: EntriesName): RutterError {
  const body = parseJson(bytes.toString());
  if (isObject(body) && carriesError(body)) return innerFailure(body);
  return malformed(bytes.toString('utf8', 0, 300), `a JSON object with ${entries}`);
}

function isDone(data: Buffer, from: number, to: number): boolean {
  for (let at = 0; at < done.length; at++) if (data[from + at] !== done[at]) return false;
  return data.toString('latin1', from + done.length, to).trim() === '';
}
