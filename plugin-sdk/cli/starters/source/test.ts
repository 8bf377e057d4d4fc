import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { assertConforms, checkSource, fakeHost } from '@rutter/plugin-sdk/testing';
import plugin from './index.ts';

const folder = await mkdtemp(join(tmpdir(), 'source-'));
after(() => rm(folder, { recursive: true }));
const source = await plugin.setup(fakeHost(), plugin.config.parse({ folder }));
const bytes = (text: string) => new TextEncoder().encode(text);
const textAt = async (key: string) => {
  const found = await source.get(key);
  return typeof found === 'object' ? new TextDecoder().decode(found.body) : found;
};

test('conforms to what every source must hold to', async () => {
  assertConforms(await checkSource(plugin, { config: { folder } }));
});

test('gives back what was put, and says so when it has not changed', async () => {
  assert.equal(await source.put('routers/knn.json', bytes('one')), true);
  assert.equal(await textAt('routers/knn.json'), 'one');
  const [blob] = await source.list('routers/');
  assert.deepEqual([blob?.key, blob?.size], ['routers/knn.json', 3]);
  assert.equal(await source.get('routers/knn.json', { etag: blob?.etag ?? '' }), 'unchanged');
  assert.equal(await source.get('routers/other.json'), undefined);
});

test('writes only where the condition holds, for one of several writers', async () => {
  const tries = ['a', 'b', 'c'].map((text) => source.put('lock', bytes(text), { ifNoneMatch: '*' }));
  assert.deepEqual(await Promise.all(tries), [true, false, false]);
  assert.equal(await source.put('lock', bytes('d'), { ifMatch: 'something else' }), false);
  assert.equal(await textAt('lock'), 'a');
});

test('refuses a key that leads out of the folder', async () => {
  for (const key of ['../secret', '/etc/passwd', 'a/../../b', ''])
    await assert.rejects(async () => source.get(key), { code: 'ERR_REQUEST_INVALID' });
});
