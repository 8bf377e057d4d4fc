/** Groq behind a gateway; exchanges as in https://console.groq.com/docs/api-reference */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toldIn } from './client.ts';
import { clock, weather } from './scenarios.ts';
import { fieldsOf, listOf } from './truth.ts';
import { type Bench, choiceOf, expectFailures, expectUnsupported, sse, startBench } from './vendor-bench.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await startBench({ provider: 'groq', base: '/openai/v1' });
});
afterAll(() => bench?.gateway.stop());

const usage = {
  queue_time: 0.018,
  prompt_tokens: 18,
  prompt_time: 0.0008,
  completion_tokens: 20,
  completion_time: 0.46,
  total_tokens: 38,
  total_time: 0.47,
};
const reply = (message: object, finish = 'stop') => ({
  body: {
    id: 'chatcmpl-f51b2cd2',
    object: 'chat.completion',
    created: 1_730_241_104,
    model: 'openai/gpt-oss-20b',
    choices: [{ index: 0, message: { role: 'assistant', ...message }, logprobs: null, finish_reason: finish }],
    usage,
    system_fingerprint: 'fp_179b0f92c9',
    x_groq: { id: 'req_01jbd6g2qdfw2adyrt2az8hz4w' },
  },
});
const chunk = (delta: object, finish: string | null = null, more: object = {}) => ({
  id: 'chatcmpl-1',
  object: 'chat.completion.chunk',
  created: 1_730_241_104,
  model: 'qwen/qwen3-32b',
  choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }],
  ...more,
});
const hello = [{ role: 'user', content: 'Hello.' }];

describe('a request', () => {
  it('goes to the chat with the key, under the names of the API', async () => {
    bench.answers('openai/gpt-oss-20b', reply({ content: 'Hi.' }));
    const { status, body } = await bench.chat('openai/gpt-oss-20b', {
      messages: [
        { role: 'developer', content: 'Be brief.', name: 'ops' },
        { ...hello[0], name: 'ann' },
      ],
      max_tokens: 50,
      temperature: 0.2,
      top_p: 0.9,
      stop: ['END'],
      seed: 7,
      user: 'u',
      service_tier: 'flex',
      tools: [{ ...clock, cache_control: { type: 'ephemeral' } }, { type: 'browser_search' }],
      tool_choice: 'required',
      parallel_tool_calls: false,
      n: 1,
    });
    expect(status).toBe(200);
    const { path, headers, json } = bench.asked('openai/gpt-oss-20b');
    expect([path, headers.authorization]).toEqual(['/openai/v1/chat/completions', 'Bearer vendor-key']);
    expect(json).toEqual({
      model: 'openai/gpt-oss-20b',
      messages: [{ role: 'system', content: 'Be brief.' }, hello[0]],
      max_completion_tokens: 50,
      temperature: 0.2,
      top_p: 0.9,
      stop: ['END'],
      seed: 7,
      user: 'u',
      service_tier: 'flex',
      tools: [clock, { type: 'browser_search' }],
      tool_choice: 'required',
      parallel_tool_calls: false,
    });
    expect(body).toMatchObject({
      model: 'strict/openai/gpt-oss-20b',
      choices: [{ index: 0, message: { role: 'assistant', content: 'Hi.' }, finish_reason: 'stop' }],
      usage: { prompt_tokens: 18, completion_tokens: 20, total_tokens: 38 },
    });
  });

  it('has the tool calls of the history, and what was thought ahead of them', async () => {
    bench.answers('history', reply({ content: 'x' }));
    const call = { id: 'call_1', type: 'function', function: { name: 'get_time', arguments: '{}' } };
    await bench.chat('history', {
      messages: [
        ...hello,
        {
          role: 'assistant',
          content: null,
          refusal: null,
          reasoning_content: 'Hm',
          tool_calls: [{ ...call, index: 0 }],
        },
        { role: 'tool', tool_call_id: 'call_1', name: 'get_time', content: [{ type: 'text', text: 'noon' }] },
      ],
    });
    expect(bench.asked('history').json?.messages).toEqual([
      ...hello,
      { role: 'assistant', content: '', reasoning: 'Hm', tool_calls: [call] },
      { role: 'tool', tool_call_id: 'call_1', content: 'noon' },
    ]);
  });

  it('has images, and is refused with other parts', async () => {
    bench.answers('vision', reply({ content: 'x' }));
    const image = { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA', detail: 'low' } };
    await bench.chat('vision', { messages: [{ role: 'user', content: [{ type: 'text', text: 'See:' }, image] }] });
    expect(bench.asked('vision').json?.messages).toEqual([
      { role: 'user', content: [{ type: 'text', text: 'See:' }, image] },
    ]);
    for (const part of [
      { type: 'file', file: { file_data: 'data:application/pdf;base64,AAAA' } },
      { type: 'input_audio', input_audio: { data: 'AAAA', format: 'wav' } },
    ]) {
      const { status, body } = await bench.chat('vision', { messages: [{ role: 'user', content: [part] }] });
      expect([status, body.error]).toMatchObject([
        400,
        {
          param: 'messages[0].content[0]',
          message: expect.stringContaining(`"${part.type}", which Groq does not take`),
        },
      ]);
    }
  });

  it.each([
    ['qwen/qwen3-32b', { reasoning_effort: 'low' }, { reasoning_effort: 'default', reasoning_format: 'parsed' }],
    ['qwen/qwen3-32b', { reasoning_effort: 'none' }, { reasoning_effort: 'none', reasoning_format: 'parsed' }],
    ['qwen/qwen3-32b', { reasoning_format: 'raw' }, { reasoning_format: 'raw' }],
    ['qwen/qwen3-32b', { thinking: { type: 'disabled' } }, { reasoning_effort: 'none', reasoning_format: 'parsed' }],
    ['openai/gpt-oss-20b', { reasoning_effort: 'high' }, { reasoning_effort: 'high' }],
    ['openai/gpt-oss-20b', { reasoning_effort: 'minimal' }, { reasoning_effort: 'low' }],
    ['openai/gpt-oss-20b', { thinking: { type: 'enabled', budget_tokens: 4096 } }, { reasoning_effort: 'high' }],
    ['openai/gpt-oss-20b', { include_reasoning: false }, { include_reasoning: false }],
    ['llama-3.1-8b-instant', {}, {}],
  ])('to %s asks for reasoning by %j as %j', async (model, fields, told) => {
    bench.answers(model, reply({ content: 'x' }));
    await bench.chat(model, { messages: hello, ...fields });
    expect(bench.asked(model).json).toEqual({ model, messages: hello, ...told });
  });

  it('refuses by name what the API lacks', async () => {
    bench.answers('lacking', reply({ content: 'x' }));
    await expectUnsupported(bench, 'lacking', {
      n: 2,
      logit_bias: { 1: 2 },
      logprobs: true,
      top_logprobs: 2,
      top_k: 5,
      presence_penalty: 0.5,
      frequency_penalty: 0.5,
      modalities: ['text', 'audio'],
      prediction: { type: 'content', content: 'x' },
    });
  });

  it('keeps the schema for a model that keeps to it', async () => {
    bench.answers('openai/gpt-oss-120b', reply({ content: '{}' }));
    const response_format = { type: 'json_schema', json_schema: { name: 'w', schema: { type: 'object' } } };
    await bench.chat('openai/gpt-oss-120b', { messages: hello, response_format });
    expect(bench.asked('openai/gpt-oss-120b').json?.response_format).toEqual(response_format);
  });
});

describe('a reply', () => {
  it('tells reasoning in the field that clients know', async () => {
    const call = { id: 'call_d5wg', type: 'function', function: { name: 'get_weather', arguments: '{"city":"Rome"}' } };
    bench.answers('thinks', reply({ content: null, reasoning: 'Rome…', tool_calls: [call] }, 'tool_calls'));
    const read = await bench.chat('thinks', { messages: hello, tools: [weather] });
    expect(choiceOf(read)).toMatchObject({
      message: { content: null, reasoning_content: 'Rome…', tool_calls: [call] },
      finish_reason: 'tool_calls',
    });
    expect(fieldsOf(choiceOf(read).message)).not.toHaveProperty('reasoning');
  });

  it.each([
    ['beside the usual place', { x_groq: { id: 'req_1', usage } }, []],
    ['in the usual place', { x_groq: { id: 'req_1', usage } }, [{ ...chunk({}), choices: [], usage }]],
  ])('streamed, tells reasoning, calls, and usage %s', async (where, last, rest) => {
    const model = `stream-${where.split(' ')[0]}`;
    bench.answers(model, {
      pieces: sse(
        chunk({ role: 'assistant', content: '' }, null, { x_groq: { id: 'req_1' } }),
        chunk({ reasoning: 'Rome ' }),
        chunk({ reasoning: 'it is.' }),
        chunk({ content: 'Look' }),
        chunk({ content: 'ing.' }),
        chunk({
          tool_calls: [
            {
              index: 0,
              id: 'call_1',
              type: 'function',
              function: { name: 'get_weather', arguments: '{"city":"Rome"}' },
            },
          ],
        }),
        chunk({
          tool_calls: [{ index: 1, id: 'call_2', type: 'function', function: { name: 'get_time', arguments: '{}' } }],
        }),
        chunk({}, 'tool_calls', last),
        ...rest,
        '[DONE]',
      ),
    });
    const { chunks, isDone, errors } = await bench.chat(model, {
      messages: hello,
      tools: [weather, clock],
      stream: true,
      stream_options: { include_usage: true },
    });
    expect([isDone, errors]).toEqual([true, []]);
    expect(toldIn(chunks)).toEqual({
      reasoning: 'Rome it is.',
      text: 'Looking.',
      calls: [
        { id: 'call_1', name: 'get_weather', input: { city: 'Rome' } },
        { id: 'call_2', name: 'get_time', input: {} },
      ],
      finish: 'tool_calls',
      tokens: { prompt: 18, completion: 20, cached: 0, reasoning: 0 },
    });
    expect(chunks.filter((one) => one.usage)).toHaveLength(1);
    expect(listOf(chunks).some((one) => 'x_groq' in one)).toBe(false);
    expect(bench.asked(model).json).toMatchObject({ stream: true, stream_options: { include_usage: true } });
  });

  it('whose stream tells of an error ahead of any content is that error', async () => {
    const error = {
      message: 'Failed to call a function.',
      type: 'invalid_request_error',
      code: 'tool_use_failed',
      failed_generation: '<function=x',
      status_code: 400,
    };
    bench.answers('stream-error', { pieces: [`event: error\ndata: ${JSON.stringify({ error })}\n\n`] });
    const { status, body } = await bench.chat('stream-error', { messages: hello, stream: true });
    expect([status, body.error]).toMatchObject([
      400,
      { rutter_code: 'ERR_PROVIDER_BAD_REQUEST', message: 'Failed to call a function.' },
    ]);
  });

  it('whose stream tells of an error after content ends in that error', async () => {
    const error = { message: 'over capacity', type: 'internal_server_error' };
    bench.answers('late-error', {
      pieces: [
        ...sse(chunk({ role: 'assistant', content: 'Half' })),
        `event: error\ndata: ${JSON.stringify({ error })}\n\n`,
      ],
    });
    const { chunks, errors, isDone } = await bench.chat('late-error', { messages: hello, stream: true });
    expect([toldIn(chunks).text, isDone, errors]).toMatchObject([
      'Half',
      false,
      [{ message: expect.stringContaining('over capacity') }],
    ]);
  });
});

const said = (message: string, type: string, code?: string) => ({ error: { message, type, ...(code && { code }) } });

it('sorts errors into classes', () =>
  expectFailures(bench, [
    [
      400,
      said(
        'Please reduce the length of the messages or completion.',
        'invalid_request_error',
        'context_length_exceeded',
      ),
      400,
      'ERR_PROVIDER_CONTEXT_WINDOW',
    ],
    [
      400,
      said("property 'messages.0.name' is unsupported", 'invalid_request_error'),
      400,
      'ERR_PROVIDER_BAD_REQUEST',
      /unsupported/,
    ],
    [
      400,
      said('The model `x` has been decommissioned', 'invalid_request_error', 'model_decommissioned'),
      404,
      'ERR_PROVIDER_NOT_FOUND',
    ],
    [
      400,
      said(
        'Organization has been restricted. Please reach out to support.',
        'invalid_request_error',
        'organization_restricted',
      ),
      403,
      'ERR_PROVIDER_PERMISSION',
    ],
    [401, said('Invalid API Key', 'invalid_request_error', 'invalid_api_key'), 401, 'ERR_PROVIDER_AUTHENTICATION'],
    [403, said('x', 'permissions_error'), 403, 'ERR_PROVIDER_PERMISSION'],
    [
      404,
      said('The model `x` does not exist', 'invalid_request_error', 'model_not_found'),
      404,
      'ERR_PROVIDER_NOT_FOUND',
    ],
    [
      413,
      said(
        'Request too large for model `x` on tokens per minute (TPM): Limit 6000, Requested 9000',
        'tokens',
        'rate_limit_exceeded',
      ),
      429,
      'ERR_PROVIDER_RATE_LIMIT',
    ],
    [422, said('Semantic errors', 'invalid_request_error'), 422, 'ERR_PROVIDER_UNPROCESSABLE'],
    [
      429,
      said('Rate limit reached for model `x`. Please try again in 7.66s.', 'tokens', 'rate_limit_exceeded'),
      429,
      'ERR_PROVIDER_RATE_LIMIT',
    ],
    [498, said('Flex tier capacity exceeded', 'over_capacity', 'capacity_exceeded'), 503, 'ERR_PROVIDER_OVERLOADED'],
    [498, 'busy', 503, 'ERR_PROVIDER_OVERLOADED'],
    [500, said('Internal Server Error', 'internal_server_error'), 500, 'ERR_PROVIDER_INTERNAL'],
    [502, '<html>Bad Gateway</html>', 502, 'ERR_PROVIDER_BAD_GATEWAY'],
    [503, said('Service Unavailable', 'service_unavailable'), 503, 'ERR_PROVIDER_UNAVAILABLE'],
  ]));
