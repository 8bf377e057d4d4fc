/**
 * Puts a packed plugin into a source: its files first, under names of their
 * own, then the index, only over the version it was read as.
 *
 * Invariant: whoever reads the index finds every file it names, and no two
 * publishers lose each other's entry.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, RutterError, type Source } from '@rutter/plugin-sdk';
import { readPackedFiles } from '@rutter/plugin-sdk/pack';
import {
  digestOfBytes,
  type FileDigests,
  fileKey,
  fileLimits,
  indexKey,
  indexText,
  type PluginAddress,
  readIndex,
} from './plugin-index.ts';

export interface Published {
  readonly name: string;
  readonly version: string;
  /** False when the very same files were there already. */
  readonly isNew: boolean;
}

const attempts = 30;

/** ERR_PLUGIN_INVALID for a folder that is not packed; ERR_REQUEST_CONFLICT for a version that is taken by other files. */
export async function publish(
  folder: string,
  {
    source,
    prefix,
    clock,
  }: { readonly source: Source; readonly clock: Pick<Clock, 'sleep'> } & Pick<PluginAddress, 'prefix'>,
): Promise<Published> {
  const packed = await readPackedFiles(folder);
  if (packed === undefined)
    throw new RutterError(
      'ERR_PLUGIN_INVALID',
      `Found no packed plugin in ${folder}, expected what "rutter-plugin pack" has made.`,
    );
  const { name, version } = packed.manifest;
  const files = await filesOf(folder);
  const digests: FileDigests = Object.fromEntries(files.map(({ file, digest }) => [file, digest]));
  for (const { file, digest, bytes } of files)
    await source.put(fileKey(prefix, { name, version, file, digest }), bytes, { ifNoneMatch: '*' });
  const key = indexKey(prefix);
  for (let attempt = 1; attempt <= attempts; attempt += 1) {
    const found = await source.get(key);
    if (found === 'unchanged') throw new RutterError('ERR_KERNEL_INTERNAL', 'A source said "unchanged" of nothing.');
    const { plugins } = found === undefined ? { plugins: new Map() } : readIndex(found.body, key);
    const versions: ReadonlyMap<string, FileDigests> = plugins.get(name) ?? new Map();
    const earlier = versions.get(version);
    if (earlier !== undefined && sameFiles(earlier, digests)) return { name, version, isNew: attempt > 1 };
    if (earlier !== undefined)
      throw new RutterError(
        'ERR_REQUEST_INVALID',
        `"${name}" ${version} is published already, with other files. Give it another version: what is published does not change.`,
      );
    const next = { plugins: new Map([...plugins, [name, new Map([...versions, [version, digests]])]]) };
    const condition = found === undefined ? ({ ifNoneMatch: '*' } as const) : { ifMatch: found.etag };
    await source.put(key, new TextEncoder().encode(indexText(next)), condition);
    // Read again whatever the server said: only what stands there is published.
    await clock.sleep(attempt === 1 ? 0 : Math.min(50 * attempt, 1000) * Math.random());
  }
  throw new RutterError(
    'ERR_PROVIDER_UNAVAILABLE',
    `The index ${key} kept changing; tried ${attempts} times. Publish again.`,
  );
}

async function filesOf(folder: string) {
  const files = await Promise.all(
    Object.keys(fileLimits).map(async (file) => {
      const bytes = await readFile(join(folder, file)).catch(() => undefined);
      return bytes === undefined ? [] : [{ file, bytes: Uint8Array.from(bytes), digest: digestOfBytes(bytes) }];
    }),
  );
  return files.flat();
}

const sameFiles = (a: FileDigests, b: FileDigests): boolean =>
  JSON.stringify(Object.entries(a).sort()) === JSON.stringify(Object.entries(b).sort());
