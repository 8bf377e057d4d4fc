/** Cohere’s replies behind a gateway; exchanges as in https://docs.cohere.com/reference/chat and .../chat-stream */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toldIn } from './client.ts';
import { events, hello, reply, said, text, usage } from './cohere-side.ts';
import { clock, weather } from './scenarios.ts';
import { fieldsOf } from './truth.ts';
import { type Bench, choiceOf, expectFailures, startBench } from './vendor-bench.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await startBench({ provider: 'cohere' });
});
afterAll(() => bench?.gateway.stop());

const citation = {
  start: 5,
  end: 10,
  text: 'Ships',
  sources: [{ type: 'document', id: 'd1', document: { id: 'd1', text: 'Ships.' } }],
  type: 'TEXT_CONTENT',
};

describe('a whole reply', () => {
  it('tells thoughts, plans, calls and citations', async () => {
    const call = {
      id: 'get_weather_1',
      type: 'function',
      function: { name: 'get_weather', arguments: '{"city":"Oslo"}' },
    };
    bench.answers(
      'rich',
      reply(
        {
          tool_plan: 'I will look. ',
          tool_calls: [call],
          content: [{ type: 'thinking', thinking: 'Oslo…' }],
          citations: [citation],
        },
        'TOOL_CALL',
      ),
    );
    const choice = choiceOf(await bench.chat('rich', { messages: hello, tools: [weather] }));
    expect(choice).toMatchObject({
      message: {
        content: null,
        reasoning_content: 'I will look. Oslo…',
        tool_calls: [call],
        provider_specific_fields: { citations: [citation] },
      },
      finish_reason: 'tool_calls',
    });
  });

  it.each([
    ['COMPLETE', 'stop'],
    ['STOP_SEQUENCE', 'stop'],
    ['MAX_TOKENS', 'length'],
    ['ERROR_TOXIC', 'content_filter'],
    ['ERROR_LIMIT', 'length'],
    ['NOVEL', 'stop'],
  ])('that ended by %s has the finish reason %s', async (finish, told) => {
    bench.answers(`finish-${finish}`, reply({ content: text('x') }, finish));
    expect(choiceOf(await bench.chat(`finish-${finish}`, { messages: hello })).finish_reason).toBe(told);
  });

  it.each([
    ['ERROR', 500, 'ERR_PROVIDER_INTERNAL'],
    ['TIMEOUT', 408, 'ERR_PROVIDER_TIMEOUT'],
  ])('that ended by %s is an error', async (finish, status, code) => {
    bench.answers(`finish-${finish}`, reply({ content: text('half') }, finish));
    expect(await bench.chat(`finish-${finish}`, { messages: hello })).toMatchObject({
      status,
      body: { error: { rutter_code: code } },
    });
  });

  it('tells cached tokens apart, log probabilities in the usual shape, and counts of tokens where nothing is billed', async () => {
    bench.answers(
      'cached',
      reply({ content: text('x') }, 'COMPLETE', {
        usage: { ...usage, cached_tokens: 10 },
        logprobs: [{ text: 'x', token_ids: [1, 2], logprobs: [-0.5, -0.25] }],
      }),
    );
    const read = await bench.chat('cached', { messages: hello, logprobs: true });
    expect(read.body.usage).toMatchObject({ prompt_tokens: 17, prompt_tokens_details: { cached_tokens: 10 } });
    expect(fieldsOf(choiceOf(read).logprobs)).toEqual({
      content: [{ token: 'x', logprob: -0.75, bytes: null, top_logprobs: [] }],
    });
    bench.answers(
      'free',
      reply({ content: text('x') }, 'COMPLETE', { usage: { tokens: { input_tokens: 5, output_tokens: 6 } } }),
    );
    expect((await bench.chat('free', { messages: hello })).body.usage).toMatchObject({
      prompt_tokens: 5,
      completion_tokens: 6,
    });
  });
});

describe('a streamed reply', () => {
  const ask = (model: string) =>
    bench.chat(model, {
      messages: hello,
      tools: [weather, clock],
      stream: true,
      stream_options: { include_usage: true },
    });
  const start = [
    'message-start',
    {
      id: '29f14a5a',
      delta: { message: { role: 'assistant', content: [], tool_plan: '', tool_calls: [], citations: [] } },
    },
  ] as const;
  const end = ['message-end', { delta: { finish_reason: 'COMPLETE', usage } }] as const;

  it('tells thoughts, words and citations', async () => {
    bench.answers('stream-text', {
      pieces: [
        ...events(
          start,
          ['content-start', said({ content: { type: 'thinking', thinking: '' } }, 0)],
          ['content-delta', said({ content: { thinking: 'Ships ' } }, 0)],
          ['content-delta', said({ content: { thinking: 'sail.' } }, 0)],
          ['content-end', { index: 0 }],
          ['content-start', said({ content: { type: 'text', text: '' } }, 1)],
          ['content-delta', said({ content: { text: 'Many ' } }, 1)],
          ['content-delta', said({ content: { text: 'Ships' } }, 1)],
          ['citation-start', said({ citations: citation }, 0)],
          ['citation-end', { index: 0 }],
          ['content-end', { index: 1 }],
          ['debug', { prompt: 'x' }],
          end,
        ),
        'data: [DONE]\n\n',
      ],
    });
    const { chunks, isDone, errors } = await ask('stream-text');
    expect([isDone, errors]).toEqual([true, []]);
    expect(toldIn(chunks)).toEqual({
      reasoning: 'Ships sail.',
      text: 'Many Ships',
      calls: [],
      finish: 'stop',
      tokens: { prompt: 17, completion: 12, cached: 0, reasoning: 0 },
    });
    expect(new Set(chunks.map(({ id }) => id))).toEqual(new Set(['29f14a5a']));
    const kept = chunks.flatMap((one) => one.choices.map(({ delta }) => fieldsOf(delta).provider_specific_fields));
    expect(kept.filter(Boolean)).toEqual([{ citations: [citation] }]);
    expect(bench.asked('stream-text').json).toMatchObject({ stream: true });
    expect(bench.asked('stream-text').json).not.toHaveProperty('stream_options');
  });

  it('tells the plan and each call', async () => {
    const call = (id: string, name: string) => ({
      tool_calls: { id, type: 'function', function: { name, arguments: '' } },
    });
    const more = (text: string) => ({ tool_calls: { function: { arguments: text } } });
    bench.answers('stream-tools', {
      pieces: events(
        start,
        ['tool-plan-delta', { delta: { message: { tool_plan: 'I will ' } } }],
        ['tool-plan-delta', { delta: { message: { tool_plan: 'look.' } } }],
        ['tool-call-start', said(call('get_weather_n1', 'get_weather'), 0)],
        ['tool-call-delta', said(more('{\n    "city":'), 0)],
        ['tool-call-delta', said(more(' "Oslo"\n}'), 0)],
        ['tool-call-end', { index: 0 }],
        ['tool-call-start', said(call('get_time_n2', 'get_time'), 1)],
        ['tool-call-end', { index: 1 }],
        ['message-end', { delta: { finish_reason: 'TOOL_CALL', usage } }],
      ),
    });
    const { chunks, isDone } = await ask('stream-tools');
    expect(isDone).toBe(true);
    expect(toldIn(chunks)).toMatchObject({
      reasoning: 'I will look.',
      text: '',
      calls: [
        { id: 'get_weather_n1', name: 'get_weather', input: { city: 'Oslo' } },
        { id: 'get_time_n2', name: 'get_time', input: {} },
      ],
      finish: 'tool_calls',
    });
  });

  it('that ends by an error is one, before content and after', async () => {
    const failed = ['message-end', { delta: { finish_reason: 'ERROR', error: 'INTERNAL: model failed' } }] as const;
    bench.answers('stream-early', { pieces: events(start, failed) });
    expect(await ask('stream-early')).toMatchObject({
      status: 500,
      body: { error: { message: 'INTERNAL: model failed', rutter_code: 'ERR_PROVIDER_INTERNAL' } },
    });
    bench.answers('stream-late', {
      pieces: events(start, ['content-delta', said({ content: { text: 'Half' } }, 0)], failed),
    });
    const { chunks, errors, isDone } = await ask('stream-late');
    expect([toldIn(chunks).text, isDone, errors.length]).toEqual(['Half', false, 1]);
  });
});

it('sorts errors into classes', () =>
  expectFailures(bench, [
    [
      400,
      { message: 'too many tokens: total number of tokens in the prompt cannot exceed 128000 - received 140000.' },
      400,
      'ERR_PROVIDER_CONTEXT_WINDOW',
    ],
    [
      400,
      { id: 'i', message: 'invalid request: temperature must be between 0 and 1' },
      400,
      'ERR_PROVIDER_BAD_REQUEST',
      /temperature/,
    ],
    [401, { message: 'invalid api token' }, 401, 'ERR_PROVIDER_AUTHENTICATION'],
    [402, { message: 'Your account has reached its billing limit' }, 429, 'ERR_PROVIDER_QUOTA'],
    [403, { message: 'x' }, 403, 'ERR_PROVIDER_PERMISSION'],
    [404, { message: "model 'x' not found, make sure the correct model ID was used" }, 404, 'ERR_PROVIDER_NOT_FOUND'],
    [422, { message: 'x' }, 422, 'ERR_PROVIDER_UNPROCESSABLE'],
    [
      429,
      { message: 'You are using a Trial key, which is limited to 20 API calls / minute.' },
      429,
      'ERR_PROVIDER_RATE_LIMIT',
    ],
    [
      429,
      { message: 'You are using a Trial key, which is limited to 1000 API calls / month.' },
      429,
      'ERR_PROVIDER_QUOTA',
    ],
    [498, { message: 'request blocked' }, 400, 'ERR_PROVIDER_CONTENT_POLICY', /request blocked/],
    [500, { message: 'internal server error' }, 500, 'ERR_PROVIDER_INTERNAL'],
    [503, { message: 'x' }, 503, 'ERR_PROVIDER_UNAVAILABLE'],
    [504, { message: 'x' }, 408, 'ERR_PROVIDER_TIMEOUT'],
  ]));
