/** DeepSeek behind a gateway; exchanges as in https://api-docs.deepseek.com/api/create-chat-completion */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toldIn } from './client.ts';
import { clock, weather } from './scenarios.ts';
import { type Bench, choiceOf, expectFailures, expectUnsupported, sse, startBench } from './vendor-bench.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await startBench({
    provider: 'deepseek',
    params: { input_cost_per_token: 1e-6, cache_read_input_token_cost: 1e-7, output_cost_per_token: 2e-6 },
  });
});
afterAll(() => bench?.gateway.stop());

const usage = {
  prompt_tokens: 100,
  completion_tokens: 30,
  total_tokens: 130,
  prompt_cache_hit_tokens: 64,
  prompt_cache_miss_tokens: 36,
  completion_tokens_details: { reasoning_tokens: 12 },
};
const reply = (message: object, finish = 'stop') => ({
  body: {
    id: '930c60df-bf64-41c9-a88e-3ec75f81e00e',
    object: 'chat.completion',
    created: 1_705_651_092,
    model: 'deepseek-chat',
    choices: [{ index: 0, message: { role: 'assistant', ...message }, logprobs: null, finish_reason: finish }],
    usage,
    system_fingerprint: 'fp_a49d71b8a1',
  },
});
const chunk = (delta: object, finish: string | null = null, more: object = {}) => ({
  id: '1f633d8b',
  object: 'chat.completion.chunk',
  created: 1_718_345_013,
  model: 'deepseek-reasoner',
  system_fingerprint: 'fp_a49d71b8a1',
  choices: [{ index: 0, delta, finish_reason: finish, logprobs: null }],
  ...more,
});
const hello = [{ role: 'user', content: 'Hello.' }];

describe('a request', () => {
  it('goes to the chat with the key, its contents made text', async () => {
    bench.answers('deepseek-chat', reply({ content: 'Hi.' }));
    const { status, body } = await bench.chat('deepseek-chat', {
      messages: [
        { role: 'developer', content: 'Be brief.' },
        {
          role: 'user',
          name: 'ann',
          content: [
            { type: 'text', text: 'Hel' },
            { type: 'text', text: 'lo.', cache_control: { type: 'ephemeral' } },
          ],
        },
        { role: 'assistant', content: '', refusal: null },
      ],
      max_completion_tokens: 50,
      temperature: 0.2,
      top_p: 0.9,
      stop: ['END'],
      presence_penalty: 0.1,
      frequency_penalty: 0.2,
      logprobs: true,
      top_logprobs: 2,
      n: 1,
      parallel_tool_calls: true,
      response_format: { type: 'json_object' },
    });
    expect(status).toBe(200);
    const { path, headers, json } = bench.asked('deepseek-chat');
    expect([path, headers.authorization]).toEqual(['/chat/completions', 'Bearer vendor-key']);
    expect(json).toEqual({
      model: 'deepseek-chat',
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', name: 'ann', content: 'Hello.' },
        { role: 'assistant', content: '' },
      ],
      max_tokens: 50,
      temperature: 0.2,
      top_p: 0.9,
      stop: ['END'],
      presence_penalty: 0.1,
      frequency_penalty: 0.2,
      logprobs: true,
      top_logprobs: 2,
      response_format: { type: 'json_object' },
    });
    expect(body).toMatchObject({
      model: 'strict/deepseek-chat',
      choices: [{ message: { content: 'Hi.' } }],
      system_fingerprint: 'fp_a49d71b8a1',
    });
  });

  it('is refused with images, audio and files, by their place', async () => {
    bench.answers('deepseek-chat', reply({ content: 'x' }));
    for (const part of [
      { type: 'image_url', image_url: { url: 'https://pictures.example/a.png' } },
      { type: 'file', file: { file_id: 'f' } },
      { type: 'input_audio', input_audio: { data: 'AAAA', format: 'wav' } },
    ]) {
      const { status, body } = await bench.chat('deepseek-chat', {
        messages: [{ role: 'user', content: [{ type: 'text', text: 'x' }, part] }],
      });
      expect([status, body.error]).toMatchObject([
        400,
        { param: 'messages[0].content[1]', rutter_code: 'ERR_REQUEST_UNSUPPORTED_PARAMETER' },
      ]);
    }
  });

  it('gives reasoning back, and an empty one with calls that came without', async () => {
    bench.answers('deepseek-reasoner', reply({ content: 'x' }));
    const call = (id: string) => ({ id, type: 'function', function: { name: 'get_time', arguments: '{}' } });
    const answer = (id: string) => ({ role: 'tool', tool_call_id: id, content: 'noon' });
    await bench.chat('deepseek-reasoner', {
      messages: [
        ...hello,
        { role: 'assistant', content: 'Hi.', reasoning_content: 'A greeting.' },
        ...hello,
        { role: 'assistant', content: null, tool_calls: [call('call_a')], reasoning_content: 'Time…' },
        answer('call_a'),
        {
          role: 'assistant',
          content: null,
          tool_calls: [call('toolu_b')],
          thinking_blocks: [{ type: 'thinking', thinking: 'Elsewhere', signature: 's' }],
        },
        answer('toolu_b'),
        { role: 'assistant', content: null, tool_calls: [call('call_c')] },
        answer('call_c'),
      ],
      tools: [clock],
    });
    expect(bench.asked('deepseek-reasoner').json).toEqual({
      model: 'deepseek-reasoner',
      messages: [
        ...hello,
        { role: 'assistant', content: 'Hi.', reasoning_content: 'A greeting.' },
        ...hello,
        { role: 'assistant', content: '', tool_calls: [call('call_a')], reasoning_content: 'Time…' },
        answer('call_a'),
        { role: 'assistant', content: '', tool_calls: [call('toolu_b')], reasoning_content: 'Elsewhere' },
        answer('toolu_b'),
        { role: 'assistant', content: '', tool_calls: [call('call_c')], reasoning_content: '' },
        answer('call_c'),
      ],
      tools: [clock],
    });
  });

  it.each([
    [{ reasoning_effort: 'high' }, { reasoning_effort: 'high', thinking: { type: 'enabled' } }],
    [{ reasoning_effort: 'minimal' }, { reasoning_effort: 'low', thinking: { type: 'enabled' } }],
    [{ reasoning_effort: 'none' }, { thinking: { type: 'disabled' } }],
    [{ thinking: { type: 'enabled', budget_tokens: 2048 } }, { thinking: { type: 'enabled' } }],
    [{ thinking: { type: 'disabled' } }, { thinking: { type: 'disabled' } }],
    [{}, {}],
  ])('asks for thinking by %j as %j', async (fields, told) => {
    bench.answers('thinking', reply({ content: 'x' }));
    await bench.chat('thinking', { messages: hello, ...fields });
    expect(bench.asked('thinking').json).toEqual({ model: 'thinking', messages: hello, ...told });
  });

  it('refuses by name what the API lacks, and reports what is left out', async () => {
    bench.answers('lacking', reply({ content: 'x' }));
    await expectUnsupported(bench, 'lacking', {
      n: 2,
      seed: 1,
      logit_bias: { 1: 2 },
      top_k: 5,
      modalities: ['text', 'audio'],
      parallel_tool_calls: false,
      web_search_options: {},
    });
    const { headers } = await bench.chat('lacking', { messages: hello, user: 'u', service_tier: 'flex' });
    expect(headers.get('x-rutter-translation')).toBe('dropped user, service_tier');
    expect(bench.asked('lacking').json).toEqual({ model: 'lacking', messages: hello });
  });
});

describe('a reply', () => {
  it('tells reasoning and cached tokens, and passes as it is', async () => {
    bench.answers('whole', reply({ content: 'Four.', reasoning_content: 'Two and two…' }));
    const read = await bench.chat('whole', { messages: hello });
    expect(choiceOf(read).message).toEqual({ role: 'assistant', content: 'Four.', reasoning_content: 'Two and two…' });
    expect(read.body.usage).toEqual({ ...usage, prompt_tokens_details: { cached_tokens: 64 } });
  });

  it('behind keep-alives is whole', async () => {
    bench.answers('slow', { body: `\n\n\n${JSON.stringify(reply({ content: 'Late.' }).body)}` });
    expect(choiceOf(await bench.chat('slow', { messages: hello })).message).toMatchObject({ content: 'Late.' });
  });

  it('streamed, tells reasoning, calls and usage, behind keep-alives too', async () => {
    bench.answers('stream', {
      pieces: [
        ': keep-alive\n\n',
        ...sse(
          chunk({ role: 'assistant', content: null, reasoning_content: '' }),
          chunk({ reasoning_content: 'Hm' }),
          chunk({ reasoning_content: '…' }),
          chunk({ content: 'So.' }),
          chunk({
            tool_calls: [
              { index: 0, id: 'call_0_a', type: 'function', function: { name: 'get_weather', arguments: '' } },
            ],
          }),
          chunk({ tool_calls: [{ index: 0, function: { arguments: '{"city":' } }] }),
          chunk({ tool_calls: [{ index: 0, function: { arguments: '"Rome"}' } }] }),
          chunk({ content: '' }, 'tool_calls'),
          { ...chunk({}), choices: [], usage },
          '[DONE]',
        ),
      ],
    });
    const { chunks, isDone, errors } = await bench.chat('stream', {
      messages: hello,
      tools: [weather],
      stream: true,
      stream_options: { include_usage: true },
    });
    expect([isDone, errors]).toEqual([true, []]);
    expect(toldIn(chunks)).toMatchObject({
      reasoning: 'Hm…',
      text: 'So.',
      calls: [{ id: 'call_0_a', name: 'get_weather', input: { city: 'Rome' } }],
      finish: 'tool_calls',
      tokens: { prompt: 100, completion: 30, cached: 64, reasoning: 12 },
    });
  });

  it('of a text completion passes as it is, with what stands behind the gap', async () => {
    const choices = [{ index: 0, text: 'b', finish_reason: 'stop', logprobs: null }];
    bench.answers('completions', { body: { ...reply({}).body, object: 'text_completion', choices } });
    const { body } = await bench.post('/v1/completions', {
      model: 'completions',
      prompt: 'a',
      suffix: 'c',
      max_tokens: 3,
    });
    expect(body).toMatchObject({ choices, usage });
    const { path, json } = bench.asked('completions');
    expect([path, json]).toEqual([
      '/beta/completions',
      { model: 'completions', prompt: 'a', suffix: 'c', max_tokens: 3 },
    ]);
  });

  it('is charged for what the cache had, what it had not, and what was said, each at its price', async () => {
    bench.answers('priced', reply({ content: 'x' }));
    const { headers } = await bench.chat('priced', { messages: hello });
    // 36 missed at 1, 64 hit at 0.1 and 30 said at 2 dollars a million.
    expect(Number(headers.get('x-litellm-response-cost'))).toBeCloseTo(0.0001024, 10);
  });
});

const said = (message: string, code: string | null = 'invalid_request_error') => ({
  error: { message, type: 'invalid_request_error', param: null, code },
});

it('sorts errors into classes', () =>
  expectFailures(bench, [
    [
      400,
      said("This model's maximum context length is 131072 tokens. However, you requested 140000 tokens"),
      400,
      'ERR_PROVIDER_CONTEXT_WINDOW',
    ],
    [400, said('Content Exists Risk'), 400, 'ERR_PROVIDER_CONTENT_POLICY', /Content Exists Risk/],
    [
      400,
      said('The reasoning_content in the thinking mode must be passed back to the API.'),
      400,
      'ERR_PROVIDER_BAD_REQUEST',
      /passed back/,
    ],
    [
      401,
      {
        error: {
          message: 'Authentication Fails, Your api key: ****1234 is invalid',
          type: 'authentication_error',
          param: null,
          code: 'invalid_request_error',
        },
      },
      401,
      'ERR_PROVIDER_AUTHENTICATION',
    ],
    [
      402,
      { error: { message: 'Insufficient Balance', type: 'unknown_error', param: null, code: 'invalid_request_error' } },
      429,
      'ERR_PROVIDER_QUOTA',
      /Insufficient Balance/,
    ],
    [404, said('Model Not Exist'), 404, 'ERR_PROVIDER_NOT_FOUND'],
    [422, said('Failed to deserialize the JSON body into the target type'), 422, 'ERR_PROVIDER_UNPROCESSABLE'],
    [429, said('Rate limit reached'), 429, 'ERR_PROVIDER_RATE_LIMIT'],
    [500, said('Server error', null), 500, 'ERR_PROVIDER_INTERNAL'],
    [503, said('The server is overloaded, please try again later', null), 503, 'ERR_PROVIDER_OVERLOADED'],
  ]));
