/** What surrounds a call: headers of replies and errors, fields that are the gateway's and fields that are not. */
import { randomBytes } from 'node:crypto';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Gateway, openAiClient, startGateway, startVendor, type Vendor } from '../support/index.ts';
import { askedOfAnthropic } from './anthropic-side.ts';
import { type Chat, chunksOf, user } from './client.ts';
import { askedOfOpenAi } from './openai-side.ts';
import { tokens } from './scenarios.ts';
import type { Fields, Truth } from './truth.ts';
import { anthropicDeployment, anthropicSpeaker, failing, once, openAiEntry, openAiSpeaker } from './vendors.ts';

const truth: Truth = { text: 'Aye.', finish: 'stop', tokens };
const chat = { messages: [user('Hello.')] };
const vendorHeaders = {
  'x-ratelimit-remaining-requests': '41',
  'x-ratelimit-limit-tokens': '90000',
  'x-ratelimit-reset-requests': '1s',
  'openai-processing-ms': '17',
  'set-cookie': 'session=1',
  'x-request-id': 'req_of_the_vendor',
};
const prices = { input_cost_per_token: 0.000001, output_cost_per_token: 0.00001 };
/** 31 tokens in and 12 out. */
const cost = '0.000151';

let openAi: Vendor;
let anthropic: Vendor;
let broken: Vendor;
let gateway: Gateway;
let client: OpenAI;

beforeAll(async () => {
  let stumbling: Vendor;
  [openAi, anthropic, broken, stumbling] = await Promise.all([
    startVendor(openAiSpeaker(() => truth, { headers: vendorHeaders })),
    startVendor(anthropicSpeaker(() => truth, { headers: vendorHeaders })),
    startVendor(failing(503, undefined, vendorHeaders)),
    startVendor(failing(500, undefined, { 'x-ratelimit-remaining-requests': '0' })),
  ]);
  gateway = await startGateway({
    config: {
      model_list: [
        openAiEntry('from-openai', openAi, 'm', prices),
        anthropicDeployment('from-anthropic', anthropic, 'm', prices),
        openAiEntry('broken', broken, 'm', { ...prices, num_retries: 0 }),
        openAiEntry('slipping', stumbling, 'm', prices),
        openAiEntry('defaults', openAi, 'm', { ...prices, temperature: 0.25, extra_body: { house_rule: true } }),
      ],
      router_settings: { ...once, timeout: 60 },
    },
  });
  client = openAiClient(gateway);
});
afterAll(() => gateway?.stop());

const sides = [
  { name: 'OpenAI', model: 'from-openai', vendor: () => openAi },
  { name: 'Anthropic', model: 'from-anthropic', vendor: () => anthropic },
];

async function headersOf(model: string, more: object = {}, headers: Record<string, string> = {}) {
  const body = { ...chat, ...more, model } as OpenAI.ChatCompletionCreateParams;
  const { response } = await client.chat.completions.create(body, { headers }).withResponse();
  if (body.stream) await response.text();
  return Object.fromEntries(response.headers);
}

const every = (model: string, vendor: Vendor) => ({
  'x-litellm-call-id': expect.stringMatching(/^[\w-]{8,}$/),
  'x-litellm-version': expect.stringMatching(/^\d+\./),
  'x-litellm-model-group': model,
  'x-litellm-model-id': expect.stringMatching(/^[0-9a-f]{8,}$/),
  'x-litellm-model-api-base': expect.stringContaining(vendor.url),
  'x-litellm-response-duration-ms': expect.stringMatching(/^[\d.]+$/),
  'x-litellm-overhead-duration-ms': expect.stringMatching(/^[\d.]+$/),
  'x-litellm-attempted-retries': '0',
  'x-litellm-max-retries': '0',
  'x-litellm-attempted-fallbacks': '0',
  'x-litellm-max-fallbacks': '5',
  'x-litellm-timeout': '60',
});

describe.each(sides)('headers of a reply of $name', ({ model, vendor }) => {
  it('tell of the call, its deployment and its price', async () => {
    const headers = await headersOf(model);
    expect(headers).toMatchObject({ ...every(model, vendor()), 'x-litellm-response-cost': cost });
    expect(headers['x-request-id']).toBe(headers['x-litellm-call-id']);
    expect(Object.values(headers).join('\n')).not.toMatch(/undefined|null|None|NaN/);
  });

  it('tell of a stream what is known when it begins', async () => {
    const headers = await headersOf(model, { stream: true });
    expect(headers).toMatchObject(every(model, vendor()));
    expect(headers['content-type']).toContain('text/event-stream');
    // The price is known only of a stream that came whole before its head left.
    expect([undefined, cost]).toContain(headers['x-litellm-response-cost']);
  });

  it.each([false, true])(
    'carry the vendor’s with a prefix, and its rate limits without (streamed: %s)',
    async (stream) => {
      const headers = await headersOf(model, { stream });
      expect(headers).toMatchObject({
        'x-ratelimit-remaining-requests': '41',
        'x-ratelimit-limit-tokens': '90000',
        'x-ratelimit-reset-requests': '1s',
        'llm_provider-x-ratelimit-remaining-requests': '41',
        'llm_provider-openai-processing-ms': '17',
        'llm_provider-x-request-id': 'req_of_the_vendor',
      });
      expect(
        Object.keys(headers).filter((name) => /cookie|connection|transfer/.test(name) && name.startsWith('llm')),
      ).toEqual([]);
    },
  );

  it('tell of a fallback', async () => {
    const headers = await headersOf('broken', { fallbacks: [model] });
    expect(headers).toMatchObject({ 'x-litellm-model-group': model, 'x-litellm-attempted-fallbacks': '1' });
  });
});

it('shows the name of the group that answered after a fallback, and the client’s own otherwise', async () => {
  const body = { ...chat, fallbacks: ['from-anthropic'], model: 'broken' };
  expect((await client.chat.completions.create(body)).model).toBe('from-anthropic');
  expect((await client.chat.completions.create({ ...chat, model: 'from-anthropic' })).model).toBe('from-anthropic');
});

it('gives errors the same headers, at no cost', async () => {
  for (const stream of [false, true]) {
    const error = (await client.chat.completions.create({ ...chat, model: 'broken', stream }).then(
      () => undefined,
      (thrown: unknown) => thrown,
    )) as InstanceType<typeof OpenAI.InternalServerError>;
    expect(error).toBeInstanceOf(OpenAI.InternalServerError);
    const headers = Object.fromEntries(error.headers as Headers);
    expect(headers).toMatchObject({
      ...every('broken', broken),
      'x-litellm-response-cost': '0',
      'x-ratelimit-remaining-requests': '41',
      'llm_provider-openai-processing-ms': '17',
    });
    expect(error.requestID).toBe(headers['x-litellm-call-id']);
  }
});

it('tells of the first group when its fallbacks fail too', async () => {
  const error = (await client.chat.completions
    .create({ ...chat, model: 'broken', fallbacks: ['slipping'] } as never)
    .then(
      () => undefined,
      (thrown: unknown) => thrown,
    )) as InstanceType<typeof OpenAI.InternalServerError>;
  expect(Object.fromEntries(error.headers as Headers)).toMatchObject({
    'x-litellm-model-group': 'broken',
    'x-litellm-attempted-fallbacks': '1',
    'x-ratelimit-remaining-requests': '41',
  });
});

describe('headers of a request', () => {
  it('set retries and time limits', async () => {
    const headers = await headersOf('from-openai', {}, { 'x-litellm-num-retries': '3', 'x-litellm-timeout': '7' });
    expect(headers).toMatchObject({ 'x-litellm-max-retries': '3', 'x-litellm-timeout': '7' });
  });

  it('that make no sense are named', async () => {
    const asking = headersOf('from-openai', {}, { 'x-litellm-num-retries': 'many' });
    await expect(asking).rejects.toMatchObject({
      status: 400,
      message: expect.stringContaining('x-litellm-num-retries'),
    });
  });
});

const gatewayFields: Fields = {
  metadata: { tags: ['a'], purpose: 'test' },
  litellm_metadata: { trace: 1 },
  tags: ['b'],
  fallbacks: ['from-openai'],
  context_window_fallbacks: [{ 'from-openai': ['from-anthropic'] }],
  content_policy_fallbacks: [],
  num_retries: 1,
  timeout: 30,
  cache: { 'no-cache': true },
  guardrails: [],
  disable_fallbacks: true,
};

describe.each(sides)('a request to $name', ({ model, vendor }) => {
  const lastBody = () => vendor().requests.at(-1)?.json ?? {};

  it.each([false, true])('goes without the fields that steer the gateway (streamed: %s)', async (stream) => {
    await headersOf(model, { ...gatewayFields, stream, user: 'user-1', x_unknown: { deep: [1] } });
    const body = lastBody();
    for (const name of Object.keys(gatewayFields).filter((name) => model === 'from-openai' || name !== 'metadata'))
      expect(body, name).not.toHaveProperty(name);
    if (model === 'from-openai') expect(body.user).toBe('user-1');
    else expect(body.metadata).toEqual({ user_id: 'user-1' });
    expect(body.x_unknown).toEqual({ deep: [1] });
  });

  it('keeps what nobody knows at every depth', async () => {
    const messages = [
      { role: 'user', content: [{ type: 'text', text: 'Hi', cache_control: { type: 'ephemeral' } }], x_note: 1 },
    ];
    await headersOf(model, { messages });
    const [message] = lastBody().messages as { content: Fields[] }[];
    expect(message?.content[0]).toEqual({ type: 'text', text: 'Hi', cache_control: { type: 'ephemeral' } });
    if (model === 'from-openai') expect(message).toHaveProperty('x_note', 1);
  });
});

it('sends the bytes of a request to OpenAI on as they came, but for the model', async () => {
  const text =
    '{ "messages" : [ {"role":"user",  "content":"caf\\u00e9 \\/ 1.0"} ],\n "temperature":1.0 , "model":"from-openai","seed":12345678901234567890 }';
  await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: text,
  });
  const sent = openAi.requests.at(-1)?.body.toString() ?? '';
  expect(sent).toContain('"messages" : [ {"role":"user",  "content":"caf\\u00e9 \\/ 1.0"} ]');
  expect(sent).toContain('"temperature":1.0');
  expect(sent).toContain('12345678901234567890');
  expect(JSON.parse(sent)).toMatchObject({ model: 'm' });
});

it('carries an image of several megabytes to both vendors whole', async () => {
  const data = randomBytes(3 * 1024 * 1024).toString('base64');
  const image = { type: 'image_url' as const, image_url: { url: `data:image/jpeg;base64,${data}` } };
  const messages = [{ role: 'user' as const, content: [image, { type: 'text' as const, text: 'What is this? “ü”' }] }];
  for (const { model, vendor } of sides) {
    await client.chat.completions.create({ model, messages, temperature: 0.5 });
    const body = vendor().requests.at(-1)?.json ?? {};
    const asked = model === 'from-openai' ? askedOfOpenAi(body) : askedOfAnthropic(body);
    expect(asked.turns[0]?.text).toBe('What is this? “ü”');
    expect(asked.turns[0]?.images[0] === `image/jpeg,${data}`).toBe(true);
    expect(body).toMatchObject({ model: 'm', temperature: 0.5 });
  }
});

it('refuses by its path a part that a vendor has no place for', async () => {
  const audio = { type: 'input_audio' as const, input_audio: { data: 'AAAA', format: 'wav' as const } };
  const messages = [user('Listen.'), { role: 'user' as const, content: [audio] }];
  expect((await client.chat.completions.create({ model: 'from-openai', messages })).choices).toHaveLength(1);
  const refused = client.chat.completions.create({ model: 'from-anthropic', messages });
  await expect(refused).rejects.toMatchObject({ status: 400, param: 'messages[1].content[0]' });
});

it('adds the defaults of a deployment under, and its extra body over, what the caller sent', async () => {
  await headersOf('defaults', { house_rule: false });
  expect(openAi.requests.at(-1)?.json).toMatchObject({ temperature: 0.25, house_rule: true });
  await headersOf('defaults', { temperature: 0.5 });
  expect(openAi.requests.at(-1)?.json).toMatchObject({ temperature: 0.5 });
});

it('passes on what a vendor’s reply has beside the known fields', async () => {
  const reply = (await client.chat.completions.create({ ...chat, model: 'from-openai' })) as unknown as Fields;
  expect(reply.system_fingerprint).toBe('fp_wire');
  const [chunk] = await chunksOf(client, 'from-openai', chat as Chat);
  expect((chunk as unknown as Fields).system_fingerprint).toBe('fp_wire');
});
