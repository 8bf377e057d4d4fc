/** Mistral behind a gateway; exchanges as in https://docs.mistral.ai/api/ */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hello, reply, usage } from './mistral-side.ts';
import { clock, weather } from './scenarios.ts';
import { listOf } from './truth.ts';
import { type Bench, choiceOf, expectUnsupported, startBench } from './vendor-bench.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await startBench({ provider: 'mistral', base: '/v1' });
});
afterAll(() => bench?.gateway.stop());

describe('a request', () => {
  it('goes to the chat with the key, under the names of the API', async () => {
    bench.answers('plain', reply({ content: 'Hi.' }));
    const { status, body } = await bench.chat('plain', {
      messages: hello,
      max_completion_tokens: 50,
      temperature: 0.2,
      top_p: 0.9,
      stop: 'END',
      seed: 7,
      n: 2,
      presence_penalty: 0.1,
      frequency_penalty: 0.2,
      safe_prompt: true,
      prediction: { type: 'content', content: 'Hi' },
    });
    expect(status).toBe(200);
    const { path, headers, json } = bench.asked('plain');
    expect([path, headers.authorization]).toEqual(['/v1/chat/completions', 'Bearer vendor-key']);
    expect(json).toEqual({
      model: 'plain',
      messages: hello,
      max_tokens: 50,
      temperature: 0.2,
      top_p: 0.9,
      stop: 'END',
      random_seed: 7,
      n: 2,
      presence_penalty: 0.1,
      frequency_penalty: 0.2,
      safe_prompt: true,
      prediction: { type: 'content', content: 'Hi' },
    });
    expect(body).toMatchObject({
      object: 'chat.completion',
      model: 'strict/plain',
      choices: [{ index: 0, message: { role: 'assistant', content: 'Hi.' }, finish_reason: 'stop' }],
      usage,
    });
  });

  it('has messages without names and fields that only others know', async () => {
    bench.answers('messages', reply({ content: 'x' }));
    await bench.chat('messages', {
      messages: [
        { role: 'developer', content: 'Be brief.', name: 'ops' },
        { role: 'user', content: [{ type: 'text', text: 'One?', cache_control: { type: 'ephemeral' } }], name: 'ann' },
        { role: 'assistant', content: '', refusal: null, annotations: [] },
        { role: 'assistant', content: null, refusal: 'No.' },
        { role: 'user', content: 'Go on:' },
        { role: 'assistant', content: 'It be' },
      ],
    });
    expect(bench.asked('messages').json?.messages).toEqual([
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: [{ type: 'text', text: 'One?' }] },
      { role: 'assistant', content: 'No.' },
      { role: 'user', content: 'Go on:' },
      { role: 'assistant', content: 'It be', prefix: true },
    ]);
  });

  it('has images, documents and audio in the forms of the API', async () => {
    bench.answers('parts', reply({ content: 'x' }));
    const parts = [
      { type: 'image_url', image_url: { url: 'https://pictures.example/a.png', detail: 'low' } },
      { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } },
      { type: 'file', file: { filename: 'a.pdf', file_data: 'data:application/pdf;base64,BBBB' } },
      { type: 'file', file: { file_id: 'https://papers.example/b.pdf' } },
      { type: 'file', file: { file_id: 'c0ffee' } },
      { type: 'input_audio', input_audio: { data: 'CCCC', format: 'wav' } },
    ];
    await bench.chat('parts', { messages: [{ role: 'user', content: parts }] });
    expect(bench.asked('parts').json?.messages).toEqual([
      {
        role: 'user',
        content: [
          { type: 'image_url', image_url: { url: 'https://pictures.example/a.png', detail: 'low' } },
          { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } },
          { type: 'document_url', document_url: 'data:application/pdf;base64,BBBB', document_name: 'a.pdf' },
          { type: 'document_url', document_url: 'https://papers.example/b.pdf' },
          { type: 'file', file_id: 'c0ffee' },
          { type: 'input_audio', input_audio: 'CCCC' },
        ],
      },
    ]);
  });

  it('has tools, and `any` for a choice of whichever', async () => {
    bench.answers('choice', reply({ content: 'x' }));
    const choose = async (choice: unknown) => {
      await bench.chat('choice', {
        messages: hello,
        tools: [clock, { type: 'function', function: { name: 'bare' } }],
        tool_choice: choice,
        parallel_tool_calls: false,
      });
      return bench.asked('choice').json;
    };
    expect(await choose('required')).toMatchObject({
      tools: [clock, { type: 'function', function: { name: 'bare', parameters: { type: 'object', properties: {} } } }],
      tool_choice: 'any',
      parallel_tool_calls: false,
    });
    expect((await choose('auto'))?.tool_choice).toBe('auto');
    expect((await choose('none'))?.tool_choice).toBe('none');
    const named = { type: 'function', function: { name: 'get_time' } };
    expect((await choose(named))?.tool_choice).toEqual(named);
  });

  it('keeps the schema of a reply', async () => {
    bench.answers('schema', reply({ content: '{}' }));
    const response_format = {
      type: 'json_schema',
      json_schema: { name: 'w', schema: { type: 'object' }, strict: true },
    };
    await bench.chat('schema', { messages: hello, response_format });
    expect(bench.asked('schema').json?.response_format).toEqual(response_format);
    await bench.chat('schema', { messages: hello, response_format: { type: 'json_object' } });
    expect(bench.asked('schema').json?.response_format).toEqual({ type: 'json_object' });
  });

  it('refuses by name what the API lacks, and reports what is left out', async () => {
    bench.answers('lacking', reply({ content: 'x' }));
    await expectUnsupported(bench, 'lacking', {
      logit_bias: { 1: 2 },
      logprobs: true,
      top_logprobs: 2,
      top_k: 5,
      modalities: ['text', 'audio'],
      audio: { voice: 'a', format: 'wav' },
      web_search_options: {},
      functions: [weather.function],
    });
    const { headers } = await bench.chat('lacking', {
      messages: hello,
      user: 'u',
      store: true,
      logprobs: false,
      top_logprobs: 0,
    });
    expect(headers.get('x-rutter-translation')).toBe('dropped store, user');
    expect(bench.asked('lacking').json).toEqual({ model: 'lacking', messages: hello });
  });
});

describe('ids of tool calls', () => {
  const history = (id: string) => [
    { role: 'user', content: 'Time?' },
    {
      role: 'assistant',
      content: null,
      tool_calls: [{ id, type: 'function', function: { name: 'get_time', arguments: '' } }],
    },
    {
      role: 'tool',
      tool_call_id: id,
      name: 'get_time',
      content: [
        { type: 'text', text: '12' },
        { type: 'text', text: ':00' },
      ],
    },
  ];
  const sent = async (id: string) => {
    bench.answers('ids', reply({ content: 'Noon.' }));
    await bench.chat('ids', { messages: history(id) });
    const [, called, answer] = listOf(bench.asked('ids').json?.messages);
    const [call] = listOf(called?.tool_calls);
    expect(answer?.tool_call_id).toBe(call?.id);
    return { id: String(call?.id), answer, call };
  };

  it('of other vendors have nine letters and digits, always the same for one and others for others', async () => {
    const ids = ['call_paris_1', 'call_paris_2', 'toolu_01A09q90qw90lq917835lq9', 'ümläut', '123456789_'];
    const found = [];
    for (const id of ids) found.push((await sent(id)).id);
    for (const id of found) expect(id).toMatch(/^[A-Za-z0-9]{9}$/);
    expect(new Set(found).size).toBe(ids.length);
    expect((await sent('call_paris_1')).id).toBe(found[0]);
  });

  it('of its own go to the client and come back as they were', async () => {
    bench.answers(
      'own',
      reply(
        { content: '', tool_calls: [{ id: 'VvvODy9mT', function: { name: 'get_time', arguments: '{}' }, index: 0 }] },
        'tool_calls',
      ),
    );
    const { message, finish_reason: finish } = choiceOf(
      await bench.chat('own', { messages: hello, tools: [clock] }),
    ) as { message: { tool_calls: { id: string }[] }; finish_reason: string };
    expect([message.tool_calls, finish]).toEqual([
      [{ id: 'VvvODy9mT', type: 'function', function: { name: 'get_time', arguments: '{}' } }],
      'tool_calls',
    ]);
    const back = await sent('VvvODy9mT');
    expect(back).toEqual({
      id: 'VvvODy9mT',
      call: { id: 'VvvODy9mT', type: 'function', function: { name: 'get_time', arguments: '{}' } },
      answer: { role: 'tool', content: '12:00', tool_call_id: 'VvvODy9mT' },
    });
  });
});

describe('embeddings', () => {
  const vectors = {
    id: 'e',
    object: 'list',
    model: 'mistral-embed',
    data: [{ object: 'embedding', index: 0, embedding: [0.25, -0.5] }],
    usage: { prompt_tokens: 3, total_tokens: 3, completion_tokens: 0 },
  };

  it('have the length asked for under the name of the API', async () => {
    bench.answers('codestral-embed', { body: vectors });
    const { body, headers } = await bench.post('/v1/embeddings', {
      model: 'codestral-embed',
      input: ['a'],
      dimensions: 2,
      user: 'u',
    });
    expect(body).toMatchObject({
      data: [{ embedding: [0.25, -0.5] }],
      model: 'strict/codestral-embed',
      usage: { prompt_tokens: 3 },
    });
    expect(headers.get('x-rutter-translation')).toBe('dropped user');
    const { path, json } = bench.asked('codestral-embed');
    expect([path, json]).toEqual(['/v1/embeddings', { model: 'codestral-embed', input: ['a'], output_dimension: 2 }]);
  });

  it('are refused for tokens', async () => {
    const { status, body } = await bench.post('/v1/embeddings', { model: 'codestral-embed', input: [[1, 2]] });
    expect([status, body.error]).toMatchObject([
      400,
      { param: 'input', message: expect.stringContaining('expected texts') },
    ]);
  });
});

describe('Codestral', () => {
  it('fills in between a prompt and a suffix', async () => {
    bench.answers('fill', reply({ content: 'return a + b' }));
    const { body } = await bench.post('/v1/completions', {
      model: 'fill',
      prompt: 'def add(a, b):',
      suffix: '\nprint(add(1, 2))',
      max_tokens: 9,
      temperature: 0,
      stop: ['\n'],
      seed: 3,
    });
    expect(body).toMatchObject({
      object: 'text_completion',
      choices: [{ text: 'return a + b', finish_reason: 'stop' }],
      usage,
    });
    const { path, json } = bench.asked('fill');
    expect([path, json]).toEqual([
      '/v1/fim/completions',
      {
        model: 'fill',
        prompt: 'def add(a, b):',
        suffix: '\nprint(add(1, 2))',
        max_tokens: 9,
        temperature: 0,
        stop: ['\n'],
        random_seed: 3,
      },
    ]);
  });

  it('answers text completions without a suffix by a chat', async () => {
    bench.answers('no-suffix', reply({ content: ' and on' }));
    const { body } = await bench.post('/v1/completions', { model: 'no-suffix', prompt: 'On' });
    expect(body).toMatchObject({ choices: [{ text: ' and on' }] });
    expect(bench.asked('no-suffix')).toMatchObject({
      path: '/v1/chat/completions',
      json: { messages: [{ role: 'user', content: 'On' }] },
    });
  });
});
