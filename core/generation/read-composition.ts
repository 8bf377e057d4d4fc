/** From files to a composition: configuration, plugins at hand, and what the one calls for of the other. */
import { join, resolve } from 'node:path';
import type { RemoteTexts } from '../config/read.ts';
import type { Configuration, Diagnostic, PluginEntry } from '../config/types.ts';
import { claimedNames, compose } from '../plugins/compose.ts';
import { type Discovery, discover } from '../plugins/discovery.ts';
import { type Distribution, readShipped } from '../plugins/distribution.ts';
import type { PackCache } from '../plugins/pack-cache.ts';
import type { Composition } from '../plugins/plan.ts';
import { SignerMemory } from '../plugins/signer-memory.ts';
import type { PluginPackage } from '../plugins/types.ts';
import { isAddress } from '../sources/address.ts';
import { bringArtefacts } from '../sources/artefacts.ts';
import type { SourceReading, Sources } from '../sources/sources.ts';

export interface KnownNames {
  /** Undefined leaves them unchecked. */
  readonly knownPrefixes: readonly string[] | undefined;
  readonly knownStrategies: readonly string[] | undefined;
}

/** `text` stands in place of the main file's, for a look at what it would do; `remote` reads what addresses name. */
export type ReadConfiguration = (
  known: KnownNames,
  text?: string,
  remote?: RemoteTexts,
) => Promise<
  | { readonly configuration: Configuration }
  /** Refused; `files` took part all the same. */
  | { readonly diagnostics: readonly Diagnostic[]; readonly files?: readonly string[] }
>;

/** The same reading, telling of each configuration before anything that it names in a source is asked for. */
export function telling(
  read: ReadConfiguration,
  tell: (configuration: Configuration) => Promise<void>,
): ReadConfiguration {
  return async (known, text, remote) => {
    const tellingOfLocal: RemoteTexts | undefined = remote && {
      async read(address, place, local) {
        await tell(local);
        return remote.read(address, place, local);
      },
    };
    const found = await read(known, text, tellingOfLocal);
    if ('configuration' in found) await tell(found.configuration);
    return found;
  };
}

export interface CompositionOptions {
  readonly readConfiguration: ReadConfiguration;
  readonly distribution: Distribution | undefined;
  readonly cache: PackCache;
  readonly dataFolder: string;
  /** What is named by address; nothing is at hand when absent. */
  readonly sources?: Sources;
  /** Services the kernel provides, and those it needs. */
  readonly provided: readonly string[];
  readonly required: readonly string[];
}

export interface ReadComposition {
  readonly configuration: Configuration;
  readonly composition: Composition;
  readonly warnings: readonly Diagnostic[];
  /** What a share of the credentials is to be served by in its stead. */
  readonly canary?: { readonly share: number; readonly read: ReadComposition };
}

export type CompositionResult = ReadComposition | { readonly diagnostics: readonly Diagnostic[] };

interface Read {
  readonly configuration: Configuration;
  readonly discovery: Discovery;
  /** Plugins at hand for the canary, where there is one. */
  readonly forCanary: Discovery | undefined;
}

interface Look {
  readonly text?: string | undefined;
  readonly isTrial?: boolean;
}

interface Given {
  readonly shipped: readonly PluginPackage[];
  readonly text?: string | undefined;
  readonly reading: SourceReading | undefined;
}

export class CompositionReader {
  readonly #options: CompositionOptions;
  /** Names of the last reading: a good guess, which saves reading twice. */
  #known: KnownNames | undefined;
  #files: readonly string[] = [];
  /** Of a reading that did not get as far as a composition. */
  #refusedFiles: readonly string[] = [];
  #folders: readonly string[] = [];

  constructor(options: CompositionOptions) {
    this.#options = options;
    this.#folders = [this.#pluginFolder(undefined)];
  }

  /** Files and folders that took part in the last reading, refused or not; where it was refused early, those of the one before too. */
  get watched(): { readonly files: readonly string[]; readonly folders: readonly string[] } {
    const files = [...new Set([...this.#files, ...this.#refusedFiles])];
    return { files: files.filter((file) => !isAddress(file)), folders: this.#folders };
  }

  /** `text`, when given, is read in place of the main file. A trial is a mere look: changes since the reading before it are still told. */
  async read({ text, isTrial = false }: Look = {}): Promise<CompositionResult> {
    const { distribution, sources } = this.#options;
    const shipped = distribution === undefined ? [] : await readShipped(distribution);
    const packages = async (configuration: Configuration) =>
      (await this.#discover(configuration, { shipped, reading: undefined })).discovery.packages;
    const reading = sources?.reading(packages);
    const result = await this.#readAll({ shipped, text, reading });
    if (reading !== undefined && !isTrial) sources?.adopt(reading, { isWhole: 'composition' in result });
    return result;
  }

  async #readAll(given: Given): Promise<CompositionResult> {
    const read = await this.#readWith(given);
    if ('diagnostics' in read) return read;
    const { configuration, discovery, forCanary } = read;
    const { reading } = given;
    const stable = await this.#compose(configuration, discovery, reading);
    if ('diagnostics' in stable || configuration.canary === undefined || forCanary === undefined) return stable;
    const canary = await this.#compose(withCanary(configuration), forCanary, reading);
    return 'diagnostics' in canary
      ? canary
      : { ...stable, canary: { share: configuration.canary.share, read: canary } };
  }

  async #compose(
    configuration: Configuration,
    discovery: Discovery,
    reading: SourceReading | undefined,
  ): Promise<CompositionResult> {
    const { provided, required, distribution } = this.#options;
    const { packages, byUse } = discovery;
    const found = discovery.diagnostics;
    if (found.some(({ severity }) => severity === 'error')) return { diagnostics: found };
    const result = compose({
      configuration,
      packages,
      byUse,
      defaultsFile: distribution?.defaultsFile,
      provided,
      required,
    });
    if ('diagnostics' in result) return { diagnostics: [...found, ...result.diagnostics] };
    const brought = reading && (await bringArtefacts(result.composition, { configuration, packages, reading }));
    if (brought?.diagnostics.some(({ severity }) => severity === 'error'))
      return { diagnostics: [...found, ...brought.diagnostics] };
    const { composition } = brought ?? result;
    const warnings = [...configuration.warnings, ...found, ...composition.warnings, ...(brought?.diagnostics ?? [])];
    return { configuration, composition, warnings };
  }

  /**
   * Which prefixes and strategies there are depends on the plugins, and which
   * plugins on the configuration. The names known so far are tried first; when
   * they do not fit, a look at the file without checking them finds the plugins.
   */
  async #readWith(given: Given): Promise<Read | { readonly diagnostics: readonly Diagnostic[] }> {
    const { shipped, text, reading } = given;
    const remote = reading && remoteTexts(reading);
    const readConfiguration = (known: KnownNames) => this.#options.readConfiguration(known, text, remote);
    const guess = this.#known ?? namesOf(shipped);
    const strict = await readConfiguration(guess);
    const unchecked = { knownPrefixes: undefined, knownStrategies: undefined };
    const first = 'configuration' in strict ? strict : await readConfiguration(unchecked);
    if ('diagnostics' in first) {
      this.#refusedFiles = first.files ?? [];
      return 'diagnostics' in strict ? strict : first;
    }
    const { discovery, forCanary } = await this.#discover(first.configuration, given);
    const folders = [...discovery.folders, ...(forCanary?.folders ?? [])];
    this.#files = first.configuration.files;
    this.#refusedFiles = [];
    this.#folders = [...new Set([this.#pluginFolder(first.configuration), ...folders])];
    const names = namesOf([...discovery.packages, ...(forCanary?.packages ?? [])]);
    this.#known = names;
    const isCertain = 'configuration' in strict && JSON.stringify(names) === JSON.stringify(guess);
    const last = isCertain ? strict : await readConfiguration(names);
    return 'diagnostics' in last ? last : { configuration: last.configuration, discovery, forCanary };
  }

  /** Two versions of one plugin may stand in the file, one of them in the canary: each side finds its own. */
  async #discover(
    configuration: Configuration,
    { shipped, reading }: Omit<Given, 'text'>,
  ): Promise<Pick<Read, 'discovery' | 'forCanary'>> {
    const { plugins, canary, settings, trust } = configuration;
    const remote = await reading?.plugins({ ...configuration, plugins: [...plugins, ...(canary?.plugins ?? [])] });
    const among = (entries: readonly PluginEntry[]) =>
      discover({
        remote,
        shipped,
        entries,
        settings,
        pluginFolder: this.#pluginFolder(configuration),
        trust,
        memory: new SignerMemory(join(this.#options.dataFolder, 'plugin-signers.json')),
        cache: this.#options.cache,
      });
    const discovery = await among(plugins);
    return { discovery, forCanary: canary && (await among(withCanary(configuration).plugins)) };
  }

  #pluginFolder(configuration: Configuration | undefined): string {
    return resolve(configuration?.kernel.pluginFolder ?? join(this.#options.dataFolder, 'plugins'));
  }
}

/** The configuration as the canary's side reads it: its entries in the stead of those of the same name. */
function withCanary(configuration: Configuration): Configuration {
  const { canary, plugins } = configuration;
  const byName = new Map(plugins.map((entry) => [entry.as, entry]));
  for (const entry of canary?.plugins ?? []) byName.set(entry.as, entry);
  return { ...configuration, plugins: [...byName.values()] };
}

function namesOf(packages: readonly PluginPackage[]): KnownNames {
  const { prefixes, strategies } = claimedNames(packages);
  return { knownPrefixes: prefixes, knownStrategies: strategies };
}

function remoteTexts(reading: SourceReading): RemoteTexts {
  return {
    async read(address, place, configuration) {
      const { bytes, warning } = await reading.bring(address, { configuration, place });
      return { text: new TextDecoder('utf-8', { fatal: true }).decode(await bytes()), warning };
    },
  };
}
