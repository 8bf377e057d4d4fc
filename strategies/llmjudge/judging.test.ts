import type { ChatRequest, Host, Invoke } from '@rutter/plugin-sdk';
import { call, callResult, candidate, chatReply, fakeHost, requestContext } from '@rutter/plugin-sdk/testing';
import { describe, expect, it } from 'vitest';
import plugin from './index.ts';

const prices = (each: bigint) => ({ prices: { input: each, output: each } });
const candidates = [
  candidate('dear', {}, { model: 'dear', ...prices(9n) }),
  candidate('cheap', {}, { model: 'cheap', ...prices(1n) }),
];

/** What the judge says; undefined fails. */
async function judged(says: string | undefined, config: Record<string, unknown> = {}, content = 'which one?') {
  const asked: Partial<ChatRequest>[] = [];
  const told: string[] = [];
  const judge: Host['invoke'] = async (group, request) => {
    expect(group).toBe('judge');
    asked.push(request);
    if (says === undefined) throw new Error('no');
    return callResult(chatReply({ text: says }));
  };
  const chosen: string[] = [];
  const invoke: Invoke = async (who) => {
    chosen.push(...[who].flat(2).map((one) => (one as (typeof candidates)[number]).deployment.id));
    return callResult();
  };
  const strategy = await plugin.setup(
    fakeHost({ invoke: judge }),
    plugin.config.parse({ judge_model: 'judge', ...config }),
  );
  const asking = { ...call({ messages: [{ role: 'user', content }] }), explain: (reason: string) => told.push(reason) };
  const result = await strategy.orchestrate?.(requestContext(), candidates, invoke, asking as never);
  return { asked, chosen, told: told.at(-1), result };
}

describe('a judge', () => {
  it('has its choice first and the others behind, the strongest of them ahead', async () => {
    const { chosen, told, asked } = await judged('{"model": "cheap", "confidence": 0.5}');
    expect(chosen).toEqual(['cheap', 'dear']);
    expect(told).toBe('judge judge named cheap at 0.50');
    expect(asked[0]).toMatchObject({ maxOutputTokens: 64, stream: false });
    expect(String(asked[0]?.messages?.[0]?.content)).toContain('- dear\n- cheap');
    expect(String(asked[0]?.messages?.[1]?.content)).toContain('<conversation>\nwhich one?\n</conversation>');
  });

  it.each([
    [
      'is less sure than it must be',
      '{"model": "cheap", "confidence": 0.49}',
      'judge judge was unsure of cheap at 0.49',
    ],
    ['names nobody', 'none', 'judge judge named no model'],
    ['fails', undefined, 'judge judge failed (Error)'],
  ])('that %s leaves it to the fallback', async (_what, says, told) => {
    const strongest = await judged(says);
    expect(strongest).toMatchObject({ chosen: ['dear', 'cheap'], told: `${told}, so the strongest answers` });
    expect(await judged(says, { fallback: 'weakest' })).toMatchObject({
      chosen: ['cheap', 'dear'],
      told: `${told}, so the weakest answers`,
    });
  });

  it('is not asked where there is nothing to judge', async () => {
    expect(await judged('cheap', {}, ' ')).toMatchObject({
      asked: [],
      told: 'nothing to judge, so the strongest answers',
    });
    const long = await judged('cheap', { upstream: 'faithful', most_characters: 4 });
    expect(long).toMatchObject({ asked: [], told: 'too long to judge, so the strongest answers' });
    expect((await judged('cheap', { upstream: 'faithful', most_characters: 10 })).asked).toHaveLength(1);
    expect((await judged('cheap', { judge_model: undefined })).result).toBeUndefined();
  });
});
