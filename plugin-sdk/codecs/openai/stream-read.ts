/**
 * Streamed replies of vendors that speak this dialect, as neutral events.
 *
 * Tool calls are told apart by id, then by index: vendors repeat ids, leave
 * indices out, send every call as index 0, or open a call before its name is
 * known.
 */
import type { ChatEvent } from '../../contract/chat.ts';
import type { Frame } from '../../contract/wire.ts';
import { malformed } from '../failures.ts';
import {
  defined,
  filled,
  isArray,
  isFilled,
  isNumber,
  isObject,
  isString,
  type JsonObject,
  parseJson,
} from '../values.ts';
import { carriesError, innerFailure } from './failure.ts';
import { chatDialect, endReason } from './names.ts';
import { argumentsText, contentText } from './reply-read.ts';
import { ReasoningReader } from './stream-reasoning.ts';
import { readUsage } from './usage.ts';

interface OpenCall {
  readonly index: number;
  id: string | undefined;
  /** Set when the call was opened. */
  name: string | undefined;
  held: string;
}

class ChoiceReader {
  readonly choice: { readonly choice?: number };
  readonly reasoning: ReasoningReader;
  isEnded = false;
  #calls: OpenCall[] = [];
  readonly #byId = new Map<string, OpenCall>();
  readonly #byIndex = new Map<number, OpenCall>();

  constructor(index: number) {
    this.choice = index === 0 ? {} : { choice: index };
    this.reasoning = new ReasoningReader(this.choice);
  }

  get hasCalls(): boolean {
    return this.#calls.length > 0;
  }

  toolCall(delta: JsonObject, streamId: string, into: ChatEvent[]): void {
    const called = isObject(delta.function) ? delta.function : {};
    const call = this.#find(
      isFilled(delta.id) ? delta.id : undefined,
      isNumber(delta.index) ? delta.index : undefined,
      isFilled(called.name) ? called.name : undefined,
    );
    const text = argumentsText(called.arguments);
    if (call.name !== undefined) {
      if (text !== '') into.push({ type: 'tool-call-delta', index: call.index, arguments: text, ...this.choice });
      return;
    }
    call.held += text;
    if (!isFilled(called.name)) return;
    call.name = called.name;
    const id = call.id ?? `call_${call.index}_${streamId}`;
    into.push({ type: 'tool-call', index: call.index, id, name: call.name, arguments: call.held, ...this.choice });
  }

  /** The choice has ended: what was held for a call that never got its name must not vanish unseen. */
  checkCalls(): void {
    const nameless = this.#calls.find(({ name, held }) => name === undefined && held !== '');
    if (nameless !== undefined) throw malformed(nameless.held, 'a name for every tool call');
  }

  #find(id: string | undefined, index: number | undefined, name: string | undefined): OpenCall {
    const known = id === undefined ? undefined : this.#byId.get(id);
    if (known !== undefined) return known;
    const earlier = index === undefined ? this.#calls.at(-1) : this.#byIndex.get(index);
    const call = earlier !== undefined && continues(earlier, id, index, name) ? earlier : this.#open();
    if (id !== undefined) {
      call.id ??= id;
      this.#byId.set(id, call);
    }
    if (index !== undefined) this.#byIndex.set(index, call);
    return call;
  }

  #open(): OpenCall {
    const call = { index: this.#calls.length, id: undefined, name: undefined, held: '' };
    this.#calls.push(call);
    return call;
  }
}

/** Whether a delta with an id not seen yet, or none, belongs to the call last seen at its index. */
function continues(
  earlier: OpenCall,
  id: string | undefined,
  index: number | undefined,
  name: string | undefined,
): boolean {
  if (name === undefined) return true;
  if (id !== undefined) return earlier.id === undefined && earlier.name === undefined;
  // A name repeated with every delta is the same call; another name, or one without an index, is the next.
  return earlier.name === undefined || (index !== undefined && earlier.name === name);
}

/** Reader of one chat stream. It throws the error that a frame may carry. */
export function readChatEvents(): (frame: Frame) => readonly ChatEvent[] {
  const choices = new Map<number, ChoiceReader>();
  let streamId: string | undefined;
  let ahead: JsonObject = {};

  return ({ event, data }) => {
    const chunk = readChunk(event, data);
    if (chunk === undefined) return [];
    const events: ChatEvent[] = [];
    const found = isArray(chunk.choices) ? chunk.choices.filter(isObject) : [];
    // Azure opens with a chunk about the prompt alone; what it tells belongs to the reply that follows.
    if (streamId === undefined && found.length === 0 && !isFilled(chunk.id) && chunkUsage(chunk) === undefined) {
      ahead = { ...ahead, ...chunk };
      return [];
    }
    if (streamId === undefined) {
      streamId = isFilled(chunk.id) ? chunk.id : '';
      events.push(readStart({ ...ahead, ...chunk }));
    }
    for (const choice of found) {
      const index = isNumber(choice.index) ? choice.index : 0;
      const reader = choices.get(index) ?? new ChoiceReader(index);
      choices.set(index, reader);
      readChoice(choice, reader, streamId, events);
    }
    // Usage on every chunk is a running count: it matters with the finish, or alone.
    const isLast = found.length === 0 || found.some(({ finish_reason: finish }) => isFilled(finish));
    const usage = isLast ? chunkUsage(chunk) : undefined;
    if (usage !== undefined) events.push({ type: 'usage', ...usage });
    return events;
  };
}

const chunkUsage = ({ usage, service_tier: tier, x_groq: groq }: JsonObject) =>
  readUsage(usage, tier) ?? (isObject(groq) ? readUsage(groq.usage) : undefined);

/** The chunk of a frame; undefined for `[DONE]` and for what has no data. */
function readChunk(event: string, data: string): JsonObject | undefined {
  const text = data.trim();
  if (text === '' || text === '[DONE]') return undefined;
  const chunk = parseJson(text);
  if (event === 'error') throw innerFailure(isObject(chunk) ? chunk : { message: text });
  if (!isObject(chunk)) throw malformed(text, 'a chunk in JSON');
  if (carriesError(chunk)) throw innerFailure(chunk);
  return chunk;
}

function readStart(chunk: JsonObject): ChatEvent {
  const {
    id,
    model,
    object: _,
    created: _created,
    choices: _choices,
    usage: _usage,
    obfuscation: _pad,
    x_groq: _groq,
    ...rest
  } = chunk;
  for (const name in rest) if (rest[name] === null) delete rest[name];
  return defined({
    type: 'start' as const,
    id: isFilled(id) ? id : undefined,
    model: isFilled(model) ? model : undefined,
    envelope: filled(rest),
  });
}

function readChoice(found: JsonObject, reader: ChoiceReader, streamId: string, into: ChatEvent[]): void {
  const { index: _, delta, finish_reason: finish, logprobs, ...rest } = found;
  if (reader.isEnded) return;
  if (isObject(delta)) readDelta(delta, logprobs ?? undefined, reader, streamId, into);
  if (!isFilled(finish)) return;
  reader.isEnded = true;
  reader.checkCalls();
  const reason = endReason(finish);
  for (const name in rest) if (rest[name] === null) delete rest[name];
  into.push({
    type: 'end',
    reason: reason === 'stop' && reader.hasCalls ? 'tool-calls' : reason,
    ...reader.choice,
    ...defined({ extra: filled(rest) }),
  });
}

function readDelta(
  delta: JsonObject,
  logprobs: unknown,
  reader: ChoiceReader,
  streamId: string,
  into: ChatEvent[],
): void {
  const {
    role: _,
    content,
    refusal,
    tool_calls: calls,
    reasoning_content: thought,
    reasoning,
    thinking_blocks: blocks,
    ...rest
  } = delta;
  const parts = isArray(content) ? content.filter(isObject) : [];
  const thinking = [thought, reasoning, contentText(parts, 'thinking')].find(isFilled) ?? '';
  reader.reasoning.read(thinking, blocks, into);
  const text = isString(content) ? content : contentText(parts, 'text');
  if (text !== '' || logprobs !== undefined)
    into.push({ type: 'text-delta', text, ...reader.choice, ...defined({ logprobs }) });
  if (isFilled(refusal)) into.push({ type: 'refusal-delta', text: refusal, ...reader.choice });
  if (isArray(calls)) for (const call of calls) if (isObject(call)) reader.toolCall(call, streamId, into);
  for (const name in rest) if (rest[name] === null) delete rest[name];
  if (filled(rest) !== undefined) into.push({ type: 'other', origin: chatDialect, value: rest, ...reader.choice });
}

/** Reader of one text completions stream. */
export function readCompletionEvents(): (frame: Frame) => readonly ChatEvent[] {
  const ended = new Set<number>();
  let isStarted = false;
  return ({ event, data }) => {
    const chunk = readChunk(event, data);
    if (chunk === undefined) return [];
    const events: ChatEvent[] = isStarted ? [] : [readStart(chunk)];
    isStarted = true;
    for (const { index = 0, text, finish_reason: finish, logprobs } of isArray(chunk.choices)
      ? chunk.choices.filter(isObject)
      : []) {
      const choice = index === 0 || !isNumber(index) ? {} : { choice: index };
      if (isFilled(text))
        events.push({ type: 'text-delta', text, ...choice, ...defined({ logprobs: logprobs ?? undefined }) });
      if (!isFilled(finish) || ended.has(index as number)) continue;
      ended.add(index as number);
      events.push({ type: 'end', reason: endReason(finish), ...choice });
    }
    const usage = chunkUsage(chunk);
    if (usage !== undefined) events.push({ type: 'usage', ...usage });
    return events;
  };
}
