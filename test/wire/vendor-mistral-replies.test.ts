/** Mistral’s replies behind a gateway; exchanges as in https://docs.mistral.ai/api/ */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toldIn } from './client.ts';
import { chunk, hello, reply, usage } from './mistral-side.ts';
import { weather } from './scenarios.ts';
import { listOf } from './truth.ts';
import { type Bench, choiceOf, expectFailures, sse, startBench } from './vendor-bench.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await startBench({ provider: 'mistral', base: '/v1' });
});
afterAll(() => bench?.gateway.stop());

describe('reasoning', () => {
  const thinking = (text: string) => ({ type: 'thinking', thinking: [{ type: 'text', text }] });

  it('comes in its own field from whole replies', async () => {
    bench.answers('magistral-whole', reply({ content: [thinking('Two and two…'), { type: 'text', text: 'Four.' }] }));
    const read = await bench.chat('magistral-whole', { messages: hello, reasoning_effort: 'high' });
    expect(choiceOf(read).message).toMatchObject({ content: 'Four.', reasoning_content: 'Two and two…' });
    expect(bench.asked('magistral-whole').json).toEqual({
      model: 'magistral-whole',
      messages: hello,
      prompt_mode: 'reasoning',
    });
  });

  it('comes in its own field from streams, with calls and usage behind it', async () => {
    const call = { id: 'D681PevKs', function: { name: 'get_weather', arguments: '{"city":"Oslo"}' }, index: 0 };
    bench.answers('magistral-stream', {
      pieces: sse(
        chunk({ role: 'assistant', content: '' }),
        chunk({ content: [thinking('Hm')] }),
        chunk({ content: [thinking('…')] }),
        chunk({ content: 'Let me ' }),
        chunk({ content: [{ type: 'text', text: 'look.' }] }),
        chunk({ content: '', tool_calls: [call] }, 'tool_calls', { usage }),
        '[DONE]',
      ),
    });
    const { chunks, isDone, errors } = await bench.chat('magistral-stream', {
      messages: hello,
      tools: [weather],
      stream: true,
      stream_options: { include_usage: true },
    });
    expect([isDone, errors]).toEqual([true, []]);
    expect(toldIn(chunks)).toEqual({
      reasoning: 'Hm…',
      text: 'Let me look.',
      calls: [{ id: 'D681PevKs', name: 'get_weather', input: { city: 'Oslo' } }],
      finish: 'tool_calls',
      tokens: { prompt: 20, completion: 9, cached: 0, reasoning: 0 },
    });
    expect(bench.asked('magistral-stream').json).toEqual({
      model: 'magistral-stream',
      messages: hello,
      tools: [weather],
      stream: true,
    });
  });

  it('of the history goes back to models that reason, and to no others', async () => {
    const messages = [
      ...hello,
      { role: 'assistant', content: 'Four.', reasoning_content: 'Hm' },
      { role: 'user', content: 'Sure?' },
    ];
    for (const model of ['magistral-small-latest', 'mistral-large-latest'])
      bench.answers(model, reply({ content: 'x' }));
    await bench.chat('magistral-small-latest', { messages });
    const own = (model: string) => listOf(bench.asked(model).json?.messages)[1];
    expect(own('magistral-small-latest')).toEqual({
      role: 'assistant',
      content: [thinking('Hm'), { type: 'text', text: 'Four.' }],
    });
    await bench.chat('mistral-large-latest', { messages });
    expect(own('mistral-large-latest')).toEqual({ role: 'assistant', content: 'Four.' });
    await bench.chat('mistral-large-latest', { messages, thinking: { type: 'enabled', budget_tokens: 1024 } });
    expect(bench.asked('mistral-large-latest').json).toMatchObject({ reasoning_effort: 'high' });
    expect(own('mistral-large-latest')).toHaveProperty('content', [thinking('Hm'), { type: 'text', text: 'Four.' }]);
    await bench.chat('mistral-large-latest', { messages: hello, reasoning_effort: 'none' });
    expect(bench.asked('mistral-large-latest').json).toMatchObject({ reasoning_effort: 'none' });
  });
});

describe('a reply', () => {
  it.each([
    ['stop', 'stop'],
    ['length', 'length'],
    ['model_length', 'length'],
    ['tool_calls', 'tool_calls'],
    ['novel', 'stop'],
  ])('that ended by %s has the finish reason %s', async (finish, told) => {
    bench.answers(`finish-${finish}`, reply({ content: 'x' }, finish));
    expect(choiceOf(await bench.chat(`finish-${finish}`, { messages: hello })).finish_reason).toBe(told);
  });

  it('that ended by an error is one', async () => {
    bench.answers('finish-error', reply({ content: 'half' }, 'error'));
    expect(await bench.chat('finish-error', { messages: hello })).toMatchObject({
      status: 500,
      body: { error: { rutter_code: 'ERR_PROVIDER_INTERNAL' } },
    });
  });

  it('tells cached tokens apart', async () => {
    bench.answers(
      'cached',
      reply({ content: 'x' }, 'stop', { usage: { ...usage, prompt_tokens_details: { cached_tokens: 16 } } }),
    );
    expect((await bench.chat('cached', { messages: hello })).body.usage).toMatchObject({
      prompt_tokens: 20,
      completion_tokens: 9,
      prompt_tokens_details: { cached_tokens: 16 },
    });
  });
});

it('sorts errors of every shape into classes', () =>
  expectFailures(bench, [
    [
      400,
      {
        object: 'error',
        message: 'Expected last role User or Tool',
        type: 'invalid_request_message_order',
        code: '3230',
      },
      400,
      'ERR_PROVIDER_BAD_REQUEST',
      /last role/,
    ],
    [
      400,
      {
        object: 'error',
        message: 'Prompt contains 70000 tokens, too large for model with 32768 maximum context length',
        type: 'invalid_request_error',
        code: '3051',
      },
      400,
      'ERR_PROVIDER_CONTEXT_WINDOW',
    ],
    [
      400,
      { object: 'error', message: 'Invalid model: mistral-huge', type: 'invalid_model', param: null, code: '1500' },
      404,
      'ERR_PROVIDER_NOT_FOUND',
    ],
    [401, { detail: 'Unauthorized' }, 401, 'ERR_PROVIDER_AUTHENTICATION', /Unauthorized/],
    [401, { message: 'No API key found in request', request_id: 'r' }, 401, 'ERR_PROVIDER_AUTHENTICATION'],
    [402, { message: 'You cannot make this request.' }, 429, 'ERR_PROVIDER_QUOTA'],
    [403, { message: 'x' }, 403, 'ERR_PROVIDER_PERMISSION'],
    [
      422,
      {
        object: 'error',
        message: {
          detail: [{ type: 'extra_forbidden', loc: ['body', 'frob'], msg: 'Extra inputs are not permitted', input: 1 }],
        },
        type: 'invalid_request_error',
        code: null,
      },
      422,
      'ERR_PROVIDER_UNPROCESSABLE',
      /^frob: Extra inputs are not permitted$/,
    ],
    [
      429,
      { object: 'error', message: 'Rate limit exceeded', type: 'rate_limited', code: '1300' },
      429,
      'ERR_PROVIDER_RATE_LIMIT',
    ],
    [
      429,
      {
        object: 'error',
        message: 'Service tier capacity exceeded for this model.',
        type: 'service_tier_capacity_exceeded',
        code: '3505',
      },
      429,
      'ERR_PROVIDER_RATE_LIMIT',
    ],
    [
      500,
      { object: 'error', message: 'Service unavailable.', type: 'internal_server_error', code: '1000' },
      500,
      'ERR_PROVIDER_INTERNAL',
    ],
    [503, 'upstream connect error', 503, 'ERR_PROVIDER_UNAVAILABLE'],
    [520, '<html></html>', 500, 'ERR_PROVIDER_INTERNAL'],
  ]));
