/** Ollama’s replies behind a gateway, by both prefixes; exchanges as in https://docs.ollama.com/api */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toldIn } from './client.ts';
import { at, hello, last, lines, reply, said } from './ollama-side.ts';
import { clock, weather } from './scenarios.ts';
import { fieldsOf, listOf } from './truth.ts';
import { type Bench, choiceOf, expectFailures, startBench } from './vendor-bench.ts';

let chat: Bench;
beforeAll(async () => {
  chat = await startBench({ provider: 'ollama_chat', streamType: 'application/x-ndjson' });
});
afterAll(() => chat?.gateway.stop());

describe('a reply of the chat', () => {
  it('tells thoughts and calls, which get ids of their own where they have none', async () => {
    const call = (name: string, value: object, id?: string) => ({
      ...(id && { id }),
      function: { name, arguments: value },
    });
    const ask = () => chat.chat('tools', { messages: hello, tools: [weather, clock] });
    chat.answers(
      'tools',
      reply({
        thinking: 'Oslo…',
        tool_calls: [call('get_weather', { city: 'Oslo' }), call('get_time', {}), call('get_time', {})],
      }),
    );
    const { message, finish_reason: finish } = choiceOf(await ask());
    const calls = listOf(fieldsOf(message).tool_calls);
    expect([fieldsOf(message).reasoning_content, finish, calls.map(({ function: called }) => called)]).toEqual([
      'Oslo…',
      'tool_calls',
      [
        { name: 'get_weather', arguments: '{"city":"Oslo"}' },
        { name: 'get_time', arguments: '{}' },
        { name: 'get_time', arguments: '{}' },
      ],
    ]);
    const ids = calls.map(({ id }) => String(id));
    for (const id of ids) expect(id).toMatch(/^call_[a-z0-9]+$/);
    chat.answers('tools', reply({ tool_calls: [call('get_weather', { city: 'Oslo' })] }, 'stop', at(7)));
    const [next] = listOf(fieldsOf(choiceOf(await ask()).message).tool_calls);
    expect(new Set([...ids, next?.id]).size).toBe(4);
    chat.answers('tools', reply({ tool_calls: [call('get_time', {}, 'call_own')] }));
    expect(listOf(fieldsOf(choiceOf(await ask()).message).tool_calls)).toMatchObject([{ id: 'call_own' }]);
  });

  it('streamed, tells thoughts, words, calls and usage', async () => {
    chat.answers('stream', {
      pieces: lines(
        said({ thinking: 'H' }),
        said({ thinking: 'm…' }),
        said({ content: 'Let me ' }),
        said({ content: 'look 🧭.' }),
        said({ tool_calls: [{ function: { name: 'get_weather', arguments: { city: 'Rome' } } }] }),
        said({ tool_calls: [{ function: { name: 'get_time', arguments: {} } }] }),
        last(),
      ),
    });
    const { chunks, isDone, errors } = await chat.chat('stream', {
      messages: hello,
      tools: [weather, clock],
      stream: true,
      stream_options: { include_usage: true },
    });
    expect([isDone, errors]).toEqual([true, []]);
    expect(toldIn(chunks)).toMatchObject({
      reasoning: 'Hm…',
      text: 'Let me look 🧭.',
      calls: [
        { name: 'get_weather', input: { city: 'Rome' } },
        { name: 'get_time', input: {} },
      ],
      finish: 'tool_calls',
      tokens: { prompt: 26, completion: 9 },
    });
    expect(new Set(toldIn(chunks).calls.map(({ id }) => id)).size).toBe(2);
    expect(chat.asked('stream').json).toEqual({
      model: 'stream',
      stream: true,
      messages: hello,
      tools: [weather, clock],
    });
  });

  it.each([
    ['stop', 'stop'],
    ['length', 'length'],
    ['load', 'stop'],
  ])('that ended by %s has the finish reason %s', async (reason, told) => {
    chat.answers('finish', reply({ content: 'x' }, reason));
    expect(choiceOf(await chat.chat('finish', { messages: hello })).finish_reason).toBe(told);
  });

  it('has an estimate for a prompt that was not counted', async () => {
    chat.answers('uncounted', reply({ content: 'x' }, 'stop', { prompt_eval_count: undefined }));
    expect(
      (await chat.chat('uncounted', { messages: [{ role: 'user', content: 'Twelve chars' }] })).body.usage,
    ).toMatchObject({ prompt_tokens: 3, completion_tokens: 9 });
  });

  it('has log probabilities in the usual shape', async () => {
    const logprobs = [{ token: 'x', logprob: -0.5, bytes: [120], top_logprobs: [] }];
    chat.answers('logprobs', reply({ content: 'x' }, 'stop', { logprobs }));
    expect(choiceOf(await chat.chat('logprobs', { messages: hello, logprobs: true })).logprobs).toEqual({
      content: logprobs,
    });
  });

  it('whose stream tells of an error is that error, before content and after', async () => {
    const ask = (model: string) => chat.chat(model, { messages: hello, stream: true });
    chat.answers('early', {
      pieces: ['{"error":"server busy, please try again. maximum pending requests exceeded"}\n'],
    });
    expect(await ask('early')).toMatchObject({
      status: 503,
      body: { error: { rutter_code: 'ERR_PROVIDER_OVERLOADED' } },
    });
    chat.answers('late', {
      pieces: [...lines(said({ content: 'Half' })), '{"error":"an error was encountered while running the model"}\n'],
    });
    const { chunks, errors, isDone } = await ask('late');
    expect([toldIn(chunks).text, isDone, errors]).toMatchObject([
      'Half',
      false,
      [{ message: expect.stringContaining('while running the model') }],
    ]);
  });
});

it('sorts errors into classes', () =>
  expectFailures(chat, [
    [400, { error: '"gemma" does not support tools' }, 400, 'ERR_PROVIDER_BAD_REQUEST', /does not support tools/],
    [400, { error: 'the input length exceeds the context length' }, 400, 'ERR_PROVIDER_CONTEXT_WINDOW'],
    [401, { error: 'unauthorized' }, 401, 'ERR_PROVIDER_AUTHENTICATION'],
    [404, { error: "model 'llama9' not found" }, 404, 'ERR_PROVIDER_NOT_FOUND'],
    [429, { error: 'too many requests' }, 429, 'ERR_PROVIDER_RATE_LIMIT'],
    [500, { error: 'llama runner process has terminated: exit status 2' }, 500, 'ERR_PROVIDER_INTERNAL'],
    [
      503,
      { error: 'server busy, please try again.  maximum pending requests exceeded' },
      503,
      'ERR_PROVIDER_OVERLOADED',
    ],
    [502, '<html></html>', 502, 'ERR_PROVIDER_BAD_GATEWAY'],
  ]));
