/**
 * Streamed replies of Converse as neutral events.
 *
 * Only tool calls have an opening event; the usage comes behind the end; an
 * exception is a message of its own kind and ends the stream.
 */
import type { ChatEvent, CodecContext, Frame } from '@rutter/plugin-sdk';
import {
  defined,
  isFilled,
  isNumber,
  isObject,
  isString,
  type JsonObject,
  malformed,
  parseJson,
} from '@rutter/plugin-sdk/codecs';
import { exceptionOf } from './failure.ts';
import { converseDialect, modelOf } from './model.ts';
import { ToolNames } from './names.ts';
import { endReason, signatureOrigin, stopSequence } from './reply.ts';
import { readUsage } from './usage.ts';

/** A content block that has begun. */
interface OpenBlock {
  /** Index among tool calls; -1 for no tool. */
  readonly tool: number;
  hasInput: boolean;
  isReasoning: boolean;
  /** What was thought in it: a signature without its text is worth nothing. */
  text: string;
  signature: string;
}

class ConverseReader {
  readonly #names: ToolNames;
  readonly #origin: string;
  readonly #open = new Map<number, OpenBlock>();
  #tools = 0;
  #thinking = '';

  constructor({ request, deployment }: CodecContext) {
    this.#names = new ToolNames(request);
    this.#origin = signatureOrigin(modelOf(deployment));
  }

  read(frame: Frame): ChatEvent[] {
    const failure = exceptionOf(frame);
    if (failure !== undefined) throw failure;
    if (frame.data.trim() === '') return [];
    const payload = parseJson(frame.data);
    if (!isObject(payload)) throw malformed(frame.data, 'an event in JSON');
    switch (frame.event) {
      case 'messageStart':
        return [{ type: 'start' }];
      case 'contentBlockStart':
        return this.#start(indexOf(payload), isObject(payload.start) ? payload.start : {}, payload);
      case 'contentBlockDelta':
        return this.#delta(indexOf(payload), isObject(payload.delta) ? payload.delta : {}, payload);
      case 'contentBlockStop':
        return this.#stop(indexOf(payload));
      case 'messageStop':
        return [end(payload)];
      case 'metadata':
        return this.#metadata(payload);
      default:
        return []; // Kinds newer than this codec.
    }
  }

  #block(index: number, tool = -1): OpenBlock {
    const found = this.#open.get(index) ?? { tool, hasInput: false, isReasoning: false, text: '', signature: '' };
    this.#open.set(index, found);
    return found;
  }

  #start(index: number, { toolUse }: JsonObject, payload: JsonObject): ChatEvent[] {
    if (!isObject(toolUse)) return Object.keys(payload).length > 0 ? [other(payload)] : [];
    this.#open.delete(index);
    const { tool } = this.#block(index, this.#tools++);
    const name = this.#names.read(String(toolUse.name));
    return [{ type: 'tool-call', index: tool, id: String(toolUse.toolUseId), name, arguments: '' }];
  }

  #delta(index: number, delta: JsonObject, payload: JsonObject): ChatEvent[] {
    const { text, toolUse, reasoningContent } = delta;
    if (isString(text)) return text === '' ? [] : [{ type: 'text-delta', text }];
    if (isObject(reasoningContent)) return this.#think(this.#block(index), reasoningContent);
    const block = this.#open.get(index);
    if (isObject(toolUse) && block !== undefined && block.tool >= 0) {
      if (!isFilled(toolUse.input)) return [];
      block.hasInput = true;
      return [{ type: 'tool-call-delta', index: block.tool, arguments: toolUse.input }];
    }
    return [other(payload)];
  }

  #think(block: OpenBlock, { text, signature, redactedContent }: JsonObject): ChatEvent[] {
    if (isFilled(redactedContent))
      return [{ type: 'reasoning-block', block: { redacted: redactedContent, origin: converseDialect } }];
    if (isString(signature)) block.signature += signature;
    block.isReasoning = true;
    if (!isFilled(text)) return [];
    block.text += text;
    this.#thinking += text;
    return [{ type: 'reasoning-delta', text }];
  }

  #stop(index: number): ChatEvent[] {
    const block = this.#open.get(index);
    this.#open.delete(index);
    if (block === undefined) return [];
    if (block.tool >= 0) return block.hasInput ? [] : [{ type: 'tool-call-delta', index: block.tool, arguments: '{}' }];
    if (!block.isReasoning || block.signature === '') return [];
    return [{ type: 'reasoning-block', block: { text: block.text, signature: block.signature, origin: this.#origin } }];
  }

  #metadata({ usage: found, trace }: JsonObject): ChatEvent[] {
    const usage = readUsage(found, this.#thinking);
    return [
      ...(usage === undefined ? [] : [{ type: 'usage' as const, ...usage }]),
      ...(isObject(trace) ? [other({ trace })] : []),
    ];
  }
}

const other = (value: unknown): ChatEvent => ({ type: 'other', origin: converseDialect, value });

const indexOf = ({ contentBlockIndex: index }: JsonObject): number => (isNumber(index) ? index : 0);

function end({ stopReason, additionalModelResponseFields }: JsonObject): ChatEvent {
  const sequence = stopSequence(additionalModelResponseFields);
  const extra = sequence === undefined ? undefined : { stop_sequence: sequence };
  return { type: 'end', reason: endReason(stopReason), ...defined({ extra }) };
}

/** Reader of one stream. It throws the error that an exception in it stands for. */
export function readEvents(context: CodecContext): (frame: Frame) => readonly ChatEvent[] {
  const reader = new ConverseReader(context);
  return (frame) => reader.read(frame);
}
