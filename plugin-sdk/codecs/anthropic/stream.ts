/** Streamed replies of the Messages API as neutral events. */
import type { ChatEvent, Usage } from '../../contract/chat.ts';
import type { Frame } from '../../contract/wire.ts';
import { malformed } from '../failures.ts';
import { defined, filled, isFilled, isNumber, isObject, isString, type JsonObject, parseJson } from '../values.ts';
import { innerFailure } from './failure.ts';
import { endReason, messagesDialect, toldStop } from './names.ts';
import { readUsage } from './usage.ts';

/** One content block while it is open. */
interface OpenBlock {
  readonly kind: 'text' | 'tool' | 'thinking' | 'other';
  /** Index of a tool among tools: not the block's own. */
  readonly tool: number;
  text: string;
  signature: string;
}

class MessageReader {
  readonly #open = new Map<number, OpenBlock>();
  #tools = 0;
  #usage: JsonObject = {};
  #thinking = '';
  #isEnded = false;

  read({ event, data }: Frame): ChatEvent[] {
    if (data.trim() === '') return [];
    const payload = parseJson(data);
    if (!isObject(payload)) throw malformed(data, 'an event in JSON');
    const type = isString(payload.type) ? payload.type : event;
    switch (type) {
      case 'message_start':
        return this.#start(isObject(payload.message) ? payload.message : {});
      case 'content_block_start':
        return this.#openBlock(indexOf(payload), isObject(payload.content_block) ? payload.content_block : {}, payload);
      case 'content_block_delta':
        return this.#delta(indexOf(payload), isObject(payload.delta) ? payload.delta : {}, payload);
      case 'content_block_stop':
        return this.#closeBlock(indexOf(payload));
      case 'message_delta':
        return this.#end(payload);
      case 'error':
        throw innerFailure(payload);
      default:
        return []; // Pings, message_stop, and kinds newer than this codec.
    }
  }

  #start({ id, model, usage, container }: JsonObject): ChatEvent[] {
    if (isObject(usage)) this.#usage = usage;
    const envelope = filled(defined({ container: container ?? undefined }));
    return [
      {
        type: 'start',
        ...defined({ id: isFilled(id) ? id : undefined, model: isFilled(model) ? model : undefined, envelope }),
      },
    ];
  }

  #openBlock(index: number, block: JsonObject, payload: JsonObject): ChatEvent[] {
    const { type, id, name, input, text, thinking, data } = block;
    const open = (kind: OpenBlock['kind'], tool = -1) => this.#open.set(index, { kind, tool, text: '', signature: '' });
    switch (type) {
      case 'text':
        open('text');
        return isFilled(text) ? [{ type: 'text-delta', text }] : [];
      case 'tool_use': {
        open('tool', this.#tools);
        const given = isObject(input) && filled(input) !== undefined ? JSON.stringify(input) : '';
        this.#open.get(index)!.text = given;
        return [{ type: 'tool-call', index: this.#tools++, id: String(id), name: String(name), arguments: given }];
      }
      case 'thinking':
        open('thinking');
        return isFilled(thinking) ? this.#think(index, thinking) : [];
      case 'redacted_thinking':
        open('other');
        return [{ type: 'reasoning-block', block: { redacted: String(data), origin: messagesDialect } }];
      default:
        open('other');
        return [{ type: 'other', origin: messagesDialect, value: payload }];
    }
  }

  #delta(index: number, delta: JsonObject, payload: JsonObject): ChatEvent[] {
    const block = this.#open.get(index);
    const { type, text, partial_json: json, thinking, signature } = delta;
    if (type === 'text_delta') return isFilled(text) ? [{ type: 'text-delta', text }] : [];
    if (type === 'thinking_delta') return isFilled(thinking) ? this.#think(index, thinking) : [];
    if (type === 'signature_delta') {
      if (block !== undefined && isString(signature)) block.signature += signature;
      return [];
    }
    if (type === 'input_json_delta' && block !== undefined && block.kind !== 'other') {
      return isFilled(json) ? this.#input(block, json) : [];
    }
    return [{ type: 'other', origin: messagesDialect, value: payload }];
  }

  #think(index: number, text: string): ChatEvent[] {
    const block = this.#open.get(index);
    if (block !== undefined) block.text += text;
    this.#thinking += text;
    return [{ type: 'reasoning-delta', text }];
  }

  #input(block: OpenBlock, json: string): ChatEvent[] {
    // The length is all that matters: whether there were arguments.
    if (block.text === '') block.text = json;
    return [{ type: 'tool-call-delta', index: block.tool, arguments: json }];
  }

  #closeBlock(index: number): ChatEvent[] {
    const block = this.#open.get(index);
    this.#open.delete(index);
    if (block?.kind === 'thinking') {
      const { text, signature } = block;
      return [
        {
          type: 'reasoning-block',
          block: defined({ text, signature: signature === '' ? undefined : signature, origin: messagesDialect }),
        },
      ];
    }
    if (block?.kind === 'tool' && block.text === '')
      return [{ type: 'tool-call-delta', index: block.tool, arguments: '{}' }];
    return [];
  }

  #end({ delta, usage: found }: JsonObject): ChatEvent[] {
    // Counts in message_delta are of the whole message; what it leaves out stands as message_start told it.
    if (isObject(found)) this.#usage = { ...this.#usage, ...withoutNulls(found) };
    const { stop_reason: stop, stop_sequence: sequence } = isObject(delta) ? delta : {};
    if (!isFilled(stop) || this.#isEnded) return [];
    this.#isEnded = true;
    const reason = endReason(stop);
    const usage: Usage | undefined = readUsage(this.#usage, this.#thinking);
    const extra = filled(
      defined({ stop_sequence: isString(sequence) ? sequence : undefined, stop_reason: toldStop(stop) }),
    );
    return [
      ...(usage === undefined ? [] : [{ type: 'usage' as const, ...usage }]),
      { type: 'end', reason, ...defined({ extra }) },
    ];
  }
}

const indexOf = ({ index }: JsonObject): number => (isNumber(index) ? index : 0);

const withoutNulls = (value: JsonObject): JsonObject =>
  Object.fromEntries(Object.entries(value).filter(([, member]) => member !== null));

/** Reader of one stream. It throws the error that an event may carry. */
export function readEvents(): (frame: Frame) => readonly ChatEvent[] {
  const reader = new MessageReader();
  return (frame) => reader.read(frame);
}
