/**
 * Where the parts of this SDK lie, for folders that have no SDK installed.
 *
 * A built SDK hands out what was built; one that runs from its sources hands
 * out the sources, which Node and the compiler read as well.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const isBuilt = import.meta.filename.endsWith('.js');

/** The folder of the SDK's package.json. */
export const sdkFolder = join(import.meta.dirname, isBuilt ? '../..' : '..');

/** The starters are handed out as they are written: they are never built. */
export const startersFolder = join(sdkFolder, 'cli', 'starters');

const sdkName = '@rutter/plugin-sdk';
const subpaths = ['', 'codecs', 'testing', 'pack'];

export const sdkVersion = (): string => JSON.parse(readFileSync(join(sdkFolder, 'package.json'), 'utf8')).version;

/** The file behind a name such as `@rutter/plugin-sdk/testing`; undefined for a name that is not the SDK's. */
export function sdkModule(name: string): string | undefined {
  if (name !== sdkName && !name.startsWith(`${sdkName}/`)) return undefined;
  const subpath = name.slice(sdkName.length + 1);
  return subpaths.includes(subpath) ? fileOf(subpath, isBuilt ? 'dist' : '', isBuilt ? '.js' : '.ts') : undefined;
}

/** Declarations of every part, by name. */
export function sdkTypes(): Readonly<Record<string, readonly string[]>> {
  const parts = subpaths.map((subpath): [string, string[]] => [
    subpath === '' ? sdkName : `${sdkName}/${subpath}`,
    [fileOf(subpath, isBuilt ? 'dist' : '', isBuilt ? '.d.ts' : '.ts')],
  ]);
  return Object.fromEntries(parts.filter(([, [file]]) => existsSync(file as string)));
}

/** A file of the command itself, to be run by another process. */
export const ownModule = (name: string): string => join(import.meta.dirname, `${name}${isBuilt ? '.js' : '.ts'}`);

const fileOf = (subpath: string, base: string, ending: string) => join(sdkFolder, base, subpath, `index${ending}`);
