/**
 * One turn of a streamed loop: which of its events the client may see.
 *
 * Nothing is known to be final until the turn has ended or called a foreign
 * tool, so what comes first is held. Text longer than the hold counts as the
 * answer and flows from then on, even if a call of an own tool follows it.
 */
import type { ChatEvent, ChatReply, ToolCall } from '@rutter/plugin-sdk';
import { ReplyCollector } from '@rutter/plugin-sdk/codecs';

export interface TurnOptions {
  readonly ownNames: ReadonlySet<string>;
  /** Characters of text held while the turn may still turn out to be an inner one. */
  readonly holdBack: number;
}

export class Turn {
  readonly #options: TurnOptions;
  readonly #collector = new ReplyCollector();
  readonly #held: ChatEvent[] = [];
  readonly #last: ChatEvent[] = [];
  readonly #own = new Set<number>();
  /** New places of foreign calls, by their own. */
  readonly #foreign = new Map<number, number>();
  #textLength = 0;
  #isShown = false;

  constructor(options: TurnOptions) {
    this.#options = options;
  }

  /** Takes the model's event; gives what may go out now. */
  push(event: ChatEvent): readonly ChatEvent[] {
    this.#collector.push(event);
    if (event.type === 'usage') return [];
    if (event.type === 'end') {
      this.#last.push(event);
      return [];
    }
    const shown = this.#foreignOnly(event);
    if (shown === undefined) return [];
    if (shown.type === 'text-delta') this.#textLength += shown.text.length;
    this.#held.push(shown);
    this.#isShown ||= this.#foreign.size > 0 || (this.#own.size === 0 && this.#textLength > this.#options.holdBack);
    return this.#isShown ? this.#held.splice(0) : [];
  }

  /** The calls to run, when the turn is an inner one: only own tools were called. */
  get inner(): { readonly reply: ChatReply; readonly calls: readonly ToolCall[] } | undefined {
    if (this.#own.size === 0 || this.#foreign.size > 0) return undefined;
    const reply = this.#collector.reply();
    return { reply, calls: reply.toolCalls ?? [] };
  }

  /** What closes a final turn. */
  end(): readonly ChatEvent[] {
    return [...this.#held.splice(0), ...this.#last];
  }

  #foreignOnly(event: ChatEvent): ChatEvent | undefined {
    if (event.type === 'tool-call') {
      if (this.#options.ownNames.has(event.name)) {
        this.#own.add(event.index);
        return undefined;
      }
      const index = this.#foreign.size;
      this.#foreign.set(event.index, index);
      return { ...event, index };
    }
    if (event.type !== 'tool-call-delta') return event;
    const index = this.#foreign.get(event.index);
    return index === undefined ? undefined : { ...event, index };
  }
}
