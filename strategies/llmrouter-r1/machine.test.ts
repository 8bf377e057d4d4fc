import type { ChatRequest, Invoke } from '@rutter/plugin-sdk';
import { poolOf, Rounds, type RoundsOptions } from '@rutter/plugin-sdk/rounds';
import { callResult, candidate, chatReply, fakeHost, requestContext } from '@rutter/plugin-sdk/testing';
import { describe, expect, it } from 'vitest';
import { type Rules, think } from './machine.ts';

const pool = poolOf(['policy', 'sage'].map((model) => candidate(model, {}, { model })));
const [policy] = pool as [(typeof pool)[number]];

/** The policy says these, turn by turn; the sage says what `sage` does. Undefined fails. */
async function thought(
  turns: readonly (string | undefined)[],
  {
    sage = () => 'wisdom',
    rules = {},
    bounds = {},
  }: {
    sage?: (query: string) => string | undefined;
    rules?: Partial<Rules>;
    bounds?: Partial<RoundsOptions>;
  } = {},
) {
  const left = [...turns];
  const asked: Partial<ChatRequest>[] = [];
  const invoke: Invoke = async (who, request: Partial<ChatRequest> = {}) => {
    const [[first]] = who as [[ReturnType<typeof candidate>]];
    const isPolicy = first.deployment.model === 'policy';
    if (isPolicy) asked.push(request);
    const text = isPolicy ? left.shift() : sage(String(request.messages?.at(-1)?.content));
    if (text === undefined) throw new Error('no');
    return callResult(chatReply({ text }), first.deployment);
  };
  const rounds = new Rounds(
    fakeHost(),
    { context: requestContext(), invoke },
    { max_calls: 20, max_tokens: 1e9, timeout: 60, call_timeout: 30, ...bounds },
  );
  const ended = await think(rounds, {
    ...{ pool, policy, question: 'why?', maxTurns: 5, policyTokens: 9, searchTokens: 8, mostInformation: 6 },
    ...{ isFaithful: false, ...rules },
  });
  return { ended, asked, calls: rounds.calls };
}

describe('thinking', () => {
  it('ends with the answer of the first turn that gives one', async () => {
    const { ended, calls } = await thought(['<answer>so</answer>']);
    expect(ended).toEqual({ kind: 'answer', answer: 'so', told: '1 turn, asked nobody' });
    expect(calls).toBe(1);
  });

  it('brings what was found, cut to its bound, as the next thing said', async () => {
    const { ended, asked } = await thought([
      '<think>hm</think><search>sage: who?</search> made up',
      '<answer>so</answer>',
    ]);
    expect(ended).toMatchObject({ kind: 'answer', told: '2 turns, asked sage 1' });
    expect(asked[1]?.messages?.slice(1)).toEqual([
      { role: 'assistant', content: '<think>hm</think><search>sage: who?</search>' },
      { role: 'user', content: '<information>wisdom</information>' },
    ]);
    expect(asked[0]).toMatchObject({ maxOutputTokens: 9, stop: ['<information>', '</answer>'] });
    expect(String(asked[0]?.messages?.[0]?.content)).toContain('You have at most 5 turns.');
  });

  it('tells the policy of a model that says nothing or fails', async () => {
    for (const sage of [() => undefined, () => '  ']) {
      const { asked } = await thought(['<search>sage: who?</search>', '<answer>so</answer>'], { sage });
      expect(asked[1]?.messages?.at(-1)?.content).toBe('<information>sage did not answer.</information>');
    }
  });

  it('is one prompt with its tags closed where it is faithful', async () => {
    const { asked } = await thought(['<search>sage: who?', '<answer>so'], { rules: { isFaithful: true } });
    expect(asked[1]?.messages).toHaveLength(1);
    expect(String(asked[1]?.messages?.[0]?.content)).toMatch(
      /<search>sage: who\? <\/search>\n<information>wisdom<\/information>$/,
    );
    expect(asked[1]).toMatchObject({ temperature: 1, stop: ['</search>', '</answer>'] });
  });

  it('mends one turn against the rules, and ends with the second', async () => {
    const mended = await thought(['no tags', '<answer>so</answer>']);
    expect(mended.ended).toMatchObject({ kind: 'answer', told: '2 turns, asked nobody' });
    expect(mended.asked[1]?.messages?.at(-1)?.content).toBe(
      'Found neither <search> nor <answer>. Reply with <search> or with <answer>.',
    );
    const { ended } = await thought(['no tags', '<answer> </answer>', '<answer>late</answer>']);
    expect(ended).toMatchObject({
      kind: 'unanswered',
      told: '3 turns, asked nobody, ended by turns against the rules',
    });
  });

  it('leaves the last of its turns to the answer', async () => {
    const { ended, asked } = await thought(
      Array.from({ length: 9 }, () => '<search>sage: more?</search>'),
      {
        rules: { maxTurns: 3 },
      },
    );
    expect(asked).toHaveLength(2);
    expect(ended).toMatchObject({ kind: 'unanswered', told: '3 turns, asked sage 2, ended by the 3 turns allowed' });
    const said = ended.kind === 'unanswered' ? ended.messages.map(({ content }) => String(content)) : [];
    expect(said).toHaveLength(6);
    expect(said.at(-1)).toContain('There are no more turns.');
  });

  it('ends where a bound is reached, whether a search or a turn reached it', async () => {
    const { ended, calls } = await thought(
      Array.from({ length: 9 }, () => '<search>sage: more?</search>'),
      {
        bounds: { max_calls: 4 },
      },
    );
    expect(calls).toBe(3);
    expect(ended).toMatchObject({ kind: 'unanswered', told: '3 turns, asked sage 2, ended by the 4 calls allowed' });
  });

  it('fails with its policy, and says in which turn', async () => {
    expect((await thought([undefined])).ended).toEqual({ kind: 'failed', told: 'its policy failed (Error) in turn 1' });
    expect((await thought(['<search>sage: who?</search>', undefined])).ended).toEqual({
      kind: 'failed',
      told: 'its policy failed (Error) in turn 2',
    });
  });
});
