/**
 * Replies of Ollama, whole and streamed.
 *
 * Both operations and both forms have one shape: an object with a piece of the
 * reply, of which the last, with `done`, has the counts.
 */
import type { ChatEvent, ChatReply, ChatRequest, CodecContext, EndReason, Frame, Usage } from '@rutter/plugin-sdk';
import {
  chatText,
  collectEvents,
  defined,
  estimateTokens,
  fingerprint,
  isArray,
  isFilled,
  isNumber,
  isObject,
  isString,
  type JsonObject,
  malformed,
  parseJson,
  replyObject,
} from '@rutter/plugin-sdk/codecs';
import { innerFailure } from './failure.ts';

const endReasons: Readonly<Record<string, EndReason>> = { stop: 'stop', length: 'length' };

class PieceReader {
  readonly #request: ChatRequest;
  #isStarted = false;
  #isEnded = false;
  #calls = 0;

  constructor(request: ChatRequest) {
    this.#request = request;
  }

  read(piece: JsonObject): ChatEvent[] {
    if (piece.error !== undefined && piece.error !== null) throw innerFailure(piece);
    const { message, response, thinking, model, done, logprobs } = piece;
    const said = isObject(message) ? message : { content: response, thinking };
    const events: ChatEvent[] = [];
    if (!this.#isStarted) events.push({ type: 'start', ...defined({ model: isFilled(model) ? model : undefined }) });
    this.#isStarted = true;
    if (this.#isEnded) return [];
    if (isFilled(said.thinking)) events.push({ type: 'reasoning-delta', text: said.thinking });
    if (isFilled(said.content)) {
      const told = isArray(logprobs) && logprobs.length > 0 ? { content: logprobs } : undefined;
      events.push({ type: 'text-delta', text: said.content, ...defined({ logprobs: told }) });
    }
    if (isObject(message) && isArray(message.tool_calls))
      for (const call of message.tool_calls) events.push(this.#call(call, piece));
    if (done === true) events.push(...this.#end(piece));
    return events;
  }

  #call(found: unknown, { created_at: at }: JsonObject): ChatEvent {
    const { id, function: called } = isObject(found) ? found : {};
    if (!isObject(called) || !isFilled(called.name))
      throw malformed(JSON.stringify(found), 'a name for every tool call');
    const { name, arguments: value } = called;
    const text = isString(value) ? value : JSON.stringify(value ?? {});
    const index = this.#calls++;
    // Older versions name no calls; a name made of when and what is another in every turn.
    const made = `call_${fingerprint(JSON.stringify([at, index, name, text])).toString(36)}`;
    return { type: 'tool-call', index, id: isFilled(id) ? id : made, name, arguments: text };
  }

  #end(piece: JsonObject): ChatEvent[] {
    this.#isEnded = true;
    const { done_reason: found } = piece;
    const reason = (isString(found) && Object.hasOwn(endReasons, found) ? endReasons[found] : undefined) ?? 'stop';
    const usage = usageOf(piece, this.#request);
    return [
      ...(usage === undefined ? [] : [{ type: 'usage' as const, ...usage }]),
      { type: 'end', reason: reason === 'stop' && this.#calls > 0 ? 'tool-calls' : reason },
    ];
  }
}

const count = (value: unknown): number => (isNumber(value) && value > 0 ? Math.floor(value) : 0);

/** A prompt that was still in memory is not counted by older versions: then it is estimated. */
function usageOf(
  { prompt_eval_count: input, eval_count: output }: JsonObject,
  request: ChatRequest,
): Usage | undefined {
  if (isNumber(input)) return { input: count(input), output: count(output) };
  if (!isNumber(output)) return undefined;
  return { input: estimateTokens(chatText(request)), output: count(output), estimated: true };
}

export function readReply(body: unknown, { request }: Pick<CodecContext, 'request'>): ChatReply {
  const found = replyObject(isString(body) ? (parseJson(body) ?? body) : body, 'a reply in JSON');
  const isReply = isObject(found.message) || isString(found.response) || found.error !== undefined;
  if (!isReply) throw malformed(JSON.stringify(found), 'a reply in JSON, with a message or a response');
  return collectEvents(new PieceReader(request).read({ ...found, done: true }));
}

/** Reader of one stream. It throws the error that a line may carry. */
export function readEvents({ request }: Pick<CodecContext, 'request'>): (frame: Frame) => readonly ChatEvent[] {
  const reader = new PieceReader(request);
  return ({ data }) => {
    if (data.trim() === '') return [];
    const piece = parseJson(data);
    if (!isObject(piece)) throw malformed(data, 'a line in JSON');
    return reader.read(piece);
  };
}
