/** Every row of the table of vendors through a live gateway: its address, its key, and how it differs. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { vendors } from '../../plugins/provider-openai-shaped/vendors.ts';
import {
  type Gateway,
  openAiClient,
  openAiVendor,
  readEvents,
  sendEvents,
  sendJson,
  startGateway,
  startVendor,
  type Vendor,
  type VendorHandler,
} from '../support/index.ts';
import { askStream, askWhole, chunksOf, user } from './client.ts';
import { openAiEvents, openAiWhole } from './openai-side.ts';
import { paris, tokens, weather } from './scenarios.ts';
import { type Fields, fieldsOf, listOf, type Truth, toldBy } from './truth.ts';
import { includesUsage, once } from './vendors.ts';

const prefixes = vendors.map(({ prefixes: [prefix] }) => prefix as string);
const truth: Truth = { reasoning: 'Hm…', text: 'Good “day”.', calls: [paris], finish: 'tool_calls', tokens };

/** What Perplexity found, and counts beside the completion. */
const found = {
  citations: ['https://a.example'],
  search_results: [{ title: 'A', url: 'https://a.example', date: '2026-01-01' }],
};
const usages: Readonly<Record<string, Fields>> = {
  perplexity: {
    prompt_tokens: 33,
    completion_tokens: 71,
    total_tokens: 104,
    citation_tokens: 20,
    num_search_queries: 3,
    reasoning_tokens: 953,
  },
  xai: {
    prompt_tokens: 5,
    completion_tokens: 2,
    total_tokens: 17,
    prompt_tokens_details: { cached_tokens: 3 },
    completion_tokens_details: { reasoning_tokens: 10 },
  },
  moonshot: { prompt_tokens: 9, completion_tokens: 2, total_tokens: 11, cached_tokens: 4 },
  dashscope: { prompt_tokens: 9, completion_tokens: 2, total_tokens: 11, prompt_tokens_details: { cached_tokens: 4 } },
};
/** Vendors that tell reasoning as `reasoning`. */
const ownName = new Set(['cerebras', 'vercel_ai_gateway', 'huggingface']);

function dressed(prefix: string, chunk: Fields): Fields {
  const choices = listOf(chunk.choices).map((choice) => {
    const member = choice.message ? 'message' : 'delta';
    const { reasoning_content: told, ...rest } = fieldsOf(choice[member]);
    const reasoning = told === undefined ? {} : { [ownName.has(prefix) ? 'reasoning' : 'reasoning_content']: told };
    return { ...choice, [member]: { ...rest, ...reasoning } };
  });
  const usage = chunk.usage && usages[prefix] ? { usage: usages[prefix] } : {};
  return { ...chunk, choices, ...usage, ...(prefix === 'perplexity' && found) };
}

/** All vendors at one address, told apart by the first part of the path. */
const all: VendorHandler = (exchange) => {
  const { request, response } = exchange;
  const prefix = request.path.split('/')[1] as string;
  const body = request.json ?? {};
  if (!request.path.endsWith('/chat/completions')) return openAiVendor({ reply: 'Once more' })(exchange);
  if (String(body.model).includes('unknown'))
    return sendJson(response, 404, { error: { message: 'The model does not exist', code: 'model_not_found' } });
  if (body.stream !== true) return sendJson(response, 200, dressed(prefix, fieldsOf(openAiWhole(truth, 'theirs'))));
  const events = [...openAiEvents(truth, 'theirs', includesUsage(body))].map((event) => {
    const data = readEvents(event)[0]?.data ?? '';
    return data.startsWith('{') ? `data: ${JSON.stringify(dressed(prefix, JSON.parse(data) as Fields))}\n\n` : event;
  });
  return sendEvents(response, events, {});
};

let vendor: Vendor;
let gateway: Gateway;
beforeAll(async () => {
  vendor = await startVendor(all);
  const env: Record<string, string> = {};
  for (const {
    prefixes: [prefix],
    bases,
    keys,
  } of vendors) {
    env[bases.at(-1) as string] = `${vendor.url}/${prefix}`;
    env[keys.at(-1) as string] = `key-of-${prefix}`;
  }
  gateway = await startGateway({
    env,
    config: {
      plugins: ['observer-log'],
      model_list: prefixes.flatMap((prefix) => [
        { model_name: `${prefix}/*`, litellm_params: { model: `${prefix}/*` } },
        { model_name: `lenient-${prefix}`, litellm_params: { model: `${prefix}/grok-4`, drop_params: true } },
      ]),
      router_settings: once,
    },
  });
});
afterAll(() => gateway?.stop());

const chat = { messages: [user('Weather?')] };
const sent = () => vendor.requests.at(-1)!;

describe.each(vendors.map((row) => ({ ...row, prefix: row.prefixes[0] as string })))('$name', (row) => {
  const { prefix, modelName = (model: string) => model } = row;

  it('is called at the address and with the key of its variables, and answers as any other', async () => {
    const { tokens: _, ...told } = toldBy(truth);
    const client = openAiClient(gateway);
    const reply = await client.chat.completions.create({ ...chat, model: `${prefix}/org/m` });
    expect(reply).toMatchObject({ model: `${prefix}/org/m`, usage: usages[prefix] ?? {} });
    expect(reply.choices[0]?.message).toMatchObject({ content: told.text, reasoning_content: told.reasoning });
    expect(sent().path).toBe(`/${prefix}/chat/completions`);
    expect(sent().headers.authorization).toBe(`Bearer key-of-${prefix}`);
    expect(sent().json).toEqual({ ...chat, model: modelName('org/m') });
    const { tokens: counted, ...streamed } = await askStream(client, `${prefix}/org/m`, chat);
    expect(streamed).toEqual(told);
    expect(counted?.prompt).toBe((usages[prefix]?.prompt_tokens as number) ?? tokens.prompt);
    await expect(askWhole(client, `${prefix}/unknown`, chat)).rejects.toMatchObject({ status: 404 });
  });

  it('offers text completions and embeddings at the same address', async () => {
    const { data } = await openAiClient(gateway).embeddings.create({ model: `${prefix}/org/m`, input: ['a', 'b'] });
    expect(data).toHaveLength(2);
    expect(sent()).toMatchObject({ path: `/${prefix}/embeddings`, json: { model: modelName('org/m') } });
    const text = await openAiClient(gateway).completions.create({ model: `${prefix}/org/m`, prompt: 'Once' });
    expect(text.choices[0]?.text).toBe('Once more');
    expect(sent().path).toBe(`/${prefix}/completions`);
  });
});

describe('what a vendor lacks', () => {
  it.each([
    ['perplexity', { tools: [weather] }, 'tools'],
    ['cerebras', { frequency_penalty: 0.5 }, 'frequency_penalty'],
    ['moonshot', { tools: [weather], tool_choice: 'required' as const }, 'tool_choice'],
    ['xai', { presence_penalty: 0.5 }, 'presence_penalty'],
  ])('%s is refused by name, or dropped and told', async (prefix, fields, param) => {
    const count = vendor.requests.length;
    await expect(askWhole(openAiClient(gateway), `${prefix}/grok-4`, { ...chat, ...fields })).rejects.toMatchObject({
      status: 400,
      param,
    });
    expect(vendor.requests.length).toBe(count);
    const { response } = await openAiClient(gateway)
      .chat.completions.create({ ...chat, ...fields, model: `lenient-${prefix}` })
      .withResponse();
    expect(response.headers.get('x-rutter-translation')).toBe(`dropped ${param}`);
    expect(sent().json).not.toHaveProperty(param);
  });
});

describe('what a vendor adds', () => {
  it('is kept: what Perplexity found, whole and in each chunk', async () => {
    const client = openAiClient(gateway);
    expect(await client.chat.completions.create({ ...chat, model: 'perplexity/sonar' })).toMatchObject(found);
    for (const chunk of await chunksOf(client, 'perplexity/sonar', chat)) expect(chunk).toMatchObject(found);
  });

  it.each([
    ['xai', { inputTokens: 2, cachedInputTokens: 3, outputTokens: 2, reasoningTokens: 10 }],
    ['perplexity', { inputTokens: 33, outputTokens: 71, reasoningTokens: 953 }],
    ['moonshot', { inputTokens: 5, cachedInputTokens: 4, outputTokens: 2 }],
    ['dashscope', { inputTokens: 5, cachedInputTokens: 4, outputTokens: 2 }],
  ])('is counted, whole and streamed: %s', async (prefix, expected) => {
    const client = openAiClient(gateway);
    await client.chat.completions.create({ ...chat, model: `${prefix}/counted` });
    await chunksOf(client, `${prefix}/counted`, chat);
    for (const stream of [false, true]) {
      const line = await gateway.waitForLog((one) => one.model === `${prefix}/counted` && one.stream === stream);
      expect(line, `${prefix} ${stream}`).toMatchObject(expected);
    }
  });
});

describe('a gateway without a configuration', () => {
  it('offers the vendors whose keys it finds, under their prefixes', async () => {
    const env = {
      MOONSHOT_API_KEY: 'key-of-moonshot',
      MOONSHOT_API_BASE: `${vendor.url}/moonshot`,
      FIREWORKS_API_KEY: 'unused-key',
    };
    const bare = await startGateway({ env });
    try {
      expect(bare.output()).toContain('MOONSHOT_API_KEY was found: moonshot/* goes to moonshot.');
      expect(bare.output()).toContain('FIREWORKS_API_KEY was found: fireworks_ai/* goes to fireworks_ai.');
      expect((await askWhole(openAiClient(bare), 'moonshot/kimi-k2', chat)).text).toBe(truth.text);
      expect(sent()).toMatchObject({ path: '/moonshot/chat/completions', json: { model: 'kimi-k2' } });
      expect(sent().headers.authorization).toBe('Bearer key-of-moonshot');
    } finally {
      await bare.stop();
    }
  });
});
