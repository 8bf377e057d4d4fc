/**
 * The calls a strategy makes around one request, within its bounds: calls,
 * tokens, money and time. Whatever becomes of them one call is kept back, so
 * that the request is answered although the bounds have been reached.
 */
import { z } from 'zod';
import { replyEvents } from '../codecs/events.ts';
import type { ChatReply, ChatRequest, Message, ResponseFormat, Usage } from '../contract/chat.ts';
import { RutterError } from '../contract/errors.ts';
import type { Host } from '../contract/host.ts';
import type { Invoke } from '../contract/kinds.ts';
import type { CallResult, Deployment, RequestContext } from '../contract/request.ts';
import { modelNamed, type PoolModel } from './pool.ts';

/** Options of every strategy that makes calls. */
export const roundsOptions = {
  max_calls: z
    .int()
    .min(2)
    .max(64)
    .default(12)
    .describe('Most calls of models for one request, the last one among them.'),
  max_tokens: z
    .int()
    .min(1)
    .default(64_000)
    .describe('Tokens of all calls after which no more is asked ahead of the last call.'),
  max_cost: z
    .number()
    .positive()
    .optional()
    .describe(
      'USD of all calls after which no more is asked ahead of the last call; calls without a price count nothing.',
    ),
  timeout: z
    .number()
    .min(0.01)
    .max(3600)
    .default(60)
    .describe('Seconds after which no more is asked ahead of the last call.'),
  call_timeout: z.number().min(0.01).max(3600).default(30).describe('Seconds for each call but the last.'),
} as const;

/** How strategies stand to LLMRouter's rule, where they have a better one. */
export const upstreamOption = (rule: string) =>
  z.enum(['rutter', 'faithful']).default('rutter').describe(`faithful: as LLMRouter does it: ${rule}`);

const shape = z.object(roundsOptions);
export type RoundsOptions = z.output<typeof shape>;

/** A model of the group, or the name of another model group. */
export type Asked = PoolModel | string;

/** One of the group's own models where it is called so, else the model group of that name. */
export const ownOrGroup = (pool: readonly PoolModel[], name: string): Asked => modelNamed(pool, name) ?? name;

export const nameOfAsked = (asked: Asked): string => (typeof asked === 'string' ? asked : asked.name);

/** How a call ahead of the last went: a whole reply, or why there is none, in a word such as an error's code. */
export type Told =
  | { readonly reply: ChatReply; readonly deployment: Deployment | undefined }
  | { readonly reply?: undefined; readonly reason: string };

/** What is asked in a call that is not the caller's own: nothing of the caller's request but these. */
export interface Question {
  readonly messages: readonly Message[];
  readonly maxOutputTokens?: number;
  readonly temperature?: number;
  readonly stop?: readonly string[];
  readonly responseFormat?: ResponseFormat;
  readonly logprobs?: boolean;
  readonly topLogprobs?: number;
}

/** The caller's wishes for its own reply, which are none of an inner question. */
const noWishes = {
  tools: undefined,
  toolChoice: undefined,
  parallelToolCalls: undefined,
  maxOutputTokens: undefined,
  temperature: undefined,
  topP: undefined,
  topK: undefined,
  stop: undefined,
  seed: undefined,
  presencePenalty: undefined,
  frequencyPenalty: undefined,
  logprobs: undefined,
  topLogprobs: undefined,
  count: undefined,
  responseFormat: undefined,
  reasoning: undefined,
  spelling: undefined,
  extra: {},
} as unknown as Partial<ChatRequest>;

export interface RoundsParts {
  readonly context: RequestContext;
  readonly invoke: Invoke;
}

const perMilli = 1000;
const picoPerNano = 1000;

export class Rounds {
  calls = 0;
  tokens = 0;
  /** Nano-dollars of the calls whose prices are known. */
  nanoUsd = 0;
  readonly #host: Pick<Host, 'invoke' | 'clock'>;
  readonly #parts: RoundsParts;
  readonly #options: RoundsOptions;
  readonly #endsAt: number;

  constructor(host: Pick<Host, 'invoke' | 'clock'>, parts: RoundsParts, options: RoundsOptions) {
    this.#host = host;
    this.#parts = parts;
    this.#options = options;
    this.#endsAt = host.clock.monotonic() + options.timeout * perMilli;
  }

  /** Calls that may still be made ahead of the last one. */
  get left(): number {
    return this.spent === undefined ? this.#options.max_calls - 1 - this.calls : 0;
  }

  /** The bound that has been reached; undefined while more may be asked. */
  get spent(): string | undefined {
    const { max_calls, max_tokens, max_cost, timeout } = this.#options;
    if (this.calls >= max_calls - 1) return `the ${max_calls} calls allowed`;
    if (this.tokens >= max_tokens) return `the ${max_tokens} tokens allowed`;
    if (max_cost !== undefined && this.nanoUsd >= max_cost * 1e9) return `the $${max_cost} allowed`;
    if (this.#host.clock.monotonic() >= this.#endsAt) return `the ${timeout} s allowed`;
    return undefined;
  }

  /** Asks one model something else than the caller did, and waits for the whole reply. Rejects only when the request is over. */
  ask(who: Asked, question: Question): Promise<Told> {
    return this.#told(who, { ...noWishes, ...question, stream: false });
  }

  /** Asks one of the group's models what the caller asked, and waits for the whole reply. Rejects only when the request is over. */
  draft(who: PoolModel): Promise<Told> {
    return this.#told(who, { stream: false });
  }

  /** The last call: the caller's own request with these changes, streamed where the caller streams. */
  answer(who: readonly PoolModel[], change: Partial<ChatRequest> = {}): Promise<CallResult> {
    this.calls++;
    return this.#parts.invoke(
      who.map(({ candidates }) => candidates),
      change,
    );
  }

  /** The last call where another group may answer: such a call takes its wishes from `request`. */
  answerBy(who: Asked, request: ChatRequest, messages: readonly Message[]): Promise<CallResult> {
    if (typeof who !== 'string') return this.answer([who], { messages });
    this.calls++;
    const { model: _model, spelling: _spelling, ...wishes } = request;
    return this.#host.invoke(who, { ...wishes, messages }, { within: this.#parts.context });
  }

  async #told(who: Asked, change: Partial<ChatRequest>): Promise<Told> {
    const { spent } = this;
    if (spent !== undefined) return { reason: spent };
    this.calls++;
    const { context, invoke } = this.#parts;
    const leftMs = this.#endsAt - this.#host.clock.monotonic();
    const timeoutMs = Math.max(1, Math.min(this.#options.call_timeout * perMilli, leftMs));
    try {
      const result =
        typeof who === 'string'
          ? await this.#host.invoke(who, change as Pick<ChatRequest, 'messages'>, { within: context, timeoutMs })
          : await invoke([who.candidates], change, { timeoutMs });
      const reply = await result.reply();
      this.#count(reply.usage, result.deployment);
      return { reply, deployment: result.deployment };
    } catch (error) {
      context.signal.throwIfAborted();
      return { reason: reasonOf(error) };
    }
  }

  #count(usage: Usage | undefined, deployment: Deployment | undefined): void {
    if (usage === undefined) return;
    this.tokens += tokensOf(usage);
    this.nanoUsd += costOf(usage, deployment) / picoPerNano;
  }
}

/** An error's code, or what the bound was; never a vendor's words, which may quote the caller's. */
const reasonOf = (error: unknown): string =>
  RutterError.is(error) ? error.code : error instanceof Error ? error.name : 'failed';

const tokenBuckets = ['input', 'cachedInput', 'cacheWrite', 'cacheWriteLong', 'output', 'reasoning'] as const;

const tokensOf = (usage: Usage): number => tokenBuckets.reduce((sum, bucket) => sum + (usage[bucket] ?? 0), 0);

/** In pico-dollars, by the prices as they are said; what has none counts nothing. */
function costOf(usage: Usage, deployment: Deployment | undefined): number {
  const { prices } = deployment ?? {};
  if (prices === undefined) return 0;
  const priced = tokenBuckets.map((bucket) => {
    const price = prices[bucket] ?? (bucket === 'reasoning' ? prices.output : bucket === 'output' ? 0n : prices.input);
    return (usage[bucket] ?? 0) * Number(price ?? 0n);
  });
  return priced.reduce((sum, value) => sum + value, Number(prices.request ?? 0n));
}

/** A whole reply as the result of a loop. */
export function resultOf(reply: ChatReply, deployment: Deployment | undefined): CallResult {
  async function* events() {
    yield* replyEvents(reply);
  }
  return { deployment, reply: async () => reply, events };
}
