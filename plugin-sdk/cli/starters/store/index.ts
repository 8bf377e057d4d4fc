/**
 * Durable records in one SQLite file, by the engine that comes with Node.
 *
 * What is appended waits in a queue and is written in batches; every statement
 * first writes the queue, so that all comes in the order of the calls. SQLite
 * answers synchronously: under heavy use it belongs into a worker thread.
 */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { definePlugin, RutterError, type SqlValue, z } from '@rutter/plugin-sdk';

const config = z.strictObject({
  file: z.string().min(1).default('records.sqlite').describe("Name of the file in the instance's data folder."),
  maxQueued: z.int().min(1).default(10_000).describe('Most rows that wait to be written; more are refused.'),
});

type Row = { sql: string; values: (bigint | number | string | null)[] };

/** Longest time an appended row waits. */
const batchMs = 20;

export default definePlugin({
  kind: 'store',
  config,
  setup(host, { file, maxQueued }) {
    const database = new DatabaseSync(join(host.dataFolder, file));
    database.exec('PRAGMA journal_mode = WAL; PRAGMA busy_timeout = 5000;');
    database.exec('CREATE TABLE IF NOT EXISTS applied_steps (namespace TEXT, id TEXT, PRIMARY KEY (namespace, id))');
    let queue: Row[] = [];
    let timer: NodeJS.Timeout | undefined;
    let lost = 0;

    function transaction(run: () => void) {
      database.exec('BEGIN IMMEDIATE');
      try {
        run();
        database.exec('COMMIT');
      } catch (error) {
        database.exec('ROLLBACK');
        throw error;
      }
    }

    function writeQueue() {
      clearTimeout(timer);
      timer = undefined;
      if (queue.length === 0) return;
      const rows = queue;
      queue = [];
      transaction(() => {
        for (const { sql, values } of rows) {
          try {
            database.prepare(sql).run(...values);
          } catch (error) {
            // The caller has long gone on. Only the row at fault is lost, and the log says so.
            host.log.error({ error: messageOf(error) }, 'a row could not be written');
          }
        }
      });
      if (lost > 0) host.log.warn({ lost }, 'rows were refused: the queue was full');
      lost = 0;
    }

    /** Runs after everything appended before. What fails is told without the values. */
    function ordered<T>(run: () => T): T {
      writeQueue();
      try {
        return run();
      } catch (error) {
        throw new RutterError('ERR_PLUGIN_FAILED', `The statement failed: ${messageOf(error)}`, { cause: error });
      }
    }

    return {
      flavour: 'sqlite',

      migrate: async (namespace, migrations) =>
        ordered(() => {
          const isApplied = database.prepare('SELECT 1 FROM applied_steps WHERE namespace = ? AND id = ?');
          const note = database.prepare('INSERT INTO applied_steps (namespace, id) VALUES (?, ?)');
          for (const { id, sql } of [...migrations].sort((a, b) => (a.id < b.id ? -1 : 1))) {
            // A step and the note of it are one: half a step never stays.
            transaction(() => {
              if (isApplied.get(namespace, id) !== undefined) return;
              database.exec(sql);
              note.run(namespace, id);
            });
          }
        }),

      // Copied, because SQLite's rows are no plain objects.
      query: async (sql, values = []) =>
        ordered(() => {
          const rows = database.prepare(sql).all(...bound(values)) as Record<string, SqlValue>[];
          return rows.map((row) => ({ ...row }));
        }),

      run: async (sql, values = []) =>
        ordered(() => ({ changes: Number(database.prepare(sql).run(...bound(values)).changes) })),

      append(name, columns, values) {
        const row = bound(values);
        if (queue.length >= maxQueued) {
          lost += 1;
          return false;
        }
        const places = columns.map(() => '?').join(', ');
        queue.push({
          sql: `INSERT INTO ${quoted(name)} (${columns.map(quoted).join(', ')}) VALUES (${places})`,
          values: row,
        });
        timer ??= setTimeout(writeQueue, batchMs);
        return true;
      },

      flush: async () => writeQueue(),

      dispose() {
        if (!database.isOpen) return;
        writeQueue();
        database.close();
      },
    };
  },
});

const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;
const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

/** Whole numbers go as integers: as floating point, 1 would read "1.0" in a column of texts. */
function bound(values: readonly SqlValue[]): (bigint | number | string | null)[] {
  return values.map((value) => {
    if (typeof value === 'string' || value === null) return value;
    if (Number.isSafeInteger(value)) return BigInt(value);
    if (Number.isFinite(value)) return value;
    throw new RutterError(
      'ERR_PLUGIN_INVALID',
      'Found a value that cannot be kept, expected a text, a number or null.',
    );
  });
}
