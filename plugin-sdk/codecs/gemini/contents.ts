/**
 * Messages as Gemini's contents.
 *
 * The system prompt stands apart; turns alternate between user and model; the
 * answers of all tools of a turn come together, in the order of the calls;
 * what Gemini signed goes back where it stood.
 * https://ai.google.dev/gemini-api/docs/thought-signatures
 */
import type { Message, ReasoningBlock, ToolCall } from '../../contract/chat.ts';
import { RutterError } from '../../contract/errors.ts';
import { splitCallId } from '../signed-call.ts';
import { isArray, isObject, isString, type JsonObject, parseJson } from '../values.ts';
import { geminiOrigin, modelVersion } from './names.ts';
import { writeContent, writeImage } from './parts.ts';

export interface Content {
  readonly role: 'user' | 'model';
  readonly parts: JsonObject[];
}

/** Google's own stand-in for the signature of a call that Gemini did not make. */
const unsigned = 'skip_thought_signature_validator';

const isSystem = ({ role }: Message) => role === 'system' || role === 'developer';

/** The parts of `system_instruction`; undefined for none. */
export function writeSystem(messages: readonly Message[]): JsonObject[] | undefined {
  const parts = messages.flatMap((message, index) =>
    isSystem(message) ? writeContent(message.content, `messages[${index}]`) : [],
  );
  return parts.length > 0 ? parts : undefined;
}

export function writeContents(messages: readonly Message[], model: string): Content[] {
  const writer = new ContentsWriter(model);
  for (const [index, message] of messages.entries()) if (!isSystem(message)) writer.add(message, `messages[${index}]`);
  return writer.contents();
}

interface KnownCall {
  readonly name: string;
  /** Place among all calls: answers are put in this order. */
  readonly order: number;
}

class ContentsWriter {
  readonly #model: string;
  readonly #turns: Content[] = [];
  readonly #calls = new Map<string, KnownCall>();
  /** Places of the answers in a turn. */
  readonly #orders = new WeakMap<JsonObject, number>();
  #count = 0;

  constructor(model: string) {
    this.#model = model;
  }

  add(message: Message, path: string): void {
    if (message.role === 'assistant') this.#push('model', this.#modelParts(message, path));
    else if (message.role === 'tool') this.#push('user', this.#answer(message, path));
    else this.#push('user', writeContent(message.content, path));
  }

  contents(): Content[] {
    const turns = this.#turns.map(({ role, parts }) =>
      role === 'user' ? { role, parts: this.#ordered(parts) } : { role, parts },
    );
    // The API refuses a conversation that the model opens, or an empty one.
    if (turns[0]?.role !== 'user') turns.unshift({ role: 'user', parts: [{ text: ' ' }] });
    return turns;
  }

  #push(role: Content['role'], parts: JsonObject[]): void {
    if (parts.length === 0) return;
    const last = this.#turns.at(-1);
    if (last?.role === role) last.parts.push(...parts);
    else this.#turns.push({ role, parts });
  }

  #modelParts(message: Message, path: string): JsonObject[] {
    const { reasoning = [], refusal, toolCalls = [], extra } = message;
    const own = reasoning.filter(({ origin, signature }) => origin === geminiOrigin && signature !== undefined);
    const images = isArray(extra?.images) ? extra.images.flatMap(writeImage) : [];
    const text = [...writeContent(message.content, path), ...(refusal ? [{ text: refusal }] : [])];
    const parts = [...own.flatMap(thoughtPart), ...signedText(text, own), ...images];
    const calls = toolCalls.map((call, at) => this.#call(call, `${path}.tool_calls[${at}]`));
    return [...parts, ...withStandIn(calls, this.#model)];
  }

  #call(call: ToolCall, path: string): JsonObject {
    const { id, signature } = splitCallId(call.id);
    const known = { name: call.name, order: this.#count++ };
    // Clients may have cut the signature off the id.
    this.#calls.set(call.id, known).set(id, known);
    const args = readArguments(call.arguments, `${path}.function.arguments`);
    const thoughtSignature = signature ?? signatureIn(call);
    return { functionCall: { name: call.name, args }, ...(thoughtSignature !== undefined && { thoughtSignature }) };
  }

  #answer(message: Message, path: string): JsonObject[] {
    const { toolCallId = '', name, isError } = message;
    const known = this.#calls.get(toolCallId) ?? this.#calls.get(splitCallId(toolCallId).id);
    const called = known?.name ?? name;
    if (called === undefined) {
      throw new RutterError(
        'ERR_REQUEST_INVALID',
        `${path}.tool_call_id: found ${JSON.stringify(toolCallId.slice(0, 60))}, expected the id of a tool call earlier in the messages.`,
        { param: `${path}.tool_call_id` },
      );
    }
    const parts = writeContent(message.content, path);
    const text = parts.flatMap((part) => (isString(part.text) ? [part.text] : [])).join('\n');
    const answer = { functionResponse: { name: called, response: responseOf(text, isError === true) } };
    this.#orders.set(answer, known?.order ?? this.#count);
    return [answer, ...parts.filter((part) => !isString(part.text))];
  }

  /** The answers first, in the order of their calls, then what the user said or the tools showed. */
  #ordered(parts: readonly JsonObject[]): JsonObject[] {
    const orderOf = (part: JsonObject) => this.#orders.get(part) ?? Number.POSITIVE_INFINITY;
    const isAnswer = (part: JsonObject) => this.#orders.has(part);
    const answers = parts.filter(isAnswer).sort((a, b) => orderOf(a) - orderOf(b));
    return [...answers, ...parts.filter((part) => !isAnswer(part))];
  }
}

/** An object is the response itself; anything else is told under the names the API knows. */
function responseOf(text: string, isError: boolean): JsonObject {
  if (isError) return { error: text };
  const found = parseJson(text);
  if (isObject(found)) return found;
  return { output: found === undefined ? text : found };
}

function readArguments(text: string, path: string): JsonObject {
  if (text.trim() === '') return {};
  const found = parseJson(text);
  if (isObject(found)) return found;
  throw new RutterError(
    'ERR_REQUEST_INVALID',
    `${path}: found ${JSON.stringify(text.slice(0, 40))}, expected a JSON object.`,
    { param: path },
  );
}

const thoughtPart = ({ text, signature }: ReasoningBlock): JsonObject[] =>
  text ? [{ text, thought: true, thoughtSignature: signature }] : [];

/** A signature without reasoning belongs to the text itself: to its last part. */
function signedText(parts: readonly JsonObject[], blocks: readonly ReasoningBlock[]): JsonObject[] {
  const signature = blocks.findLast(({ text }) => !text)?.signature;
  if (signature === undefined) return [...parts];
  return [...parts.slice(0, -1), { text: '', ...parts.at(-1), thoughtSignature: signature }];
}

/** Where else clients and gateways keep the signature of a call. */
function signatureIn({ extra }: ToolCall): string | undefined {
  const called = isObject(extra?.function) ? extra.function : {};
  const google = isObject(extra?.extra_content) ? extra.extra_content.google : undefined;
  const places = [extra?.provider_specific_fields, called.provider_specific_fields, google];
  for (const place of places) {
    if (isObject(place) && isString(place.thought_signature) && place.thought_signature !== '')
      return place.thought_signature;
  }
  return undefined;
}

/** From Gemini 3 on the first call of a turn must be signed, those of other vendors too. */
function withStandIn(calls: readonly JsonObject[], model: string): JsonObject[] {
  const [first, ...others] = calls;
  if (first === undefined) return [];
  const needsOne = (modelVersion(model) ?? 0) >= 300 && first.thoughtSignature === undefined;
  return [needsOne ? { ...first, thoughtSignature: unsigned } : first, ...others];
}
