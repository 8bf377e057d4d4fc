import { describe, expect, it } from 'vitest';
import { RutterError } from '../contract/errors.ts';
import type { Invoke } from '../contract/kinds.ts';
import { callResult, candidate, chatReply, fakeHost, requestContext } from '../testing/index.ts';
import { byStrength, describePool, modelMentioned, modelNamed, poolOf, tiersByStrength } from './pool.ts';
import { Rounds, type RoundsOptions, resultOf } from './rounds.ts';
import { jsonIn, questionOf, transcriptOf, whyPlain } from './words.ts';

const prices = (each: bigint) => ({ prices: { input: each, output: each } });
const model = (name: string, more: object = {}) => candidate(name, {}, { model: name, ...more });

describe('a pool', () => {
  it('has one model for all its deployments, under the name it is routed by', () => {
    const pool = poolOf([
      model('gpt'),
      candidate('two', {}, { model: 'gpt' }),
      model('vendor-name', { info: { router_model: 'ours', feature: ' Knows much. ' } }),
    ]);
    expect(pool.map(({ name, candidates }) => [name, candidates.length])).toEqual([
      ['gpt', 2],
      ['ours', 1],
    ]);
    expect(describePool(pool)).toBe('- gpt\n- ours: Knows much.');
  });

  it('is ordered by price, else by size, else as it is configured', () => {
    const names = (...candidates: Parameters<typeof poolOf>[0]) =>
      byStrength(poolOf(candidates)).map(({ name }) => name);
    expect(names(model('a', prices(5n)), model('b', prices(1n)), model('c', prices(3n)))).toEqual(['b', 'c', 'a']);
    expect(names(model('a', { info: { size: '70B' } }), model('b-7b', prices(9n)))).toEqual(['b-7b', 'a']);
    expect(names(model('a'), model('b-7b'))).toEqual(['a', 'b-7b']);
    expect(
      tiersByStrength([model('a', prices(5n)), model('b', prices(1n))], 'strongest')
        .flat()
        .map(({ deployment: { id } }) => id),
    ).toEqual(['a', 'b']);
  });

  const pool = poolOf([model('meta/llama-8b'), model('meta/llama-8b-instruct'), model('mistral')]);
  it.each([
    ['meta/llama-8b', 'meta/llama-8b'],
    [' "LLAMA-8B". ', 'meta/llama-8b'],
    ['**mistral**', 'mistral'],
    ['llama', undefined],
    ['instruct', undefined],
    ['', undefined],
  ])('knows %j as %s', (text, name) => {
    expect(modelNamed(pool, text)?.name).toBe(name);
  });

  it.each([
    ['I choose mistral, of course', 'mistral'],
    ['llama-8b-instruct it is', 'meta/llama-8b-instruct'],
    ['llama-8b or mistral', undefined],
    ['mistralian', undefined],
    ['none of them', undefined],
  ])('finds in %j the one model %s', (text, name) => {
    expect(modelMentioned(pool, text)?.name).toBe(name);
  });
});

describe('words', () => {
  it('are the last of the user, or the whole conversation, cut from its beginning', () => {
    const messages = [
      { role: 'system', content: 'Be kind.' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'Look' },
          { type: 'image', url: 'x' },
        ],
      },
      { role: 'assistant', content: 'A cat.' },
      { role: 'user', content: ' Which? ' },
    ] as const;
    expect(questionOf(messages)).toBe('Which?');
    expect(questionOf([])).toBe('');
    expect(transcriptOf(messages)).toBe('system: Be kind.\n\nuser: Look\n[image]\n\nassistant: A cat.\n\nuser: Which?');
    expect(transcriptOf(messages, 12)).toBe('[…] user: Which?');
    expect(transcriptOf([{ role: 'user', content: 'alone' }])).toBe('alone');
  });

  it.each([
    [{ tools: [{ name: 'f' }] }, 'tools'],
    [{ count: 2 }, 'several'],
    [{ messages: [{ role: 'tool' as const, content: 'x' }] }, 'tool results'],
    [{ responseFormat: { type: 'json' as const } }, 'JSON'],
    [{ messages: [] }, 'no question'],
    [{}, undefined],
  ])('that more calls would change are told: %j', (change, why) => {
    const request = {
      model: 'm',
      stream: false,
      extra: {},
      messages: [{ role: 'user' as const, content: 'hi' }],
      ...change,
    };
    if (why === undefined) expect(whyPlain(request)).toBeUndefined();
    else expect(whyPlain(request)).toContain(why);
  });

  it.each([
    ['{"a": 1}', { a: 1 }],
    ['Here:\n```json\n[1, 2]\n```\nDone.', [1, 2]],
    ['Sure! {"a": {"b": 2}} I hope', { a: { b: 2 } }],
    ['{"a": ', undefined],
    ['no json', undefined],
    ['', undefined],
  ])('hold JSON: %j', (text, value) => {
    expect(jsonIn(text)).toEqual(value);
  });
});

describe('rounds', () => {
  const options: RoundsOptions = { max_calls: 3, max_tokens: 100, timeout: 10, call_timeout: 4 };
  const messages = [{ role: 'user' as const, content: 'q' }];
  const pool = poolOf([model('m', prices(1_000_000n))]);
  const [only] = pool as [(typeof pool)[number]];

  function open(
    change: Partial<RoundsOptions> = {},
    answer: () => Promise<ReturnType<typeof callResult>> = async () => said(),
  ) {
    const asked: Parameters<Invoke>[] = [];
    const host = fakeHost();
    const invoke: Invoke = (...args) => {
      asked.push(args);
      return answer();
    };
    return { asked, host, rounds: new Rounds(host, { context: requestContext(), invoke }, { ...options, ...change }) };
  }
  const said = () =>
    callResult(
      chatReply({ text: 'yes', usage: { input: 30, output: 10 } }),
      (only.candidates[0] as ReturnType<typeof model>).deployment,
    );

  it('keep one call back for the answer, whatever is asked ahead of it', async () => {
    const { rounds, asked } = open();
    expect(rounds.left).toBe(2);
    const told = await Promise.all([1, 2, 3].map(() => rounds.ask(only, { messages })));
    expect(told.map((one) => (one.reply ? 'reply' : one.reason))).toEqual(['reply', 'reply', 'the 3 calls allowed']);
    expect(rounds.left).toBe(0);
    await rounds.answer([only]);
    expect(asked).toHaveLength(3);
  });

  it('count tokens, and money by the prices of who answered', async () => {
    const { rounds } = open();
    await rounds.ask(only, { messages });
    expect([rounds.tokens, rounds.nanoUsd]).toEqual([40, 40_000]);
  });

  it.each([
    [{ max_tokens: 40 }, 'the 40 tokens allowed'],
    [{ max_cost: 0.00004 }, 'the $0.00004 allowed'],
  ])('end ahead of the answer with %j', async (change, reason) => {
    const { rounds } = open({ max_calls: 9, ...change });
    expect(rounds.spent).toBeUndefined();
    await rounds.ask(only, { messages });
    expect(rounds.spent).toBe(reason);
    expect(await rounds.ask(only, { messages })).toEqual({ reason });
  });

  it('end with their time, and give no call more than is left of it', async () => {
    const { rounds, asked, host } = open();
    await rounds.ask(only, { messages });
    await host.advance(8000);
    await rounds.ask(only, { messages });
    expect(asked.map(([, , given]) => given?.timeoutMs)).toEqual([4000, 2000]);
    await host.advance(2000);
    expect(rounds.spent).toBe('the 3 calls allowed');
    const late = open({ max_calls: 9 });
    await late.host.advance(10_000);
    expect(await late.rounds.ask(only, { messages })).toEqual({ reason: 'the 10 s allowed' });
  });

  it('tell a failure by its code, and nothing a vendor said', async () => {
    const failure = new RutterError('ERR_PROVIDER_INTERNAL', 'your secret question broke me');
    const { rounds } = open({}, () => Promise.reject(failure));
    expect(await rounds.ask(only, { messages })).toEqual({ reason: 'ERR_PROVIDER_INTERNAL' });
  });

  it('leave nothing of the caller’s wishes in a question of their own, and all of them in a draft', async () => {
    const { rounds, asked } = open();
    await rounds.ask(only, { messages, maxOutputTokens: 5 });
    await rounds.draft(only);
    const [question, draft] = asked.map(([, change]) => change);
    expect(question).toMatchObject({ messages, maxOutputTokens: 5, stream: false, extra: {} });
    for (const wish of ['tools', 'stop', 'responseFormat', 'temperature', 'spelling'])
      expect(Object.entries(question ?? {})).toContainEqual([wish, undefined]);
    expect(draft).toEqual({ stream: false });
  });

  it('give a whole reply as events where the caller streams', async () => {
    const result = resultOf(chatReply({ text: 'all of it' }), undefined);
    let text = '';
    for await (const event of result.events()) if (event.type === 'text-delta') text += event.text;
    expect(text).toBe('all of it');
    expect((await result.reply()).text).toBe('all of it');
  });
});
