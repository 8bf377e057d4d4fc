/**
 * What has been made of each experiment by operators and by the guard: one row
 * each in the store, changed in one step, the same for all processes.
 */
import { type Migration, RutterError, type Steering, type Store } from '@rutter/plugin-sdk';

export const migrations: readonly Migration[] = [
  {
    id: '0001-experiments',
    sql: `CREATE TABLE IF NOT EXISTS router_experiment (
  name TEXT NOT NULL PRIMARY KEY,
  version BIGINT NOT NULL,
  state TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS router_exposure (
  request_id TEXT NOT NULL,
  experiment TEXT NOT NULL,
  variant TEXT NOT NULL,
  at_ms BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS router_exposure_request ON router_exposure (request_id);
CREATE INDEX IF NOT EXISTS router_exposure_variant ON router_exposure (experiment, variant);
CREATE INDEX IF NOT EXISTS router_exposure_time ON router_exposure (at_ms);`,
  },
];

export interface Standing {
  readonly weights?: Readonly<Record<string, number>>;
  readonly off: Readonly<Record<string, { readonly reason: string; readonly atMs: number }>>;
}

export interface Steered extends Standing {
  /** The variants it was made for, as they are configured: with others it means nothing. */
  readonly of: string;
  /** Marks on requests before this do not count against the variant. */
  readonly since: Readonly<Record<string, number>>;
  /** What stood before, the last one last. */
  readonly history: readonly Standing[];
}

/** Steps back that are kept. */
const mostHistory = 10;
const mostTries = 5;

export const untouched = (of: string): Steered => ({ of, off: {}, since: {}, history: [] });

export const steeringOf = ({ weights, off }: Standing): Steering => ({
  ...(weights && { weights }),
  off: Object.fromEntries(Object.entries(off).map(([variant, { reason }]) => [variant, reason])),
});

/** The next step; the one before can be gone back to. */
export const stepped = (steered: Steered, standing: Standing): Steered => {
  const { weights, off, history } = steered;
  const before = { ...(weights && { weights }), off };
  return { of: steered.of, since: steered.since, ...standing, history: [...history, before].slice(-mostHistory) };
};

/** One step back. Throws ERR_REQUEST_INVALID where there was none. */
export function steppedBack({ of, since, history }: Steered): Steered {
  const before = history.at(-1);
  if (before === undefined)
    throw new RutterError('ERR_REQUEST_INVALID', 'Nothing has been changed that could be rolled back.');
  return { of, since, ...before, history: history.slice(0, -1) };
}

interface Row {
  readonly version: number;
  readonly steered: Steered;
}

export class SteeredTable {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  async read(name: string, of: string): Promise<Steered> {
    return (await this.#row(name, of))?.steered ?? untouched(of);
  }

  /** Changes it in one step, whoever else does; the change is made again where somebody was quicker. */
  async change(name: string, of: string, change: (steered: Steered) => Steered): Promise<Steered> {
    for (let tries = 0; tries < mostTries; tries++) {
      const row = await this.#row(name, of);
      const next = change(row?.steered ?? untouched(of));
      if (await this.#written(name, row?.version, JSON.stringify(next))) return next;
    }
    throw new RutterError('ERR_PLUGIN_FAILED', `The experiment ${name} is being changed by others; try again.`);
  }

  async #row(name: string, of: string): Promise<Row | undefined> {
    const [found] = await this.#store.query('SELECT version, state FROM router_experiment WHERE name = ?', [name]);
    if (!found) return undefined;
    const steered = JSON.parse(String(found.state)) as Steered;
    const version = Number(found.version);
    return { version, steered: steered.of === of ? steered : untouched(of) };
  }

  async #written(name: string, version: number | undefined, state: string): Promise<boolean> {
    const { changes } =
      version === undefined
        ? await this.#store.run(
            'INSERT INTO router_experiment (name, version, state) VALUES (?, 1, ?) ON CONFLICT (name) DO NOTHING',
            [name, state],
          )
        : await this.#store.run(
            'UPDATE router_experiment SET version = version + 1, state = ? WHERE name = ? AND version = ?',
            [state, name, version],
          );
    return changes === 1;
  }
}
