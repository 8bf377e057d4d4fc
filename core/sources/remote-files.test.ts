import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RutterError, type Source } from '@rutter/plugin-sdk';
import { manualClock } from '@rutter/plugin-sdk/testing';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { BlobStore } from './blob-store.ts';
import { RemoteFiles } from './remote-files.ts';

/** A bucket in memory, which may be away, or hang until the clock has moved on. */
class Shelf implements Source {
  readonly texts = new Map<string, string>();
  readonly asked: string[] = [];
  isAway = false;
  hanging: Promise<void> | undefined;

  async get(key: string, options?: { readonly etag?: string }) {
    this.asked.push(`${key} ${options?.etag ?? ''}`.trim());
    await this.hanging;
    if (this.isAway) throw new RutterError('ERR_PROVIDER_UNAVAILABLE', 'The shelf is away.');
    const text = this.texts.get(key);
    if (text === undefined) return undefined;
    const etag = `"${text}"`;
    return etag === options?.etag ? ('unchanged' as const) : { body: new TextEncoder().encode(text), etag };
  }
  list = async () => [];
  put = async () => false;
}

let folder: string;
let store: BlobStore;
let shelf: Shelf;
let files: RemoteFiles;
const clock = manualClock();
const inForce = new Map<string, string>();
const asked = (key: string) => ({ source: shelf, name: `shelf://b/${key}`, key });

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rutter-remote-files-'));
  store = new BlobStore(folder);
  shelf = new Shelf();
  inForce.clear();
  files = new RemoteFiles({ store, clock, inForce: async (name) => inForce.get(name) });
});
afterEach(() => rm(folder, { recursive: true }));

/** A reading of these, taken as the state of things. */
async function taken(...keys: readonly string[]) {
  const reading = files.reading();
  const found = await Promise.all(keys.map((key) => reading.read(asked(key))));
  files.adopt(reading, { isWhole: true });
  return found.map(({ digest }) => digest);
}
const haveChanged = async () => (await files.lookAgain()).haveChanged;

it('asks once in a reading, and with the ETag of the last in the next', async () => {
  shelf.texts.set('a', 'one');
  const reading = files.reading();
  const [first, second] = await Promise.all([reading.read(asked('a')), reading.read(asked('a'))]);
  expect([second, shelf.asked]).toEqual([first, ['a']]);
  expect(new TextDecoder().decode(await store.read(first.digest))).toBe('one');
  expect((await files.reading().read(asked('a'))).digest).toBe(first.digest);
  expect(shelf.asked).toEqual(['a', 'a "one"']);
});

it('tells of a change until it has been read, whatever became of it, and of none that was merely looked at', async () => {
  shelf.texts.set('a', 'one');
  await taken('a');
  expect(await haveChanged()).toBe(false);
  shelf.texts.set('a', 'two');
  await files.reading().read(asked('a'));
  expect([await haveChanged(), await haveChanged()]).toEqual([true, true]);
  await taken('a');
  expect(await haveChanged()).toBe(false);
  shelf.texts.delete('a');
  expect(await haveChanged()).toBe(true);
  const reading = files.reading();
  await expect(reading.read(asked('a'))).rejects.toThrow('There is no file shelf://b/a');
  files.adopt(reading, { isWhole: false });
  expect(await haveChanged()).toBe(false);
});

it('goes on looking at what a reading did not get to', async () => {
  shelf.texts.set('a', 'one').set('b', 'one');
  await taken('a', 'b');
  const broken = files.reading();
  await broken.read(asked('a'));
  files.adopt(broken, { isWhole: false });
  shelf.texts.set('b', 'two');
  expect(await haveChanged()).toBe(true);
  await taken('a');
  expect(await haveChanged()).toBe(false);
});

it('takes what was last in force while the source is away, and sees a change when it is back', async () => {
  shelf.texts.set('a', 'one');
  const [digest] = await taken('a');
  shelf.isAway = true;
  expect(await files.lookAgain()).toEqual({
    haveChanged: false,
    away: new Map([['shelf://b/a', 'The shelf is away.']]),
  });
  const reading = files.reading();
  await expect(reading.read(asked('a'))).rejects.toThrow('The shelf is away.');
  inForce.set('shelf://b/a', digest as string);
  const found = await files.reading().read(asked('a'));
  expect(found).toEqual({ digest, warning: expect.stringContaining('The shelf is away.') });
  await taken('a');
  shelf.isAway = false;
  expect(await haveChanged()).toBe(true);
  await taken('a');
  expect(await haveChanged()).toBe(false);
});

it('waits ten seconds where something can stand in, asks a slow source for nothing else, and heeds no late answer', async () => {
  shelf.texts.set('a', 'one').set('b', 'one');
  const [digest] = await taken('a', 'b');
  inForce.set('shelf://b/a', digest as string).set('shelf://b/b', digest as string);
  shelf.texts.set('a', 'two');
  const hang = Promise.withResolvers<void>();
  shelf.hanging = hang.promise;
  const reading = files.reading();
  const first = reading.read(asked('a'));
  await expect.poll(() => shelf.asked.length).toBe(3);
  await clock.advance(9_999);
  await clock.advance(1);
  expect(await first).toEqual({ digest, warning: expect.stringContaining('took longer to come than 10000 ms') });
  shelf.isAway = true;
  hang.resolve();
  await expect.poll(async () => (await reading.read(asked('b'))).warning).toContain('The shelf is away.');
  expect(shelf.asked).toHaveLength(3);
  files.adopt(reading, { isWhole: true });
  shelf.isAway = false;
  expect(await haveChanged()).toBe(true);
});

it('asks anew for what an index led to in vain', async () => {
  shelf.texts.set('a', 'one');
  const reading = files.reading();
  await reading.get(asked('a'));
  reading.doubt({ name: 'shelf://b/a' });
  files.adopt(reading, { isWhole: true });
  expect(await haveChanged()).toBe(true);
});

it('asks for the whole file again where its copy is damaged', async () => {
  shelf.texts.set('a', 'one');
  const [digest] = await taken('a');
  await rm(join(folder, digest as string));
  expect(await taken('a')).toEqual([digest]);
  expect(shelf.asked).toEqual(['a', 'a']);
});
