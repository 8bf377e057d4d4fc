import { poolOf } from '@rutter/plugin-sdk/rounds';
import { assertConforms, candidate, checkStrategy } from '@rutter/plugin-sdk/testing';
import { describe, expect, it } from 'vitest';
import plugin from './index.ts';
import { readLines, readPlan } from './plan.ts';

it('conforms to what every strategy must hold to, with a planner and without', async () => {
  assertConforms(await checkStrategy(plugin));
  assertConforms(await checkStrategy(plugin, { config: { base_model: 'base' } }));
  assertConforms(await checkStrategy(plugin, { config: { base_model: 'base', upstream: 'faithful' } }));
});

const pool = poolOf(['strong', 'vendor/weak'].map((model) => candidate(model, {}, { model })));
const shown = (parts: ReturnType<typeof readPlan>) => parts.map(({ query, models }) => [query, models[0]?.name]);

describe('a plan', () => {
  it.each([
    [
      '[{"subquery": "a: b?", "model": "weak"}, {"subquery": "c?", "model": "strong"}]',
      [
        ['a: b?', 'vendor/weak'],
        ['c?', 'strong'],
      ],
    ],
    ['```json\n{"plan": [{"query": "a?", "model": "WEAK"}]}\n```', [['a?', 'vendor/weak']]],
    ['{"subquery": "alone", "model": "weak"}', [['alone', 'vendor/weak']]],
    ['[{"subquery": "a?", "model": "gpt-9"}]', [['a?', 'strong']]],
    ['[{"subquery": "a?"}]', [['a?', 'strong']]],
    ['[{"subquery": " ", "model": "weak"}, 7, null, "x"]', []],
    ['[]', []],
    ['I plan nothing', []],
    ['', []],
  ])('%j is read', (text, parts) => {
    expect(shown(readPlan(pool, text, 4))).toEqual(parts);
  });

  it('has no more parts than it may, and everyone else behind the chosen model', () => {
    const text = JSON.stringify(
      Array.from({ length: 9 }, (_none, index) => ({ subquery: `q${index}`, model: 'weak' })),
    );
    const parts = readPlan(pool, text, 3);
    expect(parts).toHaveLength(3);
    expect(parts[0]?.models.map(({ name }) => name)).toEqual(['vendor/weak', 'strong']);
  });

  it.each([
    [
      '1. What is 1:2? : weak\n- who: strong',
      [
        ['What is 1:2?', 'vendor/weak'],
        ['who', 'strong'],
      ],
    ],
    // "instruct" of a name is no name.
    ['what: instruct', [['what', 'strong']]],
    ['no colon here', []],
    [': weak', []],
  ])('of lines %j is read', (text, parts) => {
    expect(shown(readLines(pool, text, 4))).toEqual(parts);
  });
});
