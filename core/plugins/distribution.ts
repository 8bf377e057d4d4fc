/** The distribution this kernel is part of, and the plugins it ships. */
import { existsSync, readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { RutterError } from '@rutter/plugin-sdk';
import { describeFolder, digestOf, type PackedManifest, packedNames } from '@rutter/plugin-sdk/pack';
import type { PackedFile, PluginPackage } from './types.ts';

export interface Distribution {
  readonly root: string;
  /** Patterns of folders with shipped plugins, relative to the root; `/*` at the end stands for any name. */
  readonly shipped: readonly string[];
  /** The default composition, absolute. */
  readonly defaultsFile: string | undefined;
}

/** The nearest package.json above that says what is shipped; undefined when the kernel stands alone. */
export function findDistribution(from: string = import.meta.dirname): Distribution | undefined {
  for (let folder = from; ; folder = dirname(folder)) {
    const found = readDistribution(folder);
    if (found !== undefined) return found;
    if (dirname(folder) === folder) return undefined;
  }
}

function readDistribution(root: string): Distribution | undefined {
  const file = join(root, 'package.json');
  if (!existsSync(file)) return undefined;
  const { rutter } = JSON.parse(readFileSync(file, 'utf8')) as { rutter?: { shipped?: string[]; defaults?: string } };
  if (!Array.isArray(rutter?.shipped)) return undefined;
  const defaultsFile = rutter.defaults === undefined ? undefined : join(root, rutter.defaults);
  return { root, shipped: rutter.shipped, defaultsFile };
}

/** Every shipped plugin, in order of pattern and name. Only manifests are read. */
export async function readShipped({ root, shipped }: Distribution): Promise<readonly PluginPackage[]> {
  const folders = (await Promise.all(shipped.map((pattern) => expand(root, pattern)))).flat();
  const packages = await Promise.all(folders.map(readShippedFolder));
  return packages.filter((found) => found !== undefined);
}

async function expand(root: string, pattern: string): Promise<readonly string[]> {
  if (!pattern.endsWith('/*')) return [join(root, pattern)];
  const parent = join(root, pattern.slice(0, -2));
  const names = await readdir(parent).catch((): string[] => []);
  return names.sort().map((name) => join(parent, name));
}

/** A folder that has been built has its manifest in `dist`; one that has not is known by its package.json alone. */
async function readShippedFolder(folder: string): Promise<PluginPackage | undefined> {
  const packed = await readPackedShipped(join(folder, 'dist'), folder);
  if (packed !== undefined || !existsSync(join(folder, 'package.json'))) return packed;
  const source = await describeFolder(folder).catch(() => undefined);
  return source && { manifest: source.manifest, folder, packed: undefined, origin: 'shipped' };
}

/** The packed plugin in `from`, or undefined when there is none. `folder` is the plugin's own. */
export async function readPackedShipped(from: string, folder: string): Promise<PluginPackage | undefined> {
  const file = join(from, packedNames.manifest);
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const { digest, ...manifest } = parsePacked(text, file);
  const packed = { file: join(from, packedNames.text), map: join(from, packedNames.map), digest };
  return { manifest, folder, packed, origin: 'shipped' };
}

/** The packed text, which must be the one its manifest names. */
export async function readText({ file, digest }: Pick<PackedFile, 'file' | 'digest'>, name: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new RutterError('ERR_PLUGIN_INVALID', `Found no ${file}, expected the packed text of plugin "${name}".`, {
      cause,
    });
  });
  if (digestOf(text) === digest) return text;
  throw new RutterError(
    'ERR_PLUGIN_INVALID',
    `${file} was changed after it was packed: found digest ${digestOf(text)}, expected ${digest}. Pack it again.`,
  );
}

function parsePacked(text: string, file: string): PackedManifest {
  try {
    const manifest: unknown = JSON.parse(text);
    if (typeof manifest === 'object' && manifest !== null && 'digest' in manifest && 'claims' in manifest)
      return manifest as PackedManifest;
  } catch {
    // Said below.
  }
  throw new RutterError('ERR_PLUGIN_INVALID', `${file} is no manifest of a packed plugin. Pack it again.`);
}
