import { poolOf } from '@rutter/plugin-sdk/rounds';
import { assertConforms, candidate, checkStrategy } from '@rutter/plugin-sdk/testing';
import { expect, it } from 'vitest';
import plugin, { readJudgement } from './index.ts';

it('conforms to what every strategy must hold to, with a judge and without', async () => {
  assertConforms(await checkStrategy(plugin));
  assertConforms(await checkStrategy(plugin, { config: { judge_model: 'judge' } }));
});

it('gives a judge five seconds, and refuses what it does not know', () => {
  expect(plugin.config.parse({})).toMatchObject({ call_timeout: 5, min_confidence: 0.5, fallback: 'strongest' });
  expect(() => plugin.config.parse({ judge: 'x' })).toThrow('judge');
});

const pool = poolOf(['small', 'vendor/large'].map((model) => candidate(model, {}, { model })));

it.each([
  ['{"model": "small", "confidence": 0.7}', 'small', 0.7],
  ['```json\n{"model": "large", "confidence": "0.25"}\n```', 'vendor/large', 0.25],
  ['{"model": "small", "confidence": "very"}', 'small', undefined],
  ['{"model": "small"}', 'small', undefined],
  ['{"model": "small", "confidence": 7}', 'small', undefined],
  ['{"model": "medium", "confidence": 1}', undefined, 1],
  ['{"model": 3}', undefined, undefined],
  ['I would take large.', 'vendor/large', undefined],
  ['small or large', undefined, undefined],
  ['[]', undefined, undefined],
  ['', undefined, undefined],
])('reads %j as %s at %s', (text, name, confidence) => {
  const read = readJudgement(pool, text);
  expect([read.chosen?.name, read.confidence]).toEqual([name, confidence]);
});
