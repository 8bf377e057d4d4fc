import { candidate } from '@rutter/plugin-sdk/testing';
import { expect, it } from 'vitest';
import { byDeclaration } from './index.ts';

const known = (id: string, quality: number | undefined, price?: bigint) =>
  candidate(
    id,
    {},
    {
      info: quality === undefined ? {} : { quality },
      ...(price === undefined ? {} : { prices: { input: price, output: price } }),
    },
  );
const rule = { quality_threshold: 0.7, cost_weight: 0.7 };
const ranked = (all: readonly ReturnType<typeof known>[], change: Partial<typeof rule> = {}) =>
  byDeclaration(all, { ...rule, ...change })?.map((tie) => tie.map(({ deployment }) => deployment.id));

it('ranks the front of quality and price by both, then those beaten in both, then those not good enough', () => {
  const all = [known('poor', 0.5, 1n), known('beaten', 0.75, 60n), known('best', 0.95, 101n), known('value', 0.8, 51n)];
  // By hand: value 0.3 × 0.8 + 0.7 × 0.5 = 0.59; best 0.3 × 0.95 + 0 = 0.285.
  expect(ranked(all)).toEqual([['value'], ['best'], ['beaten'], ['poor']]);
  expect(ranked(all, { cost_weight: 0 })).toEqual([['best'], ['value'], ['beaten'], ['poor']]);
});

it('takes the best where nobody is good enough, who tells no quality last, and nobody where none does', () => {
  expect(ranked([known('a', 0.2, 1n), known('b', 0.4, 9n), known('c', undefined, 1n)])).toEqual([['b'], ['a'], ['c']]);
  expect(ranked([known('a', undefined, 1n)])).toBeUndefined();
});
