import type { Embedder } from '@rutter/plugin-sdk';
import { assertConforms, checkStrategy } from '@rutter/plugin-sdk/testing';
import { expect, it } from 'vitest';
import plugin from './index.ts';

const embedder: Embedder = {
  dimensions: 2,
  version: 'test-2',
  embed: async (texts) => texts.map((text) => Float32Array.of(text.length, 1)),
};

it('conforms to what every strategy must hold to', async () => {
  assertConforms(await checkStrategy(plugin, { host: { services: { embedder } } }));
});

it('describes its options by LLMRouter’s names', () => {
  expect(plugin.config.parse({})).toEqual({ hot_reload: true, reload_interval: 5, cost_weight: 0 });
  expect(() => plugin.config.parse({ reload_interval: 0 })).toThrow('reload_interval');
});
