/** The files of a plugin, without what was installed, built or hidden. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

const leftOut = new Set(['node_modules', 'dist']);
/** A folder with more is hardly a plugin; somebody has named their home. */
const mostFiles = 10_000;

/** Absolute paths, sorted, of those whose name matches. */
export async function sourcesIn(folder: string, pattern: RegExp): Promise<readonly string[]> {
  const found: string[] = [];
  const waiting = [folder];
  let seen = 0;
  for (let next = waiting.pop(); next !== undefined && seen < mostFiles; next = waiting.pop()) {
    for (const entry of await readdir(next, { withFileTypes: true })) {
      seen += 1;
      if (entry.name.startsWith('.') || leftOut.has(entry.name)) continue;
      const path = join(next, entry.name);
      if (entry.isDirectory()) waiting.push(path);
      else if (entry.isFile() && pattern.test(entry.name)) found.push(path);
    }
  }
  return found.sort();
}
