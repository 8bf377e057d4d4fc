import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { assertConforms, checkStore, fakeHost } from '@rutter/plugin-sdk/testing';
import plugin from './index.ts';

const dataFolder = await mkdtemp(join(tmpdir(), 'store-'));
after(() => rm(dataFolder, { recursive: true }));

test('conforms to what every store must hold to', async () => {
  assertConforms(await checkStore(plugin, { host: { dataFolder } }));
});

test('keeps what was appended, in its order, and refuses more than its queue takes', async () => {
  const config = plugin.config.parse({ file: 'small.sqlite', maxQueued: 2 });
  const store = await plugin.setup(fakeHost({ dataFolder }), config);
  await store.migrate('words', [{ id: '0001', sql: 'CREATE TABLE words (word TEXT)' }]);
  assert.deepEqual(
    ['one', 'two', 'three'].map((word) => store.append('words', ['word'], [word])),
    [true, true, false],
  );
  const rows = await store.query('SELECT word FROM words');
  assert.deepEqual(
    rows.map(({ word }) => word),
    ['one', 'two'],
  );
  await store.dispose?.();
});
