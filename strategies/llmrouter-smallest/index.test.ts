import type { Candidate, Deployment, Strategy } from '@rutter/plugin-sdk';
import { assertConforms, candidate, checkStrategy, fakeHost, requestContext } from '@rutter/plugin-sdk/testing';
import { expect, it } from 'vitest';
import plugin from './index.ts';

const ranked = (candidates: readonly Candidate[], by?: string) => {
  const strategy = plugin.setup(fakeHost(), plugin.config.parse(by === undefined ? {} : { by })) as Strategy;
  return (strategy.select(requestContext(), candidates) as Candidate[][] | undefined)?.map((tier) =>
    tier.map(({ deployment }) => deployment.id),
  );
};
const one = (id: string, more: Partial<Deployment>) => candidate(id, {}, more);

it('conforms to what every strategy must hold to', async () => {
  assertConforms(await checkStrategy(plugin));
});

it.each([
  ['the model’s name', 'size', { model: 'org/llama-3.1-8b-instruct' }, { model: 'mixtral-8x7b' }],
  ['model_info.size', 'size', { model: 'a-900b', info: { size: '500M' } }, { model: 'b', info: { size: 7 } }],
  ['price', 'price', { prices: { input: 1n, output: 4n } }, { prices: { input: 3n, output: 3n } }],
  ['context', 'context', { info: { max_input_tokens: 8000 } }, { info: { max_input_tokens: 32_000 } }],
  ['quality', 'quality', { info: { quality: 0.4 } }, { info: { quality: 0.6 } }],
])('ranks by %s, the smallest first, and what is not known last', (_what, by, small, large) => {
  const unknown = one('unknown', { model: 'gpt-4' });
  expect(ranked([unknown, one('large', large), one('small', small)], by)).toEqual([['small'], ['large'], ['unknown']]);
});

it('leaves equals to the next, and decides nothing where nothing is known', () => {
  expect(ranked([one('a', { model: 'x-7b' }), one('b', { model: 'y-7b' })])).toEqual([['a', 'b']]);
  expect(ranked([one('a', { model: 'gpt-4' }), one('b', { model: 'o1' })])).toBeUndefined();
});
