import type { ChatReply, ChatRequest, Provider, RutterError } from '@rutter/plugin-sdk';
import {
  assertConforms,
  chatRequest,
  checkProvider,
  deployment,
  type FakeHost,
  fakeHost,
  sseFrames,
  weatherTool,
} from '@rutter/plugin-sdk/testing';
import { expect, test } from 'vitest';
import plugin from './index.ts';

const target = deployment({ model: 'fast' });
const encoder = new TextEncoder();

function setUp(config: object = {}, host = fakeHost()) {
  return { host, provider: plugin.setup(host, plugin.config.parse(config)) as Required<Provider> };
}

const send = (
  { provider }: { provider: Required<Provider> },
  path: string,
  body: unknown,
  signal = new AbortController().signal,
) => provider.respond({ method: 'POST', path, headers: {}, body: encoder.encode(JSON.stringify(body)) }, signal);

async function collected(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function exchange(change: Partial<ChatRequest> = {}, config: object = {}) {
  const parts = setUp(config);
  const request = chatRequest(change);
  const { path, body } = parts.provider.chat.request({ ...request, deployment: target });
  const { status, headers, body: stream } = await send(parts, path, body);
  const text = (await collected(stream)).toString();
  return { ...parts, request, status, headers, text };
}

async function reply(change: Partial<ChatRequest> = {}, config: object = {}): Promise<ChatReply> {
  const { provider, text, request } = await exchange(change, config);
  return provider.chat.reply(JSON.parse(text) as never, { deployment: target, stream: false, request });
}

async function events(change: Partial<ChatRequest> = {}, config: object = {}) {
  const { provider, text, request } = await exchange({ ...change, stream: true }, config);
  const read = provider.chat.events({ deployment: target, stream: true, request });
  return sseFrames(text).flatMap((frame) => [...read(frame)]);
}

const script = (simulate: object): Partial<ChatRequest> => ({ extra: { simulate } });
const say = (content: string): Pick<ChatRequest, 'messages'> => ({ messages: [{ role: 'user', content }] });

test('conforms to what every provider must hold to', async () => {
  assertConforms(await checkProvider(plugin));
});

test('says in one sentence what it is, and echoes the question', async () => {
  expect((await reply()).text).toBe(
    'I am the simulated provider of this gateway, and no model was asked; you said: "Why is the sky blue?"',
  );
  expect((await reply(say('x'.repeat(1_000)))).text.length).toBeLessThan(300);
});

test('answers the same request the same, whole and streamed', async () => {
  const [first, second] = [await exchange(), await exchange()];
  expect(second.text).toBe(first.text);
  const text = (await events()).map((event) => (event.type === 'text-delta' ? event.text : '')).join('');
  expect(text).toBe((await reply()).text);
});

test('counts tokens alike, whole and streamed, and reports what a script says', async () => {
  const whole = (await reply(script({ tokens: 12 }))).usage;
  expect(whole).toMatchObject({ input: 5, output: 12 });
  expect((await events(script({ tokens: 12 }))).find(({ type }) => type === 'usage')).toMatchObject({
    input: 5,
    output: 12,
  });
  const told = { input: 100, cachedInput: 40, output: 7, reasoning: 3 };
  expect((await reply(script({ usage: told }))).usage).toMatchObject(told);
  expect((await reply(script({ usage: null }))).usage).toBeUndefined();
});

test('keeps to the limit of tokens, to stop words and to the number of choices', async () => {
  expect(await reply({ maxOutputTokens: 3 })).toMatchObject({ text: 'I am the ', end: 'length' });
  expect((await reply({ stop: ['gateway'] })).text).toBe('I am the simulated provider of this ');
  const several = await reply({ count: 3, ...script({ tokens: 5 }) });
  expect(several.others).toHaveLength(2);
  expect(several.others?.[0]?.text).not.toBe(several.text);
});

test('takes scripts from the configuration, by model, and from the request, nearest first', async () => {
  const config = { defaults: { reply: 'default' }, models: { fast: { reply: 'model {model} heard {question}' } } };
  expect((await reply({}, { defaults: { reply: 'default' } })).text).toBe('default');
  expect((await reply({}, config)).text).toBe('model fast heard Why is the sky blue?');
  expect((await reply(script({ reply: 'request' }), config)).text).toBe('request');
  expect(await reply(say('[[simulate {"finish":"length"}]] Tell me.'), config)).toMatchObject({
    text: 'model fast heard Tell me.',
    end: 'length',
  });
});

test('ignores scripts of requests when it is told to', async () => {
  const { text } = await reply(
    { ...say('[[simulate {"reply":"x"}]] hi'), ...script({ reply: 'y' }) },
    { scriptedByRequest: false },
  );
  expect(text).toContain('you said: "hi"');
});

test('refuses a script it cannot read and says what is wrong', async () => {
  const misspelt = await exchange(script({ latency: 5 }));
  expect(misspelt.status).toBe(400);
  expect(misspelt.text).toMatch(/simulate: Unrecognized key.*latency/);
  expect((await exchange(say('[[simulate {oops}]]'))).text).toMatch(/which is no JSON/);
  expect(plugin.config.safeParse({ models: { fast: { latencyMs: -1 } } }).success).toBe(false);
});

test('fails as scripted, with a status, a code and a time to come back', async () => {
  const { provider, status, headers, text } = await exchange(
    script({ errorStatus: 429, errorCode: 'rate_limit_exceeded', retryAfterSeconds: 7 }),
  );
  expect(status).toBe(429);
  expect(headers['retry-after']).toBe('7');
  expect(provider.failure(status, text, headers)).toMatchObject({
    code: 'ERR_PROVIDER_RATE_LIMIT',
    retryAfterMs: 7_000,
  });
  const tooLong = await exchange(script({ errorStatus: 400, errorCode: 'context_length_exceeded' }));
  expect(tooLong.provider.failure(tooLong.status, tooLong.text, {})).toMatchObject({
    code: 'ERR_PROVIDER_CONTEXT_WINDOW',
  });
});

test('fails the share of requests it is told to, the same ones under the same seed', async () => {
  const statuses = async (seed: number) => {
    const parts = setUp({ models: { fast: { errorRate: 0.3, errorStatus: 503 } } }, fakeHost({ seed }));
    const all: number[] = [];
    for (let count = 0; count < 1_000; count++)
      all.push((await send(parts, '/v1/chat/completions', { model: 'fast', messages: [] })).status);
    return all;
  };
  const [first, second] = [await statuses(3), await statuses(3)];
  expect(second).toEqual(first);
  const failed = first.filter((status) => status === 503).length;
  expect(failed).toBeGreaterThan(240);
  expect(failed).toBeLessThan(360);
});

test('fails the first requests to a model and serves the rest', async () => {
  const parts = setUp({ models: { fast: { failFirst: 2, errorStatus: 502 } } });
  const statuses: number[] = [];
  for (let count = 0; count < 4; count++)
    statuses.push((await send(parts, '/v1/chat/completions', { model: 'fast', messages: [] })).status);
  expect(statuses).toEqual([502, 502, 200, 200]);
});

test('calls the first tool when it has to, or the one that is named, with arguments by its schema', async () => {
  const other = {
    name: 'add_numbers',
    parameters: { type: 'object', properties: { a: { type: 'integer' } }, required: ['a'] },
  };
  const tools = [weatherTool, other];
  const forced = await reply({ tools, toolChoice: 'required' });
  expect(forced).toMatchObject({ text: '', end: 'tool-calls', toolCalls: [{ name: 'get_weather' }] });
  expect(JSON.parse(forced.toolCalls?.[0]?.arguments ?? '')).toEqual({ place: 'simulated place' });
  expect((await reply({ tools, toolChoice: { name: 'add_numbers' } })).toolCalls?.[0]?.name).toBe('add_numbers');
  expect((await reply({ tools, ...say('Please add numbers for me.') })).toolCalls?.[0]?.name).toBe('add_numbers');
  expect((await reply({ tools })).toolCalls ?? []).toEqual([]);
  expect((await reply({ tools, toolChoice: 'none', ...say('add_numbers') })).toolCalls ?? []).toEqual([]);
});

test('streams a tool call whose pieces make up the same arguments', async () => {
  const asked = { tools: [weatherTool], toolChoice: 'required' as const };
  const all = await events(asked);
  const opened = all.find(({ type }) => type === 'tool-call') as { id: string; name: string } | undefined;
  const json = all
    .map((event) => (event.type === 'tool-call-delta' || event.type === 'tool-call' ? (event.arguments ?? '') : ''))
    .join('');
  const [call] = (await reply(asked)).toolCalls ?? [];
  expect({ id: opened?.id, name: opened?.name, arguments: json }).toEqual(call);
});

test('makes the tool calls of a script, and ends a tool loop with what the tool said', async () => {
  const scripted = await reply(script({ toolCalls: [{ name: 'a', arguments: { n: 1 } }, { name: 'b' }] }));
  expect(scripted.toolCalls?.map(({ name, arguments: json }) => [name, json])).toEqual([
    ['a', '{"n":1}'],
    ['b', '{}'],
  ]);
  const [call] = scripted.toolCalls ?? [];
  const ended = await reply({
    tools: [weatherTool],
    messages: [
      { role: 'user', content: 'get_weather please' },
      { role: 'assistant', content: '', toolCalls: [call!] },
      { role: 'tool', toolCallId: call!.id, content: 'rain' },
    ],
  });
  expect(ended).toMatchObject({
    end: 'stop',
    text: 'I am the simulated provider of this gateway, and the tool answered: "rain"',
  });
});

test('answers in JSON by the schema it is given', async () => {
  const schema = {
    type: 'object',
    properties: { ok: { type: 'boolean' }, n: { type: 'integer', minimum: 5, maximum: 5 } },
    required: ['ok', 'n'],
  };
  const { text } = await reply({ responseFormat: { type: 'json-schema', name: 'answer', schema } });
  expect(JSON.parse(text)).toEqual({ ok: expect.any(Boolean), n: 5 });
  expect(JSON.parse((await reply({ responseFormat: { type: 'json' } })).text)).toHaveProperty('answer');
});

test('gives reasoning and refusals as scripted', async () => {
  expect(await reply(script({ reasoning: 'let me think', reply: 'done' }))).toMatchObject({
    text: 'done',
    reasoning: [{ text: 'let me think' }],
  });
  expect(await reply(script({ refusal: 'I will not.' }))).toMatchObject({ text: '', refusal: 'I will not.' });
  const streamed = await events(script({ reasoning: 'hm', refusal: 'No.' }));
  expect(streamed.map(({ type }) => type)).toEqual(expect.arrayContaining(['reasoning-delta', 'refusal-delta', 'end']));
});

/** Milliseconds of the host's clock at which each chunk came. */
async function timed(
  host: FakeHost,
  run: () => Promise<{ body: AsyncIterable<Uint8Array> }>,
): Promise<{ at: number; text: string }[]> {
  const seen: { at: number; text: string }[] = [];
  let isDone = false;
  const work = (async () => {
    const { body } = await run();
    seen.push({ at: host.clock.monotonic(), text: 'head' });
    for await (const chunk of body) seen.push({ at: host.clock.monotonic(), text: Buffer.from(chunk).toString() });
  })().finally(() => {
    isDone = true;
  });
  while (!isDone) await host.advance(5);
  await work;
  return seen;
}

test('keeps to the scripted times: head, first token, tokens a second', async () => {
  const parts = setUp({
    models: { fast: { latencyMs: 100, firstTokenMs: 300, tokensPerSecond: 10, reply: 'one two three' } },
  });
  const messages = [{ role: 'user', content: 'hi' }];
  const seen = await timed(parts.host, () =>
    send(parts, '/v1/chat/completions', { model: 'fast', messages, stream: true }),
  );
  const at = (word: string) => seen.find(({ text }) => text.includes(word))?.at;
  expect(['head', 'one', 'two', 'three', '[DONE]'].map(at)).toEqual([100, 300, 400, 500, 500]);

  const whole = setUp({
    models: { fast: { latencyMs: 100, firstTokenMs: 300, tokensPerSecond: 10, reply: 'one two three' } },
  });
  const [head] = await timed(whole.host, () => send(whole, '/v1/chat/completions', { model: 'fast', messages }));
  expect(head?.at).toBe(600);
});

test('cuts, spoils or breaks a stream after so many tokens', async () => {
  const reads = (simulate: object) => events(script({ reply: 'one two three', ...simulate }));
  const cut = await exchange({ stream: true, ...script({ reply: 'one two three', cutAfterTokens: 2 }) });
  expect(cut.text).toContain('two');
  expect(cut.text).not.toMatch(/three|DONE|"finish_reason":"/);
  await expect(reads({ garbageAfterTokens: 1 })).rejects.toMatchObject({
    code: 'ERR_PROVIDER_MALFORMED',
  } satisfies Partial<RutterError>);
  await expect(reads({ errorAfterTokens: 1, errorMessage: 'overheated' })).rejects.toThrow(/overheated/);
  expect((await exchange(script({ cutAfterTokens: 0 }))).text).not.toMatch(/\}$/);
  expect((await exchange(script({ garbageAfterTokens: 0 }))).text).toContain('<html>');
});

test('stalls until it is aborted, whole and streamed', async () => {
  for (const stream of [false, true]) {
    const parts = setUp();
    const controller = new AbortController();
    const body = {
      model: 'fast',
      messages: [{ role: 'user', content: 'hi' }],
      stream,
      simulate: { reply: 'one two', stallAfterTokens: 1 },
    };
    const answer = await send(parts, '/v1/chat/completions', body, controller.signal);
    let text = '';
    const reading = (async () => {
      for await (const chunk of answer.body) text += Buffer.from(chunk).toString();
    })();
    const ended = expect(reading).rejects.toThrow('enough');
    await parts.host.advance(3_600_000);
    expect(text).toContain(stream ? 'one' : '"object"');
    expect(text).not.toMatch(stream ? /two/ : /\}$/);
    controller.abort(new Error('enough'));
    await ended;
  }
});

test('cuts the bytes of a stream wherever it is told to', async () => {
  const parts = setUp();
  const body = { model: 'fast', messages: [], stream: true, simulate: { reply: 'naïve 🧭', chunkBytes: 1 } };
  const { body: stream } = await send(parts, '/v1/chat/completions', body);
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  expect(chunks.every(({ length }) => length === 1)).toBe(true);
  expect(Buffer.concat(chunks).toString()).toContain('🧭');
});

test('answers text completions', async () => {
  const parts = setUp();
  const whole = JSON.parse(
    (await collected((await send(parts, '/v1/completions', { model: 'fast', prompt: 'Once' })).body)).toString(),
  );
  expect(whole).toMatchObject({
    object: 'text_completion',
    choices: [{ text: expect.stringContaining('you said: "Once"'), finish_reason: 'stop' }],
  });
  const streamed = (
    await collected((await send(parts, '/v1/completions', { model: 'fast', prompt: 'Once', stream: true })).body)
  ).toString();
  const text = sseFrames(streamed)
    .slice(0, -1)
    .map(({ data }) => JSON.parse(data).choices[0]?.text ?? '')
    .join('');
  expect(text).toBe(whole.choices[0].text);
});

test('completes each of several prompts by itself', async () => {
  const choicesFor = async (body: object) => {
    const { body: stream } = await send(setUp(), '/v1/completions', { model: 'fast', ...body });
    return JSON.parse((await collected(stream)).toString()).choices as { index: number; text: string }[];
  };
  const several = await choicesFor({ prompt: ['Once', 'Twice'], n: 2 });
  expect(several.map(({ index }) => index)).toEqual([0, 1, 2, 3]);
  for (const [index, prompt] of ['Once', 'Once', 'Twice', 'Twice'].entries())
    expect(several[index]?.text).toContain(`you said: "${prompt}"`);
  expect(await choicesFor({ prompt: [1, 2, 3] })).toHaveLength(1);
  expect(await choicesFor({ prompt: [[1, 2], [3]] })).toHaveLength(2);
});

test('refuses more prompts than it answers at once', async () => {
  const { status } = await send(setUp(), '/v1/completions', { model: 'fast', prompt: Array(2_049).fill('x') });
  expect(status).toBe(400);
});

async function embed(body: object, config: object = {}) {
  const { body: stream, status } = await send(setUp(config), '/v1/embeddings', { model: 'fast', ...body });
  const read = JSON.parse((await collected(stream)).toString());
  return {
    status,
    read,
    vectors: (read.data ?? []).map(({ embedding }: { embedding: number[] }) => embedding) as number[][],
  };
}

const dot = (a: readonly number[] = [], b: readonly number[] = []) =>
  a.reduce((sum, value, index) => sum + value * (b[index] ?? 0), 0);

test('embeds texts as unit vectors that are near each other where words are shared', async () => {
  const { vectors, read } = await embed({
    input: ['the cat sat on the mat', 'a cat on the mat', 'quarterly revenue figures', ''],
  });
  for (const vector of vectors) expect(dot(vector, vector)).toBeCloseTo(1, 5);
  expect(vectors[0]).toHaveLength(256);
  expect(dot(vectors[0], vectors[1])).toBeGreaterThan(dot(vectors[0], vectors[2]) + 0.3);
  expect(read.usage.prompt_tokens).toBeGreaterThan(0);
  expect((await embed({ input: 'the cat sat on the mat' })).vectors[0]).toEqual(vectors[0]);
});

test('embeds in the dimensions and the encoding asked for', async () => {
  expect((await embed({ input: 'a', dimensions: 8 })).vectors[0]).toHaveLength(8);
  expect((await embed({ input: 'a' }, { embeddingDimensions: 12 })).vectors[0]).toHaveLength(12);
  expect((await embed({ input: 'a', dimensions: 2.5 })).status).toBe(400);
  const [numbers] = (await embed({ input: 'a b', dimensions: 4 })).vectors;
  const base64 = (await embed({ input: 'a b', dimensions: 4, encoding_format: 'base64' })).read.data[0].embedding;
  expect([...new Float32Array(new Uint8Array(Buffer.from(base64, 'base64')).buffer)]).toEqual(numbers);
  expect((await embed({ input: [[1, 2], [3]] })).vectors).toHaveLength(2);
  expect((await embed({ input: [1, 2, 3] })).vectors).toHaveLength(1);
});

test('says so when it is asked for something it does not have', async () => {
  const { status, body } = await send(setUp(), '/v1/images/generations', { model: 'fast' });
  expect(status).toBe(404);
  expect((await collected(body)).toString()).toContain('/v1/images/generations');
});
