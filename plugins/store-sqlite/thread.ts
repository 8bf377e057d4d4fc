/**
 * The code that runs beside the main thread, and the way to start it.
 *
 * A plugin is evaluated from one packed text, so there is no file a worker
 * could be started from: it gets the text of the functions below. They may
 * therefore use nothing from outside themselves but each other and Node.
 */
import { Worker } from 'node:worker_threads';
import type { Migration, SqlValue } from '@rutter/plugin-sdk';

export interface ThreadOptions {
  readonly file: string;
  readonly readOnly: boolean;
  /** How long to wait for another process that holds the file. */
  readonly lockTimeoutMs: number;
  readonly statementTimeoutMs: number;
  readonly maxResultRows: number;
}

/** What a thread is asked to do. */
export type Task =
  | {
      readonly kind: 'append';
      readonly shapes: readonly Shape[];
      readonly which: readonly number[];
      /** The rows as JSON: one string crosses to the thread far cheaper than its values one by one. */
      readonly rows: string;
    }
  | { readonly kind: 'run'; readonly sql: string; readonly values: readonly SqlValue[] }
  | { readonly kind: 'query'; readonly sql: string; readonly values: readonly SqlValue[] }
  | { readonly kind: 'migrate'; readonly namespace: string; readonly migrations: readonly Migration[] }
  | { readonly kind: 'close' };

/** An insert statement, sent once and then named by its number. */
export interface Shape {
  readonly number: number;
  readonly sql: string;
}

export interface AppendResult {
  /** Rows the database refused, such as one that breaks a constraint. */
  readonly refused: number;
  readonly reason: string | undefined;
}

export type Answer =
  | { readonly ok: true; readonly result: unknown }
  | { readonly ok: false; readonly message: string; readonly errcode: number | undefined };

type Database = import('node:sqlite').DatabaseSync;
type Statement = import('node:sqlite').StatementSync;

interface Connection {
  readonly db: Database;
  readonly options: ThreadOptions;
  readonly statements: Map<string, Statement>;
  readonly shapes: Map<number, string>;
}

function serve(): void {
  const { parentPort, workerData } = process.getBuiltinModule('node:worker_threads');
  const attempt = (work: () => unknown): Answer => {
    try {
      return { ok: true, result: work() };
    } catch (error) {
      const { message, errcode } = error as Error & { errcode?: number };
      return { ok: false, message, errcode };
    }
  };
  let connection: Connection | undefined;
  const opened = attempt(() => {
    connection = connect(workerData as ThreadOptions);
  });
  parentPort?.postMessage(opened);
  if (connection === undefined) return;
  const open = connection;
  parentPort?.on('message', (task: Task) => {
    parentPort.postMessage(attempt(() => perform(open, task)));
    if (task.kind === 'close') parentPort.close();
  });
}

function connect(options: ThreadOptions): Connection {
  const { constants, DatabaseSync } = process.getBuiltinModule('node:sqlite');
  const db = new DatabaseSync(options.file, { readOnly: options.readOnly, timeout: options.lockTimeoutMs });
  if (options.readOnly) {
    // A recursive query can run for ever inside one step, where no deadline reaches it.
    db.setAuthorizer((action) => (action === constants.SQLITE_RECURSIVE ? constants.SQLITE_DENY : constants.SQLITE_OK));
  } else {
    // Large pages: rows come in batches, and each page costs two writes. Heeded for a new file only.
    db.exec(
      'PRAGMA page_size = 16384; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON',
    );
    // Proves now, not at the first request, that the file can be written.
    db.exec(
      'BEGIN IMMEDIATE; CREATE TABLE IF NOT EXISTS rutter_migrations (namespace TEXT NOT NULL, id TEXT NOT NULL, PRIMARY KEY (namespace, id)); COMMIT',
    );
  }
  return { db, options, statements: new Map(), shapes: new Map() };
}

function perform(connection: Connection, task: Task): unknown {
  const { db } = connection;
  if (task.kind === 'append') return inTransaction(db, () => appendRows(connection, task));
  if (task.kind === 'query') return readRows(connection, task.sql, task.values);
  if (task.kind === 'run') return runStatement(connection, task.sql, task.values);
  if (task.kind === 'migrate') return migrate(db, task.namespace, task.migrations);
  return db.close();
}

function inTransaction<T>(db: Database, work: () => T): T {
  db.exec('BEGIN IMMEDIATE');
  try {
    const result = work();
    db.exec('COMMIT');
    return result;
  } catch (error) {
    // Some failures, a full disk for one, have already rolled back by themselves.
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error;
  }
}

function appendRows(
  { db, statements, shapes }: Connection,
  { shapes: added, which, rows }: Extract<Task, { kind: 'append' }>,
): AppendResult {
  for (const { number, sql } of added) shapes.set(number, sql);
  const read = JSON.parse(rows) as readonly (readonly SqlValue[])[];
  let refused = 0;
  let reason: string | undefined;
  for (let index = 0; index < read.length; index++) {
    try {
      const sql = shapes.get(which[index] ?? -1) ?? '';
      prepared(db, statements, sql).run(...bindable(read[index] ?? []));
    } catch (error) {
      const { message, errcode = 1 } = error as Error & { errcode?: number };
      // SQLITE_ERROR, CONSTRAINT, MISMATCH, RANGE concern this row alone; anything else concerns the file.
      if (!db.isTransaction || ![1, 19, 20, 25].includes(errcode & 255)) throw error;
      refused++;
      reason ??= message;
    }
  }
  return { refused, reason };
}

function runStatement({ db, statements }: Connection, sql: string, values: readonly SqlValue[]): { changes: number } {
  const { changes } = prepared(db, statements, sql).run(...bindable(values));
  if (db.isTransaction) {
    db.exec('ROLLBACK');
    throw new Error('a statement may not leave a transaction open');
  }
  return { changes: Number(changes) };
}

function readRows({ db, statements, options }: Connection, sql: string, values: readonly SqlValue[]): unknown[] {
  const endsAtMs = performance.now() + options.statementTimeoutMs;
  const rows: unknown[] = [];
  for (const row of prepared(db, statements, sql).iterate(...bindable(values))) {
    rows.push(row);
    if (rows.length > options.maxResultRows)
      throw new Error(`more than ${options.maxResultRows} rows; ask for fewer with LIMIT`);
    if (rows.length % 256 === 0 && performance.now() > endsAtMs) throw new Error('the statement deadline has passed');
  }
  return rows;
}

function migrate(db: Database, namespace: string, migrations: readonly Migration[]): void {
  const isApplied = db.prepare('SELECT 1 FROM rutter_migrations WHERE namespace = ? AND id = ?');
  const note = db.prepare('INSERT INTO rutter_migrations (namespace, id) VALUES (?, ?)');
  const inOrder = [...migrations].sort((a, b) => (a.id < b.id ? -1 : 1));
  for (const { id, sql } of inOrder) {
    inTransaction(db, () => {
      if (isApplied.get(namespace, id) !== undefined) return;
      try {
        db.exec(sql);
      } catch (error) {
        throw Object.assign(error as Error, { message: `migration ${namespace}/${id}: ${(error as Error).message}` });
      }
      note.run(namespace, id);
    });
  }
}

/** The last two hundred statements stay prepared. */
function prepared(db: Database, statements: Map<string, Statement>, sql: string): Statement {
  const known = statements.get(sql);
  if (known !== undefined) return known;
  const statement = db.prepare(sql);
  if (statements.size >= 200) statements.delete(statements.keys().next().value ?? '');
  statements.set(sql, statement);
  return statement;
}

/** Node binds every number as a real; a bigint is bound as the integer it is, as far as SQLite's integers go. */
function bindable(values: readonly SqlValue[]): (SqlValue | bigint)[] {
  return values.map((value) => (typeof value === 'number' && Number.isSafeInteger(value) ? BigInt(value) : value));
}

const parts = [connect, perform, inTransaction, appendRows, runStatement, readRows, migrate, prepared, bindable];

// Bundlers that keep names wrap functions in a call of `__name`, which a thread has to know.
const source = `const __name = (value) => value;\n${parts.join('\n')}\n(${serve})();`;

/** A thread that does one task at a time. */
export interface Thread {
  /** Resolves to the thread's answer; rejects when the thread dies. Ask again only after that. */
  ask(task: Task): Promise<Answer>;
  end(): Promise<void>;
}

/** Starts a thread and waits for its word that the file is open. */
export async function startThread(
  options: ThreadOptions,
): Promise<{ readonly thread: Thread; readonly opened: Answer }> {
  const worker = new Worker(source, { eval: true, workerData: options });
  worker.unref();
  let waiting: PromiseWithResolvers<Answer> | undefined;
  let death: Error | undefined;
  const die = (error: Error) => {
    death ??= error;
    waiting?.reject(death);
  };
  worker.on('message', (answer: Answer) => waiting?.resolve(answer));
  worker.on('error', die);
  worker.on('exit', (code) => die(new Error(`the thread has ended with code ${code}`)));

  const next = () => {
    waiting = Promise.withResolvers<Answer>();
    if (death !== undefined) waiting.reject(death);
    return waiting.promise;
  };
  const ask = (task: Task) => {
    const answer = next();
    worker.postMessage(task);
    return answer;
  };
  return { opened: await next(), thread: { ask, end: async () => void (await worker.terminate()) } };
}
