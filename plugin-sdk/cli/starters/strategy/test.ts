import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertConforms, candidate, checkStrategy, fakeHost, requestContext } from '@rutter/plugin-sdk/testing';
import plugin from './index.ts';

const strategy = await plugin.setup(fakeHost(), plugin.config.parse({}));
const names = (ranking: unknown) => (ranking as ReturnType<typeof candidate>[]).map(({ deployment }) => deployment.id);

test('conforms to what every strategy must hold to', async () => {
  assertConforms(await checkStrategy(plugin));
});

test('ranks a fast deployment that fails behind a slow one that does not', () => {
  const failing = candidate('failing', { samples: 9, latencyMs: 100, errorRate: 0.5 });
  const slow = candidate('slow', { samples: 9, latencyMs: 900, errorRate: 0.02 });
  const fast = candidate('fast', { samples: 9, latencyMs: 300, errorRate: 0.06 });
  assert.deepEqual(names(strategy.select(requestContext(), [failing, slow, fast])), ['fast', 'slow', 'failing']);
});
