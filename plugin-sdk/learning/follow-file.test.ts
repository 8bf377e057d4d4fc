import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Host } from '../contract/host.ts';
import { type FollowedFile, followFile } from './follow-file.ts';

let folder: string;
let path: string;
let followed: FollowedFile | undefined;
let looks: (() => void | Promise<void>)[];
let told: unknown[];
let taken: string[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rutter-follow-'));
  path = join(folder, 'router.rra');
  [looks, told, taken] = [[], [], []];
});
afterEach(async () => {
  followed?.close();
  await rm(folder, { recursive: true });
});

const follow = async (everyMs: number, check = () => {}) => {
  const host = {
    clock: { sleep: (ms: number, signal?: AbortSignal) => sleep(ms / 10, undefined, signal ? { signal } : {}) },
    every(_ms: number, task: () => void) {
      looks.push(task);
      return () => void looks.splice(looks.indexOf(task), 1);
    },
    log: { error: (fields: unknown) => told.push(fields) },
  } as unknown as Host;
  followed = await followFile(host, {
    path,
    everyMs,
    check,
    async take() {
      const text = await readFile(path, 'utf8');
      if (text === 'broken') throw new Error('It is broken.');
      taken.push(text);
    },
  });
};

it('takes a file at once, and another in its place by the events of its folder', async () => {
  await writeFile(path, 'one');
  await follow(1_000);
  expect(taken).toEqual(['one']);
  await writeFile(`${path}.draft`, 'another');
  await rename(`${path}.draft`, path);
  await expect.poll(() => taken, { timeout: 10_000 }).toEqual(['one', 'another']);
});

it('takes at a look what no event told of, and nothing twice', async () => {
  await follow(1_000);
  expect(followed?.trouble).toContain('ENOENT');
  await writeFile(path, 'one');
  await looks[0]?.();
  await looks[0]?.();
  expect([taken, followed?.trouble]).toEqual([['one'], undefined]);
});

it('tells once why a file cannot be taken, and again when it is another reason', async () => {
  await writeFile(path, 'broken');
  await follow(1_000);
  await looks[0]?.();
  expect(told).toEqual([{ path, reason: 'It is broken.' }]);
  await rm(path);
  await looks[0]?.();
  await looks[0]?.();
  expect(told).toHaveLength(2);
});

it('looks at nothing that it must not, and once alone where it is not to follow', async () => {
  await writeFile(path, 'one');
  await follow(0, () => {
    throw new Error('It is a pickle.');
  });
  expect([taken, looks, followed?.trouble]).toEqual([[], [], 'It is a pickle.']);
});

it('leaves no look behind when it is closed', async () => {
  await writeFile(path, 'one');
  await follow(1_000);
  followed?.close();
  await writeFile(path, 'two');
  await sleep(100);
  expect([looks, taken]).toEqual([[], ['one']]);
});
