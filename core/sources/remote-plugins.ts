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
import type { Diagnostic, PluginEntry } from '../config/types.ts';
import { isAddress, nameOf } from './address.ts';
import type { BlobStore } from './blob-store.ts';
import type { Locked } from './lock-file.ts';
import {
  digestOfBytes,
  fileKey,
  fileLimits,
  indexKey,
  type PluginAddress,
  type PluginIndex,
  readAddress,
  readIndex,
} from './plugin-index.ts';
import type { RemoteReading } from './remote-files.ts';
import type { SourceChoice, SourceTable } from './source-table.ts';

export interface RemotePlugins {
  /** Folder of the packed files, by the address that called for it. */
  readonly folders: ReadonlyMap<string, string>;
  readonly locked: ReadonlyMap<string, Locked>;
  readonly diagnostics: readonly Diagnostic[];
}

export interface RemotePluginOptions {
  readonly table: SourceTable;
  /** Where packed plugins are kept. */
  readonly folder: string;
  readonly store: BlobStore;
  /** What an address stood for when it ran last. */
  locked(use: string): Promise<Locked | undefined>;
}

interface Read extends Omit<SourceChoice, 'place'> {
  readonly reading: RemoteReading;
}

const mostStored = 100;
const mostParsed = 4;

export class RemotePluginReader {
  readonly #options: RemotePluginOptions;
  /** The index that was read last, by the digest of its text. */
  readonly #parsed = new Map<string, PluginIndex>();

  constructor(options: RemotePluginOptions) {
    this.#options = options;
  }

  async read(read: Read): Promise<RemotePlugins> {
    const folders = new Map<string, string>();
    const found = new Map<string, Locked>();
    const diagnostics: Diagnostic[] = [];
    for (const entry of read.configuration.plugins) {
      if (!isAddress(entry.use) || folders.has(entry.use)) continue;
      try {
        const { locked, warning, folder } = await this.#bring(entry, read);
        folders.set(entry.use, folder);
        found.set(entry.use, locked);
        if (warning !== undefined) diagnostics.push(diagnosticAt(entry, 'warning', warning));
      } catch (error) {
        diagnostics.push(diagnosticAt(entry, 'error', RutterError.from(error, 'ERR_PLUGIN_INVALID').message));
      }
    }
    return { folders, locked: found, diagnostics };
  }

  async #bring(
    entry: PluginEntry,
    { reading, ...choice }: Read,
  ): Promise<{ readonly locked: Locked; readonly folder: string; readonly warning?: string }> {
    const address = readAddress(entry.use);
    const { scheme, bucket, prefix } = address;
    const key = indexKey(prefix);
    const name = nameOf({ scheme, bucket, key });
    try {
      const source = await this.#options.table.open(scheme, bucket, { ...choice, place: entry.place });
      const index = await this.#index(await reading.get({ source, name, key }), name);
      const locked = choose(index, address);
      return { locked, folder: await this.#fetch(source, address, locked) };
    } catch (error) {
      // What is wrong in the index, or in the configuration, is said; what is merely away is bridged.
      const isWrong = RutterError.is(error) && ['ERR_PLUGIN_INVALID', 'ERR_CONFIG_INVALID'].includes(error.code);
      if (isWrong) throw error;
      reading.doubt({ name });
      const locked = await this.#options.locked(entry.use);
      const folder = locked && (await this.#stored(locked));
      if (locked === undefined || folder === undefined) throw error;
      const { message } = RutterError.from(error);
      return { locked, folder, warning: `Its source is away, ${locked.version} goes on: ${message}` };
    }
  }

  async #index(digest: string | undefined, name: string): Promise<PluginIndex> {
    const known = digest === undefined ? undefined : this.#parsed.get(digest);
    if (known !== undefined) return known;
    const bytes = digest === undefined ? undefined : await this.#options.store.read(digest);
    if (digest === undefined || bytes === undefined)
      throw invalid(`${name}: there is no such index; publish a plugin there first`);
    const index = readIndex(bytes, name);
    const [oldest] = this.#parsed.keys();
    if (this.#parsed.size >= mostParsed && oldest !== undefined) this.#parsed.delete(oldest);
    this.#parsed.set(digest, index);
    return index;
  }

  /** Named by the digest of its manifest, which names that of its text. */
  #folderOf({ files }: Locked): string {
    // A lock file may be damaged: its words lead nowhere else.
    const digest = files[packedNames.manifest] ?? '';
    if (!/^[0-9a-f]{64}$/.test(digest)) throw invalid('plugins.lock.json names no digest');
    const signature = Object.values(files).sort().join('');
    return join(this.#options.folder, `${digest}-${digestOfBytes(Buffer.from(signature)).slice(0, 16)}`);
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
      await this.#settle(draft, { folder, locked });
    } finally {
      await rm(draft, { recursive: true, force: true });
    }
    await this.#prune();
    return folder;
  }

  /** Another process may have brought it meanwhile, and may be reading it: what is whole is left alone. */
  async #settle(
    draft: string,
    { folder, locked }: { readonly folder: string; readonly locked: Locked },
  ): Promise<void> {
    try {
      await rename(draft, folder);
    } catch {
      if ((await this.#stored(locked)) !== undefined) return;
      await rm(folder, { recursive: true, force: true });
      await rename(draft, folder);
    }
  }

  /** Forgets what has been out of use longest. */
  async #prune(): Promise<void> {
    const names = await readdir(this.#options.folder);
    if (names.length <= mostStored) return;
    const aged = await Promise.all(
      names.map(async (name) => ({
        name,
        usedAt: (await stat(join(this.#options.folder, name)).catch(() => undefined))?.mtimeMs ?? 0,
      })),
    );
    for (const { name } of aged.toSorted((a, b) => a.usedAt - b.usedAt).slice(0, names.length - mostStored))
      await rm(join(this.#options.folder, name), { recursive: true, force: true });
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
