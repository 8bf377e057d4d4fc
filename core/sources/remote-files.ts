/**
 * Files from sources by their addresses: asked for with the ETag they had,
 * kept on disk under their digest, and while a source is away taken as they
 * were when they were last in force.
 *
 * Invariant: within one reading an address is asked for once, and a source
 * that is away once; what is broken stays told of and is not asked for again
 * until it changes.
 */
import { type Clock, RutterError, type Source } from '@rutter/plugin-sdk';
import { within } from '../deadline.ts';
import type { BlobStore } from './blob-store.ts';

/** One file as its source has it now. */
interface Latest {
  readonly source: Source;
  readonly etag: string;
  readonly digest: string;
}

export interface Asked {
  readonly source: Source;
  /** Without a digest: what it is known by. */
  readonly name: string;
  readonly key: string;
}

/** What a reading found of an address. */
interface Look extends Asked {
  /** Undefined where its source did not answer. */
  readonly found: string | typeof absent | undefined;
}

const absent = 'absent';
/** For a source that does not answer, where what was last in force can stand in. */
const patienceMs = 10_000;
/** A source whose failures take this long is asked once in a reading. */
const slowMs = 1000;
const mostKnown = 1000;

export interface SourcesLook {
  readonly haveChanged: boolean;
  /** Why each file could not be looked at, by its name. */
  readonly away: ReadonlyMap<string, string>;
}

export interface RemoteFilesOptions {
  readonly store: BlobStore;
  readonly clock: Clock;
  /** Digest of the file that was last in force; undefined for one that never was. */
  inForce(name: string): Promise<string | undefined>;
}

export class RemoteFiles {
  readonly options: RemoteFilesOptions;
  readonly #latest = new Map<string, Latest>();
  #looks: ReadonlyMap<string, Look> = new Map();

  constructor(options: RemoteFilesOptions) {
    this.options = options;
  }

  reading(): RemoteReading {
    return new RemoteReading(this);
  }

  /** From now on a change is one from what this reading found; what it did not get to is looked at as before. */
  adopt({ looks }: RemoteReading, { isWhole }: { readonly isWhole: boolean }): void {
    const before = isWhole || this.#looks.size > mostKnown ? [] : this.#looks;
    this.#looks = new Map([...before, ...looks]);
    for (const name of this.#latest.keys()) {
      if (this.#latest.size <= mostKnown) return;
      if (!this.#looks.has(name)) this.#latest.delete(name);
    }
  }

  /** Whether a file differs from what was read last. What is away has not changed; what was away and is back has. */
  async lookAgain(): Promise<SourcesLook> {
    const away = new Map<string, string>();
    const looks = [...this.#looks.values()].map(async (look) => {
      try {
        return (await this.ask(look)) !== look.found;
      } catch (error) {
        away.set(look.name, RutterError.from(error).message);
        return false;
      }
    });
    return { haveChanged: (await Promise.all(looks)).includes(true), away };
  }

  /** The digest of a file that is in the store then, or `absent`. Rejects when its source does not answer. */
  async ask({ source, name, key }: Asked): Promise<string> {
    const { store } = this.options;
    const last = this.#latest.get(name);
    const known = last?.source === source && (await store.find(last.digest)) !== undefined ? last : undefined;
    const found = await source.get(key, known === undefined || known.etag === '' ? {} : { etag: known.etag });
    if (found === 'unchanged' && known !== undefined) return known.digest;
    if (found === 'unchanged') throw new RutterError('ERR_KERNEL_INTERNAL', 'A source said "unchanged" of nothing.');
    if (found === undefined) return absent;
    const digest = await store.add(found.body);
    this.#latest.set(name, { source, etag: found.etag, digest });
    return digest;
  }
}

export interface RemoteFile {
  readonly digest: string;
  /** Why it is not as its source has it. */
  readonly warning: string | undefined;
}

/** One look at everything a configuration names. */
export class RemoteReading {
  readonly #files: RemoteFiles;
  readonly #looks = new Map<string, Look>();
  readonly #asked = new Map<string, Promise<string>>();
  readonly #away = new Map<Source, unknown>();
  readonly #lost = new Set<string>();

  constructor(files: RemoteFiles) {
    this.#files = files;
  }

  /** By name, what was found. */
  get looks(): ReadonlyMap<string, Look> {
    return this.#looks;
  }

  /** As its source has it; undefined where there is no such file. Rejects when the source does not answer. */
  async get(asked: Asked): Promise<string | undefined> {
    const digest = await this.#ask(asked);
    return digest === absent ? undefined : digest;
  }

  /** As its source has it, or as it was in force last while the source is away. ERR_CONFIG_INVALID where there is none. */
  async read(asked: Asked): Promise<RemoteFile> {
    const { store, inForce, clock } = this.#files.options;
    const digest = await inForce(asked.name);
    const kept = digest !== undefined && (await store.find(digest)) !== undefined ? digest : undefined;
    try {
      const late = `${asked.name} took longer to come`;
      const ask = () => this.#ask(asked);
      const found = kept === undefined ? await ask() : await within(ask, { clock, ms: patienceMs, late });
      if (found !== absent) return { digest: found, warning: undefined };
    } catch (error) {
      this.#lose(asked);
      if (kept === undefined) throw error;
      const { message } = RutterError.from(error);
      return { digest: kept, warning: `Its source is away, what was last in force goes on: ${message}` };
    }
    throw new RutterError('ERR_CONFIG_INVALID', `There is no file ${asked.name}.`);
  }

  /** The next look at it is a change, whatever it says: what it led to was away. */
  doubt({ name }: Pick<Asked, 'name'>): void {
    const look = this.#looks.get(name);
    if (look !== undefined) this.#lose(look);
  }

  #lose(asked: Asked): void {
    this.#looks.set(asked.name, { ...asked, found: undefined });
    this.#lost.add(asked.name);
  }

  #ask(asked: Asked): Promise<string> {
    const { name, source } = asked;
    const known = this.#asked.get(name);
    if (known !== undefined) return known;
    if (this.#away.has(source)) {
      this.#lose(asked);
      return Promise.reject(this.#away.get(source));
    }
    const { clock } = this.#files.options;
    const startedMs = clock.monotonic();
    const asking = this.#files.ask(asked).then(
      (found) => {
        // Come too late, it is not what this reading went on with.
        if (!this.#lost.has(name)) this.#looks.set(name, { ...asked, found });
        return found;
      },
      (error: unknown) => {
        this.#lose(asked);
        if (clock.monotonic() - startedMs > slowMs) this.#away.set(source, error);
        throw error;
      },
    );
    this.#asked.set(name, asking);
    return asking;
  }
}
