/**
 * The compositions of the last generations, to go back to.
 *
 * Invariant: bounded; what is kept is what was read, so that going back needs
 * no file to be as it was.
 */
import { RutterError } from '@rutter/plugin-sdk';
import type { ReadComposition } from './read-composition.ts';

export interface PastGeneration {
  readonly number: number;
  readonly identity: string;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly sources: readonly string[];
  readonly read: ReadComposition;
  /** The generation whose composition it took over; undefined for one that was read from files. */
  readonly rollbackOf: number | undefined;
}

const mostGenerations = 10;

export class History {
  #past: readonly PastGeneration[] = [];

  add(generation: PastGeneration): void {
    this.#past = [...this.#past, generation].slice(-mostGenerations);
  }

  /** The files say what is in force: it is a rollback no more. */
  confirm(): void {
    const { last } = this;
    if (last?.rollbackOf !== undefined) this.#past = [...this.#past.slice(0, -1), { ...last, rollbackOf: undefined }];
  }

  /** Oldest first. */
  get all(): readonly PastGeneration[] {
    return this.#past;
  }

  get last(): PastGeneration | undefined {
    return this.#past.at(-1);
  }

  /**
   * What a rollback goes to: the generation named, else the newest before the
   * one in force that was another. ERR_REQUEST_INVALID when there is none.
   */
  target(number: number | undefined): PastGeneration {
    const { last } = this;
    const known = this.#past.map((one) => one.number);
    const words = known.length === 0 ? 'none' : known.join(', ');
    if (number === undefined) {
      const origin = last?.rollbackOf ?? last?.number ?? 0;
      const found = this.#past.findLast((one) => one.number < origin && one.identity !== last?.identity);
      if (found !== undefined) return found;
      throw refusal(`There is no earlier generation to go back to. Found ${words}; expected one before ${origin}.`);
    }
    const found = this.#past.find((one) => one.number === number);
    if (found !== undefined) return found;
    throw refusal(`There is no generation ${number} to go back to. Found ${words}; expected one of them.`);
  }
}

const refusal = (message: string) => new RutterError('ERR_REQUEST_INVALID', message, { expose: true });

interface GenerationRow {
  readonly number: number;
  readonly state: 'current' | 'draining' | 'ended';
  readonly startedAt: number;
  readonly sources: readonly string[];
  readonly rollbackOf: number | undefined;
  /** Requests that hold it. */
  readonly leases: number;
  /** Of the configuration it was made from. */
  readonly configuration: { readonly digest: string; readonly files: readonly string[] };
  readonly plugins: readonly { readonly name: string; readonly version: string; readonly digest: string }[];
}

export interface GenerationList {
  readonly current: number | undefined;
  /** Set while an earlier composition is in force in place of what the files say. */
  readonly rollback: { readonly to: number; readonly until: string } | undefined;
  readonly generations: readonly GenerationRow[];
}

/** Said wherever a rollback is told of. */
export const rollbackHolds = 'the next change of a file, or a reload that is asked for';

interface LiveGeneration {
  readonly number: number;
  readonly leases: number;
}

export function listGenerations(
  history: History,
  live: readonly LiveGeneration[],
  current: number | undefined,
): GenerationList {
  const leases = new Map(live.map((one) => [one.number, one.leases]));
  const to = history.last?.rollbackOf;
  const generations = history.all.map(({ number, startedAt, sources, rollbackOf, read }): GenerationRow => {
    const state = number === current ? 'current' : leases.has(number) ? 'draining' : 'ended';
    const { digest, files } = read.configuration;
    const plugins = read.composition.instances.map(({ name, package: { manifest, packed } }) => ({
      name,
      version: manifest.version,
      digest: packed?.digest ?? '',
    }));
    const configuration = { digest, files };
    return { number, state, startedAt, sources, rollbackOf, leases: leases.get(number) ?? 0, configuration, plugins };
  });
  return { current, rollback: to === undefined ? undefined : { to, until: rollbackHolds }, generations };
}
