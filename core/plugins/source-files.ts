/** The files a plugin folder consists of: what is hashed, and what is watched. */
import { createHash } from 'node:crypto';
import type { Dirent, Stats } from 'node:fs';
import { lstat, readdir, readFile, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { RutterError } from '@rutter/plugin-sdk';

const mostFiles = 2000;
const mostBytes = 64 * 1024 * 1024;
const deepest = 16;
const skipped = new Set(['node_modules', 'dist', 'coverage']);

/** Absolute paths in a stable order. Hidden entries, `dist` and installed packages are left out; links are followed. */
export async function sourceFiles(folder: string, links: Links = 'follow'): Promise<readonly string[]> {
  const files: string[] = [];
  await collect(folder, files, 0, links);
  return files;
}

/** Where a folder is not trusted its links are left alone: nothing outside of it is read. */
type Links = 'follow' | 'refuse';

async function collect(folder: string, files: string[], depth: number, links: Links): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((): Dirent[] => []);
  for (const { name } of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    if (name.startsWith('.') || skipped.has(name)) continue;
    const path = join(folder, name);
    const found = await (links === 'follow' ? statOrNothing(path) : lstat(path).catch(() => undefined));
    if (found?.isDirectory() && depth < deepest) await collect(path, files, depth + 1, links);
    else if (found?.isFile()) files.push(path);
    if (files.length > mostFiles) {
      throw new RutterError(
        'ERR_PLUGIN_INVALID',
        `Found more than ${mostFiles} files in ${folder}, expected a plugin's sources. Move data out of the folder.`,
      );
    }
  }
}

/** Undefined when there is nothing, or a link that leads nowhere. */
export async function statOrNothing(path: string): Promise<Stats | undefined> {
  return stat(path).catch(() => undefined);
}

/** SHA-256 over names and contents of a folder's files, in lower-case hex. */
export async function contentHash(folder: string, links: Links = 'follow'): Promise<string> {
  const sum = createHash('sha256');
  let bytes = 0;
  for (const file of await sourceFiles(folder, links)) {
    const content = await readFile(file).catch(() => undefined);
    if (content === undefined) continue;
    bytes += content.length;
    if (bytes > mostBytes) {
      throw new RutterError(
        'ERR_PLUGIN_INVALID',
        `Found more than ${mostBytes} bytes in ${folder}, expected a plugin's sources. Move data out of the folder.`,
      );
    }
    sum.update(`${relative(folder, file)}\0${content.length}\0`).update(content);
  }
  return sum.digest('hex');
}
