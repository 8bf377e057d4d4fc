import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CacheableReply } from '@rutter/plugin-sdk';
import {
  assertConforms,
  call,
  chatReply,
  checkCache,
  fakeHost,
  principal,
  requestContext,
} from '@rutter/plugin-sdk/testing';
import plugin from './index.ts';

const setUp = async (config = {}) => {
  const host = fakeHost();
  const cache = await plugin.setup(host, plugin.config.parse(config));
  assert.ok(cache.key === undefined, 'it keeps replies itself');
  return { host, cache };
};
const reply: CacheableReply = { operation: 'chat', reply: chatReply() };
const asking = (content: string) => call({ messages: [{ role: 'user', content }] });

test('conforms to what every cache must hold to', async () => {
  assertConforms(await checkCache(plugin));
});

test('gives a reply again until its time is over', async () => {
  const { host, cache } = await setUp({ ttlSeconds: 60 });
  await cache.write(requestContext(), asking('Why?'), reply);
  assert.deepEqual(await cache.read(requestContext(), asking('Why?')), reply);
  assert.equal(await cache.read(requestContext(), asking('How?')), undefined);
  await host.advance(60_000);
  assert.equal(await cache.read(requestContext(), asking('Why?')), undefined);
});

test('tells one caller nothing of what another was answered', async () => {
  const { cache } = await setUp();
  await cache.write(requestContext(), asking('Why?'), reply);
  const other = requestContext({ principal: principal({ id: 'key-2' }) });
  assert.equal(await cache.read(other, asking('Why?')), undefined);
});

test('lets the oldest reply go when it is full', async () => {
  const { cache } = await setUp({ maxEntries: 2 });
  for (const word of ['one', 'two', 'three']) await cache.write(requestContext(), asking(word), reply);
  assert.equal(await cache.read(requestContext(), asking('one')), undefined);
  assert.deepEqual(await cache.read(requestContext(), asking('two')), reply);
});
