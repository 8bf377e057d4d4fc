import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertConforms, checkState, fakeHost } from '@rutter/plugin-sdk/testing';
import plugin from './index.ts';

test('conforms to what every state must hold to', async () => {
  assertConforms(await checkState(plugin));
});

test('refuses a new entry when it is full, and has room again once old ones have ended', async () => {
  const host = fakeHost();
  const state = await plugin.setup(host, plugin.config.parse({ maxEntries: 1 }));
  await state.set('one', '1', { ttlMs: 1_000 });
  await assert.rejects(state.set('two', '2'), { code: 'ERR_LIMIT_OVERLOADED' });
  await host.advance(1_000);
  assert.equal(await state.set('two', '2'), true);
});

test('forgets nothing over a reload', async () => {
  const before = fakeHost();
  const first = await plugin.setup(before, plugin.config.parse({}));
  await first.set('word', 'kept');
  const after = fakeHost({ kept: before.kept, clock: before.clock });
  const second = await plugin.setup(after, plugin.config.parse({}));
  assert.equal(await second.get('word'), 'kept');
});
