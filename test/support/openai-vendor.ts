/** A vendor that speaks OpenAI's dialect: chat, completions, embeddings, models. */
import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { VendorExchange, VendorHandler, VendorRequest } from './vendor.ts';

export interface Delays {
  /** Before the head of the answer. */
  readonly headMs?: number;
  /** Between the head and the first chunk of a stream. */
  readonly firstMs?: number;
  /** Between two chunks. */
  readonly betweenMs?: number;
}

/** One failing answer: a status with the usual body, the whole answer, or any behaviour. */
export type Failure =
  | number
  | { readonly status: number; readonly body?: unknown; readonly headers?: Readonly<Record<string, string>> }
  | VendorHandler;

export interface OpenAiVendorOptions {
  /** The text of a whole reply; `ok` when absent. */
  readonly reply?: string | ((request: VendorRequest) => string);
  /** The pieces of a streamed reply; the words of `reply` when absent. */
  readonly chunks?: readonly string[];
  readonly toolCalls?: readonly { readonly id: string; readonly name: string; readonly arguments: string }[];
  readonly finishReason?: string;
  /** What a whole chat reply tells of its tokens' probabilities. */
  readonly logprobs?: (request: VendorRequest) => unknown;
  readonly usage?: {
    readonly prompt_tokens: number;
    readonly completion_tokens: number;
    readonly [field: string]: unknown;
  };
  /** What the vendor calls the model that answered; what was asked when absent. */
  readonly model?: string;
  readonly delays?: Delays;
  readonly headers?: Readonly<Record<string, string>>;
  /** Every answer fails with this. */
  readonly status?: number;
  /** The first answers, one each, before it answers well. */
  readonly failures?: readonly Failure[];
  /** Numbers of one embedding; 8 when absent. */
  readonly dimensions?: number;
}

export function openAiVendor(options: OpenAiVendorOptions = {}): VendorHandler {
  const failures = [...(options.failures ?? [])];
  return async (exchange) => {
    const failure = failures.shift() ?? options.status;
    if (options.delays?.headMs) await sleep(options.delays.headMs);
    if (failure !== undefined) return fail(exchange, failure);
    const path = exchange.request.path.split('?')[0] ?? '';
    const body = exchange.request.json ?? {};
    if (path.endsWith('/models'))
      return sendJson(
        exchange.response,
        200,
        { object: 'list', data: [{ id: 'simulated', object: 'model' }] },
        options.headers,
      );
    if (path.endsWith('/embeddings'))
      return sendJson(exchange.response, 200, embeddings(body, options), options.headers);
    const isChat = path.endsWith('/chat/completions');
    if (!isChat && !path.endsWith('/completions')) return fail(exchange, 404);
    const reply = new Reply(exchange.request, options, isChat);
    if (body.stream !== true) return sendJson(exchange.response, 200, reply.whole(), options.headers);
    return sendEvents(exchange.response, reply.events(), options);
  };
}

export function fail(exchange: VendorExchange, failure: Failure): unknown {
  if (typeof failure === 'function') return failure(exchange);
  const { status, body, headers } =
    typeof failure === 'number' ? { status: failure, body: undefined, headers: undefined } : failure;
  const usual = { error: { message: `simulated failure ${status}`, type: 'simulated_error', param: null, code: null } };
  return sendJson(exchange.response, status, body ?? usual, headers);
}

export function sendJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(text);
}

/** Sends server-sent events, stopping when the caller has left. */
export async function sendEvents(
  response: ServerResponse,
  events: Iterable<string>,
  { delays = {}, headers = {} }: Pick<OpenAiVendorOptions, 'delays' | 'headers'>,
): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', ...headers });
  response.flushHeaders();
  let waitMs = delays.firstMs ?? 0;
  for (const event of events) {
    if (waitMs > 0) await sleep(waitMs);
    if (response.destroyed) return;
    // A reader that is slow slows the vendor: no more than one buffer is kept for it.
    if (!response.write(event))
      await new Promise<void>((resolve) => response.once('drain', resolve).once('close', resolve));
    waitMs = delays.betweenMs ?? 0;
  }
  response.end();
}

class Reply {
  readonly #options: OpenAiVendorOptions;
  readonly #request: VendorRequest;
  readonly #isChat: boolean;
  readonly #text: string;

  constructor(request: VendorRequest, options: OpenAiVendorOptions, isChat: boolean) {
    this.#request = request;
    this.#options = options;
    this.#isChat = isChat;
    const { reply = options.chunks?.join('') ?? 'ok' } = options;
    this.#text = typeof reply === 'function' ? reply(request) : reply;
  }

  whole(): unknown {
    const { toolCalls } = this.#options;
    const message = {
      role: 'assistant',
      content: toolCalls && this.#text === 'ok' ? null : this.#text,
      ...(toolCalls ? { tool_calls: toolCalls.map(toolCall) } : {}),
    };
    const logprobs = this.#options.logprobs?.(this.#request) ?? null;
    const end = { index: 0, finish_reason: this.#finish(), logprobs };
    const choice = this.#isChat ? { ...end, message } : { ...end, text: this.#text };
    return { ...this.#envelope(false), choices: [choice], usage: this.#usage() };
  }

  *events(): Generator<string> {
    const { toolCalls } = this.#options;
    const pieces =
      this.#options.chunks ?? (toolCalls && this.#text === 'ok' ? [] : (this.#text.match(/\S+\s*|\s+/g) ?? []));
    if (this.#isChat) yield this.#event({ role: 'assistant', content: '' });
    for (const piece of pieces) yield this.#event({ content: piece });
    for (const [index, call] of (toolCalls ?? []).entries())
      yield this.#event({ tool_calls: [{ index, ...toolCall(call) }] });
    yield this.#event({}, this.#finish());
    const asked = this.#request.json?.stream_options as { include_usage?: boolean } | undefined;
    if (asked?.include_usage)
      yield `data: ${JSON.stringify({ ...this.#envelope(true), choices: [], usage: this.#usage() })}\n\n`;
    yield 'data: [DONE]\n\n';
  }

  #event(
    delta: { readonly content?: string; readonly [field: string]: unknown },
    finish: string | null = null,
  ): string {
    const end = { index: 0, finish_reason: finish };
    const choice = this.#isChat ? { ...end, delta } : { ...end, text: delta.content ?? '' };
    return `data: ${JSON.stringify({ ...this.#envelope(true), choices: [choice] })}\n\n`;
  }

  #envelope(isStream: boolean) {
    const object = this.#isChat ? (isStream ? 'chat.completion.chunk' : 'chat.completion') : 'text_completion';
    const model = this.#options.model ?? this.#request.json?.model ?? 'simulated';
    return { id: this.#isChat ? 'chatcmpl-simulated' : 'cmpl-simulated', object, created: 1_750_000_000, model };
  }

  #finish(): string {
    return this.#options.finishReason ?? (this.#options.toolCalls ? 'tool_calls' : 'stop');
  }

  #usage() {
    const { prompt_tokens = 9, completion_tokens = 3, ...rest } = this.#options.usage ?? {};
    return {
      prompt_tokens,
      completion_tokens,
      total_tokens: Number(prompt_tokens) + Number(completion_tokens),
      ...rest,
    };
  }
}

const toolCall = ({
  id,
  name,
  arguments: text,
}: {
  readonly id: string;
  readonly name: string;
  readonly arguments: string;
}) => ({ id, type: 'function', function: { name, arguments: text } });

/** Vectors that depend on the text alone; base64 where it is asked for, as the SDK does. */
function embeddings(body: Readonly<Record<string, unknown>>, options: OpenAiVendorOptions): unknown {
  const isList = Array.isArray(body.input) && !body.input.every((entry) => typeof entry === 'number');
  const inputs = isList ? (body.input as unknown[]) : [body.input];
  const { dimensions = 8 } = options;
  const data = inputs.map((input, index) => {
    const text = JSON.stringify(input);
    const vector = Float32Array.from(
      { length: dimensions },
      (_none, place) => ((text.charCodeAt(place % text.length) * (place + 7)) % 101) / 101,
    );
    const embedding = body.encoding_format === 'base64' ? Buffer.from(vector.buffer).toString('base64') : [...vector];
    return { object: 'embedding', index, embedding };
  });
  const { prompt_tokens = 5 } = options.usage ?? {};
  return {
    object: 'list',
    model: options.model ?? body.model,
    data,
    usage: { prompt_tokens, total_tokens: prompt_tokens },
  };
}
