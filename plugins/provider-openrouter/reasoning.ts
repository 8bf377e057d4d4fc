/**
 * OpenRouter's `reasoning_details` as blocks of reasoning, and back.
 *
 * A detail is text, a summary, or sealed data, each with whatever the vendor
 * behind it needs to take it back. All but the readable text becomes the
 * block's signature, as JSON, so that nothing is lost on the way through a
 * client that knows nothing of details.
 * https://openrouter.ai/docs/use-cases/reasoning-tokens
 */
import type { ChatEvent, ReasoningBlock } from '@rutter/plugin-sdk';
import { isArray, isObject, isString, type JsonObject, parseJson } from '@rutter/plugin-sdk/codecs';

/** Tells a block made here from those of other vendors. */
const origin = 'openrouter';
const anthropicFormat = 'anthropic-claude-v1';

/** The blocks of a whole reply; undefined where there is no detail worth keeping beside the text. */
export function blocksOf(details: unknown): ReasoningBlock[] | undefined {
  const found = isArray(details) ? details.filter(isObject) : [];
  return found.some(isSealed) ? joined(found).map(blockOf) : undefined;
}

/** Only what somebody signed or sealed has to come back unchanged. */
const isSealed = ({ signature, data }: JsonObject): boolean => isString(signature) || isString(data);

const textMember = ({ type }: JsonObject): 'summary' | 'text' => (type === 'reasoning.summary' ? 'summary' : 'text');

function blockOf(detail: JsonObject): ReasoningBlock {
  const member = textMember(detail);
  const { [member]: text, ...rest } = detail;
  if (isString(detail.data)) return { redacted: JSON.stringify(detail), origin };
  return { text: isString(text) ? text : '', signature: JSON.stringify(rest), origin };
}

/** Pieces of one detail, which streams tell under one index, put together. */
function joined(pieces: readonly JsonObject[]): JsonObject[] {
  const whole: JsonObject[] = [];
  for (const piece of pieces) {
    const last = whole.at(-1);
    if (last === undefined || !continues(last, piece)) whole.push({ ...piece });
    else merge(last, piece);
  }
  return whole;
}

const continues = (last: JsonObject, piece: JsonObject): boolean =>
  last.type === piece.type && piece.index !== undefined && last.index === piece.index;

function merge(into: JsonObject, piece: JsonObject): void {
  for (const [name, value] of Object.entries(piece)) {
    if (value === null || value === undefined) continue;
    const isGrowing = name === 'text' || name === 'summary' || name === 'data';
    into[name] = isGrowing && isString(into[name]) && isString(value) ? into[name] + value : value;
  }
}

/** Adds blocks to the events of one stream: when another detail begins, and when its choice ends. */
export class DetailReader {
  readonly #pieces = new Map<number, JsonObject[]>();

  read(events: readonly ChatEvent[]): readonly ChatEvent[] {
    const out: ChatEvent[] = [];
    // First, because a piece may come in one chunk with the text that follows it.
    for (const event of events) if (event.type === 'other') this.#take(event);
    for (const event of events) {
      if (event.type === 'end' || event.type === 'text-delta' || event.type === 'tool-call')
        this.#close(event.choice ?? 0, out);
      out.push(event);
    }
    return out;
  }

  #take({ value, choice = 0 }: Extract<ChatEvent, { type: 'other' }>): void {
    const details = isObject(value) && isArray(value.reasoning_details) ? value.reasoning_details.filter(isObject) : [];
    if (details.length > 0) this.#pieces.set(choice, joined([...(this.#pieces.get(choice) ?? []), ...details]));
  }

  #close(choice: number, into: ChatEvent[]): void {
    const pieces = this.#pieces.get(choice);
    if (pieces === undefined) return;
    this.#pieces.delete(choice);
    for (const block of blocksOf(pieces) ?? [])
      into.push({ type: 'reasoning-block', block, ...(choice !== 0 && { choice }) });
  }
}

/** A message of the history with its reasoning as OpenRouter takes it back. */
export function withDetails(message: JsonObject, isClaude: boolean): JsonObject {
  const { thinking_blocks: blocks, reasoning_content: text, ...rest } = message;
  if (blocks === undefined && text === undefined) return message;
  if (isArray(rest.reasoning_details) && rest.reasoning_details.length > 0) return rest;
  const found = isArray(blocks) ? blocks.filter(isObject) : [];
  const details = found.map((block) => detailOf(block, isClaude)).filter((detail) => detail !== undefined);
  if (details.length > 0) return { ...rest, reasoning_details: details };
  const told = isString(text) ? text : found.map(({ thinking }) => (isString(thinking) ? thinking : '')).join('');
  return told === '' || rest.reasoning !== undefined ? rest : { ...rest, reasoning: told };
}

/** Undefined for a block that nobody behind OpenRouter would take. */
function detailOf(block: JsonObject, isClaude: boolean): JsonObject | undefined {
  const { type, thinking, signature, data, origin: from } = block;
  if (from === origin) {
    const rest = parseJson(String(type === 'redacted_thinking' ? data : signature));
    if (!isObject(rest)) return undefined;
    return type === 'redacted_thinking' ? rest : { ...rest, [textMember(rest)]: thinking };
  }
  if (from !== undefined || !isClaude) return undefined;
  if (type === 'redacted_thinking') return { type: 'reasoning.encrypted', data, format: anthropicFormat };
  return isString(signature)
    ? { type: 'reasoning.text', text: thinking, signature, format: anthropicFormat }
    : undefined;
}
