import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { type Migration, RutterError, type SqlValue, type Store } from '../index.ts';
import { checkStore, type StoreOptions } from './index.ts';

const floodRows = 600;
const maxQueued = 300;

const bound = (values: readonly SqlValue[]) =>
  values.map((value) => (Number.isSafeInteger(value) ? BigInt(value as number) : value));

function wrapped<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new RutterError('ERR_PLUGIN_FAILED', (error as Error).message);
  }
}

/** A small store that conforms, until one of its operations is replaced. `db` outlives the instances, as a file does. */
function plainStore(db: DatabaseSync) {
  const queue: { sql: string; values: readonly SqlValue[] }[] = [];
  const drain = () => {
    for (const { sql, values } of queue.splice(0)) {
      try {
        db.prepare(sql).run(...bound(values));
      } catch {}
    }
  };
  const append = (table: string, columns: readonly string[], values: readonly SqlValue[]) => {
    const odd = values.find((value) => !(value === null || typeof value === 'string' || Number.isFinite(value)));
    if (odd !== undefined || values.includes(undefined as never))
      throw new RutterError('ERR_PLUGIN_INVALID', 'not kept');
    if (queue.length >= maxQueued) return false;
    if (queue.length === 0) setTimeout(drain, 5);
    queue.push({ sql: `INSERT INTO ${table} (${columns}) VALUES (${columns.map(() => '?')})`, values: [...values] });
    return true;
  };
  const run = async (sql: string, values: readonly SqlValue[] = []) => {
    drain();
    return wrapped(() => ({ changes: Number(db.prepare(sql).run(...bound(values)).changes) }));
  };
  const query = async (sql: string, values: readonly SqlValue[] = []) =>
    wrapped(
      () =>
        db
          .prepare(sql)
          .all(...bound(values))
          .map((row) => ({ ...row })) as Record<string, SqlValue>[],
    );
  const applied = (namespace: string, id: string) =>
    db.prepare('SELECT 1 FROM applied WHERE name = ?').get(`${namespace} ${id}`) !== undefined;
  const apply = (namespace: string, { id, sql }: Migration) =>
    wrapped(() => {
      db.exec('BEGIN');
      try {
        db.exec(sql);
        db.prepare('INSERT INTO applied VALUES (?)').run(`${namespace} ${id}`);
        db.exec('COMMIT');
      } catch (error) {
        db.exec('ROLLBACK');
        throw error;
      }
    });
  const migrate = async (namespace: string, migrations: readonly Migration[]) => {
    drain();
    const sorted = [...migrations].sort((a, b) => (a.id < b.id ? -1 : 1));
    for (const step of sorted) if (!applied(namespace, step.id)) apply(namespace, step);
  };
  const store = {
    flavour: 'sqlite',
    migrate,
    query,
    run,
    append,
    flush: async () => drain(),
    dispose: drain,
  } satisfies Store & { dispose(): void };
  return { store, db, queue, drain, apply, applied };
}

type Parts = ReturnType<typeof plainStore>;

async function failures(fault: (parts: Parts) => object, options: StoreOptions = {}): Promise<string[]> {
  const db = new DatabaseSync(':memory:');
  db.exec('CREATE TABLE applied (name TEXT PRIMARY KEY)');
  // The 5,000 rows of the flush check need no larger queue here: this store's is emptied on the way.
  const report = await checkStore(
    () => {
      const parts = plainStore(db);
      const roomy = (...row: Parameters<Store['append']>) => {
        if (row[2][1] === 'w' && parts.queue.length >= maxQueued) parts.drain();
        return parts.store.append(...row);
      };
      return { ...parts.store, append: roomy, ...fault(parts) } as Store;
    },
    { floodRows, ...options },
  );
  db.close();
  return report.failed.map(({ title }) => title);
}

test('a store that does all it should conforms', async () => {
  expect(await failures(() => ({}))).toEqual([]);
});

test.each<[string, string, (parts: Parts) => object]>([
  [
    'applies steps as they are given',
    'applies each step once, in order of id',
    ({ apply, applied }) => ({
      async migrate(namespace: string, steps: readonly Migration[]) {
        for (const step of steps) if (!applied(namespace, step.id)) apply(namespace, step);
      },
    }),
  ],
  [
    'applies steps each time',
    'applies each step once, in order of id',
    ({ db }) => ({
      async migrate(_namespace: string, steps: readonly Migration[]) {
        for (const { sql } of [...steps].sort((a, b) => (a.id < b.id ? -1 : 1))) db.exec(sql);
      },
    }),
  ],
  [
    'forgets the namespace',
    'keeps the steps of namespaces apart',
    ({ store }) => ({
      migrate: (namespace: string, steps: readonly Migration[]) =>
        store.migrate(namespace.replace(/_[ab]$/, ''), steps),
    }),
  ],
  [
    'runs the first statement of a step',
    'runs every statement of a step',
    ({ store }) => ({
      migrate: (namespace: string, steps: readonly Migration[]) =>
        store.migrate(
          namespace,
          steps.map((step) => ({ ...step, sql: step.sql.split('\n')[0] ?? '' })),
        ),
    }),
  ],
  [
    'leaves half of a broken step',
    'applies a step that fails not at all, and again when it has been corrected',
    ({ store, db }) => ({
      async migrate(namespace: string, steps: readonly Migration[]) {
        for (const step of steps) {
          if (!step.sql.includes('no_such_table')) await store.migrate(namespace, [step]);
          else wrapped(() => db.exec(step.sql));
        }
      },
    }),
  ],
  [
    'keeps numbers as texts',
    'keeps null, texts and numbers exactly, however they are written',
    ({ store }) => ({
      append: (table: string, columns: string[], values: SqlValue[]) =>
        store.append(
          table,
          columns,
          values.map((value) => (typeof value === 'number' && !Number.isInteger(value) ? value.toFixed(6) : value)),
        ),
    }),
  ],
  [
    'takes an empty text for null',
    'keeps null, texts and numbers exactly, however they are written',
    ({ store }) => ({
      append: (table: string, columns: string[], values: SqlValue[]) =>
        store.append(
          table,
          columns,
          values.map((value) => (value === '' ? null : value)),
        ),
    }),
  ],
  [
    'pastes values into the statement',
    'finds rows by their values, and leaves a question mark inside quotes alone',
    ({ store }) => ({
      query: (sql: string, values: SqlValue[] = []) =>
        store.query(
          values.reduce<string>(
            (text, value) => text.replace('?', typeof value === 'string' ? `'${value}'` : `${value}`),
            sql,
          ),
        ),
    }),
  ],
  [
    'runs statements ahead of rows',
    'writes in the order of the calls, rows and statements alike',
    ({ db }) => ({
      run: async (sql: string, values: SqlValue[] = []) =>
        wrapped(() => ({ changes: Number(db.prepare(sql).run(...bound(values)).changes) })),
    }),
  ],
  [
    'queues the caller’s array',
    'keeps what was appended from changing with the caller’s array',
    ({ queue }) => ({
      append: (table: string, columns: string[], values: SqlValue[]) =>
        queue.push({ sql: `INSERT INTO ${table} (${columns}) VALUES (${columns.map(() => '?')})`, values }) > 0,
    }),
  ],
  ['flushes nothing', 'has written everything appended when flush resolves', () => ({ flush: async () => {} })],
  [
    'writes only when it is asked to',
    'writes what was appended without being asked to',
    ({ queue }) => ({
      append: (table: string, columns: string[], values: SqlValue[]) =>
        queue.push({
          sql: `INSERT INTO ${table} (${columns}) VALUES (${columns.map(() => '?')})`,
          values: [...values],
        }) > 0,
    }),
  ],
  [
    'loses its queue when it ends',
    'still has its rows and its migrations after a restart',
    ({ queue }) => ({
      dispose: () => {
        queue.length = 0;
      },
    }),
  ],
  [
    'queues without a bound',
    'refuses a row when its queue is full, and writes all it took',
    ({ drain, store }) => ({
      append: (table: string, columns: string[], values: SqlValue[]) => {
        drain();
        return store.append(table, columns, values);
      },
    }),
  ],
  [
    'says it took what it did not',
    'refuses a row when its queue is full, and writes all it took',
    ({ store }) => {
      let taken = 0;
      return {
        append: (table: string, columns: string[], values: SqlValue[]) => {
          if (typeof values[1] === 'string' && values[1].length === 1_024 && ++taken > 400) return false;
          return store.append(table, columns, values) || true;
        },
      };
    },
  ],
  [
    'throws what its driver throws',
    'refuses a broken statement with a RutterError that does not tell its values',
    ({ db }) => ({
      query: async (sql: string, values: SqlValue[] = []) =>
        db
          .prepare(sql)
          .all(...bound(values))
          .map((row) => ({ ...row })),
    }),
  ],
  [
    'tells values in its errors',
    'refuses a broken statement with a RutterError that does not tell its values',
    ({ store }) => ({
      run: (sql: string, values: SqlValue[] = []) =>
        store.run(sql, values).catch((error: Error) => {
          throw new RutterError('ERR_PLUGIN_FAILED', `${error.message} (${values})`);
        }),
    }),
  ],
  [
    'drops the batch of a broken row',
    'loses only the row that is at fault',
    ({ queue, db }) => ({
      flush: async () => {
        db.exec('BEGIN');
        try {
          for (const { sql, values } of queue.splice(0)) db.prepare(sql).run(...bound(values));
          db.exec('COMMIT');
        } catch {
          db.exec('ROLLBACK');
        }
      },
    }),
  ],
  [
    'keeps what is no number as null',
    'refuses a value it could not keep exactly',
    ({ store }) => ({
      append: (table: string, columns: string[], values: SqlValue[]) =>
        store.append(
          table,
          columns,
          values.map((value) => (typeof value === 'string' || Number.isFinite(value) ? value : null)),
        ),
    }),
  ],
])('catches a store that %s', async (_fault, title, fault) => {
  expect(await failures(fault)).toContain(title);
});

test('catches a store whose queries have no deadline', async () => {
  const slowQuery = 'SELECT slow';
  const endless = ({ store }: Parts) => ({
    query: (sql: string, values?: SqlValue[]) => (sql === slowQuery ? new Promise(() => {}) : store.query(sql, values)),
  });
  const checked = failures(endless, { slowQuery, checkTimeoutMs: 300, durableMs: 50 });
  expect(await checked).toContain('ends a query at its deadline, and answers the next one');
});
