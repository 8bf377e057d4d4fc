/** Streamed replies of Cohere's chat as neutral events. https://docs.cohere.com/v2/docs/streaming */
import type { ChatEvent, Frame } from '@rutter/plugin-sdk';
import {
  defined,
  isArray,
  isFilled,
  isNumber,
  isObject,
  isString,
  type JsonObject,
  malformed,
  parseJson,
} from '@rutter/plugin-sdk/codecs';
import { citing, endReason, readCall, readLogprobs, readUsage } from './reply.ts';

class MessageReader {
  /** Ours by the vendor's index, which other blocks may share. */
  readonly #calls = new Map<number, number>();
  /** Calls that have got no arguments yet. */
  readonly #bare = new Set<number>();
  #isEnded = false;

  read({ data }: Frame): ChatEvent[] {
    const text = data.trim();
    if (text === '' || text === '[DONE]') return [];
    const event = parseJson(text);
    if (!isObject(event)) throw malformed(text, 'an event in JSON');
    const delta = isObject(event.delta) ? event.delta : {};
    const message = isObject(delta.message) ? delta.message : {};
    switch (event.type) {
      case 'message-start':
        return [{ type: 'start', ...defined({ id: isFilled(event.id) ? event.id : undefined }) }];
      case 'content-start':
      case 'content-delta':
        return content(message.content, event.logprobs);
      case 'tool-plan-delta':
        return isFilled(message.tool_plan) ? [{ type: 'reasoning-delta', text: message.tool_plan }] : [];
      case 'tool-call-start':
        return this.#open(indexOf(event), one(message.tool_calls));
      case 'tool-call-delta':
        return this.#grow(indexOf(event), one(message.tool_calls));
      case 'tool-call-end':
        return this.#close(indexOf(event));
      case 'citation-start':
        return cited(message.citations);
      case 'message-end':
        return this.#end(delta);
      default:
        return untyped(event);
    }
  }

  #open(at: number, found: JsonObject): ChatEvent[] {
    const [call] = readCall(found, this.#calls.size);
    if (call === undefined) throw malformed(JSON.stringify(found), 'a name for every tool call');
    const index = this.#calls.size;
    this.#calls.set(at, index);
    if (call.arguments === '') this.#bare.add(index);
    return [{ type: 'tool-call', index, ...call }];
  }

  #grow(at: number, { function: called }: JsonObject): ChatEvent[] {
    const index = this.#calls.get(at);
    const text = isObject(called) ? called.arguments : undefined;
    if (index === undefined || !isFilled(text)) return [];
    this.#bare.delete(index);
    return [{ type: 'tool-call-delta', index, arguments: text }];
  }

  #close(at: number): ChatEvent[] {
    const index = this.#calls.get(at);
    if (index === undefined || !this.#bare.delete(index)) return [];
    return [{ type: 'tool-call-delta', index, arguments: '{}' }];
  }

  #end({ finish_reason: finish, usage: found, error }: JsonObject): ChatEvent[] {
    if (this.#isEnded) return [];
    this.#isEnded = true;
    const reason = endReason(isFilled(error) ? 'ERROR' : finish, error);
    const usage = readUsage(found);
    return [
      ...(usage === undefined ? [] : [{ type: 'usage' as const, ...usage }]),
      { type: 'end', reason: reason === 'stop' && this.#calls.size > 0 ? 'tool-calls' : reason },
    ];
  }
}

const indexOf = ({ index }: JsonObject): number => (isNumber(index) ? index : 0);
/** The one entry that an event tells of, in a list or by itself. */
const one = (found: unknown): JsonObject => {
  const entry: unknown = isArray(found) ? found[0] : found;
  return isObject(entry) ? entry : {};
};

function content(found: unknown, logprobs: unknown): ChatEvent[] {
  const { text, thinking } = one(found);
  if (isFilled(thinking)) return [{ type: 'reasoning-delta', text: thinking }];
  if (!isFilled(text)) return [];
  return [
    {
      type: 'text-delta',
      text,
      ...defined({
        logprobs: readLogprobs(isArray(logprobs) ? logprobs : isObject(logprobs) ? [logprobs] : undefined),
      }),
    },
  ];
}

function cited(found: unknown): ChatEvent[] {
  const citations = isArray(found) ? found : isObject(found) ? [found] : [];
  return citations.length === 0 ? [] : [{ type: 'other', origin: 'openai-chat', value: citing(citations) }];
}

/** Kinds newer than this codec say nothing; an error without a type of its own, as of a proxy, ends the stream. */
function untyped({ type, message, error }: JsonObject): ChatEvent[] {
  const said = isString(error) ? error : isObject(error) ? error.message : message;
  if (type === 'error' || (type === undefined && isFilled(said))) endReason('ERROR', said);
  return [];
}

/** Reader of one stream. It throws the error that an event may carry. */
export function readEvents(): (frame: Frame) => readonly ChatEvent[] {
  const reader = new MessageReader();
  return (frame) => reader.read(frame);
}
