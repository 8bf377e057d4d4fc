import type { State } from '@rutter/plugin-sdk';
import { assertConforms, candidate, checkStrategy } from '@rutter/plugin-sdk/testing';
import { describe, expect, it, test } from 'vitest';
import plugin from './index.ts';
import { beginningsOf, Prefixes } from './prefixes.ts';
import { gainOf, savedUsd, tokensOf, weigh } from './weigh.ts';

const state = { publish: async () => {}, subscribe: async () => async () => {} } as unknown as State;

test('conforms to what every strategy must hold to', async () => {
  assertConforms(await checkStrategy(plugin, { host: { services: { state } } }));
});

describe('beginnings', () => {
  const text = 'word '.repeat(2_000);

  it('are the same for prompts that begin alike, as far as they do', () => {
    const first = beginningsOf('ann', text);
    const second = beginningsOf('ann', `${text.slice(0, 3_000)}something else ${text}`);
    const same = first.filter(({ hash }, index) => second[index]?.hash === hash);
    expect(same.at(-1)?.length).toBe(2_816);
    expect(same.length).toBe(11);
  });

  it('are others for every caller', () => {
    const hashes = new Set(beginningsOf('ann', text).map(({ hash }) => hash));
    expect(beginningsOf('bob', text).some(({ hash }) => hashes.has(hash))).toBe(false);
    // Neither is a caller's name part of what was asked.
    expect(beginningsOf('an', `n${text}`)[0]?.hash).not.toBe(beginningsOf('ann', text)[0]?.hash);
  });

  it('are few, however long a prompt is', () => {
    expect(beginningsOf('ann', 'x'.repeat(5_000_000)).length).toBeLessThan(80);
    expect(beginningsOf('ann', 'short')).toEqual([]);
  });
});

describe('what is remembered', () => {
  const known = beginningsOf('ann', 'word '.repeat(400));
  const hashes = known.map(({ hash }) => hash);

  it('is held for its time, by all who have read it', () => {
    const prefixes = new Prefixes(1_000, 5_000);
    prefixes.note(hashes, 'a', 0);
    prefixes.note(hashes.slice(0, 2), 'b', 3_000);
    expect([...prefixes.held(known, 4_000)]).toEqual([
      ['a', 1_792],
      ['b', 512],
    ]);
    expect([...prefixes.held(known, 6_000)]).toEqual([['b', 512]]);
    expect(prefixes.held(known, 9_000).size).toBe(0);
  });

  it('is bounded, and what was used lately stays', () => {
    const prefixes = new Prefixes(10, 5_000);
    for (let index = 0; index < 100; index++) prefixes.note([`h${index}`, 'kept'], 'a', index);
    expect(prefixes.size).toBe(10);
    expect(prefixes.held([{ hash: 'kept', length: 7 }], 100).get('a')).toBe(7);
    for (let index = 0; index < 9; index++) prefixes.note(['kept'], `d${index}`, 100);
    expect(prefixes.held([{ hash: 'kept', length: 7 }], 100).size).toBe(4);
  });
});

describe('the scales', () => {
  const terms = { qualityUsd: 0.1, unpricedGain: 0.2 };

  it('price a cache by what its tokens save', () => {
    // 2,000 tokens at 3 less 0.3 dollars a million.
    expect(savedUsd(tokensOf(8_000), { input: 3_000_000n, cachedInput: 300_000n })).toBeCloseTo(0.0054, 12);
    expect(savedUsd(2_000, { input: 3_000_000n })).toBe(0);
    expect(savedUsd(2_000, { cachedInput: 300_000n })).toBeUndefined();
    expect(savedUsd(2_000, undefined)).toBeUndefined();
  });

  it('know a gain only where both are judged', () => {
    const [a, b] = [candidate('a'), candidate('b')];
    const judged = [
      { candidate: a, quality: 0.9, costUsd: 0.03 },
      { candidate: b, quality: 0.5, costUsd: 0.01 },
    ];
    expect(gainOf(a, b, judged)?.quality).toBeCloseTo(0.4, 12);
    expect(gainOf(a, b, judged)?.savesUsd).toBeCloseTo(-0.02, 12);
    expect(gainOf(a, b, judged.slice(0, 1))).toBeUndefined();
    expect(
      gainOf(a, b, [
        { candidate: a, score: 1 },
        { candidate: b, score: 0 },
      ]),
    ).toBeUndefined();
  });

  it.each([
    ['a gain above the price', { quality: 0.4, savesUsd: 0 }, 0.03, true],
    ['a gain below the price', { quality: 0.4, savesUsd: 0 }, 0.05, false],
    ['a gain that the call costs again', { quality: 0.4, savesUsd: -0.02 }, 0.03, false],
    ['a cheaper call', { quality: 0, savesUsd: 0.05 }, 0.03, true],
    ['no difference', { quality: 0, savesUsd: undefined }, 0, false],
    ['a clear gain at an unknown price', { quality: 0.2, savesUsd: undefined }, undefined, true],
    ['a small gain at an unknown price', { quality: 0.1, savesUsd: 1 }, undefined, false],
    ['no claim', undefined, 0, false],
  ])('move for %s only where it pays', (_what, gain, lostUsd, moves) => {
    expect(weigh(gain, lostUsd, terms).moves).toBe(moves);
  });
});
