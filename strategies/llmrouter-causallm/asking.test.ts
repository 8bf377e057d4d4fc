import type { ChatReply, ChatRequest, Host, Invoke } from '@rutter/plugin-sdk';
import { call, callResult, candidate, chatReply, fakeHost, requestContext } from '@rutter/plugin-sdk/testing';
import { describe, expect, it } from 'vitest';
import plugin from './index.ts';

const prices = (each: bigint) => ({ prices: { input: each, output: each } });
const candidates = [
  candidate('1', {}, { model: 'beta', ...prices(9n) }),
  candidate('2', {}, { model: 'alpha', ...prices(1n) }),
  candidate('3', {}, { model: 'gamma', ...prices(5n) }),
];
const logprobs = (shares: Readonly<Record<string, number>>) => ({
  content: [
    {
      token: '?',
      logprob: -99,
      top_logprobs: Object.entries(shares).map(([token, p]) => ({ token, logprob: Math.log(p) })),
    },
  ],
});

async function asked(reply: Partial<ChatReply> | undefined, config: Record<string, unknown> = {}) {
  const requests: Partial<ChatRequest>[] = [];
  const tuned: Host['invoke'] = async (_group, request) => {
    requests.push(request);
    if (reply === undefined) throw new Error('no');
    return callResult(chatReply({ text: '', ...reply }));
  };
  const chosen: string[] = [];
  const told: string[] = [];
  const invoke: Invoke = async (who) => {
    chosen.push(...[who].flat(2).map((one) => (one as (typeof candidates)[number]).deployment.model));
    return callResult();
  };
  const host = fakeHost({ invoke: tuned });
  const strategy = await plugin.setup(host, plugin.config.parse({ router_model: 'tuned', ...config }));
  const asking = {
    ...call({ messages: [{ role: 'user', content: 'which?' }] }),
    explain: (reason: string) => told.push(reason),
  };
  await strategy.orchestrate?.(requestContext(), candidates, invoke, asking as never);
  return { chosen, told: told.at(-1), request: requests[0], logged: host.logged };
}

describe('a fine-tuned model', () => {
  it('ranks by what the labels weigh', async () => {
    // A alpha, B beta, C gamma.
    const { chosen, told, request } = await asked({ logprobs: logprobs({ C: 0.5, A: 0.3, B: 0.2 }) });
    expect(chosen).toEqual(['gamma', 'alpha', 'beta']);
    expect(told).toBe('tuned says gamma 0.50, alpha 0.30, beta 0.20');
    expect(request).toMatchObject({ maxOutputTokens: 1, logprobs: true, topLogprobs: 20 });
  });

  it('has models without a label come last', async () => {
    const labels = { X: 'gamma', Y: 'alpha' };
    expect((await asked({ logprobs: logprobs({ Y: 0.9, X: 0.1 }) }, { labels })).chosen).toEqual([
      'alpha',
      'gamma',
      'beta',
    ]);
    expect((await asked({ text: 'X' }, { labels: { X: 'gamma' } })).told).toBe(
      'labels name fewer than two of the models, so the strongest answers',
    );
  });

  it.each([
    ['fails', undefined, 'tuned failed (Error)'],
    ['says no label', { text: 'hm' }, 'tuned gave no label'],
    ['thinks the labels unlikely', { logprobs: logprobs({ A: 0.1, B: 0.09 }) }, 'tuned gave no label'],
  ])('that %s leaves it to the fallback', async (_what, reply, told) => {
    expect(await asked(reply)).toMatchObject({
      chosen: ['beta', 'gamma', 'alpha'],
      told: `${told}, so the strongest answers`,
    });
    expect((await asked(reply, { fallback: 'weakest' })).chosen).toEqual(['alpha', 'gamma', 'beta']);
  });

  it('counts from the least mass on', async () => {
    const reply = { logprobs: logprobs({ A: 0.15, B: 0.05 }) };
    expect((await asked(reply, { min_mass: 0.19 })).chosen[0]).toBe('alpha');
    expect((await asked(reply, { min_mass: 0.21 })).told).toContain('gave no label');
  });

  it('writes a name where it is faithful: the first that the text has, else the first of the list', async () => {
    const faithful = { upstream: 'faithful' };
    const { chosen, request } = await asked({ text: 'gamma' }, faithful);
    expect(chosen).toEqual(['gamma', 'beta', 'alpha']);
    expect(request).toMatchObject({ maxOutputTokens: 32, temperature: 0.1, stop: ['\n'] });
    expect((await asked({ text: 'gamma or alpha' }, faithful)).chosen[0]).toBe('alpha');
    expect(await asked({ text: 'al' }, faithful)).toMatchObject({
      chosen: ['beta', 'alpha', 'gamma'],
      told: 'tuned wrote no name, so the first answers',
    });
    expect((await asked(undefined, faithful)).told).toBe('tuned failed (Error), so the strongest answers');
  });

  it('that is a path of weights is told of, and asked for nothing', async () => {
    const { logged, request } = await asked({ text: 'A' }, { router_model: undefined, model_path: './lora.pt' });
    expect(request).toBeUndefined();
    expect(logged.map(({ level }) => level)).toEqual(['error', 'warn']);
    expect(String(logged[0]?.fields.reason)).toContain('rutter train llmrouter-causallm');
  });
});
