/** A data folder for a look at a configuration: what a start would find in the real one, and nothing written there. */
import { copyFile, mkdir, mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Scratch {
  readonly folder: string;
  remove(): Promise<void>;
}

/** Copies of what sources hold, which a start takes while these are away. */
const stores = ['plugin-store', 'source-store'];
const mostLinks = 1000;

export async function scratchOf(dataFolder: string): Promise<Scratch> {
  const folder = await mkdtemp(join(tmpdir(), 'rutter-look-'));
  // Plugins dropped into the data folder belong to the composition.
  await symlink(join(dataFolder, 'plugins'), join(folder, 'plugins'));
  await copyFile(join(dataFolder, 'plugins.lock.json'), join(folder, 'plugins.lock.json')).catch(() => {});
  for (const store of stores) {
    const names = await readdir(join(dataFolder, store)).catch((): string[] => []);
    await mkdir(join(folder, store), { mode: 0o700 });
    for (const name of names.slice(0, mostLinks))
      await symlink(join(dataFolder, store, name), join(folder, store, name)).catch(() => {});
  }
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) };
}
