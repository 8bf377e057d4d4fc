/**
 * Plugins that the configuration names by address: found in the index of
 * their source, brought into the data folder once, and looked after.
 *
 * Invariant: a file is written only under the digest it has; what a version
 * was once, it stays.
 */
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { RutterError, type Source } from '@rutter/plugin-sdk';
import { newestIn, packedNames } from '@rutter/plugin-sdk/pack';
import type { Configuration, Diagnostic, PluginEntry } from '../config/types.ts';
import type { KernelServices } from '../plugins/kernel-services.ts';
import type { PluginPackage } from '../plugins/types.ts';
import { type Locked, LockFile } from './lock-file.ts';
import {
  digestOfBytes,
  fileKey,
  fileLimits,
  indexKey,
  isAddress,
  type PluginAddress,
  type PluginIndex,
  readAddress,
  readIndex,
} from './plugin-index.ts';
import { type SourceChoice, SourceTable } from './source-table.ts';

interface KnownIndex {
  readonly source: Source;
  readonly key: string;
  /** Undefined where it could not be asked for. */
  readonly etag: string | undefined;
  /** Undefined where it could not be read. */
  readonly index: PluginIndex | undefined;
}

export interface RemotePlugins {
  /** Folder of the packed files, by the address that called for it. */
  readonly folders: ReadonlyMap<string, string>;
  readonly diagnostics: readonly Diagnostic[];
}

interface Read {
  readonly configuration: Configuration;
  readonly shipped: readonly PluginPackage[];
}

const mostStored = 100;

export class RemotePluginReader {
  readonly #table: SourceTable;
  readonly #folder: string;
  readonly #lock: LockFile;
  /** By bucket and key; those of the last reading. */
  #indexes = new Map<string, KnownIndex>();
  #found = new Map<string, Locked>();

  constructor(kernel: KernelServices) {
    this.#table = new SourceTable(kernel);
    this.#folder = join(kernel.dataFolder, 'plugin-store');
    this.#lock = new LockFile(join(kernel.dataFolder, 'plugins.lock.json'));
  }

  open({ scheme, bucket }: Pick<PluginAddress, 'scheme' | 'bucket'>, choice: SourceChoice): Promise<Source> {
    return this.#table.open(scheme, bucket, choice);
  }

  async read(read: Read): Promise<RemotePlugins> {
    const entries = read.configuration.plugins.filter(({ use }) => isAddress(use));
    const folders = new Map<string, string>();
    const diagnostics: Diagnostic[] = [];
    const indexes = new Map<string, KnownIndex>();
    const found = new Map<string, Locked>();
    for (const entry of entries) {
      if (folders.has(entry.use)) continue;
      try {
        const { locked, warning, folder } = await this.#bring(entry, { ...read, indexes });
        folders.set(entry.use, folder);
        found.set(entry.use, locked);
        if (warning !== undefined) diagnostics.push(diagnosticAt(entry, 'warning', warning));
      } catch (error) {
        diagnostics.push(diagnosticAt(entry, 'error', RutterError.from(error, 'ERR_PLUGIN_INVALID').message));
      }
    }
    // Those that could not be read are still to be looked at: they may be back.
    for (const [key, known] of this.#indexes) if (!indexes.has(key) && entries.length > 0) indexes.set(key, known);
    this.#indexes = indexes;
    this.#found = found;
    return { folders, diagnostics };
  }

  /** Whether an index differs from what was read last. What is away has not changed. */
  async haveChanged(): Promise<boolean> {
    const looks = [...this.#indexes.values()].map(async ({ source, key, etag }) => {
      const found = await source.get(key, etag === undefined ? {} : { etag });
      return found !== 'unchanged' && found !== undefined;
    });
    const results = await Promise.allSettled(looks);
    return results.some((result) => result.status === 'fulfilled' && result.value);
  }

  /** Remembers that what was read last is in force. */
  keep(): Promise<void> {
    return this.#found.size === 0 ? Promise.resolve() : this.#lock.write(this.#found);
  }

  close(): Promise<void> {
    return this.#table.close();
  }

  async #bring(
    entry: PluginEntry,
    read: Read & { readonly indexes: Map<string, KnownIndex> },
  ): Promise<{ readonly locked: Locked; readonly folder: string; readonly warning?: string }> {
    const address = readAddress(entry.use);
    const source = await this.#table.open(address.scheme, address.bucket, { ...read, entry });
    try {
      const index = await this.#index(source, address, read.indexes);
      const locked = choose(index, address);
      return { locked, folder: await this.#fetch(source, address, locked) };
    } catch (error) {
      // What is wrong in the index is said; what is merely away is bridged.
      if (RutterError.is(error) && error.code === 'ERR_PLUGIN_INVALID') throw error;
      const locked = await this.#lock.find(entry.use);
      const folder = locked && (await this.#stored(locked));
      if (locked === undefined || folder === undefined) throw error;
      const { message } = RutterError.from(error);
      return { locked, folder, warning: `Its source is away, ${locked.version} goes on: ${message}` };
    }
  }

  async #index(
    source: Source,
    { scheme, bucket, prefix }: PluginAddress,
    indexes: Map<string, KnownIndex>,
  ): Promise<PluginIndex> {
    const key = indexKey(prefix);
    const name = `${scheme}://${bucket}/${key}`;
    const fresh = indexes.get(name)?.index;
    if (fresh !== undefined) return fresh;
    const last = this.#indexes.get(name);
    const known = last?.source === source && last.index !== undefined ? last : undefined;
    // Looked at from now on, whatever comes of this: what is away or broken may be mended.
    indexes.set(name, known ?? { source, key, etag: undefined, index: undefined });
    const found = await source.get(key, known?.etag === undefined ? {} : { etag: known.etag });
    if (found === undefined) throw invalid(`${name}: there is no such index; publish a plugin there first`);
    if (found === 'unchanged') {
      if (known?.index !== undefined) return known.index;
      throw new RutterError('ERR_KERNEL_INTERNAL', 'A source said "unchanged" of nothing.');
    }
    // One that cannot be read is told of once, not at every look.
    indexes.set(name, { source, key, etag: found.etag, index: undefined });
    const index = readIndex(found.body, name);
    indexes.set(name, { source, key, etag: found.etag, index });
    return index;
  }

  /** Named by the digest of its manifest, which names that of its text. */
  #folderOf({ files }: Locked): string {
    // A lock file may be damaged: its words lead nowhere else.
    const digest = files[packedNames.manifest] ?? '';
    if (!/^[0-9a-f]{64}$/.test(digest)) throw invalid('plugins.lock.json names no digest');
    const signature = Object.values(files).sort().join('');
    return join(this.#folder, `${digest}-${digestOfBytes(Buffer.from(signature)).slice(0, 16)}`);
  }

  /** Its folder when it is whole on disk, every file compared with its digest. */
  async #stored(locked: Locked): Promise<string | undefined> {
    const folder = this.#folderOf(locked);
    for (const [file, digest] of Object.entries(locked.files)) {
      if (!Object.hasOwn(fileLimits, file)) return undefined;
      const bytes = await readFile(join(folder, file)).catch(() => undefined);
      if (bytes === undefined || digestOfBytes(bytes) !== digest) return undefined;
    }
    const now = Date.now() / 1000;
    await utimes(folder, now, now).catch(() => {});
    return folder;
  }

  async #fetch(source: Source, address: PluginAddress, locked: Locked): Promise<string> {
    const stored = await this.#stored(locked);
    if (stored !== undefined) return stored;
    const folder = this.#folderOf(locked);
    const draft = `${folder}.${process.pid}.draft`;
    await rm(draft, { recursive: true, force: true });
    await mkdir(draft, { recursive: true });
    try {
      for (const [file, digest] of Object.entries(locked.files)) {
        const bytes = await fetchFile(source, fileKey(address.prefix, { ...locked, file, digest }), { file, digest });
        await writeFile(join(draft, file), bytes, { flag: 'wx' });
      }
      await rm(folder, { recursive: true, force: true });
      await rename(draft, folder);
    } finally {
      await rm(draft, { recursive: true, force: true });
    }
    await this.#prune();
    return folder;
  }

  /** Forgets what has been out of use longest. */
  async #prune(): Promise<void> {
    const names = await readdir(this.#folder);
    if (names.length <= mostStored) return;
    const aged = await Promise.all(
      names.map(async (name) => ({
        name,
        usedAt: (await stat(join(this.#folder, name)).catch(() => undefined))?.mtimeMs ?? 0,
      })),
    );
    for (const { name } of aged.toSorted((a, b) => a.usedAt - b.usedAt).slice(0, names.length - mostStored))
      await rm(join(this.#folder, name), { recursive: true, force: true });
  }
}

async function fetchFile(
  source: Source,
  key: string,
  { file, digest }: { readonly file: string; readonly digest: string },
): Promise<Uint8Array> {
  const found = await source.get(key);
  if (found === undefined || found === 'unchanged')
    throw invalid(`${key}: the index names this file, and there is none`);
  const most = fileLimits[file] ?? 0;
  if (found.body.length > most) throw invalid(`${key}: found ${found.body.length} bytes, expected at most ${most}`);
  const actual = digestOfBytes(found.body);
  if (actual !== digest) throw invalid(`${key}: found digest ${actual}, expected ${digest} as the index says`);
  return found.body;
}

function choose({ plugins }: PluginIndex, { name, range }: PluginAddress): Locked {
  const versions = plugins.get(name);
  if (versions === undefined)
    throw invalid(
      `there is no plugin "${name}" in the index; found ${[...plugins.keys()].join(', ').slice(0, 400) || 'none'}`,
    );
  const version = newestIn([...versions.keys()], range);
  const files = version === undefined ? undefined : versions.get(version);
  if (version === undefined || files === undefined)
    throw invalid(`no version of "${name}" lies in ${range}; found ${[...versions.keys()].join(', ').slice(0, 400)}`);
  return { name, version, files };
}

const invalid = (message: string) => new RutterError('ERR_PLUGIN_INVALID', `${message}.`);

const diagnosticAt = (entry: PluginEntry, severity: Diagnostic['severity'], message: string): Diagnostic => ({
  severity,
  message,
  found: entry.use,
  expected: 'a plugin that its source has',
  place: entry.place,
});
