/** From files to a composition: configuration, plugins at hand, and what the one calls for of the other. */
import { join, resolve } from 'node:path';
import type { Configuration, Diagnostic } from '../config/types.ts';
import { claimedNames, compose } from '../plugins/compose.ts';
import { type Discovery, discover } from '../plugins/discovery.ts';
import { type Distribution, readShipped } from '../plugins/distribution.ts';
import type { PackCache } from '../plugins/pack-cache.ts';
import type { Composition } from '../plugins/plan.ts';
import { SignerMemory } from '../plugins/signer-memory.ts';
import type { PluginPackage } from '../plugins/types.ts';
import type { RemotePluginReader } from '../sources/remote-plugins.ts';

export interface KnownNames {
  /** Undefined leaves them unchecked. */
  readonly knownPrefixes: readonly string[] | undefined;
  readonly knownStrategies: readonly string[] | undefined;
}

/** `text` stands in place of the main file's, for a look at what it would do. */
export type ReadConfiguration = (
  known: KnownNames,
  text?: string,
) => Promise<
  | { readonly configuration: Configuration }
  /** Refused; `files` took part all the same. */
  | { readonly diagnostics: readonly Diagnostic[]; readonly files?: readonly string[] }
>;

export interface CompositionOptions {
  readonly readConfiguration: ReadConfiguration;
  readonly distribution: Distribution | undefined;
  readonly cache: PackCache;
  readonly dataFolder: string;
  /** Plugins from sources; none are at hand when absent. */
  readonly remote?: Pick<RemotePluginReader, 'read'>;
  /** Services the kernel provides, and those it needs. */
  readonly provided: readonly string[];
  readonly required: readonly string[];
}

export interface ReadComposition {
  readonly configuration: Configuration;
  readonly composition: Composition;
  readonly warnings: readonly Diagnostic[];
}

export type CompositionResult = ReadComposition | { readonly diagnostics: readonly Diagnostic[] };

interface Read {
  readonly configuration: Configuration;
  readonly discovery: Discovery;
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
    return { files: [...new Set([...this.#files, ...this.#refusedFiles])], folders: this.#folders };
  }

  /** `text`, when given, is read in place of the main file. */
  async read(text?: string): Promise<CompositionResult> {
    const { distribution } = this.#options;
    const shipped = distribution === undefined ? [] : await readShipped(distribution);
    const read = await this.#readWith(shipped, text);
    if ('diagnostics' in read) return read;
    const { configuration, discovery } = read;
    const { provided, required } = this.#options;
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
    const warnings = [...configuration.warnings, ...found, ...result.composition.warnings];
    return { configuration, composition: result.composition, warnings };
  }

  /**
   * Which prefixes and strategies there are depends on the plugins, and which
   * plugins on the configuration. The names known so far are tried first; when
   * they do not fit, a look at the file without checking them finds the plugins.
   */
  async #readWith(
    shipped: readonly PluginPackage[],
    text: string | undefined,
  ): Promise<Read | { readonly diagnostics: readonly Diagnostic[] }> {
    const readConfiguration = (known: KnownNames) => this.#options.readConfiguration(known, text);
    const guess = this.#known ?? namesOf(shipped);
    const strict = await readConfiguration(guess);
    const unchecked = { knownPrefixes: undefined, knownStrategies: undefined };
    const first = 'configuration' in strict ? strict : await readConfiguration(unchecked);
    if ('diagnostics' in first) {
      this.#refusedFiles = first.files ?? [];
      return 'diagnostics' in strict ? strict : first;
    }
    const discovery = await this.#discover(first.configuration, shipped);
    const names = namesOf(discovery.packages);
    this.#known = names;
    const isCertain = 'configuration' in strict && JSON.stringify(names) === JSON.stringify(guess);
    const last = isCertain ? strict : await readConfiguration(names);
    return 'diagnostics' in last ? last : { configuration: last.configuration, discovery };
  }

  async #discover(configuration: Configuration, shipped: readonly PluginPackage[]): Promise<Discovery> {
    const pluginFolder = this.#pluginFolder(configuration);
    const { plugins: entries, settings, trust } = configuration;
    const memory = new SignerMemory(join(this.#options.dataFolder, 'plugin-signers.json'));
    const remote = await this.#options.remote?.read({ configuration, shipped });
    const discovery = await discover({
      remote,
      shipped,
      entries,
      settings,
      pluginFolder,
      trust,
      memory,
      cache: this.#options.cache,
    });
    this.#files = configuration.files;
    this.#refusedFiles = [];
    this.#folders = [...new Set([pluginFolder, ...discovery.folders])];
    return discovery;
  }

  #pluginFolder(configuration: Configuration | undefined): string {
    return resolve(configuration?.kernel.pluginFolder ?? join(this.#options.dataFolder, 'plugins'));
  }
}

function namesOf(packages: readonly PluginPackage[]): KnownNames {
  const { prefixes, strategies } = claimedNames(packages);
  return { knownPrefixes: prefixes, knownStrategies: strategies };
}
