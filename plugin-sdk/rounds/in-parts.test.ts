import { describe, expect, it } from 'vitest';
import type { ChatRequest } from '../contract/chat.ts';
import type { Invoke } from '../contract/kinds.ts';
import { call, callResult, candidate, chatReply, fakeHost, requestContext } from '../testing/index.ts';
import { inParts, type PartsOptions, type Plan, type Planning } from './in-parts.ts';

const candidates = ['base', 'one', 'two'].map((model) => candidate(model, {}, { model }));
const options: PartsOptions = {
  ...{ base_model: 'base', max_parts: 3, plan_tokens: 10, part_tokens: 11, most_characters: 100, min_characters: 3 },
  ...{ max_calls: 6, max_tokens: 1e9, timeout: 60, call_timeout: 30 },
};

interface Scene {
  /** What a model says to the text it is asked; undefined fails. */
  readonly says?: (model: string, text: string) => string | undefined;
  readonly change?: Partial<PartsOptions>;
  readonly request?: Partial<ChatRequest>;
}

async function played(
  plan: (planning: Planning) => Plan,
  { says = (model) => `by ${model}`, change, request }: Scene = {},
) {
  const asked: { model: string; change: Partial<ChatRequest> }[] = [];
  const told: string[] = [];
  const invoke: Invoke = async (who, own: Partial<ChatRequest> = {}) => {
    const first = [who].flat(2)[0] as (typeof candidates)[number];
    const { model } = first.deployment;
    asked.push({ model, change: own });
    const text = says(model, String(own.messages?.at(-1)?.content));
    if (text === undefined) throw new Error('no');
    return callResult(chatReply({ text }), first.deployment);
  };
  const asking = call({ messages: [{ role: 'user', content: 'what and why?' }], ...request });
  const result = await inParts(
    fakeHost(),
    { context: requestContext(), candidates, invoke, call: { ...asking, explain: (reason) => told.push(reason) } },
    { ...options, ...change },
    async (planning) => plan(planning),
  );
  return { asked, told: told.at(-1), text: (await result?.reply())?.text };
}

const two = ({ pool }: Planning): Plan => ({
  parts: ['what?', 'why?'].map((query, index) => ({ query, models: [pool[index + 1], pool[0]] as never })),
});

describe('a question in parts', () => {
  it('is asked part by part and joined by the base, in the caller’s own request', async () => {
    const { asked, told, text } = await played(two);
    expect(asked.map(({ model }) => model)).toEqual(['one', 'two', 'base']);
    expect(asked[0]?.change).toMatchObject({ maxOutputTokens: 11, stream: false });
    expect(String(asked[0]?.change.messages?.at(-1)?.content)).toBe(
      'The larger question: what and why?\n\nThe part: what?',
    );
    const joining = asked[2]?.change.messages ?? [];
    expect(joining[0]).toEqual({ role: 'user', content: 'what and why?' });
    expect(String(joining[1]?.content)).toContain('1. what?\nby one\n\n2. why?\nby two');
    expect(Object.keys(asked[2]?.change ?? {})).toEqual(['messages']);
    expect([told, text]).toEqual(['2 parts, by one 1, two 1', 'by base']);
  });

  it('has each part asked once more, and tells which nobody answered', async () => {
    const says = (model: string, text: string) =>
      model === 'base' && text.includes('The part: why?') ? '' : model === 'two' ? undefined : `by ${model}`;
    const { asked, told } = await played(two, { says });
    expect(asked.map(({ model }) => model)).toEqual(['one', 'two', 'base', 'base']);
    expect(String(asked.at(-1)?.change.messages?.at(-1)?.content)).toContain('2. why?\n(nobody answered this part)');
    expect(told).toBe('2 parts, by one 1, 1 unanswered');
  });

  it('of one part goes as it came to the models of that part, everyone else behind', async () => {
    const { asked, told } = await played(({ pool }) => ({ parts: [{ query: 'all', models: [pool[2]] as never }] }));
    expect(asked).toEqual([{ model: 'two', change: {} }]);
    expect(told).toBe('one part, by two');
  });

  it('has no more parts than there are calls for', async () => {
    const seen: number[] = [];
    const plan = ({ most }: Planning): Plan => {
      seen.push(most);
      return { told: 'no' };
    };
    await played(plan);
    // Four calls: the plan, the joining, and two.
    await played(plan, { change: { max_calls: 4 } });
    expect(seen).toEqual([3, 2]);
  });

  it.each([
    ['there is no base', { change: { base_model: undefined } as unknown as Partial<PartsOptions> }, undefined],
    ['it is short', { change: { min_characters: 99 } }, 'no parts, since the question is short'],
    ['it has tools', { request: { tools: [{ name: 'f' }] } }, 'no parts, since the request has tools'],
    ['nobody answers a part', { says: () => undefined }, '2 parts, by nobody, 2 unanswered'],
    [
      'nobody joins them',
      { says: (_model: string, text: string) => (text.includes('Parts of the question') ? undefined : 'ok') },
      '2 parts, by one 1, two 1, which could not be joined',
    ],
  ])('is left to plain routing where %s', async (_what, scene: Scene, told) => {
    expect(await played(two, scene)).toMatchObject({ told, text: undefined });
  });

  it('is left to plain routing where nothing is planned, with the planner’s reason', async () => {
    expect(await played(() => ({ told: 'nothing planned' }))).toEqual({
      asked: [],
      told: 'nothing planned',
      text: undefined,
    });
  });
});
