/**
 * The limits of keys, teams and organizations: in the store for good, in
 * memory for the requests, which cannot wait for a query.
 *
 * A change is written first, then announced, so that every gateway beside
 * this one, and every instance within it, reads it anew.
 */
import { type Log, type Principal, RutterError, type State, type Store } from '@rutter/plugin-sdk';

export const levels = ['key', 'team', 'organization'] as const;
export const measures = ['requests', 'tokens', 'parallel'] as const;

export type Level = (typeof levels)[number];
type Measure = (typeof measures)[number];

export interface Limit {
  readonly level: Level;
  readonly id: string;
  readonly measure: Measure;
  readonly most: number;
  readonly windowMs: number;
}

export const migrations = [
  {
    id: '0001-limits',
    sql: `CREATE TABLE tenant_limits (
  level TEXT NOT NULL,
  id TEXT NOT NULL,
  measure TEXT NOT NULL,
  most BIGINT NOT NULL,
  window_ms BIGINT NOT NULL,
  PRIMARY KEY (level, id, measure)
)`,
  },
];

const channel = 'tenant-limits';
const mostLimits = 50_000;

export interface LimitsOptions {
  readonly store: Store;
  readonly state: State;
  readonly log: Log;
}

export class Limits {
  readonly #options: LimitsOptions;
  #byOwner = new Map<string, readonly Limit[]>();
  #ready: Promise<void> | undefined;
  #reading: Promise<void> = Promise.resolve();
  #unsubscribe: (() => void) | undefined;
  #isClosed = false;

  constructor(options: LimitsOptions) {
    this.#options = options;
  }

  /** Resolves when they have been read once; tries again where that failed. */
  ready(): Promise<void> {
    this.#ready ??= this.#begin().catch((error: unknown) => {
      this.#ready = undefined;
      throw error;
    });
    return this.#ready;
  }

  of(level: Level, id: string): readonly Limit[] {
    return this.#byOwner.get(ownerKey(level, id)) ?? [];
  }

  all(): readonly Limit[] {
    return [...this.#byOwner.values()].flat();
  }

  async set(limit: Limit): Promise<void> {
    const { level, id, measure, most, windowMs } = limit;
    const isNew = !this.of(level, id).some((known) => known.measure === measure);
    if (isNew && this.all().length >= mostLimits)
      throw new RutterError('ERR_REQUEST_CONFLICT', `There are ${mostLimits} limits already; take one out first.`);
    await this.#options.store.run(
      `INSERT INTO tenant_limits (level, id, measure, most, window_ms) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (level, id, measure) DO UPDATE SET most = excluded.most, window_ms = excluded.window_ms`,
      [level, id, measure, most, windowMs],
    );
    await this.#changed();
  }

  /** False when there was no such limit. */
  async remove({ level, id, measure }: Pick<Limit, 'level' | 'id' | 'measure'>): Promise<boolean> {
    const sql = 'DELETE FROM tenant_limits WHERE level = ? AND id = ? AND measure = ?';
    const { changes } = await this.#options.store.run(sql, [level, id, measure]);
    if (changes > 0) await this.#changed();
    return changes > 0;
  }

  close(): void {
    this.#isClosed = true;
    this.#unsubscribe?.();
  }

  async #begin(): Promise<void> {
    const { state, log } = this.#options;
    const anew = () =>
      void this.#read().catch((error: unknown) => log.error({ error: String(error) }, 'the limits could not be read'));
    this.#unsubscribe ??= await state.subscribe(channel, anew);
    if (this.#isClosed) this.#unsubscribe();
    await this.#read();
  }

  async #changed(): Promise<void> {
    await this.#read();
    await this.#options.state.publish(channel, 'changed');
  }

  /** One after the other: a slow reading must not overwrite a later one. */
  #read(): Promise<void> {
    const reading = this.#reading.catch(() => {}).then(() => this.#readNow());
    this.#reading = reading;
    return reading;
  }

  async #readNow(): Promise<void> {
    const sql = `SELECT level, id, measure, most, window_ms FROM tenant_limits ORDER BY level, id, measure LIMIT ${mostLimits}`;
    const rows = await this.#options.store.query(sql);
    const limits = rows.map(
      (row): Limit => ({
        level: row.level as Level,
        id: String(row.id),
        measure: row.measure as Measure,
        most: Number(row.most),
        windowMs: Number(row.window_ms),
      }),
    );
    this.#byOwner = Map.groupBy(limits, ({ level, id }) => ownerKey(level, id));
  }
}

const ownerKey = (level: Level, id: string) => `${level}:${id}`;

/** Who pays for a request, by level. */
export function owners({
  id,
  team,
  organization,
}: Principal): readonly { readonly level: Level; readonly id: string }[] {
  const byLevel = { key: id, team, organization };
  return levels.flatMap((level) => (byLevel[level] === undefined ? [] : [{ level, id: byLevel[level] }]));
}
