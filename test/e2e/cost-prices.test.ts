/** What a call costs: by which prices, at which tier, with what taken off and put on. */
import { describe, expect, it } from 'vitest';
import { type LedgerRow, ledgerRow } from '../contract/ledger.ts';
import {
  anthropicVendor,
  openAiDeployment,
  openAiVendor,
  sendJson,
  startGateway,
  startVendor,
  type VendorExchange,
} from '../support/index.ts';
import { type Answer, ask } from './router-support.ts';

/** Answers with the usage that the caller's `user` field spells, and with the tier in it. */
const vendor = await startVendor((exchange: VendorExchange) => {
  const { usage, ...reply } = JSON.parse(String(exchange.request.json?.user ?? '{"usage":{}}'));
  if (exchange.request.json?.stream === true || reply.status)
    return openAiVendor({ usage, ...(reply.status ? { status: reply.status } : {}) })(exchange);
  return sendJson(exchange.response, 200, {
    id: 'c',
    object: 'chat.completion',
    created: 1,
    model: 'm',
    choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'ok' } }],
    usage,
    ...reply,
  });
});

/** A stream that no usage ends. */
const untold = await startVendor(({ response }) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const chunk = (choice: object) =>
    `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, ...choice }] })}\n\n`;
  response.write(chunk({ delta: { role: 'assistant', content: 'some eight letters' }, finish_reason: null }));
  response.end(`${chunk({ delta: {}, finish_reason: 'stop' })}data: [DONE]\n\n`);
});

const claude = await startVendor(
  anthropicVendor({
    usage: {
      input_tokens: 100,
      output_tokens: 50,
      cache_read_input_tokens: 40,
      cache_creation_input_tokens: 30,
      cache_creation: { ephemeral_5m_input_tokens: 10, ephemeral_1h_input_tokens: 20 },
      server_tool_use: { web_search_requests: 3 },
      service_tier: 'standard',
      inference_geo: 'us',
    },
  }),
);

const plain = { input_cost_per_token: 1e-6, output_cost_per_token: '2e-6' };
const deployment = (name: string, model: string, params: object = {}, info?: Record<string, unknown>) =>
  openAiDeployment(name, vendor, { model, ...params }, info);
const anthropic = (name: string, model: string) => ({
  model_name: name,
  litellm_params: { model: `anthropic/${model}`, api_base: claude.url, api_key: 'k' },
});

const gateway = await startGateway({
  config: {
    model_list: [
      deployment('known', 'openai/gpt-4o'),
      deployment('dated', 'openai/gpt-4o-2099-01-01'),
      deployment('based', 'openai/my-own', {}, { base_model: 'gpt-4o' }),
      deployment('own', 'openai/gpt-4o', plain),
      deployment('told', 'openai/gpt-4o', {}, { id: 'told-1', ...plain }),
      deployment('free', 'openai/gpt-4o', { input_cost_per_token: 0, output_cost_per_token: 0 }),
      deployment('mystery', 'openai/nobody-knows-this'),
      deployment('half', 'openai/nobody-knows-this-either', { input_cost_per_token: 1e-6 }),
      deployment('long', 'openai/x', {
        ...plain,
        input_cost_per_token_above_128k_tokens: 3e-6,
        output_cost_per_token_above_128k_tokens: 4e-6,
      }),
      openAiDeployment('untold', untold, { model: 'openai/u', ...plain }),
      deployment('long-xai', 'xai/x', { ...plain, input_cost_per_token_above_128k_tokens: 3e-6 }),
      deployment('heard', 'openai/v', {
        ...plain,
        ...{ input_cost_per_audio_token: 7e-6, output_cost_per_audio_token: 11e-6, input_cost_per_image_token: 13e-6 },
      }),
      deployment('tiers', 'openai/y', {
        tiered_pricing: [
          { range: [0, 1000], ...plain },
          { range: [1000, 5000], input_cost_per_token: 5e-6, output_cost_per_token: 6e-6 },
        ],
      }),
      deployment('searching', 'openai/z', {
        ...plain,
        search_context_cost_per_query: { search_context_size_low: 0.01, search_context_size_medium: 0.02 },
      }),
      deployment('called', 'openai/w', { ...plain, input_cost_per_request: 0.003 }),
      anthropic('claude', 'claude-opus-4-6'),
      anthropic('claude-next', 'claude-3-haiku-20240307'),
    ],
    router_settings: { num_retries: 0 },
  },
});

interface Charged {
  readonly answer: Answer;
  readonly header: string | null;
  readonly row: LedgerRow & Readonly<Record<string, unknown>>;
}

async function charged(model: string, reply: object, body: object = {}): Promise<Charged> {
  const answer = await ask(gateway, model, { body: { user: JSON.stringify(reply), ...body } });
  const id = answer.headers.get('x-litellm-call-id') as string;
  const row = (await ledgerRow(gateway, id)) as Charged['row'];
  return { answer, header: answer.headers.get('x-litellm-response-cost'), row };
}

const usage = { prompt_tokens: 1000, completion_tokens: 100 };

describe('prices', () => {
  it.each([
    // gpt-4o: 2.5e-6 and 1e-5.
    ['known', 'the table', 3_500_000],
    ['dated', 'the table, by the name without its date', 3_500_000],
    ['based', 'the base model', 3_500_000],
    ['own', 'the deployment', 1_200_000],
    ['told', 'model_info', 1_200_000],
    ['free', 'the deployment, which says zero', 0],
    ['called', 'the deployment, a call at a time too', 4_200_000],
  ])('of %s are those of %s', async (model, _where, nanoUsd) => {
    const { header, answer, row } = await charged(model, { usage });
    expect(row.cost_nano_usd).toBe(nanoUsd);
    expect(Number(header)).toBe(nanoUsd / 1e9);
    expect(answer.headers.get('x-rutter-cost')).toBe(header);
    expect(row.unpriced_calls).toBe(0);
  });

  it('are unknown, and never zero, where nobody says any', async () => {
    for (const model of ['mystery', 'half']) {
      const { header, answer, row } = await charged(model, { usage });
      expect(answer.status).toBe(200);
      expect(header).toBeNull();
      expect(answer.headers.get('x-rutter-cost')).toBeNull();
      expect(row).toMatchObject({ cost_nano_usd: null, unpriced_calls: 1, input_tokens: 1000 });
    }
  });

  it('that are unknown are told of once for each model', async () => {
    await charged('mystery', { usage });
    await charged('mystery', { usage });
    await charged('half', { usage });
    const told = gateway.log().filter(({ missing }) => missing !== undefined);
    expect(told.map(({ model, missing }) => [model, missing])).toEqual([
      ['openai/nobody-knows-this', ['all']],
      ['openai/nobody-knows-this-either', ['output']],
    ]);
  });
});

describe('the length of a prompt', () => {
  it.each([
    [128_000, 128_000_000 + 200_000],
    [128_001, 3 * 128_001_000 + 400_000],
  ])('of %i tokens decides the price of the whole call', async (prompt, nanoUsd) => {
    const { row } = await charged('long', { usage: { prompt_tokens: prompt, completion_tokens: 100 } });
    expect(row.cost_nano_usd).toBe(nanoUsd);
  });

  it('decides from the threshold on at xAI', async () => {
    const cost = async (prompt: number) =>
      (await charged('long-xai', { usage: { prompt_tokens: prompt, completion_tokens: 0 } })).row.cost_nano_usd;
    expect(await cost(127_999)).toBe(127_999_000);
    expect(await cost(128_000)).toBe(3 * 128_000_000);
  });

  it('counts what came from a cache', async () => {
    const details = { prompt_tokens_details: { cached_tokens: 100_000 } };
    const { row } = await charged('long', { usage: { prompt_tokens: 128_001, completion_tokens: 0, ...details } });
    expect(row.cost_nano_usd).toBe(3 * 128_001_000);
  });

  it.each([
    [1000, 1000 * 1000 + 2000],
    [1001, 1001 * 5000 + 6000],
    [9000, 9000 * 5000 + 6000],
  ])('of %i tokens chooses one tier for all of them', async (prompt, nanoUsd) => {
    const { row } = await charged('tiers', { usage: { prompt_tokens: prompt, completion_tokens: 1 } });
    expect(row.cost_nano_usd).toBe(nanoUsd);
  });
});

describe('kinds of tokens', () => {
  it('have prices of their own, and none is counted twice', async () => {
    const { row } = await charged('heard', {
      usage: {
        prompt_tokens: 100,
        completion_tokens: 50,
        prompt_tokens_details: { audio_tokens: 30, image_tokens: 20, cached_tokens: 10 },
        completion_tokens_details: { audio_tokens: 15, reasoning_tokens: 5 },
      },
    });
    // Cached and reasoning tokens have no price of their own here, and cost what they are part of.
    const prompt = 30 * 7000 + 20 * 13_000 + 50 * 1000;
    expect(row.cost_nano_usd).toBe(prompt + 15 * 11_000 + 35 * 2000);
  });

  it('that cannot be, more cached than there were, cost no less than nothing', async () => {
    const details = { prompt_tokens_details: { cached_tokens: 5000 } };
    const { row } = await charged('own', { usage: { prompt_tokens: 10, completion_tokens: 0, ...details } });
    expect(row.cost_nano_usd).toBeGreaterThanOrEqual(0);
    expect(row.cost_nano_usd).toBeLessThanOrEqual(5_000_000);
  });
});

describe('a vendor that tells no usage', () => {
  it.each([
    ['own', false],
    ['untold', true],
  ])('is charged by an estimate that is marked as one (%s, stream: %s)', async (model, stream) => {
    const { row } = await charged(model, { usage: undefined }, { stream });
    expect(row.cost_nano_usd).toBeGreaterThan(0);
    expect(row.is_estimated).toBe(1);
  });
});

describe('the tier of service', () => {
  // gpt-4o at priority: 4.25e-6 and 1.7e-5.
  const atPriority = 4_250_000 + 1_700_000;

  it('is the one the vendor says', async () => {
    const { row } = await charged('known', { usage, service_tier: 'priority' });
    expect(row).toMatchObject({ cost_nano_usd: atPriority, service_tier: 'priority' });
  });

  it('is the one asked for, where the vendor says none', async () => {
    const { row } = await charged('known', { usage }, { service_tier: 'priority' });
    expect(row.cost_nano_usd).toBe(atPriority);
  });

  it('is not the one asked for, where the vendor says another', async () => {
    const { row } = await charged('known', { usage, service_tier: 'default' }, { service_tier: 'priority' });
    expect(row.cost_nano_usd).toBe(3_500_000);
  });

  it('costs the standard price where it has none of its own', async () => {
    const { row } = await charged('own', { usage, service_tier: 'flex' });
    expect(row.cost_nano_usd).toBe(1_200_000);
  });
});

describe('searches', () => {
  it('are charged by the context they bring along', async () => {
    const low = await charged('searching', { usage: { ...usage, num_search_queries: 4, search_context_size: 'low' } });
    expect(low.row.cost_nano_usd).toBe(1_200_000 + 40_000_000);
    const medium = await charged('searching', { usage: { ...usage, num_search_queries: 1 } });
    expect(medium.row.cost_nano_usd).toBe(1_200_000 + 20_000_000);
    expect(JSON.parse(String(medium.row.other_usage))).toEqual({ searches: 1 });
  });

  it('without a price make the cost unknown', async () => {
    const { row } = await charged('searching', {
      usage: { ...usage, num_search_queries: 1, search_context_size: 'high' },
    });
    expect(row).toMatchObject({ cost_nano_usd: null, unpriced_calls: 1 });
  });
});

describe('what Anthropic reports', () => {
  it('is charged bucket by bucket, tokens dearer by the region, searches not', async () => {
    const { row } = await charged('claude', {});
    // claude-opus-4-6: 5e-6, 2.5e-5, read 5e-7, write 6.25e-6 and 1e-5 for an hour; us 1.1; a search 0.01.
    const tokens = 100 * 5000 + 50 * 25_000 + 40 * 500 + 10 * 6250 + 20 * 10_000;
    expect(row.cost_nano_usd).toBe(Math.round(tokens * 1.1) + 30_000_000);
    expect(row).toMatchObject({ cache_write_tokens: 10, cache_write_long_tokens: 20, service_tier: 'standard' });
  });

  it('is charged the same in a stream as whole', async () => {
    const { row } = await charged('claude', {}, { stream: true });
    expect(row.cost_nano_usd).toBe((await charged('claude', {})).row.cost_nano_usd);
  });

  it('is unknown where a search has no price', async () => {
    expect((await charged('claude-next', {})).row).toMatchObject({ cost_nano_usd: null, unpriced_calls: 1 });
  });
});

describe('a stream', () => {
  it.each([
    ['hidden', {}],
    ['shown', { stream_options: { include_usage: true } }],
  ])('whose usage is %s costs what the whole reply costs', async (shown, body) => {
    const streamed = await charged('known', { usage }, { stream: true, ...body });
    expect(streamed.row.cost_nano_usd).toBe(3_500_000);
    expect(streamed.answer.text.includes('"prompt_tokens":1000')).toBe(shown === 'shown');
    // Known only where the vendor was faster than the first byte.
    expect([null, '0.0035']).toContain(streamed.header);
  });
});

describe('a failure', () => {
  it('costs nothing', async () => {
    const { answer, header, row } = await charged('known', { usage, status: 500 });
    expect(answer.status).toBe(500);
    expect(header).toBe('0');
    expect(row.cost_nano_usd).toBe(0);
  });
});
