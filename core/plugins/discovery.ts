/**
 * Finds the plugins a composition can choose from: shipped ones, folders that
 * the configuration names, and those in the watched plugin folder.
 *
 * Invariant: nothing of a folder runs in this process, not even to pack it,
 * unless an entry of the configuration trusts it; without any entry nothing of
 * it runs at all.
 */
import { lstat, readdir } from 'node:fs/promises';
import { basename, isAbsolute, join } from 'node:path';
import { RutterError } from '@rutter/plugin-sdk';
import { describeFolder } from '@rutter/plugin-sdk/pack';
import type { Diagnostic, Place, PluginEntry } from '../config/types.ts';
import { readPacked } from './distribution.ts';
import type { PackCache } from './pack-cache.ts';
import { statOrNothing } from './source-files.ts';
import type { PluginPackage } from './types.ts';

export interface DiscoveryOptions {
  readonly shipped: readonly PluginPackage[];
  readonly entries: readonly PluginEntry[];
  /** The merged file as plain values. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Each folder in it is a plugin; it need not exist. */
  readonly pluginFolder: string;
  readonly cache: PackCache;
}

export interface Discovery {
  readonly packages: readonly PluginPackage[];
  /** The package an entry's `use` means. */
  readonly byUse: ReadonlyMap<string, PluginPackage>;
  readonly diagnostics: readonly Diagnostic[];
  /** Folders whose changes matter, the plugin folder not among them. */
  readonly folders: readonly string[];
}

const mostPlugins = 200;
const packedAtOnce = 4;

interface Wanted {
  readonly folder: string;
  /** The entry that calls for it; undefined for one that merely lies in the plugin folder. */
  readonly entry: PluginEntry | undefined;
  readonly isTrusted: boolean;
}

interface Found {
  readonly wanted: Wanted;
  readonly package: PluginPackage | undefined;
  readonly diagnostic: Diagnostic | undefined;
}

export async function discover(options: DiscoveryOptions): Promise<Discovery> {
  const wanted = [...namedFolders(options.entries), ...(await droppedFolders(options))];
  const found: Found[] = [];
  for (let start = 0; start < wanted.length; start += packedAtOnce)
    found.push(
      ...(await Promise.all(wanted.slice(start, start + packedAtOnce).map((one) => load(one, options.cache)))),
    );
  const packages = [...options.shipped, ...found.flatMap((one) => one.package ?? [])];
  const byUse = new Map(packages.map((one) => [one.manifest.name, one]));
  for (const { wanted: one, package: loaded } of found) {
    if (loaded === undefined) continue;
    byUse.set(one.folder, loaded);
    if (one.entry !== undefined) byUse.set(one.entry.use, loaded);
  }
  return {
    packages,
    byUse,
    diagnostics: [...found.flatMap(({ diagnostic }) => diagnostic ?? []), ...duplicates(packages, options.entries)],
    folders: namedFolders(options.entries).map(({ folder }) => folder),
  };
}

/** Folders named by entries, each once; trust by any entry is trust. */
function namedFolders(entries: readonly PluginEntry[]): readonly Wanted[] {
  const byFolder = new Map<string, Wanted>();
  for (const entry of entries) {
    const earlier = byFolder.get(entry.use)?.entry;
    if (isAbsolute(entry.use) && (earlier === undefined || (entry.trust && !earlier.trust)))
      byFolder.set(entry.use, { folder: entry.use, entry, isTrusted: entry.trust });
  }
  return [...byFolder.values()];
}

async function droppedFolders({ pluginFolder, entries, settings }: DiscoveryOptions): Promise<readonly Wanted[]> {
  const names = await readdir(pluginFolder).catch((): string[] => []);
  const wanted: Wanted[] = [];
  for (const name of names.sort().slice(0, mostPlugins)) {
    const folder = join(pluginFolder, name);
    if (name.startsWith('.') || entries.some(({ use }) => use === folder)) continue;
    if (!(await statOrNothing(folder))?.isDirectory()) continue;
    const known = [name, await nameIn(folder)];
    const entry = entries.find(({ use }) => known.includes(use));
    wanted.push({ folder, entry, isTrusted: entry?.trust === true && saysTrust(entry, settings) });
  }
  return wanted;
}

/** The name its description gives it. Read without following links: nobody has said yet that it is trusted. */
async function nameIn(folder: string): Promise<string | undefined> {
  if (await isLink(join(folder, 'package.json'))) return undefined;
  return describeFolder(folder).then(
    ({ manifest }) => manifest.name,
    () => undefined,
  );
}

const isLink = (path: string): Promise<boolean> =>
  lstat(path).then(
    (found) => found.isSymbolicLink(),
    () => false,
  );

/** A name is trusted by default because it means a shipped plugin; code that was merely dropped needs the word itself. */
function saysTrust({ place }: PluginEntry, settings: Readonly<Record<string, unknown>>): boolean {
  const index = /^plugins\[(\d+)\]$/.exec(place.path)?.[1];
  const written: unknown = Array.isArray(settings.plugins) ? settings.plugins[Number(index)] : undefined;
  return typeof written === 'object' && written !== null && 'trust' in written;
}

async function load(wanted: Wanted, cache: PackCache): Promise<Found> {
  const { folder, entry, isTrusted } = wanted;
  if (entry === undefined) return { wanted, package: undefined, diagnostic: tellUnused(wanted) };
  try {
    if (!isTrusted) {
      const sandboxed = await readPacked(await cache.pack(folder, 'untrusted'), folder, 'untrusted');
      return { wanted, package: sandboxed, diagnostic: undefined };
    }
    const packed = await readPacked(folder, folder, 'folder');
    const found = packed ?? (await readPacked(await cache.pack(folder), folder, 'folder'));
    return { wanted, package: found, diagnostic: undefined };
  } catch (error) {
    const { message } = RutterError.from(error, 'ERR_PLUGIN_INVALID');
    const diagnostic: Diagnostic = {
      severity: 'error',
      message,
      found: folder,
      expected: 'a plugin that packs',
      place: entry.place,
    };
    return { wanted, package: undefined, diagnostic };
  }
}

function tellUnused({ folder }: Wanted): Diagnostic {
  return {
    severity: 'warning',
    message: `Plugin "${basename(folder)}" lies in the plugin folder and no entry names it: it is not used.`,
    found: folder,
    expected: `an entry "use: ${basename(folder)}" under "plugins", with "trust: true" if you trust its code; it runs in the sandbox else`,
    place: placeOfFolder(folder),
  };
}

const placeOfFolder = (folder: string): Place => ({ file: folder, line: 1, column: 1, path: '' });

function duplicates(packages: readonly PluginPackage[], entries: readonly PluginEntry[]): readonly Diagnostic[] {
  return [...Map.groupBy(packages, ({ manifest }) => manifest.name)].flatMap(([name, same]) => {
    const [first, second] = same;
    if (first === undefined || second === undefined) return [];
    const place =
      entries.find(({ use }) => use === second.folder || use === name)?.place ?? placeOfFolder(second.folder);
    return {
      severity: 'error' as const,
      message: `Two plugins are named "${name}".`,
      found: `${first.folder} and ${second.folder}`,
      expected: 'a name of its own for each; change "rutter.name" in one package.json',
      place,
    };
  });
}
