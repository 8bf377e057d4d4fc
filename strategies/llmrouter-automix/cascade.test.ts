import type { ChatRequest, Invoke } from '@rutter/plugin-sdk';
import { poolOf, Rounds } from '@rutter/plugin-sdk/rounds';
import { callResult, candidate, chatReply, fakeHost, requestContext } from '@rutter/plugin-sdk/testing';
import { describe, expect, it } from 'vitest';
import { type Climb, climb } from './cascade.ts';

const messages = [{ role: 'user' as const, content: 'why?' }];
const ladder = poolOf(['small', 'middle', 'large'].map((model) => candidate(model, {}, { model })));

/** `verdict` is what a model says of its own answer; nothing where it fails. */
async function climbed(
  verdict: (model: string, check: number) => string | undefined,
  change: Partial<Climb> = {},
  maxCalls = 32,
) {
  const asked: string[] = [];
  const counts = new Map<string, number>();
  const invoke: Invoke = async (who, request: Partial<ChatRequest> = {}) => {
    const [[first]] = who as [[ReturnType<typeof candidate>]];
    const { model } = first.deployment;
    const isCheck = String(request.messages?.at(-1)?.content).endsWith('Check:');
    asked.push(isCheck ? `${model}?` : model);
    if (!isCheck) return callResult(chatReply({ text: `by ${model}` }), first.deployment);
    const count = counts.get(model) ?? 0;
    counts.set(model, count + 1);
    const text = verdict(model, count);
    if (text === undefined) throw new Error('no');
    return callResult(chatReply({ text }), first.deployment);
  };
  const rounds = new Rounds(
    fakeHost(),
    { context: requestContext(), invoke },
    { max_calls: maxCalls, max_tokens: 1e9, timeout: 60, call_timeout: 30 },
  );
  const how: Climb = {
    ladder,
    rule: () => ({ asks: (share) => share <= 0.5, told: 'rule' }),
    checks: 2,
    checkTokens: 10,
    checkTemperature: undefined,
    onUnknown: 'escalate',
    mostCharacters: 1000,
    isThorough: true,
    ...change,
  };
  const { draft, next, told } = await climb(rounds, messages, how);
  return { asked, told, draft: draft?.reply.text, next: next?.name };
}

describe('a ladder of three', () => {
  it('is climbed rung by rung, and the last one is not checked', async () => {
    expect(await climbed(() => 'Incorrect')).toEqual({
      asked: ['small', 'small?', 'small?', 'middle', 'middle?', 'middle?'],
      told: 'small doubted (p 0.00 of 2, rule), middle doubted (p 0.00 of 2, rule), asked large',
      draft: 'by middle',
      next: 'large',
    });
  });

  it('is left where an answer holds', async () => {
    expect(await climbed((model) => (model === 'middle' ? 'Correct' : 'Incorrect'))).toMatchObject({
      told: 'small doubted (p 0.00 of 2, rule), middle kept (p 1.00 of 2, rule)',
      draft: 'by middle',
      next: undefined,
    });
  });

  it('is left for its top where a bound is reached on the way', async () => {
    // Three calls ahead of the last one: an answer and its checks.
    expect(await climbed(() => 'Incorrect', {}, 4)).toMatchObject({
      asked: ['small', 'small?', 'small?'],
      told: 'small doubted (p 0.00 of 2, rule), asked large',
      next: 'large',
    });
  });

  it('goes by the rule of each step', async () => {
    const rule = (small: string) => ({ asks: () => small === 'small', told: `rule of ${small}` });
    expect((await climbed(() => 'Correct', { rule })).told).toBe(
      'small doubted (p 1.00 of 2, rule of small), middle kept (p 1.00 of 2, rule of middle)',
    );
  });

  it.each([
    ['escalate', 'large'],
    ['keep', undefined],
  ] as const)('goes on or stays where no check answers, as it is told: %s', async (onUnknown, next) => {
    const { told, next: found } = await climbed(() => undefined, { onUnknown });
    expect(found).toBe(next);
    expect(told).toContain('small unverified (Error)');
  });
});
