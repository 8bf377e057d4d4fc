import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fakeHost } from '@rutter/plugin-sdk/testing';
import plugin from './index.ts';

const folder = await mkdtemp(join(tmpdir(), 'secrets-'));
await writeFile(join(folder, 'database'), 'correct horse\n');
after(() => rm(folder, { recursive: true }));
const secrets = await plugin.setup(fakeHost(), plugin.config.parse({ folder }));

test('resolves a reference to the content of its file, without the last line feed', async () => {
  assert.equal(await secrets.resolve('prefix/database'), 'correct horse');
});

test('knows nothing of a file that is not there', async () => {
  assert.equal(await secrets.resolve('prefix/missing'), undefined);
});

test('refuses a reference that leads out of the folder', async () => {
  await assert.rejects(secrets.resolve('prefix/../database'), { code: 'ERR_CONFIG_INVALID' });
  await assert.rejects(secrets.resolve('prefix/..'), { code: 'ERR_CONFIG_INVALID' });
});
