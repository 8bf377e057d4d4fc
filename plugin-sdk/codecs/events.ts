/**
 * A whole reply from the events of a stream, and the events of a whole reply.
 *
 * Reasoning: the deltas since the last block are the text of the next
 * `reasoning-block`, unless the block brings its own.
 */
import type { ChatEvent, ChatReply, Choice, Extra, ReasoningBlock, ToolCall, Usage } from '../contract/chat.ts';
import { RutterError } from '../contract/errors.ts';
import { defined } from './values.ts';

/** Most characters a collected reply may have. */
export const maxReplyLength = 16 * 1024 * 1024;

interface OpenCall {
  readonly id: string;
  readonly name: string;
  arguments: string;
}

class ChoiceParts {
  text = '';
  refusal = '';
  pendingReasoning = '';
  readonly reasoning: ReasoningBlock[] = [];
  readonly calls = new Map<number, OpenCall>();
  readonly logprobs: unknown[] = [];
  end: Extract<ChatEvent, { type: 'end' }> | undefined;

  closeReasoning(block?: ReasoningBlock): void {
    const own = block?.text === undefined && block?.redacted === undefined ? this.pendingReasoning : undefined;
    if (block?.redacted !== undefined && this.pendingReasoning !== '')
      this.reasoning.push({ text: this.pendingReasoning });
    if (block !== undefined) this.reasoning.push(own === undefined || own === '' ? block : { ...block, text: own });
    else if (this.pendingReasoning !== '') this.reasoning.push({ text: this.pendingReasoning });
    this.pendingReasoning = '';
  }

  finish(): Choice {
    this.closeReasoning();
    const calls = [...this.calls].sort(([a], [b]) => a - b).map(([, call]): ToolCall => ({ ...call }));
    return defined({
      text: this.text,
      toolCalls: calls.length > 0 ? calls : undefined,
      reasoning: this.reasoning.length > 0 ? this.reasoning : undefined,
      refusal: this.refusal === '' ? undefined : this.refusal,
      end: this.end?.reason ?? 'stop',
      logprobs: this.logprobs.length > 0 ? mergeLogprobs(this.logprobs) : undefined,
      extra: this.end?.extra,
    });
  }
}

function mergeLogprobs(all: readonly unknown[]): unknown {
  const merged: Record<string, unknown[]> = {};
  for (const one of all) {
    for (const [key, value] of Object.entries(one as Record<string, unknown>)) {
      if (Array.isArray(value)) merged[key] = [...(merged[key] ?? []), ...value];
    }
  }
  return merged;
}

/** Gathers a stream event by event; `reply` may be asked once, after the last. */
export class ReplyCollector {
  #id: string | undefined;
  #model: string | undefined;
  #envelope: Extra | undefined;
  #usage: Usage | undefined;
  #length = 0;
  readonly #choices = new Map<number, ChoiceParts>();

  push(event: ChatEvent): void {
    switch (event.type) {
      case 'start':
        this.#id ??= event.id;
        this.#model ??= event.model;
        this.#envelope ??= event.envelope;
        return;
      case 'usage': {
        const { type: _, ...usage } = event;
        this.#usage = usage;
        return;
      }
      default:
        this.#add(event, this.#choice(event.choice ?? 0));
    }
  }

  #choice(index: number): ChoiceParts {
    const found = this.#choices.get(index) ?? new ChoiceParts();
    this.#choices.set(index, found);
    return found;
  }

  #add(event: Exclude<ChatEvent, { type: 'start' | 'usage' }>, choice: ChoiceParts): void {
    switch (event.type) {
      case 'text-delta':
        choice.text += this.#counted(event.text);
        if (event.logprobs !== undefined) choice.logprobs.push(event.logprobs);
        break;
      case 'reasoning-delta':
        choice.pendingReasoning += this.#counted(event.text);
        break;
      case 'refusal-delta':
        choice.refusal += this.#counted(event.text);
        break;
      case 'reasoning-block':
        choice.closeReasoning(event.block);
        break;
      case 'tool-call':
        choice.calls.set(event.index, {
          id: event.id,
          name: event.name,
          arguments: this.#counted(event.arguments ?? ''),
        });
        break;
      case 'tool-call-delta': {
        const call = choice.calls.get(event.index);
        if (call === undefined) {
          throw new RutterError(
            'ERR_PROVIDER_STREAM',
            `The stream continued tool call ${event.index} before opening it.`,
          );
        }
        call.arguments += this.#counted(event.arguments);
        break;
      }
      case 'end':
        choice.end ??= event;
        break;
      case 'other':
        break;
    }
  }

  #counted(text: string): string {
    this.#length += text.length;
    if (this.#length <= maxReplyLength) return text;
    throw new RutterError(
      'ERR_PROVIDER_MALFORMED',
      `The reply is longer than ${maxReplyLength} characters; that is the most that is collected.`,
    );
  }

  /** Throws ERR_PROVIDER_STREAM while a choice has no `end`: half a reply must not pass for a whole one. */
  reply(): ChatReply {
    const ordered = [...this.#choices].sort(([a], [b]) => a - b).map(([, choice]) => choice);
    const [first, ...others] = ordered;
    if (first === undefined || ordered.some(({ end }) => end === undefined)) {
      throw new RutterError('ERR_PROVIDER_STREAM', 'The stream broke off before the reply was complete.');
    }
    return defined({
      ...first.finish(),
      id: this.#id,
      model: this.#model,
      usage: this.#usage,
      others: others.length > 0 ? others.map((choice) => choice.finish()) : undefined,
      envelope: this.#envelope,
    });
  }
}

/** The reply a stream of events amounts to. Throws ERR_PROVIDER_STREAM for one that broke off. */
export function collectEvents(events: Iterable<ChatEvent>): ChatReply;
export function collectEvents(events: AsyncIterable<ChatEvent>): Promise<ChatReply>;
export function collectEvents(events: Iterable<ChatEvent> | AsyncIterable<ChatEvent>): ChatReply | Promise<ChatReply> {
  const collector = new ReplyCollector();
  if (!(Symbol.iterator in events)) return collectLater(events, collector);
  for (const event of events) collector.push(event);
  return collector.reply();
}

async function collectLater(events: AsyncIterable<ChatEvent>, collector: ReplyCollector): Promise<ChatReply> {
  for await (const event of events) collector.push(event);
  return collector.reply();
}

/** A whole reply as the events that collect into it again. */
export function replyEvents(reply: ChatReply): ChatEvent[] {
  const { id, model, envelope, usage, others = [] } = reply;
  const events: ChatEvent[] = [{ type: 'start', ...defined({ id, model, envelope }) }];
  for (const [index, choice] of [reply, ...others].entries()) events.push(...choiceEvents(choice, index));
  if (usage !== undefined) events.push({ type: 'usage', ...usage });
  return events;
}

function choiceEvents(
  { text, toolCalls, reasoning, refusal, end, logprobs, extra }: Choice,
  index: number,
): ChatEvent[] {
  const choice = index === 0 ? {} : { choice: index };
  const events: ChatEvent[] = [];
  for (const block of reasoning ?? []) {
    if (block.text !== undefined && block.text !== '')
      events.push({ type: 'reasoning-delta', text: block.text, ...choice });
    events.push({ type: 'reasoning-block', block, ...choice });
  }
  if (text !== '') events.push({ type: 'text-delta', text, ...choice, ...defined({ logprobs }) });
  if (refusal !== undefined) events.push({ type: 'refusal-delta', text: refusal, ...choice });
  for (const [at, call] of (toolCalls ?? []).entries()) {
    events.push({ type: 'tool-call', index: at, id: call.id, name: call.name, arguments: call.arguments, ...choice });
  }
  events.push({ type: 'end', reason: end, ...choice, ...defined({ extra }) });
  return events;
}
