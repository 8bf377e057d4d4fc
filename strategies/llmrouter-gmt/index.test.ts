import type { Embedder } from '@rutter/plugin-sdk';
import { assertConforms, checkStrategy, fakeFeedback } from '@rutter/plugin-sdk/testing';
import { expect, it } from 'vitest';
import plugin from './index.ts';

const embedder: Embedder = {
  dimensions: 2,
  version: 'test-2',
  embed: async (texts) => texts.map((text) => Float32Array.of(text.length, 1)),
};

it('conforms to what every strategy must hold to', async () => {
  assertConforms(await checkStrategy(plugin, { host: { services: { embedder, feedback: fakeFeedback() } } }));
});

it('describes its options by LLMRouter’s names', () => {
  expect(plugin.config.parse({})).toMatchObject({ hot_reload: true, cost_weight: 0 });
  expect(() => plugin.config.parse({ reload_interval: 0 })).toThrow('reload_interval');
});
