/**
 * Streamed replies as clients of this dialect read them.
 *
 * One id for all chunks; the first delta of a choice carries the role; a tool
 * call's id and name are sent once; one chunk a choice has a finish reason;
 * usage comes last, in a chunk without choices, and only when asked for.
 */
import type { ChatEvent, ToolCall, Usage } from '../../contract/chat.ts';
import type { RutterError } from '../../contract/errors.ts';
import type { EventWriter, WriteContext } from '../../contract/wire.ts';
import { isObject } from '../values.ts';
import { writeStreamFailure } from './envelope.ts';
import { chatDialect, finishReason } from './names.ts';
import { isOpaque, writeBlock } from './thinking.ts';
import { writeUsage } from './usage.ts';
import { VendorFields } from './vendor-fields.ts';

type OpenCall = Extract<ChatEvent, { type: 'tool-call' }>;

/** What chat and text completions streams have in common. */
abstract class ChunkWriter implements EventWriter {
  #head: string | undefined;
  #tail = '}\n\n';
  #usage: Usage | undefined;
  readonly #ended = new Set<number>();
  readonly #context: WriteContext;

  constructor(context: WriteContext) {
    this.#context = context;
    // OpenAI writes the member into every chunk once usage was asked for.
    if (context.includeUsage) this.#tail = ',"usage":null}\n\n';
  }

  protected abstract readonly object: string;
  protected abstract readonly idPrefix: string;
  /** The choices of one event as JSON text, '' for nothing to send. */
  protected abstract choices(event: Exclude<ChatEvent, { type: 'start' | 'usage' }>, choice: number): string;

  event(event: ChatEvent): string {
    if (event.type === 'start') {
      this.#open(event);
      return '';
    }
    if (event.type === 'usage') {
      this.#usage = event;
      return '';
    }
    const choice = event.choice ?? 0;
    if (this.#ended.has(choice)) return '';
    if (event.type === 'end') this.#ended.add(choice);
    const choices = this.choices(event, choice);
    return choices === '' ? '' : `${this.#head ?? this.#open({})}${choices}${this.#tail}`;
  }

  #open({ id, envelope }: { readonly id?: string; readonly envelope?: Readonly<Record<string, unknown>> }): string {
    const { requestId, model, created } = this.#context;
    const head = JSON.stringify({
      ...envelope,
      id: id ?? `${this.idPrefix}-${requestId}`,
      object: this.object,
      created,
      model,
    });
    this.#head ??= `data: ${head.slice(0, -1)},"choices":`;
    return this.#head;
  }

  end(): string {
    const { includeUsage } = this.#context;
    const head = this.#head ?? this.#open({});
    const last =
      includeUsage && this.#usage !== undefined
        ? `${head}[],"usage":${JSON.stringify(writeUsage(this.#usage))}}\n\n`
        : '';
    return `${last}data: [DONE]\n\n`;
  }

  fail(error: RutterError): string {
    return writeStreamFailure(error);
  }
}

export class ChatWriter extends ChunkWriter {
  protected readonly object = 'chat.completion.chunk';
  protected readonly idPrefix = 'chatcmpl';
  readonly #opened = new Set<number>();
  readonly #vendorFields = new VendorFields();

  protected choices(event: Exclude<ChatEvent, { type: 'start' | 'usage' }>, choice: number): string {
    const delta = [deltaOf(event), this.#vendorFields.delta(event)].filter((text) => text !== '').join(',');
    if (delta === '' && event.type !== 'end') return '';
    const finish = event.type === 'end' ? `"${finishReason(event.reason)}"` : 'null';
    const logprobs =
      event.type === 'text-delta' && event.logprobs !== undefined ? JSON.stringify(event.logprobs) : 'null';
    const extra = event.type === 'end' && event.extra !== undefined ? members(event.extra) : '';
    return `[{"index":${choice},"delta":{${this.#withRole(delta, choice)}},"logprobs":${logprobs},"finish_reason":${finish}${extra}}]`;
  }

  #withRole(delta: string, choice: number): string {
    if (this.#opened.has(choice)) return delta;
    this.#opened.add(choice);
    if (delta === '') return '"role":"assistant","content":""';
    // Clients that read `delta.content` without looking expect it in the first chunk.
    const content = delta.startsWith('"content"') ? '' : '"content":null,';
    return `"role":"assistant",${content}${delta}`;
  }
}

function deltaOf(event: Exclude<ChatEvent, { type: 'start' | 'usage' }>): string {
  switch (event.type) {
    case 'text-delta':
      return event.text === '' && event.logprobs === undefined ? '' : `"content":${JSON.stringify(event.text)}`;
    case 'reasoning-delta':
      return event.text === '' ? '' : `"reasoning_content":${JSON.stringify(event.text)}`;
    case 'reasoning-block':
      return isOpaque(event.block) ? `"thinking_blocks":[${JSON.stringify(writeBlock(event.block))}]` : '';
    case 'refusal-delta':
      return event.text === '' ? '' : `"refusal":${JSON.stringify(event.text)}`;
    case 'tool-call':
      return openCall(event);
    case 'tool-call-delta':
      return event.arguments === ''
        ? ''
        : `"tool_calls":[{"index":${event.index},"function":{"arguments":${JSON.stringify(event.arguments)}}}]`;
    case 'other':
      return event.origin === chatDialect && isObject(event.value) ? members(event.value).slice(1) : '';
    case 'end':
      return '';
  }
}

function openCall({ index, id, name, arguments: text = '' }: OpenCall & Partial<ToolCall>): string {
  const called = JSON.stringify({ name, arguments: text });
  return `"tool_calls":[{"index":${index},"id":${JSON.stringify(id)},"type":"function","function":${called}}]`;
}

/** Members of an object as JSON text, each with a comma ahead. */
const members = ({ message: _whole, ...value }: Readonly<Record<string, unknown>>): string => {
  const text = JSON.stringify(value).slice(1, -1);
  return text === '' ? '' : `,${text}`;
};

export class CompletionWriter extends ChunkWriter {
  protected readonly object = 'text_completion';
  protected readonly idPrefix = 'cmpl';

  protected choices(event: Exclude<ChatEvent, { type: 'start' | 'usage' }>, choice: number): string {
    if (event.type === 'end') {
      const finish = event.reason === 'tool-calls' ? 'stop' : finishReason(event.reason);
      return `[{"text":"","index":${choice},"logprobs":null,"finish_reason":"${finish}"}]`;
    }
    if (event.type !== 'text-delta' || event.text === '') return '';
    const logprobs = event.logprobs === undefined ? 'null' : JSON.stringify(event.logprobs);
    return `[{"text":${JSON.stringify(event.text)},"index":${choice},"logprobs":${logprobs},"finish_reason":null}]`;
  }
}
