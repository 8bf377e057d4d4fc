/** Cohere behind a gateway; exchanges as in https://docs.cohere.com/reference/chat and .../chat-stream */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hello, reply, text, told } from './cohere-side.ts';
import { clock, weather } from './scenarios.ts';
import { listOf } from './truth.ts';
import { type Bench, expectUnsupported, startBench } from './vendor-bench.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await startBench({ provider: 'cohere' });
});
afterAll(() => bench?.gateway.stop());

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

  it('asks for JSON by a schema, which excludes documents', async () => {
    bench.answers('json', reply({ content: text('{}') }));
    const schema = { type: 'object', required: ['a'], properties: { a: { type: 'string' } } };
    const response_format = { type: 'json_schema', json_schema: { name: 'w', schema, strict: true } };
    await bench.chat('json', { messages: hello, response_format });
    expect(bench.asked('json').json?.response_format).toEqual({ type: 'json_object', json_schema: schema });
    await bench.chat('json', { messages: hello, response_format: { type: 'json_object' } });
    expect(bench.asked('json').json?.response_format).toEqual({ type: 'json_object' });
    const both = { messages: hello, response_format, documents: ['Ships.'] };
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
