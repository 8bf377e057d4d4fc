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
const asking = (input: number, output: number) => {
  const numbers: Readonly<Record<string, number>> = { 'input-tokens': input, 'output-limit': output };
  return requestContext({ features: { get: (name) => numbers[name], want: async (name) => numbers[name] } });
};
const first = (strategy: Strategy, candidates: readonly Candidate[], context = asking(10, 10)) =>
  (strategy.select(context, candidates) as Candidate[])[0]?.deployment.id;
const one = (id: string, limits: Partial<Deployment> = {}, live: Partial<LiveNumbers> = {}) =>
  candidate(id, live, limits);

test('conforms to what every strategy must hold to', async () => {
  assertConforms(await checkStrategy(plugin));
});

test('prefers the fewest tokens of this minute', () => {
  const strategy = setUp();
  const candidates = [one('a'), one('b'), one('c')];
  strategy.charge?.(asking(100, 100), candidates[0] as Candidate);
  strategy.charge?.(asking(10, 10), candidates[1] as Candidate);
  expect((strategy.select(asking(1, 1), candidates) as Candidate[]).map(({ deployment }) => deployment.id)).toEqual([
    'c',
    'b',
    'a',
  ]);
});

test('spreads a burst evenly before anything has come back', () => {
  const strategy = setUp();
  const candidates = [one('a'), one('b'), one('c'), one('d')];
  const counts: Record<string, number> = {};
  for (let call = 0; call < 100; call++) {
    const [best] = strategy.select(asking(10, 50), candidates) as Candidate[];
    strategy.charge?.(asking(10, 50), best as Candidate);
    const id = best?.deployment.id ?? '';
    counts[id] = (counts[id] ?? 0) + 1;
  }
  expect(counts).toEqual({ a: 25, b: 25, c: 25, d: 25 });
});

test('ranks what is known to be full last, however few tokens it has', () => {
  const strategy = setUp();
  const full = one('full', { rpm: 1 });
  const busy = one('busy', { rpm: 100 });
  strategy.charge?.(asking(1, 1), full);
  strategy.charge?.(asking(1000, 1000), busy);
  expect(first(strategy, [full, busy])).toBe('busy');
});

test('orders equal ones by chance', () => {
  const counts = countFirst(setUp(), [one('a'), one('b')], 2000);
  expect(Math.abs((counts.get('a') ?? 0) - 1000)).toBeLessThan(120);
});

test('gives one that is new no more than a call while another has proved itself', () => {
  const strategy = setUp();
  const [old, fresh] = [one('old', {}, { inFlight: 20 }), one('new', {}, { inFlight: 1 })];
  strategy.select(asking(1, 1), [old, fresh]);
  for (let count = 0; count < 6; count++)
    strategy.observe?.(outcome({ deployment: deployment({ id: 'old' }), ending: 'complete' }));
  strategy.charge?.(asking(500, 500), old);
  expect(first(strategy, [old, fresh])).toBe('old');
  expect(first(strategy, [old, one('new')])).toBe('new');
});
