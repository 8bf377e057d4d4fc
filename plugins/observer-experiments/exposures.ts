/** Which request was given which variant: written as requests end, looked up for the ones that are rated. */
import type { Outcome, Store } from '@rutter/plugin-sdk';

const columns = ['request_id', 'experiment', 'variant', 'at_ms'] as const;
/** Ids in one look-up. */
const batch = 200;

export interface Given {
  readonly experiment: string;
  readonly variant: string;
}

export class Exposures {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Of the requests that callers made; those that strategies make inside are a part of them. */
  note({ context, decisions = [] }: Outcome): void {
    const exposure = context.parent === undefined ? decisions[0]?.exposure : undefined;
    if (exposure === undefined) return;
    const { experiment, variant } = exposure;
    this.#store.append('router_exposure', columns, [context.id, experiment, variant, context.receivedAt]);
  }

  async of(requests: readonly string[]): Promise<ReadonlyMap<string, Given>> {
    const found = new Map<string, Given>();
    for (let from = 0; from < requests.length; from += batch) {
      const ids = requests.slice(from, from + batch);
      const rows = await this.#store.query(
        `SELECT request_id, experiment, variant FROM router_exposure WHERE request_id IN (${ids.map(() => '?').join(', ')})`,
        ids,
      );
      for (const { request_id: id, experiment, variant } of rows)
        found.set(String(id), { experiment: String(experiment), variant: String(variant) });
    }
    return found;
  }

  /** Requests of an experiment, by variant. */
  async counts(experiment: string): Promise<ReadonlyMap<string, number>> {
    const rows = await this.#store.query(
      'SELECT variant, COUNT(*) AS requests FROM router_exposure WHERE experiment = ? GROUP BY variant',
      [experiment],
    );
    return new Map(rows.map(({ variant, requests }) => [String(variant), Number(requests)]));
  }

  async forget(beforeMs: number): Promise<void> {
    await this.#store.run('DELETE FROM router_exposure WHERE at_ms < ?', [beforeMs]);
  }
}
