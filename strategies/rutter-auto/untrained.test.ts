import { candidate } from '@rutter/plugin-sdk/testing';
import { expect, it } from 'vitest';
import { byTierAndPrice } from './untrained.ts';

const known = (id: string, tier: unknown, price?: bigint) =>
  candidate(id, {}, { info: { tier }, ...(price === undefined ? {} : { prices: { input: price, output: price } }) });
const ranked = (...all: readonly ReturnType<typeof known>[]) =>
  byTierAndPrice(all)?.map((tie) => tie.map(({ deployment }) => deployment.id));

it('ranks by declared tier, in a tier by price, and those who declare nothing last', () => {
  const all = [
    known('plain', undefined, 1n),
    known('dear', 1, 9n),
    known('lesser', 'standard', 1n),
    known('fine', 'Premium', 3n),
  ];
  expect(ranked(...all)).toEqual([['fine'], ['dear'], ['lesser'], ['plain']]);
});

it('leaves equals to the next strategy, and everything where nothing is declared', () => {
  expect(ranked(known('a', 2, 5n), known('b', 2, 5n), known('c', 2))).toEqual([['a', 'b'], ['c']]);
  expect(ranked(known('a', undefined), known('b', 'unheard of'))).toBeUndefined();
});
