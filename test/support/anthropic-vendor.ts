/** A vendor that speaks Anthropic's Messages dialect. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Delays, type Failure, fail, sendEvents, sendJson } from './openai-vendor.ts';
import type { VendorHandler, VendorRequest } from './vendor.ts';

export interface AnthropicVendorOptions {
  /** The text of a whole reply; `ok` when absent. */
  readonly reply?: string | ((request: VendorRequest) => string);
  /** The pieces of a streamed reply; the words of `reply` when absent. */
  readonly chunks?: readonly string[];
  readonly toolUse?: { readonly id: string; readonly name: string; readonly input: unknown };
  readonly stopReason?: string;
  readonly usage?: { readonly input_tokens: number; readonly output_tokens: number; readonly [field: string]: unknown };
  readonly model?: string;
  readonly delays?: Delays;
  readonly headers?: Readonly<Record<string, string>>;
  readonly status?: number;
  readonly failures?: readonly Failure[];
}

export function anthropicVendor(options: AnthropicVendorOptions = {}): VendorHandler {
  const failures = [...(options.failures ?? [])];
  return async (exchange) => {
    const failure = failures.shift() ?? options.status;
    if (options.delays?.headMs) await sleep(options.delays.headMs);
    if (failure !== undefined)
      return fail(exchange, typeof failure === 'number' ? { status: failure, body: errorBody(failure) } : failure);
    if (exchange.request.path.split('?')[0]?.endsWith('/messages') !== true)
      return fail(exchange, { status: 404, body: errorBody(404) });
    const { request, response } = exchange;
    if (request.json?.stream !== true) return sendJson(response, 200, whole(request, options), options.headers);
    return sendEvents(response, events(request, options), options);
  };
}

const errorTypes: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  429: 'rate_limit_error',
  529: 'overloaded_error',
};

const errorBody = (status: number) => ({
  type: 'error',
  error: { type: errorTypes[status] ?? 'api_error', message: `simulated failure ${status}` },
});

const replyText = (request: VendorRequest, { reply, chunks }: AnthropicVendorOptions) =>
  typeof reply === 'function' ? reply(request) : (reply ?? chunks?.join('') ?? 'ok');

const envelope = (request: VendorRequest, options: AnthropicVendorOptions) => ({
  id: 'msg_simulated',
  type: 'message',
  role: 'assistant',
  model: options.model ?? request.json?.model ?? 'simulated',
});

const usageOf = ({ usage }: AnthropicVendorOptions) => ({ input_tokens: 9, output_tokens: 3, ...usage });

const reasonOf = ({ stopReason, toolUse }: AnthropicVendorOptions) => stopReason ?? (toolUse ? 'tool_use' : 'end_turn');

function whole(request: VendorRequest, options: AnthropicVendorOptions): unknown {
  const content: unknown[] = [{ type: 'text', text: replyText(request, options) }];
  if (options.toolUse) content.push({ type: 'tool_use', ...options.toolUse });
  return {
    ...envelope(request, options),
    content,
    stop_reason: reasonOf(options),
    stop_sequence: null,
    usage: usageOf(options),
  };
}

function* events(request: VendorRequest, options: AnthropicVendorOptions): Generator<string> {
  const event = (type: string, fields: object) => `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
  const { output_tokens: outputTokens, ...input } = usageOf(options);
  yield event('message_start', {
    message: {
      ...envelope(request, options),
      content: [],
      stop_reason: null,
      stop_sequence: null,
      usage: { ...input, output_tokens: 1 },
    },
  });
  yield event('content_block_start', { index: 0, content_block: { type: 'text', text: '' } });
  yield event('ping', {});
  const pieces = options.chunks ?? replyText(request, options).match(/\S+\s*|\s+/g) ?? [];
  for (const text of pieces) yield event('content_block_delta', { index: 0, delta: { type: 'text_delta', text } });
  yield event('content_block_stop', { index: 0 });
  if (options.toolUse) {
    const { id, name, input: argument } = options.toolUse;
    yield event('content_block_start', { index: 1, content_block: { type: 'tool_use', id, name, input: {} } });
    yield event('content_block_delta', {
      index: 1,
      delta: { type: 'input_json_delta', partial_json: JSON.stringify(argument) },
    });
    yield event('content_block_stop', { index: 1 });
  }
  yield event('message_delta', {
    delta: { stop_reason: reasonOf(options), stop_sequence: null },
    usage: { output_tokens: outputTokens },
  });
  yield event('message_stop', {});
}
