/** OpenRouter behind a gateway; exchanges as in https://openrouter.ai/docs/api-reference/overview */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sendEvents } from '../support/index.ts';
import { expectWellFormed, toldIn } from './client.ts';
import { openRouterEvents, processing } from './openrouter-side.ts';
import { paris, weather } from './scenarios.ts';
import { fieldsOf, type Truth } from './truth.ts';
import { type Bench, choiceOf, expectFailures, sse, startBench } from './vendor-bench.ts';
import { includesUsage } from './vendors.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await startBench({
    provider: 'openrouter',
    base: '/api/v1',
    env: { OR_SITE_URL: 'https://mine.example', OR_APP_NAME: 'Mine' },
    params: { transforms: ['middle-out'], extra_body: { provider: { order: ['acme'] } } },
  });
});
afterAll(() => bench?.gateway.stop());

const usage = {
  prompt_tokens: 20,
  completion_tokens: 9,
  total_tokens: 29,
  cost: 0.000_14,
  cost_details: { upstream_inference_cost: null },
  prompt_tokens_details: { cached_tokens: 5 },
  completion_tokens_details: { reasoning_tokens: 4 },
};
const details = [
  { type: 'reasoning.text', text: 'Because.', signature: 'sig', format: 'anthropic-claude-v1', index: 0, id: null },
];
const reply = (message: object, choice: object = {}) => ({
  id: 'gen-1234',
  provider: 'Acme',
  model: 'acme/m-2026',
  object: 'chat.completion',
  created: 1_760_000_000,
  choices: [
    {
      index: 0,
      logprobs: null,
      finish_reason: 'stop',
      native_finish_reason: 'end_turn',
      message: { role: 'assistant', content: 'Hi.', refusal: null, ...message },
      ...choice,
    },
  ],
  usage,
});
const hello = [{ role: 'user', content: 'Hello.' }];

describe('a request', () => {
  it('says for whom it is, and has OpenRouter’s own fields, the deployment’s and the caller’s', async () => {
    bench.answers('plain', { body: reply({}) });
    await bench.chat('plain', {
      messages: hello,
      models: ['a/b'],
      route: 'fallback',
      plugins: [{ id: 'web' }],
      top_k: 3,
    });
    const { path, headers, json } = bench.asked('plain');
    expect(path).toBe('/api/v1/chat/completions');
    expect(headers).toMatchObject({
      authorization: 'Bearer vendor-key',
      'http-referer': 'https://mine.example',
      'x-title': 'Mine',
    });
    expect(json).toEqual({
      model: 'plain',
      messages: hello,
      models: ['a/b'],
      route: 'fallback',
      plugins: [{ id: 'web' }],
      top_k: 3,
      transforms: ['middle-out'],
      provider: { order: ['acme'] },
    });
  });

  it('asks for reasoning in OpenRouter’s words', async () => {
    bench.answers('thinking', { body: reply({}) });
    await bench.chat('thinking', { messages: hello, reasoning_effort: 'high' });
    expect(bench.asked('thinking').json).toMatchObject({ reasoning: { effort: 'high' } });
    expect(bench.asked('thinking').json).not.toHaveProperty('reasoning_effort');
  });

  it('brings back the details of a reply, and reasoning of others as text', async () => {
    bench.answers('back', { body: reply({ reasoning: 'Because.', reasoning_details: details }) });
    const first = await bench.chat('back', { messages: hello });
    const { message } = choiceOf(first);
    expect(message).toMatchObject({ reasoning_content: 'Because.', reasoning_details: details });
    expect(message).not.toHaveProperty('reasoning');
    const other = { role: 'assistant', content: 'b', reasoning_content: 'r' };
    await bench.chat('back', { messages: [...hello, message, other, ...hello] });
    const { messages } = bench.asked('back').json as { messages: object[] };
    expect(messages[1]).toMatchObject({ content: 'Hi.', reasoning_details: details });
    expect(messages[1]).not.toHaveProperty('reasoning_content');
    expect(messages[2]).toEqual({ role: 'assistant', content: 'b', reasoning: 'r' });
  });
});

describe('a reply', () => {
  it('keeps what it cost and who answered', async () => {
    bench.answers('whole', { body: reply({}) });
    const { body } = await bench.chat('whole', { messages: hello });
    expect(body).toMatchObject({ id: 'gen-1234', model: 'strict/whole', provider: 'Acme', usage });
  });

  const truth: Truth = {
    reasoning: 'They want the weather.',
    text: 'Looking.',
    calls: [paris],
    finish: 'tool_calls',
    tokens: { prompt: 20, completion: 9, cached: 5, reasoning: 4 },
  };

  it('streamed has reasoning and calls as any other, its cost, and comments while it waits', async () => {
    bench.answers('streamed', ({ request, response }) =>
      sendEvents(response, openRouterEvents(truth, 'acme/m', includesUsage(request.json ?? {})), {}),
    );
    const asked = { messages: hello, tools: [weather], stream: true, stream_options: { include_usage: true } };
    const { chunks, errors, isDone } = await bench.chat('streamed', asked);
    expect([errors, isDone]).toEqual([[], true]);
    expectWellFormed(chunks, 'strict/streamed');
    expect(toldIn(chunks)).toEqual({ ...truth });
    expect(chunks.at(-1)!.usage).toMatchObject({ cost: 0.000_14 });
    expect(chunks.every((one) => !('reasoning' in fieldsOf(one.choices[0]?.delta ?? {})))).toBe(true);
    expect(chunks.some((one) => 'reasoning_details' in fieldsOf(one.choices[0]?.delta ?? {}))).toBe(true);
  });

  it('asked for without usage tells none, and is asked for it all the same', async () => {
    bench.answers('hidden', ({ request, response }) =>
      sendEvents(response, openRouterEvents(truth, 'acme/m', includesUsage(request.json ?? {})), {}),
    );
    const { chunks } = await bench.chat('hidden', { messages: hello, stream: true });
    expect(chunks.some(({ usage: told }) => told)).toBe(false);
    expect(bench.asked('hidden').json).toMatchObject({ stream_options: { include_usage: true } });
  });

  it('of text completions and embeddings comes from the same place', async () => {
    const text = {
      id: 'gen-2',
      object: 'text_completion',
      model: 'm',
      choices: [{ index: 0, text: ' more', finish_reason: 'stop' }],
      usage,
    };
    bench.answers('text', { body: text });
    const completed = await bench.post('/v1/completions', { model: 'text', prompt: 'Once' });
    expect(completed.body).toMatchObject({ choices: [{ text: ' more' }] });
    expect(bench.asked('text').path).toBe('/api/v1/completions');
    bench.answers('vectors', {
      body: {
        object: 'list',
        data: [{ object: 'embedding', index: 0, embedding: [1, 2] }],
        model: 'm',
        usage: { prompt_tokens: 3, total_tokens: 3 },
      },
    });
    const { body } = await bench.post('/v1/embeddings', { model: 'vectors', input: 'x' });
    expect(body).toMatchObject({ data: [{ embedding: [1, 2] }], usage: { prompt_tokens: 3 } });
  });
});

const failure = (code: number, message: string, metadata?: object) => ({
  error: { code, message, ...(metadata && { metadata }) },
});

describe('an error', () => {
  it('is of the class that its status says', () =>
    expectFailures(bench, [
      [400, failure(400, 'm is not a valid model ID'), 400, 'ERR_PROVIDER_BAD_REQUEST', /valid model/],
      [401, failure(401, 'User not found.'), 401, 'ERR_PROVIDER_AUTHENTICATION'],
      [402, failure(402, 'Insufficient credits'), 429, 'ERR_PROVIDER_QUOTA'],
      [403, failure(403, 'Flagged', { reasons: ['violence'], flagged_input: 'x' }), 400, 'ERR_PROVIDER_CONTENT_POLICY'],
      [403, failure(403, 'Not yours'), 403, 'ERR_PROVIDER_PERMISSION'],
      [404, failure(404, 'No endpoints found'), 404, 'ERR_PROVIDER_NOT_FOUND'],
      [408, failure(408, 'Timed out'), 408, 'ERR_PROVIDER_TIMEOUT'],
      [
        400,
        failure(400, 'Provider returned error', {
          raw: '{"error":{"message":"prompt is too long"}}',
          provider_name: 'Acme',
        }),
        400,
        'ERR_PROVIDER_CONTEXT_WINDOW',
        /^Provider returned error \(Acme\): prompt is too long/,
      ],
      [429, failure(429, 'Rate limit exceeded'), 429, 'ERR_PROVIDER_RATE_LIMIT'],
      [502, failure(502, 'Model is down'), 502, 'ERR_PROVIDER_BAD_GATEWAY'],
      [503, failure(503, 'No provider meets the requirements'), 503, 'ERR_PROVIDER_UNAVAILABLE'],
    ]));

  it('inside a 200 is as good as one with its status', () =>
    expectFailures(bench, [
      [200, failure(429, 'Slow down'), 429, 'ERR_PROVIDER_RATE_LIMIT'],
      [200, { ...failure(502, 'Model is down'), user_id: 'u' }, 502, 'ERR_PROVIDER_BAD_GATEWAY'],
      [200, failure(402, 'Insufficient credits'), 429, 'ERR_PROVIDER_QUOTA'],
      [
        200,
        reply({ content: '' }, { finish_reason: 'error', error: { code: 503, message: 'gone' } }),
        503,
        'ERR_PROVIDER_UNAVAILABLE',
        /gone/,
      ],
      [200, reply({ content: 'ha' }, { finish_reason: 'error' }), 500, 'ERR_PROVIDER_INTERNAL'],
    ]));

  const broken = (code: unknown, message: string) => ({
    id: 'gen-3',
    object: 'chat.completion.chunk',
    model: 'm',
    provider: 'Acme',
    error: { code, message },
    choices: [{ index: 0, delta: { content: '' }, finish_reason: 'error' }],
  });
  const said = {
    id: 'gen-3',
    object: 'chat.completion.chunk',
    model: 'm',
    choices: [{ index: 0, delta: { role: 'assistant', content: 'Half' }, finish_reason: null }],
  };

  it.each([
    [429, 429, 'ERR_PROVIDER_RATE_LIMIT'],
    ['server_error', 500, 'ERR_PROVIDER_INTERNAL'],
  ])('that opens a stream (%s) is answered with its status', async (code, status, rutterCode) => {
    bench.answers(`opening-${code}`, { pieces: [processing, ...sse(broken(code, 'away'))] });
    const found = await bench.chat(`opening-${code}`, { messages: hello, stream: true });
    expect([found.status, fieldsOf(found.body.error).rutter_code]).toEqual([status, rutterCode]);
  });

  it('in the midst of a stream ends it, without `[DONE]`', async () => {
    bench.answers('midst', {
      pieces: [processing, ...sse(said, broken('server_error', 'Provider disconnected'), '[DONE]')],
    });
    const { status, chunks, errors, isDone } = await bench.chat('midst', { messages: hello, stream: true });
    expect([status, isDone, chunks.map((one) => one.choices[0]?.delta.content)]).toEqual([200, false, ['Half']]);
    expect(errors).toEqual([
      expect.objectContaining({ message: 'Provider disconnected', rutter_code: 'ERR_PROVIDER_INTERNAL' }),
    ]);
  });
});
