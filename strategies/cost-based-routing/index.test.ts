import type { Candidate, Deployment, LiveNumbers, Strategy } from '@rutter/plugin-sdk';
import {
  assertConforms,
  candidate,
  checkStrategy,
  countFirst,
  deployment,
  fakeHost,
  outcome,
  requestContext,
} from '@rutter/plugin-sdk/testing';
import { expect, test } from 'vitest';
import plugin from './index.ts';

const setUp = (seed = 1) => plugin.setup(fakeHost({ seed }), {}) as Strategy;
const asking = (input: number, output?: number, operation = 'chat') => {
  const numbers: Readonly<Record<string, number | undefined>> = { 'input-tokens': input, 'output-limit': output };
  return requestContext({ operation, features: { get: (name) => numbers[name], want: async (name) => numbers[name] } });
};
type Prices = NonNullable<Deployment['prices']>;
const priced = (id: string, prices?: Prices, live: Partial<LiveNumbers> = {}, more: Partial<Deployment> = {}) =>
  candidate(id, live, { ...(prices ? { prices } : {}), ...more });
const order = (strategy: Strategy, candidates: readonly Candidate[], context = asking(100, 100)) =>
  (strategy.select(context, candidates) as Candidate[]).map(({ deployment }) => deployment.id);

test('conforms to what every strategy must hold to', async () => {
  assertConforms(await checkStrategy(plugin));
});

test('weighs prompt and reply by how long they are', () => {
  const reader = priced('reader', { input: 1n, output: 9n });
  const writer = priced('writer', { input: 4n, output: 4n });
  expect(order(setUp(), [writer, reader], asking(1000, 100))[0]).toBe('reader');
  expect(order(setUp(), [reader, writer], asking(100, 1000))[0]).toBe('writer');
});

test('expects replies as long as those of the same deployment were', () => {
  const strategy = setUp();
  const [terse, wordy] = [priced('terse', { input: 1n, output: 3n }), priced('wordy', { input: 1n, output: 1n })];
  expect(order(strategy, [terse, wordy], asking(10))[0]).toBe('wordy');
  const seen = (id: string, output: number) =>
    strategy.observe?.(outcome({ deployment: deployment({ id }), usage: { input: 1, output }, ending: 'complete' }));
  for (let count = 0; count < 50; count++) {
    seen('terse', 100);
    seen('wordy', 900);
  }
  expect(order(strategy, [terse, wordy], asking(10))[0]).toBe('terse');
});

test('counts the price of the call itself', () => {
  const [flat, metered] = [
    priced('flat', { request: 5000n, input: 0n, output: 0n }),
    priced('metered', { input: 10n, output: 10n }),
  ];
  expect(order(setUp(), [flat, metered], asking(100, 100))).toEqual(['metered', 'flat']);
  expect(order(setUp(), [flat, metered], asking(1000, 1000))).toEqual(['flat', 'metered']);
});

test('puts unknown prices behind any known one, and free ones first', () => {
  const known = priced('dear', { input: 10n ** 9n, output: 10n ** 9n });
  const half = priced('half', { input: 1n });
  expect(
    order(setUp(), [priced('unknown'), half, known, priced('free', { input: 0n, output: 0n })]).slice(0, 2),
  ).toEqual(['free', 'dear']);
});

test('needs no price of replies for embeddings', () => {
  const candidates = [priced('dear', { input: 9n }), priced('cheap', { input: 2n })];
  expect(order(setUp(), candidates, asking(100, undefined, 'embeddings'))).toEqual(['cheap', 'dear']);
});

test('gives equally cheap ones to the less busy, then by chance', () => {
  const same = { input: 1n, output: 1n };
  expect(order(setUp(), [priced('busy', same, { inFlight: 2 }), priced('idle', same)])).toEqual(['idle', 'busy']);
  const counts = countFirst(setUp(), [priced('a', same), priced('b', same)], 2000);
  expect(Math.abs((counts.get('a') ?? 0) - 1000)).toBeLessThan(120);
});

test('passes over the cheapest when its limit is used up', () => {
  const strategy = setUp();
  const cheap = priced('cheap', { input: 1n, output: 1n }, {}, { rpm: 1 });
  expect(strategy.charge?.(asking(1, 1), cheap)).toHaveLength(1);
  expect(order(strategy, [cheap, priced('dear', { input: 9n, output: 9n })])).toEqual(['dear', 'cheap']);
});

test('charges nothing to a deployment without limits', () => {
  expect(setUp().charge?.(asking(1, 1), priced('free', { input: 0n, output: 0n }))).toEqual([]);
});
