import { mkdtemp, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { BlobStore, digestOf } from './blob-store.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rutter-blobs-'));
});
afterEach(() => rm(folder, { recursive: true }));

const bytesOf = (text: string) => new TextEncoder().encode(text);

it('gives back what it was given, by its digest, to its owner alone', async () => {
  const store = new BlobStore(join(folder, 'store'));
  const digest = await store.add(bytesOf('model_list: []'));
  expect(new TextDecoder().decode(await store.read(digest))).toBe('model_list: []');
  const file = (await store.find(digest)) as string;
  expect([(await stat(file)).mode & 0o777, (await stat(join(folder, 'store'))).mode & 0o777]).toEqual([0o600, 0o700]);
  expect(await store.add(bytesOf('model_list: []'))).toBe(digest);
  expect(await readdir(join(folder, 'store'))).toEqual([digest]);
});

it('takes the same bytes from several at once', async () => {
  const store = new BlobStore(folder);
  const digests = await Promise.all(Array.from({ length: 8 }, () => store.add(bytesOf('same'))));
  expect(new Set(digests)).toEqual(new Set(await readdir(folder)));
});

it('finds nothing under a digest that is none, or that its file has no longer', async () => {
  const store = new BlobStore(folder);
  const digest = await store.add(bytesOf('good'));
  expect(await store.find('../secret')).toBeUndefined();
  expect(await store.find('0'.repeat(64))).toBeUndefined();
  expect(await store.find(digest)).toBe(join(folder, digest));
  await writeFile(join(folder, digest), 'evil');
  expect(await store.find(digest)).toBeUndefined();
  expect(await store.add(bytesOf('good'))).toBe(digest);
  expect(await store.find(digest)).toBe(join(folder, digest));
});

it('forgets what has been out of use longest, and never what was added last', async () => {
  const store = new BlobStore(folder);
  const first = await store.add(bytesOf('first'));
  const second = await store.add(bytesOf('second'));
  await utimes(join(folder, second), 1, 5);
  for (let index = 0; index < 220; index += 1) {
    await store.add(bytesOf(`file ${index}`));
    await store.find(first);
  }
  const names = await readdir(folder);
  expect(names).toHaveLength(200);
  expect(names).toContain(first);
  expect(names).not.toContain(second);
  expect(names).toContain(await digestOf(bytesOf('file 219')));
});

it('hashes what is longer than a slice as one', async () => {
  const { hash } = await import('node:crypto');
  const bytes = new Uint8Array(2_500_000).fill(7);
  expect(await digestOf(bytes)).toBe(hash('sha256', bytes, 'hex'));
});
