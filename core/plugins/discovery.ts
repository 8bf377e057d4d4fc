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
import { type Manifest, RutterError } from '@rutter/plugin-sdk';
import { describeFolder, type PackedFiles, packedNames, readPackedFiles } from '@rutter/plugin-sdk/pack';
import type { Diagnostic, Place, PluginEntry, TrustSettings } from '../config/types.ts';
import type { RemotePlugins } from '../sources/remote-plugins.ts';
import type { PackCache } from './pack-cache.ts';
import type { SignerMemory } from './signer-memory.ts';
import { statOrNothing } from './source-files.ts';
import { judge, judgeUnpacked } from './trust.ts';
import type { PluginPackage } from './types.ts';

export interface DiscoveryOptions {
  readonly shipped: readonly PluginPackage[];
  readonly entries: readonly PluginEntry[];
  /** The merged file as plain values. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Each folder in it is a plugin; it need not exist. */
  readonly pluginFolder: string;
  /** Plugins that were brought from sources. */
  readonly remote: Pick<RemotePlugins, 'folders' | 'diagnostics'> | undefined;
  readonly cache: PackCache;
  readonly trust: TrustSettings;
  readonly memory: SignerMemory;
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
  const wanted = [...namedFolders(options.entries), ...broughtFolders(options), ...(await droppedFolders(options))];
  const found: Found[] = [];
  for (let start = 0; start < wanted.length; start += packedAtOnce)
    found.push(...(await Promise.all(wanted.slice(start, start + packedAtOnce).map((one) => load(one, options)))));
  const packages = [...options.shipped, ...found.flatMap((one) => one.package ?? [])];
  const byUse = new Map(packages.map((one) => [one.manifest.name, one]));
  for (const { wanted: one, package: loaded } of found) {
    if (loaded === undefined) continue;
    byUse.set(one.folder, loaded);
    if (one.entry !== undefined) byUse.set(one.entry.use, loaded);
    for (const [use, folder] of options.remote?.folders ?? []) if (folder === one.folder) byUse.set(use, loaded);
  }
  return {
    packages,
    byUse,
    diagnostics: [
      ...(options.remote?.diagnostics ?? []),
      ...found.flatMap(({ diagnostic }) => diagnostic ?? []),
      ...duplicates(packages, options.entries),
    ],
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

/** Folders of plugins that came from a source; two addresses may mean the same. */
function broughtFolders({ remote, entries }: DiscoveryOptions): readonly Wanted[] {
  const byFolder = new Map<string, Wanted>();
  for (const [use, folder] of remote?.folders ?? []) {
    const own = entries.filter((entry) => entry.use === use);
    const entry = own.find(({ trust }) => trust) ?? own[0];
    if (entry === undefined) continue;
    const isTrusted = entry.trust || byFolder.get(folder)?.isTrusted === true;
    byFolder.set(folder, { folder, entry, isTrusted });
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
    const known = [name, (await describeUntrusted(folder))?.name];
    const entry = entries.find(({ use }) => known.includes(use));
    wanted.push({ folder, entry, isTrusted: entry?.trust === true && saysTrust(entry, settings) });
  }
  return wanted;
}

/** Its description, read without following links: nobody has said yet that it is trusted. Undefined where there is none. */
async function describeUntrusted(folder: string): Promise<Manifest | undefined> {
  if (await isLink(join(folder, 'package.json'))) return undefined;
  return describeFolder(folder).then(
    ({ manifest }) => manifest,
    () => undefined,
  );
}

const isLink = (path: string): Promise<boolean> =>
  lstat(path).then(
    (found) => found.isSymbolicLink(),
    () => false,
  );

/** A name is trusted by default because it means a shipped plugin; code that was merely dropped needs the word itself. */
export function saysTrust({ place }: PluginEntry, settings: Readonly<Record<string, unknown>>): boolean {
  const [, canary, index] = /^(canary\.)?plugins\[(\d+)\]$/.exec(place.path) ?? [];
  const { plugins } = (canary === undefined ? settings : settings.canary) as { readonly plugins?: unknown };
  const written: unknown = Array.isArray(plugins) ? plugins[Number(index)] : undefined;
  return typeof written === 'object' && written !== null && 'trust' in written;
}

async function load(wanted: Wanted, options: DiscoveryOptions): Promise<Found> {
  const { folder, entry } = wanted;
  if (entry === undefined) return { wanted, package: undefined, diagnostic: tellUnused(wanted) };
  try {
    return { wanted, package: await readJudged({ ...wanted, entry }, options), diagnostic: undefined };
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

/** What is packed is judged by its bytes, what is not by its manifest, before anything of it runs outside of the sandbox. */
async function readJudged(
  { folder, entry, isTrusted }: Wanted & { readonly entry: PluginEntry },
  { cache, trust, memory, settings }: DiscoveryOptions,
): Promise<PluginPackage> {
  const judging = { folder, settings: trust, memory };
  // `trust: false` stands above what a key or a name vouches for.
  const mayBeTrusted = entry.trust || !saysTrust(entry, settings);
  const packed = await readPackedFiles(folder);
  if (packed !== undefined) {
    const judged = judge(packed, judging);
    const origin = isTrusted || (judged.isTrusted && mayBeTrusted) ? 'folder' : 'untrusted';
    if (origin === 'untrusted') await refuseLinks(folder);
    return packageOf(packed, { from: folder, folder, origin, isVouched: judged.isTrusted });
  }
  const manifest = isTrusted ? (await describeFolder(folder)).manifest : await describeUntrusted(folder);
  const judged = manifest && judgeUnpacked(manifest, judging);
  const origin = isTrusted || (judged?.isTrusted && mayBeTrusted) ? 'folder' : 'untrusted';
  const from = await cache.pack(folder, origin === 'folder' ? 'trusted' : 'untrusted');
  const made = await readPackedFiles(from);
  if (made === undefined)
    throw new RutterError('ERR_PLUGIN_INVALID', `Found no packed plugin in ${from}; it was removed from the cache.`);
  // What was described a moment ago may be another by now.
  judgeUnpacked(made.manifest, judging);
  return packageOf(made, { from, folder, origin, isVouched: judged?.isTrusted ?? false });
}

/** A file of a folder that is not trusted stands in it. */
async function refuseLinks(folder: string): Promise<void> {
  for (const name of Object.values(packedNames))
    if (await isLink(join(folder, name)))
      throw new RutterError(
        'ERR_PLUGIN_INVALID',
        `${join(folder, name)} is a link; the plugin's folder is not trusted, and links in it are not followed.`,
      );
}

function packageOf(
  { manifest: { digest, ...manifest }, text }: PackedFiles,
  { from, ...rest }: { readonly from: string } & Pick<PluginPackage, 'folder' | 'origin' | 'isVouched'>,
): PluginPackage {
  const packed = { file: join(from, packedNames.text), map: join(from, packedNames.map), digest, text };
  return { manifest, packed, ...rest };
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
