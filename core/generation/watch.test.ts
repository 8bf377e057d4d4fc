import { mkdir, mkdtemp, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from './fixtures/bench.ts';
import { FileWatcher, type WatchedPaths } from './watch.ts';

let folder: string;
let watcher: FileWatcher | undefined;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rutter-watch-'));
});
afterEach(async () => {
  watcher?.close();
  await rm(folder, { recursive: true, force: true });
});

interface Changes {
  readonly count: number;
  /** Resolves with the next change; fails the test when none comes in two seconds. */
  next(): Promise<void>;
}

async function watching(paths: () => WatchedPaths, since?: number): Promise<Changes> {
  let count = 0;
  let tell = () => {};
  watcher = new FileWatcher({
    clock: systemClock,
    paths,
    onChange() {
      count += 1;
      tell();
    },
  });
  await watcher.start(since);
  const next = () =>
    new Promise<void>((resolve, reject) => {
      const late = setTimeout(() => reject(new Error('no change was told within two seconds')), 2000);
      tell = () => {
        clearTimeout(late);
        resolve();
      };
    });
  return {
    next,
    get count() {
      return count;
    },
  };
}

describe('FileWatcher', () => {
  const file = () => join(folder, 'config.yaml');
  const config = () => ({ files: [file()], folders: [] });

  it('tells of a file that is rewritten, and of one that takes its place', async () => {
    await writeFile(file(), 'a');
    const changes = await watching(config);
    const rewritten = changes.next();
    await writeFile(file(), 'b');
    await rewritten;
    const replaced = changes.next();
    await writeFile(`${file()}.new`, 'c');
    await rename(`${file()}.new`, file());
    await replaced;
    expect(changes.count).toBe(2);
  });

  it('tells of a file that has changed since it was read, and of no other', async () => {
    await writeFile(file(), 'a');
    // A file's times are as coarse as the system's clock for them.
    await sleep(20);
    const readAt = Date.now();
    const before = await watching(config, readAt);
    await sleep(300);
    expect(before.count).toBe(0);
    watcher?.close();
    await writeFile(file(), 'b');
    const after = await watching(config, readAt);
    await after.next();
    await sleep(300);
    expect(after.count).toBe(1);
  });

  it('tells of a Kubernetes volume whose link is swapped', async () => {
    for (const version of ['..one', '..two']) {
      await mkdir(join(folder, version));
      await writeFile(join(folder, version, 'config.yaml'), version);
    }
    await symlink('..one', join(folder, '..data'));
    await symlink('..data/config.yaml', file());
    const changes = await watching(config);
    const swapped = changes.next();
    await symlink('..two', join(folder, '..data_tmp'));
    await rename(join(folder, '..data_tmp'), join(folder, '..data'));
    await swapped;
  });

  it('says nothing of a touch, and tells of many writes once', async () => {
    await writeFile(file(), 'a');
    const changes = await watching(config);
    await utimes(file(), 1, 1);
    const written = changes.next();
    for (const text of ['b', 'bc', 'bcd']) await writeFile(file(), text);
    await written;
    expect(changes.count).toBe(1);
  });

  it('tells of new files and folders in a plugin folder, and of their end', async () => {
    const changes = await watching(() => ({ files: [], folders: [join(folder, 'plugins')] }));
    const made = changes.next();
    await mkdir(join(folder, 'plugins', 'mine', 'inner'), { recursive: true });
    await writeFile(join(folder, 'plugins', 'mine', 'inner', 'a.ts'), 'a');
    await made;
    const changed = changes.next();
    await writeFile(join(folder, 'plugins', 'mine', 'inner', 'a.ts'), 'b');
    await changed;
    const gone = changes.next();
    await rm(join(folder, 'plugins', 'mine'), { recursive: true });
    await gone;
  });
});
