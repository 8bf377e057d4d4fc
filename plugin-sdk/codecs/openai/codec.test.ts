import { describe, expect, it } from 'vitest';
import type { Deployment } from '../../contract/request.ts';
import { openAiChatCodec, openAiCompletionsCodec } from './codec.ts';
import { openAiChatDialect, openAiCompletionsDialect } from './dialects.ts';
import { isReasoningModel } from './models.ts';

const deployment = (model: string, params = {}): Deployment => ({
  id: 'd',
  group: 'g',
  model,
  provider: 'openai',
  tags: [],
  params,
  info: {},
});
const codec = openAiChatCodec();
const messages = [{ role: 'user', content: 'x' }];

const pass = (fields: Record<string, unknown>, to = deployment('gpt-4o'), stream = fields.stream === true) =>
  codec.pass!({ deployment: to, stream, fields: { model: 'g', messages, ...fields } });
const request = (fields: Record<string, unknown>, to = deployment('gpt-4o')) =>
  codec.request({ ...openAiChatDialect.chat!({ model: 'g', messages, ...fields }), deployment: to });

describe('a body that passes', () => {
  it('changes its model, and nothing else', () => {
    expect(pass({ temperature: 0.3, novelty: 1 })).toEqual({ path: '/chat/completions', set: { model: 'gpt-4o' } });
  });

  it('is not touched when the names are equal', () => {
    expect(pass({ model: 'gpt-4o' })).toEqual({ path: '/chat/completions' });
  });

  it('asks for usage when it streams, and keeps other options', () => {
    expect(pass({ stream: true }).set).toEqual({ model: 'gpt-4o', stream_options: { include_usage: true } });
    expect(pass({ stream: true, stream_options: { include_obfuscation: false } }).set).toMatchObject({
      stream_options: { include_obfuscation: false, include_usage: true },
    });
    expect(pass({ stream: true, stream_options: { include_usage: true } }).set).toEqual({ model: 'gpt-4o' });
    const silent = openAiChatCodec({ asksForUsage: false });
    expect(
      silent.pass!({ deployment: deployment('m'), stream: true, fields: { model: 'g', stream: true } }).set,
    ).toEqual({ model: 'm' });
  });

  it('streams or not as the gateway wants', () => {
    expect(pass({}, undefined, true).set).toMatchObject({ stream: true, stream_options: { include_usage: true } });
    expect(pass({ stream: true, stream_options: { include_usage: true } }, undefined, false)).toMatchObject({
      set: { stream: false },
      remove: ['stream_options'],
    });
  });
});

describe('a reasoning model', () => {
  it.each([
    ['o1', true],
    ['o3-mini', true],
    ['o4-mini-2025-04-16', true],
    ['gpt-5', true],
    ['gpt-5.4-mini', true],
    ['azure/o3', true],
    ['gpt-4o', false],
    ['gpt-5-chat-latest', false],
    ['gpt-5.1-chat-latest', false],
    ['olmo', false],
  ])('is %s: %s', (model, expected) => expect(isReasoningModel(model)).toBe(expected));

  const system = [{ role: 'system', content: 's' }, ...messages];
  const developer = [{ role: 'developer', content: 's' }, ...messages];

  it('gets its limit and its system prompt under other names, in both forms', () => {
    const fields = { messages: system, max_tokens: 10, temperature: 1 };
    expect(pass(fields, deployment('o3'))).toMatchObject({
      set: { model: 'o3', max_completion_tokens: 10, messages: developer },
      remove: ['max_tokens'],
    });
    expect(request(fields, deployment('o3')).body).toEqual({
      model: 'o3',
      messages: developer,
      max_completion_tokens: 10,
      temperature: 1,
    });
  });

  it('takes no other temperature: refused, or dropped where the deployment says so', () => {
    const refused = expect.objectContaining({
      code: 'ERR_REQUEST_UNSUPPORTED_PARAMETER',
      param: 'temperature',
      message: expect.stringContaining('drop_params'),
    });
    expect(() => pass({ temperature: 0.2 }, deployment('gpt-5-mini'))).toThrow(refused);
    expect(() => request({ temperature: 0.2 }, deployment('gpt-5-mini'))).toThrow(refused);
    const drops = deployment('gpt-5-mini', { drop_params: true });
    expect(pass({ temperature: 0.2 }, drops)).toMatchObject({ remove: ['temperature'], dropped: ['temperature'] });
    expect(request({ temperature: 0.2 }, drops)).toMatchObject({ dropped: ['temperature'] });
    expect(request({ temperature: 0.2 }, drops).body).not.toHaveProperty('temperature');
    expect(() => pass({ temperature: 0.2 }, deployment('gpt-5.4'))).not.toThrow();
  });

  it.each([
    ['top_p', 0.5, 1],
    ['presence_penalty', 1, 0],
    ['frequency_penalty', 1, 0],
    ['logprobs', true, false],
    ['top_logprobs', 2, 0],
    ['logit_bias', { 1: 2 }, {}],
    ['stop', ['x'], null],
  ])('takes no %s, unless it asks for nothing or the deployment allows it', (name, value, nothing) => {
    expect(() => pass({ [name]: value }, deployment('o3'))).toThrow(expect.objectContaining({ param: name }));
    expect(pass({ [name]: nothing }, deployment('o3'))).not.toHaveProperty('remove');
    expect(pass({ [name]: value }, deployment('o3', { drop_params: true }))).toMatchObject({ dropped: [name] });
    expect(pass({ [name]: value }, deployment('o3', { allowed_openai_params: [name] }))).not.toHaveProperty('remove');
    expect(pass({ [name]: value }, deployment('gpt-4o'))).not.toHaveProperty('remove');
  });

  it('takes stops where it is the first of its kind', () => {
    expect(pass({ stop: 'x' }, deployment('o1'))).not.toHaveProperty('remove');
  });
});

describe('a vendor that refuses reasoning in the history', () => {
  const strict = openAiChatCodec({ refusesReasoning: () => true });
  const history = [
    ...messages,
    {
      role: 'assistant',
      content: 'a',
      reasoning_content: 'r',
      thinking_blocks: [{ type: 'thinking', thinking: 'r', signature: 's' }],
    },
    ...messages,
  ];

  it('gets none, in both forms', () => {
    const fields = { model: 'm', messages: history };
    const clean = [...messages, { role: 'assistant', content: 'a' }, ...messages];
    expect(strict.pass!({ deployment: deployment('m'), stream: false, fields }).set).toEqual({ messages: clean });
    expect(strict.request({ ...openAiChatDialect.chat!(fields), deployment: deployment('m') }).body).toEqual({
      model: 'm',
      messages: clean,
    });
    expect(fields.messages).toBe(history);
  });

  it('gets a tool’s answer without the mark that it failed', () => {
    const answer = { role: 'tool', tool_call_id: 'a', content: 'No such place.' };
    const fields = { model: 'm', messages: [...messages, { ...answer, is_error: true }] };
    const clean = { messages: [...messages, answer] };
    expect(strict.pass!({ deployment: deployment('m'), stream: false, fields }).set).toEqual(clean);
    const { body } = strict.request({ ...openAiChatDialect.chat!(fields), deployment: deployment('m') });
    expect(body).toMatchObject(clean);
    expect(JSON.stringify(body)).not.toContain('is_error');
  });

  it('gets calls by their ids alone, without the signatures that another vendor put there', () => {
    const turns = (first: string, second: string) => [
      ...messages,
      {
        role: 'assistant',
        tool_calls: [first, second].map((id) => ({ id, type: 'function', function: { name: 'f', arguments: '{}' } })),
      },
      { role: 'tool', tool_call_id: first, content: 'a' },
      { role: 'tool', tool_call_id: second, content: 'b' },
    ];
    const fields = { model: 'm', messages: turns('call_1__thought__c2ln', 'call_2') };
    const { set } = strict.pass!({ deployment: deployment('m'), stream: false, fields });
    expect(set).toEqual({ messages: turns('call_1', 'call_2') });
    const { body } = strict.request({ ...openAiChatDialect.chat!(fields), deployment: deployment('m') });
    expect(body).toMatchObject({ messages: turns('call_1', 'call_2') });
    const lenient = openAiChatCodec().pass!({ deployment: deployment('m'), stream: false, fields });
    expect(lenient).not.toHaveProperty('set');
  });

  it('is sent the messages as they are when there is none', () => {
    expect(strict.pass!({ deployment: deployment('m'), stream: false, fields: { model: 'm', messages } })).toEqual({
      path: '/chat/completions',
    });
  });
});

describe('a vendor that refuses marks of a cache', () => {
  const mark = { cache_control: { type: 'ephemeral' } };
  const part = { type: 'text', text: 'Long.' };
  const called = { name: 'f', parameters: {} };
  const marked = {
    model: 'm',
    messages: [
      { role: 'system', content: [part, { ...part, ...mark }] },
      { role: 'user', content: 'q', ...mark },
    ],
    tools: [
      { type: 'function', function: { ...called, ...mark } },
      { type: 'function', function: called, ...mark },
    ],
  };
  const clean = {
    messages: [
      { role: 'system', content: [part, part] },
      { role: 'user', content: 'q' },
    ],
    tools: [
      { type: 'function', function: called },
      { type: 'function', function: called },
    ],
  };
  const strict = openAiChatCodec({ refusesMarks: () => true });
  const pass = (codec: typeof strict, fields: object) =>
    codec.pass!({ deployment: deployment('m'), stream: false, fields: fields as typeof marked });

  it('gets none, and tells of it', () => {
    expect(pass(strict, marked)).toMatchObject({ set: clean, dropped: ['cache_control'] });
    const request = { ...openAiChatDialect.chat!(marked), deployment: deployment('m') };
    expect(strict.request(request)).toMatchObject({ body: clean, dropped: ['cache_control'] });
  });

  it('gets the rest as it is where there is none, and another vendor the marks', () => {
    const { set, dropped } = pass(strict, { model: 'm', ...clean });
    expect([set, dropped]).toEqual([undefined, undefined]);
    expect(pass(openAiChatCodec(), marked).set).toBeUndefined();
  });
});

describe('a vendor that takes reasoning in one member alone', () => {
  const blocks = [{ type: 'thinking', thinking: 'signed', signature: 's' }];
  const fields = {
    model: 'g',
    messages: [
      { role: 'user', content: 'q' },
      { role: 'assistant', content: 'a', reasoning_content: 'plain' },
      { role: 'assistant', content: 'b', thinking_blocks: blocks },
      { role: 'assistant', content: 'c', thinking_blocks: [{ type: 'redacted_thinking', data: 'd' }] },
    ],
  };

  it.each(['reasoning', 'reasoning_content'] as const)('%s is told it there, in both forms', (name) => {
    const codec = openAiChatCodec({ historyReasoning: name });
    const expected = [
      { role: 'user', content: 'q' },
      { role: 'assistant', content: 'a', [name]: 'plain' },
      { role: 'assistant', content: 'b', [name]: 'signed' },
      { role: 'assistant', content: 'c' },
    ];
    expect(codec.pass!({ deployment: deployment('g'), stream: false, fields }).set).toEqual({ messages: expected });
    const { body } = codec.request({ ...openAiChatDialect.chat!(fields), deployment: deployment('g') });
    expect(body).toMatchObject({ messages: expected });
    expect(JSON.stringify(body)).not.toContain('thinking_blocks');
  });

  it('is sent what it knows as it is', () => {
    const known = { ...fields, messages: fields.messages.slice(0, 2) };
    const codec = openAiChatCodec({ historyReasoning: 'reasoning_content' });
    expect(codec.pass!({ deployment: deployment('g'), stream: false, fields: known }).set).toBeUndefined();
  });
});

describe('a deployment whose name is not the model’s', () => {
  it('goes by another name in the body, and by the rules of the model behind it', () => {
    const codec = openAiChatCodec({ model: () => 'wire', openAiName: ({ info }) => info.base as string | undefined });
    const pass = (base?: string) =>
      codec.pass!({ deployment: { ...deployment('o3'), info: { base } }, stream: false, fields: { max_tokens: 5 } });
    expect(pass('o3')).toMatchObject({ set: { model: 'wire', max_completion_tokens: 5 }, remove: ['max_tokens'] });
    expect(pass()).toEqual({ path: '/chat/completions', set: { model: 'wire' } });
  });
});

describe('text completions', () => {
  const completions = openAiCompletionsCodec();
  const fields = { model: 'g', prompt: 'Once', max_tokens: 5, logprobs: 2, echo: false, suffix: 'end', stop: '\n' };

  it('become a chat for vendors that have no other operation', () => {
    expect(openAiCompletionsDialect.chat!(fields)).toMatchObject({
      messages: [{ role: 'user', content: 'Once' }],
      maxOutputTokens: 5,
      logprobs: true,
      topLogprobs: 2,
      extra: { suffix: 'end' },
    });
  });

  it('are written again as they were', () => {
    const { echo: _, ...same } = fields;
    expect(completions.request({ ...openAiCompletionsDialect.chat!(fields), deployment: deployment('m') })).toEqual({
      path: '/completions',
      body: { ...same, model: 'm' },
    });
  });

  it.each([[['a', 'b']], [[1, 2]]])('with the prompt %j only pass as bytes', (prompt) => {
    expect(() => openAiCompletionsDialect.chat!({ model: 'g', prompt })).toThrow(
      expect.objectContaining({ code: 'ERR_REQUEST_UNSUPPORTED_PARAMETER', param: 'prompt' }),
    );
    expect(completions.pass!({ deployment: deployment('m'), stream: false, fields: { model: 'g', prompt } })).toEqual({
      path: '/completions',
      set: { model: 'm' },
    });
  });

  it('have the words of their prompts as text', () => {
    expect(openAiCompletionsDialect.text({ prompt: ['a', 'b'] })).toBe('a\nb');
    expect(openAiCompletionsDialect.text({ prompt: [1] })).toBe('');
  });

  it('stream texts into the same events as chat', () => {
    const read = completions.events({
      deployment: deployment('m'),
      stream: true,
      request: openAiCompletionsDialect.chat!(fields),
    });
    const events = [
      { id: 'c', model: 'm', choices: [{ index: 0, text: 'a', finish_reason: null }] },
      {
        id: 'c',
        model: 'm',
        choices: [{ index: 0, text: '', finish_reason: 'length' }],
        usage: { prompt_tokens: 1, completion_tokens: 1 },
      },
    ].flatMap((chunk) => [...read({ event: '', data: JSON.stringify(chunk) })]);
    expect(events).toEqual([
      { type: 'start', id: 'c', model: 'm' },
      { type: 'text-delta', text: 'a' },
      { type: 'end', reason: 'length' },
      { type: 'usage', input: 1, output: 1 },
    ]);
  });
});

describe('a vendor that differs', () => {
  const vendor = openAiChatCodec({
    limits: { vendor: 'Acme', lacks: ['seed', 'n', 'logit_bias'], ignores: ['store'] },
    limitName: 'max_tokens',
    asksForUsage: false,
    relays: false,
    messages: (messages) => messages.map(({ role, content }) => ({ role, content })),
  });
  const written = (fields: object, params = {}) =>
    vendor.request({
      ...openAiChatDialect.chat!({ model: 'g', messages: [{ role: 'user', content: 'x', name: 'n' }], ...fields }),
      deployment: deployment('m', params),
    });

  it('refuses by name what it lacks, and nothing that asks for nothing', () => {
    expect(() => written({ seed: 1 })).toThrow(
      expect.objectContaining({ code: 'ERR_REQUEST_UNSUPPORTED_PARAMETER', param: 'seed' }),
    );
    const { body, dropped } = written({ n: 1, logit_bias: {}, store: false });
    expect([body, dropped]).toEqual([{ model: 'm', messages: [{ role: 'user', content: 'x' }] }, undefined]);
  });

  it('leaves out and reports what it lacks where that is allowed, and what it ignores always', () => {
    const { body, dropped } = written({ seed: 1, n: 2, store: true }, { drop_params: true });
    expect(body).toEqual({ model: 'm', messages: [{ role: 'user', content: 'x' }] });
    expect(dropped).toEqual(['seed', 'n', 'store']);
    expect(written({ store: true }).dropped).toEqual(['store']);
  });

  it('passes on what the deployment allows', () => {
    expect(written({ seed: 1 }, { allowed_openai_params: ['seed'] }).body).toMatchObject({ seed: 1 });
  });

  it('has one name for the limit, and the newer one of two limits', () => {
    expect(written({ max_completion_tokens: 7 }).body).toMatchObject({ max_tokens: 7 });
    const both = written({ max_completion_tokens: 7, max_tokens: 5 }).body;
    expect(both).toMatchObject({ max_tokens: 7 });
    expect(both).not.toHaveProperty('max_completion_tokens');
  });

  it('gets no stream options, and passes no bytes', () => {
    const { body } = written({ stream: true, stream_options: { include_usage: true } });
    expect(body).toMatchObject({ stream: true });
    expect(body).not.toHaveProperty('stream_options');
    expect([vendor.pass, vendor.relay]).toEqual([undefined, undefined]);
  });
});
