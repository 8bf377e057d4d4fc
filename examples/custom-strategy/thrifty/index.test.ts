import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertConforms, candidate, checkStrategy, fakeHost, requestContext } from '@rutter/plugin-sdk/testing';
import plugin from './index.ts';

test('holds to what every strategy must', async () => {
  assertConforms(await checkStrategy(plugin));
});

test('ranks by speed, and leaves a deployment without answers in front', async () => {
  const strategy = await plugin.setup(fakeHost(), plugin.config.parse({}));
  const slow = candidate('slow', { samples: 9, latencyMs: 900 });
  const fast = candidate('fast', { samples: 9, latencyMs: 100 });
  const unknown = candidate('unknown', { samples: 0, latencyMs: 0 });
  const ranking = strategy.select(requestContext(), [slow, fast, unknown]) as ReturnType<typeof candidate>[];
  assert.deepEqual(
    ranking.map(({ deployment }) => deployment.id),
    ['unknown', 'fast', 'slow'],
  );
});
