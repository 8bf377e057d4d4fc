/** Gateways whose vendors break their word, and what their callers may see of it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { readEvents, startGateway, startVendor, streamedText, type VendorHandler } from '../support/index.ts';
import { canaries, type Edge, type ErrorBody, envelope, findLeaks, postChat } from './edge-bench.ts';
import { exchangeRaw, type RawExchange, type RawOptions } from './edge-raw.ts';

/** `plain` passes bytes through to a vendor of OpenAI's dialect, `translated` speaks Anthropic's to the same address. */
export type Model = 'plain' | 'translated';
export const models: readonly Model[] = ['plain', 'translated'];

export interface VendorEdge extends Edge {
  ask(model: Model, more?: object, options?: RawOptions): Promise<RawExchange>;
}

interface Settings {
  readonly router_settings?: object;
  readonly general_settings?: object;
  /** Added to both deployments' parameters. */
  readonly params?: object;
}

/** One vendor behind both models; nothing is retried and nobody rests, so that each fault is seen as it is. */
export async function startVendorEdge(settings: Settings = {}): Promise<VendorEdge> {
  const vendor = await startVendor(() => {});
  const { params = {} } = settings;
  const gateway = await startGateway({
    config: {
      model_list: [
        deployment('plain', 'openai/gpt-4o-mini', { api_base: `${vendor.url}/v1`, ...params }),
        deployment('translated', 'anthropic/claude-sonnet-4-5', { api_base: vendor.url, ...params }),
      ],
      router_settings: { num_retries: 0, disable_cooldowns: true, ...settings.router_settings },
      general_settings: { master_key: canaries.master, ...settings.general_settings },
    },
    args: ['--debug'],
  });
  const seen: string[] = [];
  const send: Edge['send'] = async (bytes, options) => {
    const exchange = await exchangeRaw(gateway, bytes, options);
    for (const { head, body } of exchange.replies) seen.push(head, body);
    seen.push(exchange.rest);
    return exchange;
  };
  return {
    gateway,
    vendor,
    send,
    ask: (model, more = {}, options) => send(postChat(request(model, more)), options),
    leaks: () => findLeaks([...seen, gateway.output()]),
  };
}

const deployment = (name: string, model: string, params: object) => ({
  model_name: name,
  litellm_params: { model, api_key: canaries.vendor, ...params },
});

export const request = (model: Model, more: object = {}): string =>
  JSON.stringify({ model, messages: [{ role: 'user', content: canaries.content }], ...more });

/** Bytes instead of an answer; the connection is closed behind them. */
export const raw =
  (...parts: readonly (string | Buffer)[]): VendorHandler =>
  async ({ socket }) => {
    for (const part of parts) {
      socket.write(typeof part === 'string' ? Buffer.from(part, 'latin1') : part);
      await sleep(5);
    }
    socket.end();
  };

/** A well-formed answer with this body. */
export const answers =
  (
    status: number,
    type: string | undefined,
    body: string | Buffer,
    headers: Readonly<Record<string, string>> = {},
  ): VendorHandler =>
  ({ response }) => {
    response.writeHead(status, { ...(type === undefined ? {} : { 'content-type': type }), ...headers });
    response.end(body);
  };

/** Two words of a stream, in each vendor's dialect, and what ends it. */
export const streams: Readonly<
  Record<Model, { readonly begin: string; readonly words: string; readonly end: string }>
> = {
  plain: {
    begin: chunk({ role: 'assistant', content: '' }),
    words: chunk({ content: 'two ' }) + chunk({ content: 'words' }),
    end: `${chunk({}, 'stop')}data: [DONE]\n\n`,
  },
  translated: {
    begin:
      event({
        type: 'message_start',
        message: {
          id: 'm',
          type: 'message',
          role: 'assistant',
          model: 'c',
          content: [],
          usage: { input_tokens: 9, output_tokens: 1 },
        },
      }) + event({ type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } }),
    words: text('two ') + text('words'),
    end:
      event({ type: 'content_block_stop', index: 0 }) +
      event({ type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 3 } }) +
      event({ type: 'message_stop' }),
  },
};

export const wholes: Readonly<Record<Model, object>> = {
  plain: {
    id: 'c',
    object: 'chat.completion',
    created: 1,
    model: 'm',
    choices: [{ index: 0, message: { role: 'assistant', content: 'two words' }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 9, completion_tokens: 3, total_tokens: 12 },
  },
  translated: {
    id: 'm',
    type: 'message',
    role: 'assistant',
    model: 'c',
    content: [{ type: 'text', text: 'two words' }],
    stop_reason: 'end_turn',
    usage: { input_tokens: 9, output_tokens: 3 },
  },
};

function chunk(delta: object, finish: string | null = null): string {
  return `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
}

function event(payload: { readonly type: string; readonly [field: string]: unknown }): string {
  return `event: ${payload.type}\ndata: ${JSON.stringify(payload)}\n\n`;
}

function text(words: string): string {
  return event({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: words } });
}

/** A stream that began and broke: its text so far, then one error as its last event. */
export function expectBroken({ replies, rest }: RawExchange, said: string): ErrorBody {
  expect(replies.map(({ status }) => status)).toEqual([200]);
  expect(rest).toBe('');
  const body = replies[0]?.body ?? '';
  const events = readEvents(body).map(({ data }) => data);
  expect(events).not.toContain('[DONE]');
  expect(events.filter((data) => data.includes('"rutter_code"'))).toHaveLength(1);
  expect(streamedText(body)).toBe(said);
  return envelope(events.at(-1) ?? '');
}

/** A stream that came whole. */
export function expectWhole({ replies, rest }: RawExchange, said: string): void {
  expect(replies.map(({ status }) => status)).toEqual([200]);
  expect(rest).toBe('');
  const body = replies[0]?.body ?? '';
  expect(streamedText(body)).toBe(said);
  expect(readEvents(body).filter(({ data }) => data === '[DONE]')).toHaveLength(1);
  expect(body).not.toContain('"error"');
}

/** Both models answer well again. */
export async function expectRecovered({ vendor, ask }: Pick<VendorEdge, 'vendor' | 'ask'>): Promise<void> {
  for (const model of models) {
    vendor.use(answers(200, 'application/json', JSON.stringify(wholes[model])));
    const whole = await ask(model);
    expect(whole.replies[0]?.status).toBe(200);
    expect(whole.replies[0]?.body).toContain('two words');
    vendor.use(answers(200, 'text/event-stream', streams[model].begin + streams[model].words + streams[model].end));
    expectWhole(await ask(model, { stream: true }), 'two words');
  }
}
