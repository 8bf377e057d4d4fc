/** What clients see of usage, choices and errors inside streams. */
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Gateway,
  openAiClient,
  readEvents,
  startGateway,
  startVendor,
  type Vendor,
  type VendorHandler,
} from '../support/index.ts';
import { anthropicEvents } from './anthropic-side.ts';
import { type Chat, chunksOf, collected, expectWellFormed, toldIn, user } from './client.ts';
import { openAiEvents, openAiUsage } from './openai-side.ts';
import { tokens } from './scenarios.ts';
import type { Truth } from './truth.ts';
import { anthropicDeployment, includesUsage, openAiEntry } from './vendors.ts';

const truth: Truth = { text: 'Good day.', finish: 'stop', tokens };
const chat = { messages: [user('Hello.')] };

let vendor: Vendor;
let gateway: Gateway;
let client: OpenAI;

beforeAll(async () => {
  vendor = await startVendor(() => {});
  gateway = await startGateway({
    config: {
      model_list: [
        openAiEntry('from-openai', vendor, 'm'),
        anthropicDeployment('from-anthropic', vendor, 'm'),
        openAiEntry('twice', vendor, 'm', { order: 1 }),
        openAiEntry('twice', vendor, 'm', { order: 2 }),
      ],
      router_settings: { num_retries: 0, disable_cooldowns: true },
      general_settings: { inter_token_timeout: 0.5 },
    },
  });
  client = openAiClient(gateway);
});
afterAll(() => gateway?.stop());

/** Streams these texts and then does as told with the connection. */
const streaming =
  (texts: (body: object) => Iterable<string>, then: 'end' | 'stay' = 'end'): VendorHandler =>
  ({ request, response }) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write([...texts(request.json ?? {})].join(''));
    if (then === 'end') response.end();
  };

const dialects = [
  {
    name: 'OpenAI',
    model: 'from-openai',
    events: (body: object) => [...openAiEvents(truth, 'm', includesUsage(body))],
    error: 'data: {"error":{"message":"It broke.","type":"server_error","code":null}}\n\n',
    /** Events ahead of the first content. */
    opening: 1,
  },
  {
    name: 'Anthropic',
    model: 'from-anthropic',
    events: (body: object) => [...anthropicEvents(truth, body as never)],
    error: 'event: error\ndata: {"type":"error","error":{"type":"api_error","message":"It broke."}}\n\n',
    opening: 3,
  },
];

async function rawStream(model: string, more: object = {}) {
  const response = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...chat, ...more, model, stream: true }),
  });
  const text = await response.text();
  return { response, text, datas: readEvents(text).map(({ data }) => data) };
}

describe.each(dialects)('a stream of $name', ({ model, events, error, opening }) => {
  it('tells usage in one last chunk without choices when asked to', async () => {
    vendor.use(streaming(events));
    const { datas } = await rawStream(model, { stream_options: { include_usage: true } });
    const chunks = datas.slice(0, -1).map((data) => JSON.parse(data) as OpenAI.ChatCompletionChunk);
    expect(datas.at(-1)).toBe('[DONE]');
    expectWellFormed(chunks, model);
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: openAiUsage(tokens) });
    for (const chunk of chunks.slice(0, -1)) expect(chunk.usage).toBeNull();
  });

  it.each([{}, { stream_options: { include_usage: false } }, { stream_options: {} }])(
    'hides usage with %o, and asks the vendor for it all the same',
    async (more) => {
      vendor.use(streaming(events));
      const body = { ...chat, ...more, model, stream: true } as OpenAI.ChatCompletionCreateParamsStreaming;
      const { data, request_id: id } = await client.chat.completions.create(body).withResponse();
      const chunks = await collected(data);
      expectWellFormed(chunks, model);
      expect(chunks.every(({ choices, usage }) => choices.length === 1 && !usage)).toBe(true);
      if (model === 'from-openai')
        expect(vendor.requests.at(-1)?.json).toMatchObject({ stream_options: { include_usage: true } });
      const line = await gateway.waitForLog(({ name, request }) => name === 'observer-log' && request === id);
      expect(line).toMatchObject({ inputTokens: tokens.prompt, outputTokens: tokens.completion });
    },
  );

  it('is a plain error with its status when it breaks ahead of content', async () => {
    vendor.use(streaming((body) => [...events(body).slice(0, opening), error]));
    const failed = chunksOf(client, model, chat);
    await expect(failed).rejects.toThrow(OpenAI.InternalServerError);
    await expect(failed).rejects.toMatchObject({ status: 500, message: expect.stringContaining('It broke.') });
  });

  it('ends in one error that the SDK throws when it breaks behind content', async () => {
    vendor.use(streaming((body) => [...events(body).slice(0, opening + 2), error]));
    const chunks: OpenAI.ChatCompletionChunk[] = [];
    const reading = (async () => {
      for await (const chunk of await client.chat.completions.create({ ...chat, model, stream: true }))
        chunks.push(chunk);
    })();
    await expect(reading).rejects.toThrow(OpenAI.APIError);
    await expect(reading).rejects.toMatchObject({ code: '500', message: expect.stringContaining('It broke.') });
    expect(truth.text?.startsWith(toldIn(chunks).text)).toBe(true);
    expect(toldIn(chunks).text.length).toBeGreaterThan(2);
    const { response, text } = await rawStream(model);
    expect(response.status).toBe(200);
    expect(text.match(/"error":\{/g)).toHaveLength(1);
    expect(text).not.toContain('[DONE]');
  });

  it('ends well when the vendor keeps the connection open behind its last word', async () => {
    vendor.use(streaming(events, 'stay'));
    const { datas } = await rawStream(model);
    expect(datas.at(-1)).toBe('[DONE]');
    expect(datas.filter((data) => data.includes('"error"'))).toEqual([]);
  });

  it('ends in a timeout when the vendor falls silent behind content', async () => {
    vendor.use(streaming((body) => events(body).slice(0, opening + 2), 'stay'));
    const { text } = await rawStream(model);
    expect(text).toContain('"rutter_code":"ERR_PROVIDER_TIMEOUT"');
    expect(text).not.toContain('[DONE]');
  });

  it('is given although the vendor answers whole', async () => {
    vendor.use(({ request, response }) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const message = { role: 'assistant', content: truth.text };
      const openAi = {
        id: 'x',
        object: 'chat.completion',
        model: 'm',
        choices: [{ index: 0, message, finish_reason: 'stop' }],
        usage: openAiUsage(tokens),
      };
      const usage = { input_tokens: tokens.prompt, output_tokens: tokens.completion };
      const anthropic = {
        id: 'x',
        type: 'message',
        role: 'assistant',
        model: 'm',
        content: [{ type: 'text', text: truth.text }],
        stop_reason: 'end_turn',
        usage,
      };
      response.end(JSON.stringify(request.path.endsWith('/messages') ? anthropic : openAi));
    });
    const chunks = await chunksOf(client, model, {
      ...chat,
      stream_options: { include_usage: true },
    } as unknown as Chat);
    expectWellFormed(chunks, model);
    expect(toldIn(chunks)).toMatchObject({ text: truth.text, finish: 'stop', tokens });
  });
});

it('carries choices and log probabilities of OpenAI as they are, whole and streamed', async () => {
  const logprobs = { content: [{ token: 'a', logprob: -0.1, bytes: [97], top_logprobs: [] }], refusal: null };
  const head = { id: 'chatcmpl-n', created: 1, model: 'm' };
  const whole = [0, 1].map((index) => ({
    index,
    message: { role: 'assistant', content: `a${index}`, refusal: null },
    logprobs,
    finish_reason: index === 0 ? 'stop' : 'length',
  }));
  vendor.use(({ request, response }) => {
    if (request.json?.stream !== true)
      return response.end(JSON.stringify({ ...head, object: 'chat.completion', choices: whole }));
    const chunk = (choices: object[]) =>
      `data: ${JSON.stringify({ ...head, object: 'chat.completion.chunk', choices })}\n\n`;
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const { index, message } of whole)
      response.write(chunk([{ index, delta: message, logprobs, finish_reason: null }]));
    for (const { index, finish_reason } of whole)
      response.write(chunk([{ index, delta: {}, logprobs: null, finish_reason }]));
    return response.end('data: [DONE]\n\n');
  });
  const asked = { ...chat, n: 2, logprobs: true, top_logprobs: 0 };
  const reply = await client.chat.completions.create({ ...asked, model: 'from-openai' });
  expect(reply.choices).toEqual(whole);
  expect(vendor.requests.at(-1)?.json).toMatchObject({ n: 2, logprobs: true, top_logprobs: 0 });
  const chunks = await chunksOf(client, 'from-openai', asked);
  for (const { index, message, finish_reason: finish } of whole) {
    expect(toldIn(chunks, index)).toMatchObject({ text: message.content, finish });
    expect(chunks.flatMap(({ choices }) => choices).find((choice) => choice.index === index)?.logprobs).toEqual(
      logprobs,
    );
  }
});

it('carries a refusal in words of OpenAI as it is', async () => {
  const message = { role: 'assistant', content: null, refusal: 'I will not.' };
  vendor.use(({ response }) =>
    response.end(
      JSON.stringify({
        id: 'x',
        object: 'chat.completion',
        created: 1,
        model: 'm',
        choices: [{ index: 0, message, finish_reason: 'stop' }],
      }),
    ),
  );
  const reply = await client.chat.completions.create({ ...chat, model: 'from-openai' });
  expect(reply.choices[0]).toMatchObject({ finish_reason: 'stop', message: { refusal: 'I will not.', content: null } });
});

it('falls back to the next deployment when a stream breaks ahead of content', async () => {
  const [openAi] = dialects;
  vendor.use([streaming(() => [openAi!.error]), streaming(openAi!.events)]);
  const chunks = await chunksOf(client, 'twice', chat);
  expectWellFormed(chunks, 'twice');
  expect(toldIn(chunks)).toMatchObject({ text: truth.text, finish: 'stop' });
});
