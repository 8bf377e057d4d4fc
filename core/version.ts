/** The version of this kernel, as its package says. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

function find(folder: string): string {
  try {
    const found = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { name?: string; version?: string };
    if (found.name === '@rutter/core' && found.version) return found.version;
  } catch {
    // Not here: the build lies one folder below the package.
  }
  return dirname(folder) === folder ? '0.0.0' : find(dirname(folder));
}

export const version = find(import.meta.dirname);
