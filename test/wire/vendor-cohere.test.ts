/** Cohere behind a gateway; exchanges as in https://docs.cohere.com/reference/chat and .../chat-stream */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toldIn } from './client.ts';
import { clock, weather } from './scenarios.ts';
import { fieldsOf, listOf } from './truth.ts';
import { type Bench, choiceOf, expectFailures, expectUnsupported, startBench } from './vendor-bench.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await startBench({ provider: 'cohere' });
});
afterAll(() => bench?.gateway.stop());

const usage = {
  billed_units: { input_tokens: 17, output_tokens: 12 },
  tokens: { input_tokens: 215, output_tokens: 12 },
};
const told = { prompt_tokens: 17, completion_tokens: 12, total_tokens: 29 };
const text = (words: string) => [{ type: 'text', text: words }];
const reply = (message: object, finish = 'COMPLETE', more: object = {}) => ({
  body: { id: 'c14c80c3', message: { role: 'assistant', ...message }, finish_reason: finish, usage, ...more },
});
const events = (...all: readonly (readonly [string, object])[]) =>
  all.map(([type, rest]) => `event: ${type}\ndata: ${JSON.stringify({ type, ...rest })}\n\n`);
const said = (message: object, index?: number) => ({ ...(index !== undefined && { index }), delta: { message } });
const hello = [{ role: 'user', content: 'Hello.' }];

describe('a request', () => {
  it('goes to version 2 with the key, under the names of the API', async () => {
    bench.answers('command-a-03-2025', reply({ content: text('Hi.') }));
    const { status, body } = await bench.chat('command-a-03-2025', {
      messages: [{ role: 'developer', content: 'Be brief.', name: 'ops' }, ...hello],
      max_tokens: 50,
      temperature: 0.2,
      top_p: 0.9,
      top_k: 40,
      stop: 'END',
      seed: 7,
      presence_penalty: 0.1,
      frequency_penalty: 0.2,
      logprobs: true,
      safety_mode: 'STRICT',
      n: 1,
      parallel_tool_calls: true,
    });
    expect(status).toBe(200);
    const { path, headers, json } = bench.asked('command-a-03-2025');
    expect([path, headers.authorization]).toEqual(['/v2/chat', 'Bearer vendor-key']);
    expect(json).toEqual({
      model: 'command-a-03-2025',
      stream: false,
      messages: [{ role: 'system', content: 'Be brief.' }, ...hello],
      max_tokens: 50,
      temperature: 0.2,
      p: 0.9,
      k: 40,
      stop_sequences: ['END'],
      seed: 7,
      presence_penalty: 0.1,
      frequency_penalty: 0.2,
      logprobs: true,
      safety_mode: 'STRICT',
    });
    expect(body).toMatchObject({
      id: 'c14c80c3',
      object: 'chat.completion',
      model: 'strict/command-a-03-2025',
      choices: [{ index: 0, message: { role: 'assistant', content: 'Hi.' }, finish_reason: 'stop' }],
      usage: told,
    });
  });

  it('has images and documents, and is refused with what Cohere cannot read', async () => {
    bench.answers('vision', reply({ content: text('x') }));
    const image = { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA', detail: 'low' } };
    const documents = [{ id: 'd1', data: { text: 'Ships.' } }];
    await bench.chat('vision', {
      messages: [{ role: 'user', content: [...text('See:'), image] }],
      documents,
      citation_options: { mode: 'FAST' },
    });
    expect(bench.asked('vision').json).toMatchObject({
      messages: [{ role: 'user', content: [...text('See:'), image] }],
      documents,
      citation_options: { mode: 'FAST' },
    });
    for (const part of [
      { type: 'file', file: { file_data: 'data:application/pdf;base64,AAAA' } },
      { type: 'input_audio', input_audio: { data: 'AAAA', format: 'wav' } },
    ]) {
      const { status, body } = await bench.chat('vision', { messages: [{ role: 'user', content: [part] }] });
      expect([status, body.error]).toMatchObject([
        400,
        { param: 'messages[0].content[0]', rutter_code: 'ERR_REQUEST_UNSUPPORTED_PARAMETER' },
      ]);
    }
  });

  it('has the turns of tools, and the plan ahead of them', async () => {
    bench.answers('history', reply({ content: text('x') }));
    const call = (id: string) => ({ id, type: 'function', function: { name: 'get_time', arguments: '{}' } });
    await bench.chat('history', {
      messages: [
        ...hello,
        {
          role: 'assistant',
          content: null,
          reasoning_content: 'I will look.',
          tool_calls: [call('get_time_1'), call('get_time_2')],
        },
        { role: 'tool', tool_call_id: 'get_time_1', content: 'noon' },
        {
          role: 'tool',
          tool_call_id: 'get_time_2',
          content: [{ type: 'document', document: { data: { time: 'one' } } }],
        },
        { role: 'assistant', content: 'Noon.', reasoning_content: 'Easy.' },
        { role: 'assistant', content: '' },
        ...hello,
      ],
    });
    expect(bench.asked('history').json?.messages).toEqual([
      ...hello,
      { role: 'assistant', tool_plan: 'I will look.', tool_calls: [call('get_time_1'), call('get_time_2')] },
      { role: 'tool', tool_call_id: 'get_time_1', content: 'noon' },
      {
        role: 'tool',
        tool_call_id: 'get_time_2',
        content: [{ type: 'document', document: { data: { time: 'one' } } }],
      },
      { role: 'assistant', content: 'Noon.' },
      ...hello,
    ]);
    bench.answers('command-a-reasoning-08-2025', reply({ content: text('x') }));
    await bench.chat('command-a-reasoning-08-2025', {
      messages: [...hello, { role: 'assistant', content: 'Noon.', reasoning_content: 'Easy.' }, ...hello],
    });
    expect(listOf(bench.asked('command-a-reasoning-08-2025').json?.messages)[1]).toEqual({
      role: 'assistant',
      content: [{ type: 'thinking', thinking: 'Easy.' }, ...text('Noon.')],
    });
  });

  it.each([
    ['auto', [clock, weather], undefined],
    ['none', [clock, weather], 'NONE'],
    ['required', [clock, weather], 'REQUIRED'],
    [{ type: 'function', function: { name: 'get_weather' } }, [weather], 'REQUIRED'],
  ])('with the choice %j offers the tools that it leaves', async (choice, tools, chosen) => {
    bench.answers('tools', reply({ content: text('x') }));
    await bench.chat('tools', { messages: hello, tools: [clock, weather], tool_choice: choice });
    expect(bench.asked('tools').json).toEqual({
      model: 'tools',
      stream: false,
      messages: hello,
      tools,
      ...(chosen && { tool_choice: chosen }),
    });
  });

  it('asks for strict tools where one of them is', async () => {
    bench.answers('strict', reply({ content: text('x') }));
    await bench.chat('strict', {
      messages: hello,
      tools: [{ type: 'function', function: { ...clock.function, strict: true } }],
    });
    expect(bench.asked('strict').json).toMatchObject({ tools: [clock], strict_tools: true });
    const { status, body } = await bench.chat('strict', { messages: hello, tools: [{ type: 'web_search' }] });
    expect([status, body.error]).toMatchObject([400, { param: 'tools[0]' }]);
  });

  it('asks for JSON by a schema, which excludes tools', async () => {
    bench.answers('json', reply({ content: text('{}') }));
    const schema = { type: 'object', required: ['a'], properties: { a: { type: 'string' } } };
    const response_format = { type: 'json_schema', json_schema: { name: 'w', schema, strict: true } };
    await bench.chat('json', { messages: hello, response_format });
    expect(bench.asked('json').json?.response_format).toEqual({ type: 'json_object', json_schema: schema });
    await bench.chat('json', { messages: hello, response_format: { type: 'json_object' } });
    expect(bench.asked('json').json?.response_format).toEqual({ type: 'json_object' });
    const both = { messages: hello, response_format, tools: [clock] };
    expect(await bench.chat('json', both)).toMatchObject({
      status: 400,
      body: { error: { param: 'response_format' } },
    });
    const { headers } = await bench.chat('json', both, true);
    expect(headers.get('x-rutter-translation')).toBe('dropped response_format');
    expect(bench.asked('json').json).not.toHaveProperty('response_format');
  });

  it.each([
    [{ reasoning_effort: 'none' }, { type: 'disabled' }],
    [{ reasoning_effort: 'low' }, { type: 'enabled', token_budget: 1024 }],
    [{ reasoning_effort: 'high' }, { type: 'enabled' }],
    [{ thinking: { type: 'enabled', budget_tokens: 3000 } }, { type: 'enabled', token_budget: 3000 }],
    [{ thinking: { type: 'enabled', token_budget: 3000 } }, { type: 'enabled', token_budget: 3000 }],
    [{ thinking: { type: 'disabled' } }, { type: 'disabled' }],
  ])('asks for thinking by %j as %j', async (fields, thinking) => {
    bench.answers('thinking', reply({ content: text('x') }));
    await bench.chat('thinking', { messages: hello, ...fields });
    expect(bench.asked('thinking').json).toEqual({ model: 'thinking', stream: false, messages: hello, thinking });
  });

  it('refuses by name what the API lacks, and reports what is left out', async () => {
    bench.answers('lacking', reply({ content: text('x') }));
    await expectUnsupported(bench, 'lacking', {
      n: 2,
      top_logprobs: 2,
      logit_bias: { 1: 2 },
      parallel_tool_calls: false,
      modalities: ['text', 'audio'],
      web_search_options: {},
    });
    const { headers } = await bench.chat('lacking', { messages: hello, user: 'u', store: true });
    expect(headers.get('x-rutter-translation')).toBe('dropped store, user');
    expect(bench.asked('lacking').json).toEqual({ model: 'lacking', stream: false, messages: hello });
  });
});

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

describe('embeddings', () => {
  const vectors = {
    id: 'e1',
    embeddings: {
      float: [
        [0.25, -0.5],
        [1, 2],
      ],
    },
    texts: ['a', 'b'],
    meta: { api_version: { version: '2' }, billed_units: { input_tokens: 2 } },
    response_type: 'embeddings_by_type',
  };

  it('are of documents unless the caller says otherwise', async () => {
    bench.answers('embed-v4.0', { body: vectors });
    const { body } = await bench.post('/v1/embeddings', { model: 'embed-v4.0', input: ['a', 'b'], dimensions: 2 });
    expect(body).toMatchObject({
      data: [
        { index: 0, embedding: [0.25, -0.5] },
        { index: 1, embedding: [1, 2] },
      ],
      model: 'strict/embed-v4.0',
      usage: { prompt_tokens: 2, total_tokens: 2 },
    });
    const { path, json } = bench.asked('embed-v4.0');
    expect([path, json]).toEqual([
      '/v2/embed',
      {
        model: 'embed-v4.0',
        texts: ['a', 'b'],
        input_type: 'search_document',
        embedding_types: ['float'],
        output_dimension: 2,
      },
    ]);
    const { headers } = await bench.post('/v1/embeddings', {
      model: 'embed-v4.0',
      input: 'a',
      input_type: 'search_query',
      truncate: 'END',
      user: 'u',
    });
    expect(bench.asked('embed-v4.0').json).toEqual({
      model: 'embed-v4.0',
      texts: ['a'],
      input_type: 'search_query',
      embedding_types: ['float'],
      truncate: 'END',
    });
    expect(headers.get('x-rutter-translation')).toBe('dropped user');
  });

  it('are of images where every input is one, and refused for tokens', async () => {
    bench.answers('embed-v4.0', {
      body: { ...vectors, embeddings: { float: [[1]] }, meta: { billed_units: { images: 1, image_tokens: 7 } } },
    });
    const { body } = await bench.post('/v1/embeddings', { model: 'embed-v4.0', input: ['data:image/png;base64,AAAA'] });
    expect(bench.asked('embed-v4.0').json).toEqual({
      model: 'embed-v4.0',
      images: ['data:image/png;base64,AAAA'],
      input_type: 'image',
      embedding_types: ['float'],
    });
    expect(body.usage).toMatchObject({ prompt_tokens: 7 });
    expect(await bench.post('/v1/embeddings', { model: 'embed-v4.0', input: [1, 2] })).toMatchObject({
      status: 400,
      body: { error: { param: 'input' } },
    });
  });
});
