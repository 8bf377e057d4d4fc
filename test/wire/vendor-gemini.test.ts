/** The Gemini API through a live gateway, by the official SDK: what is asked, and what is told. */
import type OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Gateway, openAiClient, sendJson, startGateway, startVendor, type Vendor } from '../support/index.ts';
import { askStream, askWhole, type Chat, user } from './client.ts';
import { contentsOf, geminiSpeaker, googleError, signature, spelled } from './gemini-side.ts';
import { clock, paris, rome, tokens, weather } from './scenarios.ts';
import { type Fields, fieldsOf, listOf, type Truth, toldBy } from './truth.ts';
import { once } from './vendors.ts';

const key = 'AIzaSyVendorKeyOfTheTests0123456789';
const reasoned = { prompt: 40, completion: 25, cached: 8, reasoning: 9 };

const truths: Readonly<Record<string, Truth>> = {
  'gemini-3.6-flash': { text: 'Good day to you, 日本 🧭.', finish: 'stop', tokens },
  'gemini-2.5-flash': { reasoning: 'Let me see…', text: 'Four.', finish: 'stop', tokens: reasoned },
  'gemini-cut': { text: 'Once upon', finish: 'length', tokens },
  'gemini-filtered': { text: 'I', finish: 'content_filter', tokens },
};
/** What the model says next, by the turns it has had. */
const loop: readonly Truth[] = [
  { reasoning: 'I need the weather.', calls: [paris, rome], finish: 'tool_calls', tokens },
  { calls: [{ id: '', name: 'get_time', input: {} }], finish: 'tool_calls', tokens },
  { text: 'Mild in Paris, warm in Rome, at noon.', finish: 'stop', tokens },
];
const turnsHad = (body: Fields) => listOf(body.contents).filter(({ role }) => role === 'model').length;

let vendor: Vendor;
let gateway: Gateway;
let client: OpenAI;

beforeAll(async () => {
  vendor = await startVendor(
    geminiSpeaker((model, body) => (model === 'gemini-3-loop' ? loop[turnsHad(body)] : truths[model])),
  );
  const params = { model: 'gemini/*', api_base: vendor.url, api_key: key };
  gateway = await startGateway({
    config: {
      model_list: [
        { model_name: 'gemini/*', litellm_params: params },
        { model_name: 'dropping/*', litellm_params: { ...params, drop_params: true } },
        { model_name: 'keyless', litellm_params: { model: 'gemini/gemini-3.6-flash', api_base: vendor.url } },
      ],
      router_settings: once,
    },
    env: { GOOGLE_API_KEY: 'AIzaSyKeyOfTheEnvironment' },
  });
  client = openAiClient(gateway);
});
afterAll(() => gateway?.stop());

const last = () => vendor.requests.at(-1)!;
const bodyOf = (index = -1): Fields => spelled(vendor.requests.at(index)?.json);
const ask = (model: string, chat: Omit<Chat, 'messages'> & Partial<Chat> = {}) =>
  client.chat.completions.create({ messages: [user('Hello.')], ...chat, model: `gemini/${model}` } as Chat & {
    model: string;
  });

describe('a request', () => {
  it('goes to generateContent with the key in its own header, and nothing of the caller’s key', async () => {
    expect(await askWhole(client, 'gemini/gemini-3.6-flash', { messages: [user('Hello.')] })).toEqual(
      toldBy(truths['gemini-3.6-flash']!),
    );
    const { method, path, headers } = last();
    expect([method, path]).toEqual(['POST', '/v1beta/models/gemini-3.6-flash:generateContent']);
    expect(headers['x-goog-api-key']).toBe(key);
    expect(headers.authorization).toBeUndefined();
    expect(bodyOf()).toEqual({ contents: [{ role: 'user', parts: [{ text: 'Hello.' }] }] });
  });

  it('takes the key of the environment where the deployment has none', async () => {
    await client.chat.completions.create({ model: 'keyless', messages: [user('Hello.')] });
    expect(last().headers['x-goog-api-key']).toBe('AIzaSyKeyOfTheEnvironment');
  });

  it('streams with server-sent events, and reads the same from them', async () => {
    const told = await askStream(client, 'gemini/gemini-3.6-flash', { messages: [user('Hello.')] });
    expect(told).toEqual(toldBy(truths['gemini-3.6-flash']!));
    expect(last().path).toBe('/v1beta/models/gemini-3.6-flash:streamGenerateContent?alt=sse');
  });

  it('leads nowhere else by the name of a model', async () => {
    await expect(ask('../../v1/files?x=')).rejects.toMatchObject({ status: 404 });
    expect(last().path).toBe('/v1beta/models/..%2F..%2Fv1%2Ffiles%3Fx%3D:generateContent');
  });
});

it('tells reasoning, usage in its parts, and limits and filters', async () => {
  for (const told of [askWhole, askStream])
    for (const model of ['gemini-2.5-flash', 'gemini-cut', 'gemini-filtered'])
      expect(await told(client, `gemini/${model}`, { messages: [user('2 + 2?')] })).toEqual(toldBy(truths[model]!));
});

/** Drops what a strict client does not know; keeps ids, as every client must. */
const strictly = ({ role, content, tool_calls }: OpenAI.ChatCompletionMessage) => ({
  role,
  content,
  ...(tool_calls && {
    tool_calls: tool_calls.map((call) => {
      const { id, type, function: called } = call as OpenAI.ChatCompletionMessageFunctionToolCall;
      return { id, type, function: { name: called.name, arguments: called.arguments } };
    }),
  }),
});

describe('a loop of tools over several turns', () => {
  const answer = (id: string, content: string) => ({ role: 'tool' as const, tool_call_id: id, content });

  it('keeps the signatures through a client that drops every field it does not know', async () => {
    const messages: OpenAI.ChatCompletionMessageParam[] = [user('Weather in Paris and Rome, and the time?')];
    const seen = new Set<string>();
    for (let turn = 0; ; turn++) {
      const reply = await ask('gemini-3-loop', { messages, tools: [weather, clock] });
      const { message, finish_reason: finish } = reply.choices[0]!;
      if (!message.tool_calls) {
        expect([turn, finish, message.content]).toEqual([2, 'stop', loop[2]!.text]);
        break;
      }
      expect(finish).toBe('tool_calls');
      messages.push(strictly(message) as OpenAI.ChatCompletionMessageParam);
      for (const { id } of message.tool_calls) {
        expect(id).toMatch(/^call_[\w-]+$/);
        expect(seen.has(id), id).toBe(false);
        seen.add(id);
      }
      // Answered in another order than called.
      for (const { id } of message.tool_calls.toReversed()) messages.push(answer(id, `{"of":"${id.slice(0, 9)}"}`));
    }
    const turns = contentsOf(vendor.requests.at(-1)?.json ?? {});
    expect(turns.map(({ role }) => role)).toEqual(['user', 'model', 'user', 'model', 'user']);
    expect(turns[1]?.parts).toEqual([
      { functionCall: { name: 'get_weather', args: paris.input }, thoughtSignature: signature },
      { functionCall: { name: 'get_weather', args: rome.input } },
    ]);
    expect(turns[2]?.parts.map((part) => fieldsOf(part.functionResponse).name)).toEqual(['get_weather', 'get_weather']);
    expect(turns[3]?.parts).toEqual([{ functionCall: { name: 'get_time', args: {} }, thoughtSignature: signature }]);
  });

  it('streams calls whole, each with an index and an id of its own, that go back signed', async () => {
    const chunks: OpenAI.ChatCompletionChunk[] = [];
    const stream = await client.chat.completions.create({
      model: 'gemini/gemini-3-loop',
      messages: [user('Weather?')],
      tools: [weather],
      stream: true,
    });
    for await (const chunk of stream) chunks.push(chunk);
    const calls = chunks.flatMap(({ choices }) => choices[0]?.delta.tool_calls ?? []);
    expect(
      calls.map(({ index, function: called }) => [index, called?.name, JSON.parse(called?.arguments ?? '')]),
    ).toEqual([
      [0, 'get_weather', paris.input],
      [1, 'get_weather', rome.input],
    ]);
    expect(chunks.at(-1)?.choices[0]?.finish_reason).toBe('tool_calls');
    const history = [
      user('Weather?'),
      {
        role: 'assistant' as const,
        content: null,
        tool_calls: calls.map(({ id, function: called }) => ({
          id: id!,
          type: 'function' as const,
          function: { name: called!.name!, arguments: called!.arguments! },
        })),
      },
      ...calls.map(({ id }) => answer(id!, 'rain')),
    ];
    await ask('gemini-3-loop', { messages: history, tools: [weather] });
    const [, model, results] = contentsOf(vendor.requests.at(-1)?.json ?? {});
    expect(model?.parts[0]?.thoughtSignature).toBe(signature);
    expect(results?.parts).toEqual([
      { functionResponse: { name: 'get_weather', response: { output: 'rain' } } },
      { functionResponse: { name: 'get_weather', response: { output: 'rain' } } },
    ]);
  });

  it('goes on with calls that another vendor’s model made', async () => {
    const call = { id: 'call_of_another', type: 'function' as const, function: { name: 'get_time', arguments: '' } };
    const messages = [user('Time?'), { role: 'assistant' as const, tool_calls: [call] }, answer(call.id, 'noon')];
    await ask('gemini-3-loop', { messages });
    const [, model] = contentsOf(vendor.requests.at(-1)?.json ?? {});
    expect(model?.parts).toEqual([
      { functionCall: { name: 'get_time', args: {} }, thoughtSignature: 'skip_thought_signature_validator' },
    ]);
  });

  it('names the answer whose call nobody made', async () => {
    await expect(ask('gemini-3-loop', { messages: [user('A'), answer('call_x', 'b')] })).rejects.toMatchObject({
      status: 400,
      param: 'messages[1].tool_call_id',
    });
  });
});

describe('parameters', () => {
  it('take their places in the generation config', async () => {
    await ask('gemini-2.5-flash', {
      max_tokens: 77,
      temperature: 0.3,
      top_p: 0.8,
      top_k: 12,
      stop: 'HALT',
      seed: 5,
      presence_penalty: 0.1,
      frequency_penalty: 0.2,
      n: 1,
      logprobs: true,
      top_logprobs: 2,
      reasoning_effort: 'medium',
      response_format: { type: 'json_schema', json_schema: { name: 'a', schema: { type: 'object' } } },
      safety_settings: [{ category: 'HARM_CATEGORY_HARASSMENT', threshold: 'OFF' }],
      cachedContent: 'cachedContents/abc',
    } as Partial<Chat>);
    const { generationConfig, ...body } = bodyOf();
    expect(spelled(generationConfig)).toEqual({
      maxOutputTokens: 77,
      temperature: 0.3,
      topP: 0.8,
      topK: 12,
      stopSequences: ['HALT'],
      seed: 5,
      presencePenalty: 0.1,
      frequencyPenalty: 0.2,
      candidateCount: 1,
      responseLogprobs: true,
      logprobs: 2,
      responseMimeType: 'application/json',
      responseJsonSchema: { type: 'object' },
      thinkingConfig: { thinkingBudget: 2048, includeThoughts: true },
    });
    expect(body).toMatchObject({
      safetySettings: [{ category: 'HARM_CATEGORY_HARASSMENT', threshold: 'OFF' }],
      cachedContent: 'cachedContents/abc',
    });
  });

  it('of tools are written in Google’s subset of schemas, which the API takes', async () => {
    const parameters = {
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      type: 'object',
      properties: {
        node: { $ref: '#/$defs/Node' },
        unit: { anyOf: [{ type: 'string', enum: ['C', 'F'] }, { type: 'null' }], description: 'Of degrees.' },
        kind: { const: 'fixed' },
        level: { enum: [1, 2] },
        either: { type: ['string', 'integer'] },
        many: { type: 'array' },
        $schema: { type: 'string', format: 'uri' },
      },
      required: ['node', 'gone'],
      additionalProperties: false,
      $defs: {
        Node: {
          type: 'object',
          properties: { next: { $ref: '#/$defs/Node' }, value: { type: 'number', exclusiveMinimum: 0 } },
        },
      },
    };
    const tool = { type: 'function' as const, function: { name: 'f', parameters, strict: true } };
    const { response } = await client.chat.completions
      .create({ model: 'gemini/gemini-2.5-flash', messages: [user('A')], tools: [tool], tool_choice: 'required' })
      .withResponse();
    expect(response.headers.get('x-rutter-translation')).toContain('strict');
    expect(bodyOf().toolConfig).toEqual({ functionCallingConfig: { mode: 'ANY' } });
  });

  it.each([
    ['parallel_tool_calls', { tools: [weather, clock], parallel_tool_calls: false }],
    ['web_search_options', { tools: [weather], web_search_options: {} }],
    ['logit_bias', { logit_bias: { 5: 1 } }],
  ])('refuses %s that the model cannot do, and leaves it out where the deployment says so', async (param, change) => {
    await expect(ask('gemini-2.5-flash', change as Partial<Chat>)).rejects.toMatchObject({ status: 400, param });
    const request = { model: 'dropping/gemini-2.5-flash', messages: [user('A')], ...change };
    const { response } = await client.chat.completions.create(request as never).withResponse();
    expect(response.headers.get('x-rutter-translation')).toContain(param);
  });
});

describe('errors', () => {
  const retryInfo = { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '34.074s' };
  const errorInfo = { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'API_KEY_INVALID' };

  it.each([
    {
      code: 429,
      status: 'RESOURCE_EXHAUSTED',
      message: 'You exceeded your current quota.',
      details: [retryInfo],
      becomes: [429, 'ERR_PROVIDER_RATE_LIMIT'],
    },
    {
      code: 400,
      status: 'INVALID_ARGUMENT',
      message: 'The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).',
      becomes: [400, 'ERR_PROVIDER_CONTEXT_WINDOW'],
    },
    {
      code: 400,
      status: 'INVALID_ARGUMENT',
      message: 'Unknown name "x": Cannot find field.',
      becomes: [400, 'ERR_PROVIDER_BAD_REQUEST'],
    },
    {
      code: 400,
      status: 'INVALID_ARGUMENT',
      message: 'API key not valid. Please pass a valid API key.',
      details: [errorInfo],
      becomes: [401, 'ERR_PROVIDER_AUTHENTICATION'],
    },
    {
      code: 403,
      status: 'PERMISSION_DENIED',
      message: 'Your project has been denied access.',
      becomes: [403, 'ERR_PROVIDER_PERMISSION'],
    },
    {
      code: 404,
      status: 'NOT_FOUND',
      message: 'models/x is not found for API version v1beta.',
      becomes: [404, 'ERR_PROVIDER_NOT_FOUND'],
    },
    {
      code: 500,
      status: 'INTERNAL',
      message: 'An internal error has occurred.',
      becomes: [500, 'ERR_PROVIDER_INTERNAL'],
    },
    {
      code: 503,
      status: 'UNAVAILABLE',
      message: 'The service is currently unavailable.',
      becomes: [503, 'ERR_PROVIDER_UNAVAILABLE'],
    },
    {
      code: 503,
      status: 'UNAVAILABLE',
      message: 'The model is overloaded.',
      becomes: [503, 'ERR_PROVIDER_OVERLOADED'],
    },
    { code: 504, status: 'DEADLINE_EXCEEDED', message: 'Deadline expired.', becomes: [408, 'ERR_PROVIDER_TIMEOUT'] },
  ])('of $code $status ($message) become $becomes', async ({ code, status, message, details, becomes }) => {
    const speaking = geminiSpeaker((model) => truths[model]);
    // A stream that is refused is answered with an array.
    for (const stream of [false, true]) {
      const body = googleError(code, status, message, details);
      vendor.use([({ response }) => sendJson(response, code, stream ? [body] : body), speaking]);
      const error = await ask('gemini-3.6-flash', { stream } as Partial<Chat>).catch((failure: unknown) => failure);
      expect(error).toMatchObject({ status: becomes[0], error: { rutter_code: becomes[1] } });
      expect(String((error as Error).message)).toContain(message.slice(0, 20));
      if (code === 429) expect((error as { headers: Headers }).headers.get('retry-after')).toBe('35');
    }
    vendor.use(speaking);
  });

  it('inside a stream end it with one error', async () => {
    vendor.use(({ response }) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(`data: ${JSON.stringify({ candidates: [{ content: { parts: [{ text: 'Once' }] } }] })}\n\n`);
      response.end(`data: ${JSON.stringify(googleError(503, 'UNAVAILABLE', 'The model is overloaded.'))}\n\n`);
    });
    const stream = await client.chat.completions.create({
      model: 'gemini/gemini-3.6-flash',
      messages: [user('A')],
      stream: true,
    });
    let text = '';
    await expect(
      (async () => {
        for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? '';
      })(),
    ).rejects.toThrow('overloaded');
    expect(text).toBe('Once');
    vendor.use(geminiSpeaker((model) => truths[model]));
  });
});

it('keeps the key out of the log and of every error', async () => {
  vendor.use(({ response }) =>
    sendJson(response, 403, googleError(403, 'PERMISSION_DENIED', `Consumer 'api_key:${key}' has been suspended.`)),
  );
  const error = await ask('gemini-3.6-flash').catch((failure: Error) => failure);
  expect(String(error)).toContain('suspended');
  expect(String(error) + gateway.output()).not.toContain(key);
  vendor.use(geminiSpeaker((model) => truths[model]));
});
