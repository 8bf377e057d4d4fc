import type { Candidate, Strategy } from '@rutter/plugin-sdk';
import {
  assertConforms,
  candidate,
  checkStrategy,
  countFirst,
  fakeHost,
  requestContext,
} from '@rutter/plugin-sdk/testing';
import { expect, test } from 'vitest';
import plugin from './index.ts';

const strategy = () => plugin.setup(fakeHost(), {}) as Strategy;
const rank = (...inFlight: number[]) => {
  const candidates = inFlight.map((count, index) => candidate(`d${index}`, { inFlight: count }));
  return strategy().select(requestContext(), candidates) as Candidate[][];
};
const ids = (tier: readonly Candidate[] | undefined) => tier?.map(({ deployment }) => deployment.id).sort();

test('conforms to what every strategy must hold to', async () => {
  assertConforms(await checkStrategy(plugin));
});

test('ranks by calls in flight, fewest first', () => {
  expect(rank(4, 0, 10, 2).map(ids)).toEqual([['d1'], ['d3'], ['d0'], ['d2']]);
});

test('keeps equally busy deployments as ties, so that another strategy can break them', () => {
  expect(rank(1, 0, 1, 0, 0).map(ids)).toEqual([
    ['d1', 'd3', 'd4'],
    ['d0', 'd2'],
  ]);
});

test('ranks nothing when nothing is given', () => {
  expect(rank()).toEqual([]);
});

test('spreads a tie evenly, over first places and over whole orders', () => {
  const draws = 24_000;
  const candidates = ['a', 'b', 'c'].map((id) => candidate(id, { inFlight: 3 }));
  const counts = [...countFirst(strategy(), candidates, draws).values()];
  const expected = draws / 3;
  // 13.82 and 20.52: what chance alone passes once in a thousand times, with two and with five degrees of freedom.
  expect(counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0)).toBeLessThan(13.82);

  const drawing = strategy();
  const orders = new Map<string, number>();
  for (let draw = 0; draw < draws; draw++) {
    const [tier] = drawing.select(requestContext(), candidates) as Candidate[][];
    const order = tier?.map(({ deployment }) => deployment.id).join('') ?? '';
    orders.set(order, (orders.get(order) ?? 0) + 1);
  }
  expect(orders.size).toBe(6);
  const each = draws / 6;
  expect([...orders.values()].reduce((sum, count) => sum + (count - each) ** 2 / each, 0)).toBeLessThan(20.52);
});
