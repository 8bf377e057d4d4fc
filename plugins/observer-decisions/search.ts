/** What may be asked of the records, and the bounded memory that is searched. */
import { RutterError } from '@rutter/plugin-sdk';
import type { Kept } from './record.ts';

export interface Query {
  /** Whose records; all when absent. */
  readonly principal?: string | undefined;
  readonly request?: string | undefined;
  readonly group?: string | undefined;
  readonly strategy?: string | undefined;
  readonly experiment?: string | undefined;
  readonly variant?: string | undefined;
  readonly limit: number;
}

const mostTold = 200;
const usualTold = 50;

/** By their wire names. */
const filters = ['request_id', 'model_group', 'strategy', 'experiment', 'variant'] as const;

/** Throws ERR_REQUEST_INVALID for a parameter that is not known, and for a limit that is none. */
export function readQuery(asked: Readonly<Record<string, string>>, principal: string | undefined): Query {
  for (const name of Object.keys(asked))
    if (name !== 'limit' && !(filters as readonly string[]).includes(name))
      throw new RutterError(
        'ERR_REQUEST_INVALID',
        `Found the parameter "${name.slice(0, 40)}"; expected limit, ${filters.join(', ')}.`,
        { param: name.slice(0, 40) },
      );
  const limit = asked.limit === undefined ? usualTold : Number(asked.limit);
  if (!Number.isInteger(limit) || limit < 1 || limit > mostTold)
    throw new RutterError(
      'ERR_REQUEST_INVALID',
      `limit is ${String(asked.limit).slice(0, 40)}; expected a whole number from 1 to ${mostTold}.`,
      { param: 'limit' },
    );
  return {
    principal,
    request: asked.request_id,
    group: asked.model_group,
    strategy: asked.strategy,
    experiment: asked.experiment,
    variant: asked.variant,
    limit,
  };
}

/** The latest records, the oldest overwritten. */
export class Ring {
  readonly #entries: (Kept | undefined)[];
  #next = 0;

  constructor(size: number) {
    this.#entries = Array.from({ length: size });
  }

  add(kept: Kept): void {
    this.#entries[this.#next % this.#entries.length] = kept;
    this.#next++;
  }

  get size(): number {
    return Math.min(this.#next, this.#entries.length);
  }

  /** Newest first. */
  find(query: Query): readonly Kept[] {
    const found: Kept[] = [];
    for (let back = 1; back <= this.size && found.length < query.limit; back++) {
      const kept = this.#entries[(this.#next - back) % this.#entries.length] as Kept;
      if (fits(kept, query)) found.push(kept);
    }
    return found;
  }
}

function fits(kept: Kept, { principal, request, group, strategy, experiment, variant }: Query): boolean {
  if (principal !== undefined && kept.principal !== principal) return false;
  if (request !== undefined && kept.request !== request && kept.parent !== request) return false;
  const { decisions } = kept;
  if (group !== undefined && !decisions.some((one) => one.group === group)) return false;
  if (strategy !== undefined && !decisions.some((one) => one.strategies.some(({ name }) => name === strategy)))
    return false;
  if (experiment === undefined && variant === undefined) return true;
  return decisions.some(
    ({ exposure, shadows }) =>
      (experiment === undefined ||
        exposure?.experiment === experiment ||
        shadows.some((shadow) => shadow.experiment === experiment)) &&
      (variant === undefined || exposure?.variant === variant),
  );
}
