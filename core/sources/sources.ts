/**
 * Everything a gateway takes from sources: plugins, configuration files and
 * artefacts. What is read is looked at again, and kept for when its source is
 * away.
 */
import { join } from 'node:path';
import { RutterError, type Source } from '@rutter/plugin-sdk';
import type { Configuration, Diagnostic, Place } from '../config/types.ts';
import type { KernelServices } from '../plugins/kernel-services.ts';
import type { PluginPackage } from '../plugins/types.ts';
import { nameOf, readFileAddress } from './address.ts';
import { BlobStore } from './blob-store.ts';
import { type Locked, LockFile } from './lock-file.ts';
import { RemoteFiles, type RemoteReading, type SourcesLook } from './remote-files.ts';
import { RemotePluginReader } from './remote-plugins.ts';
import { type SourceChoice, SourceTable } from './source-table.ts';

/** A file that was brought, and where it lies on this machine. */
export interface Brought {
  readonly digest: string;
  readonly path: string;
  readonly bytes: () => Promise<Uint8Array>;
  /** Why it is not as its source has it. */
  readonly warning: string | undefined;
}

export class Sources {
  readonly table: SourceTable;
  readonly files: RemoteFiles;
  readonly plugins: RemotePluginReader;
  readonly store: BlobStore;
  readonly #lock: LockFile;
  #last: SourceReading | undefined;
  #hasKept = false;

  constructor(kernel: KernelServices) {
    const { dataFolder, clock } = kernel;
    const lock = new LockFile(join(dataFolder, 'plugins.lock.json'));
    this.#lock = lock;
    this.store = new BlobStore(join(dataFolder, 'source-store'));
    this.table = new SourceTable(kernel);
    this.files = new RemoteFiles({
      store: this.store,
      clock,
      inForce: async (name) => (await lock.read()).files[name],
    });
    this.plugins = new RemotePluginReader({
      table: this.table,
      folder: join(dataFolder, 'plugin-store'),
      store: this.store,
      locked: async (use) => (await lock.read()).plugins[use],
    });
  }

  /** For one look at everything; `packages` are the plugins at hand for a configuration without any source. */
  reading(packages: SourceReadingOptions['packages']): SourceReading {
    return new SourceReading(this, { packages });
  }

  /** What is found from now on is compared with this. A reading that was a mere look is not handed over. */
  adopt(reading: SourceReading, whole: { readonly isWhole: boolean }): void {
    this.files.adopt(reading.files, whole);
    this.#last = reading;
  }

  lookAgain(): Promise<SourcesLook> {
    return this.files.lookAgain();
  }

  /** Remembers that what was read last is in force. */
  keep(): Promise<void> {
    const { locked = new Map(), brought = new Map() } = this.#last ?? {};
    if (locked.size + brought.size === 0 && !this.#hasKept) return Promise.resolve();
    this.#hasKept = true;
    return this.#lock.write({ plugins: locked, files: brought });
  }

  close(): Promise<void> {
    return this.table.close();
  }
}

export interface SourceReadingOptions {
  packages(configuration: Configuration): Promise<readonly PluginPackage[]>;
}

/** One look at everything that a configuration names in sources. */
export class SourceReading {
  readonly files: RemoteReading;
  /** Digests of files by their names, and plugins by their addresses: what is in force once the reading is. */
  readonly brought = new Map<string, string>();
  locked: ReadonlyMap<string, Locked> = new Map();
  readonly #sources: Sources;
  readonly #options: SourceReadingOptions;
  #packages: { readonly for: Configuration; readonly found: Promise<readonly PluginPackage[]> } | undefined;

  constructor(sources: Sources, options: SourceReadingOptions) {
    this.#sources = sources;
    this.#options = options;
    this.files = sources.files.reading();
  }

  /** ERR_CONFIG_INVALID for what is no address, is not there, or has another digest than its address says. */
  async bring(
    address: string,
    { configuration, place }: { configuration: Configuration; place: Place },
  ): Promise<Brought> {
    const parts = readFileAddress(address);
    const { store, table } = this.#sources;
    const name = nameOf(parts);
    const source: Source = await table.open(parts.scheme, parts.bucket, this.#choice(configuration, place));
    const { digest, warning } = await this.files.read({ source, name, key: parts.key });
    if (parts.sha256 !== undefined && parts.sha256 !== digest)
      throw new RutterError('ERR_CONFIG_INVALID', `${name} has SHA-256 ${digest}; expected ${parts.sha256}.`);
    const path = await store.find(digest);
    if (path === undefined) throw lost(name);
    this.brought.set(name, digest);
    const bytes = async () => {
      const found = await store.read(digest);
      if (found === undefined) throw lost(name);
      return found;
    };
    return { digest, path, warning, bytes };
  }

  async plugins(configuration: Configuration): Promise<{
    readonly folders: ReadonlyMap<string, string>;
    readonly diagnostics: readonly Diagnostic[];
  }> {
    const { place: _none, ...choice } = this.#choice(configuration, { file: '', line: 1, column: 1, path: '' });
    const found = await this.#sources.plugins.read({ ...choice, reading: this.files });
    this.locked = found.locked;
    return found;
  }

  #choice(configuration: Configuration, place: Place): SourceChoice {
    const packages = () => {
      if (this.#packages?.for !== configuration)
        this.#packages = { for: configuration, found: this.#options.packages(configuration) };
      return this.#packages.found;
    };
    return { configuration, place, packages };
  }
}

const lost = (name: string) =>
  new RutterError('ERR_KERNEL_INTERNAL', `The copy of ${name} in the data folder was lost while it was read.`);
