/** Ollama behind a gateway, by both prefixes; exchanges as in https://docs.ollama.com/api */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startGateway } from '../support/index.ts';
import { toldIn } from './client.ts';
import { at, counts, hello, lines, pixel, reply } from './ollama-side.ts';
import { clock } from './scenarios.ts';
import { type Bench, choiceOf, expectUnsupported, startBench } from './vendor-bench.ts';

let chat: Bench;
let generate: Bench;
beforeAll(async () => {
  const streamType = 'application/x-ndjson';
  [chat, generate] = await Promise.all([
    startBench({ provider: 'ollama_chat', streamType }),
    startBench({ provider: 'ollama', base: '/api', streamType, params: { keep_alive: '30m', num_ctx: 8192 } }),
  ]);
});
afterAll(() => Promise.all([chat?.gateway.stop(), generate?.gateway.stop()]));

describe('a request to the chat', () => {
  it('has options under the names of the runner', async () => {
    chat.answers('qwen3', reply({ content: 'Hi.' }));
    const { status, body } = await chat.chat('qwen3', {
      messages: [{ role: 'developer', content: 'Be brief.' }, ...hello],
      max_completion_tokens: 50,
      temperature: 0.2,
      top_p: 0.9,
      top_k: 40,
      stop: 'END',
      seed: 7,
      presence_penalty: 0.1,
      frequency_penalty: 0.2,
      num_ctx: 4096,
      min_p: 0.1,
      options: { num_gpu: 1, top_k: 41 },
      keep_alive: '5m',
      n: 1,
    });
    expect(status).toBe(200);
    const { path, headers, json } = chat.asked('qwen3');
    expect([path, headers.authorization]).toEqual(['/api/chat', 'Bearer vendor-key']);
    expect(json).toEqual({
      model: 'qwen3',
      stream: false,
      messages: [{ role: 'system', content: 'Be brief.' }, ...hello],
      options: {
        num_predict: 50,
        temperature: 0.2,
        top_p: 0.9,
        top_k: 41,
        stop: ['END'],
        seed: 7,
        presence_penalty: 0.1,
        frequency_penalty: 0.2,
        num_ctx: 4096,
        min_p: 0.1,
        num_gpu: 1,
      },
      keep_alive: '5m',
    });
    expect(body).toMatchObject({
      model: 'strict/qwen3',
      choices: [{ index: 0, message: { role: 'assistant', content: 'Hi.' }, finish_reason: 'stop' }],
      usage: { prompt_tokens: 26, completion_tokens: 9, total_tokens: 35 },
    });
  });

  it('has the turns of tools, with values for arguments and the names of those who answer', async () => {
    chat.answers('history', reply({ content: 'x' }));
    const call = (id: string, text: string) => ({
      id,
      type: 'function',
      function: { name: 'get_time', arguments: text },
    });
    await chat.chat('history', {
      messages: [
        ...hello,
        {
          role: 'assistant',
          content: null,
          reasoning_content: 'Hm',
          tool_calls: [call('call_1', '{"zone":"UTC"}'), call('call_2', ''), call('call_3', 'no JSON')],
        },
        { role: 'tool', tool_call_id: 'call_1', content: [{ type: 'text', text: 'noon' }] },
      ],
      tools: [clock],
    });
    expect(chat.asked('history').json).toMatchObject({
      messages: [
        ...hello,
        {
          role: 'assistant',
          content: '',
          thinking: 'Hm',
          tool_calls: [
            { id: 'call_1', function: { name: 'get_time', arguments: { zone: 'UTC' } } },
            { id: 'call_2', function: { name: 'get_time', arguments: {} } },
            { id: 'call_3', function: { name: 'get_time', arguments: { arguments: 'no JSON' } } },
          ],
        },
        { role: 'tool', tool_call_id: 'call_1', tool_name: 'get_time', content: 'noon' },
      ],
      tools: [clock],
    });
  });

  it('has images as bare base64, and is refused with what Ollama cannot read', async () => {
    chat.answers('llava', reply({ content: 'x' }));
    const image = { type: 'image_url', image_url: { url: `data:image/png;base64,${pixel}` } };
    await chat.chat('llava', {
      messages: [{ role: 'user', content: [{ type: 'text', text: 'See' }, image, { type: 'text', text: 'this.' }] }],
    });
    expect(chat.asked('llava').json?.messages).toEqual([{ role: 'user', content: 'Seethis.', images: [pixel] }]);
    for (const part of [
      { type: 'file', file: { file_data: 'data:application/pdf;base64,AAAA' } },
      { type: 'input_audio', input_audio: { data: 'AAAA', format: 'wav' } },
    ]) {
      const { status, body } = await chat.chat('llava', { messages: [{ role: 'user', content: [part] }] });
      expect([status, body.error]).toMatchObject([
        400,
        { param: 'messages[0].content[0]', rutter_code: 'ERR_REQUEST_UNSUPPORTED_PARAMETER' },
      ]);
    }
  });

  it.each([
    ['qwen3', { reasoning_effort: 'high' }, { think: true }],
    ['qwen3', { reasoning_effort: 'none' }, { think: false }],
    ['qwen3', { thinking: { type: 'enabled', budget_tokens: 1024 } }, { think: true }],
    ['qwen3', { thinking: { type: 'disabled' } }, { think: false }],
    ['qwen3', { think: false, reasoning_effort: 'high' }, { think: false }],
    ['gpt-oss:20b', { reasoning_effort: 'high' }, { think: 'high' }],
    ['gpt-oss:20b', { reasoning_effort: 'minimal' }, { think: 'low' }],
    ['gpt-oss:20b', { thinking: { type: 'enabled' } }, { think: 'medium' }],
    ['qwen3', { response_format: { type: 'json_object' } }, { format: 'json' }],
    ['qwen3', { response_format: { type: 'text' } }, {}],
    [
      'qwen3',
      { response_format: { type: 'json_schema', json_schema: { name: 'w', schema: { type: 'array' } } } },
      { format: { type: 'array' } },
    ],
    ['qwen3', { tools: [clock], tool_choice: 'auto' }, { tools: [clock] }],
    ['qwen3', { tools: [clock], tool_choice: 'none' }, {}],
    ['qwen3', { logprobs: true, top_logprobs: 2 }, { logprobs: true, top_logprobs: 2 }],
  ])('to %s with %j says %j', async (model, fields, told) => {
    chat.answers(model, reply({ content: '[]' }));
    await chat.chat(model, { messages: hello, ...fields });
    expect(chat.asked(model).json).toEqual({ model, stream: false, messages: hello, ...told });
  });

  it('refuses by name what the API lacks, and reports what is left out', async () => {
    chat.answers('lacking', reply({ content: 'x' }));
    await expectUnsupported(chat, 'lacking', {
      n: 2,
      logit_bias: { 1: 2 },
      parallel_tool_calls: false,
      modalities: ['text', 'audio'],
      web_search_options: {},
      tool_choice: 'required',
    });
    const { headers } = await chat.chat('lacking', { messages: hello, user: 'u', store: true });
    expect(headers.get('x-rutter-translation')).toBe('dropped store, user');
    expect(chat.asked('lacking').json).toEqual({ model: 'lacking', stream: false, messages: hello });
  });
});

describe('a request to the generate operation', () => {
  const answer = (response: string, more: object = {}) => ({
    body: { ...at(0), response, done: true, done_reason: 'stop', context: [1, 2], ...counts, ...more },
  });

  it('has one question as it is, the system apart, and the settings of the deployment', async () => {
    generate.answers('llama3', answer('Hi.'));
    const { body } = await generate.chat('llama3', {
      messages: [{ role: 'system', content: 'Be brief.' }, ...hello],
      max_tokens: 5,
    });
    const { path, json } = generate.asked('llama3');
    expect([path, json]).toEqual([
      '/api/generate',
      {
        model: 'llama3',
        stream: false,
        prompt: 'Hello.',
        system: 'Be brief.',
        options: { num_predict: 5, num_ctx: 8192 },
        keep_alive: '30m',
      },
    ]);
    expect(body).toMatchObject({
      choices: [{ message: { content: 'Hi.' }, finish_reason: 'stop' }],
      usage: { prompt_tokens: 26, completion_tokens: 9 },
    });
  });

  it('has a conversation as one prompt, and its images', async () => {
    generate.answers('llama3', answer('Hi.'));
    await generate.chat('llama3', {
      messages: [
        { role: 'user', content: 'One?' },
        { role: 'assistant', content: 'One.' },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'Two?' },
            { type: 'image_url', image_url: { url: `data:image/png;base64,${pixel}` } },
          ],
        },
      ],
    });
    expect(generate.asked('llama3').json).toMatchObject({
      prompt: '### User:\nOne?\n\n### Assistant:\nOne.\n\n### User:\nTwo?\n\n### Assistant:\n',
      images: [pixel],
    });
  });

  it('streams thoughts and words', async () => {
    generate.answers('stream', {
      pieces: lines(
        { response: '', thinking: 'Hm', done: false },
        { response: 'Hel', done: false },
        { response: 'lo.', done: false },
        { response: '', done: true, done_reason: 'length', ...counts },
      ),
    });
    const { chunks, isDone } = await generate.chat('stream', {
      messages: hello,
      stream: true,
      stream_options: { include_usage: true },
    });
    expect(isDone).toBe(true);
    expect(toldIn(chunks)).toEqual({
      reasoning: 'Hm',
      text: 'Hello.',
      calls: [],
      finish: 'length',
      tokens: { prompt: 26, completion: 9, cached: 0, reasoning: 0 },
    });
  });

  it('fills in between a prompt and a suffix, raw where that is asked for, by either prefix', async () => {
    for (const bench of [generate, chat]) {
      bench.answers('codellama', answer('return a'));
      const { body } = await bench.post('/v1/completions', {
        model: 'codellama',
        prompt: 'def f(a):',
        suffix: '\n',
        raw: true,
        max_tokens: 9,
      });
      expect(body).toMatchObject({ object: 'text_completion', choices: [{ text: 'return a', finish_reason: 'stop' }] });
      expect(bench.asked('codellama')).toMatchObject({
        path: '/api/generate',
        json: { prompt: 'def f(a):', suffix: '\n', raw: true },
      });
    }
  });

  it('goes to the chat with tools, because the other operation has none', async () => {
    generate.answers('tools', reply({ tool_calls: [{ function: { name: 'get_time', arguments: {} } }] }));
    const read = await generate.chat('tools', { messages: hello, tools: [clock] });
    expect(generate.asked('tools')).toMatchObject({ path: '/api/chat', json: { messages: hello, tools: [clock] } });
    expect(choiceOf(read)).toMatchObject({
      finish_reason: 'tool_calls',
      message: { tool_calls: [{ function: { name: 'get_time' } }] },
    });
  });
});

it('embeds texts', async () => {
  chat.answers('nomic-embed-text', {
    body: {
      model: 'nomic-embed-text',
      embeddings: [
        [0.25, -0.5],
        [1, 2],
      ],
      total_duration: 1,
      prompt_eval_count: 8,
    },
  });
  const { body, headers } = await chat.post('/v1/embeddings', {
    model: 'nomic-embed-text',
    input: ['a', 'b'],
    dimensions: 2,
    truncate: false,
    keep_alive: '1m',
    user: 'u',
  });
  expect(body).toMatchObject({
    data: [{ embedding: [0.25, -0.5] }, { embedding: [1, 2] }],
    usage: { prompt_tokens: 8 },
  });
  const { path, json } = chat.asked('nomic-embed-text');
  expect([path, json]).toEqual([
    '/api/embed',
    { model: 'nomic-embed-text', input: ['a', 'b'], dimensions: 2, truncate: false, keep_alive: '1m' },
  ]);
  expect(headers.get('x-rutter-translation')).toBe('dropped user');
  expect(await chat.post('/v1/embeddings', { model: 'nomic-embed-text', input: [[1]] })).toMatchObject({
    status: 400,
    body: { error: { param: 'input' } },
  });
});

it('is called where OLLAMA_API_BASE says, without a key', async () => {
  chat.answers('at-home', reply({ content: 'Hi.' }));
  const gateway = await startGateway({
    config: { model_list: [{ model_name: 'home', litellm_params: { model: 'ollama_chat/at-home' } }] },
    env: { OLLAMA_API_BASE: chat.vendor.url },
  });
  const response = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'home', messages: hello }),
  });
  expect(response.status).toBe(200);
  expect(chat.asked('at-home').headers).not.toHaveProperty('authorization');
  await gateway.stop();
});
