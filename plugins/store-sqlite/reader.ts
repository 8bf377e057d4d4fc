/**
 * Queries, one at a time, each under the statement deadline.
 *
 * The deadline counts from the call. A thread that is still at work then is
 * left to end by itself, since nothing can stop SQLite inside a step, and a
 * new one takes its place; at most two may be left so at a time.
 */
import { type Log, RutterError, type SqlValue } from '@rutter/plugin-sdk';
import { openError, statementError } from './errors.ts';
import { checkValues } from './rows.ts';
import { startThread, type Task, type Thread, type ThreadOptions } from './thread.ts';

const maxQueued = 10_000;
const maxAbandoned = 2;

interface Query {
  readonly task: Extract<Task, { kind: 'query' }>;
  readonly done: PromiseWithResolvers<unknown>;
  readonly timer: NodeJS.Timeout;
}

export class Reader {
  readonly #options: ThreadOptions;
  readonly #log: Log;
  readonly #queue: Query[] = [];
  #current: Query | undefined;
  #thread: Thread | undefined;
  #opening: Promise<Thread> | undefined;
  #abandoned = 0;
  #isClosed = false;

  constructor(options: ThreadOptions, log: Log) {
    this.#options = { ...options, readOnly: true };
    this.#log = log;
  }

  query(sql: string, values: readonly SqlValue[]): Promise<unknown> {
    checkValues(values);
    if (this.#isClosed) throw new RutterError('ERR_PLUGIN_DOWN', 'store-sqlite is closed.');
    if (this.#queue.length >= maxQueued) {
      throw new RutterError(
        'ERR_LIMIT_OVERLOADED',
        `${maxQueued} queries are waiting for store-sqlite, which is all it takes.`,
      );
    }
    const query: Query = {
      task: { kind: 'query', sql, values },
      done: Promise.withResolvers(),
      timer: setTimeout(() => this.#giveUp(query), this.#options.statementTimeoutMs),
    };
    this.#queue.push(query);
    void this.#next();
    return query.done.promise;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const query of [...this.#queue.splice(0), ...(this.#current ? [this.#current] : [])]) {
      this.#settle(query, () => query.done.reject(new RutterError('ERR_PLUGIN_DOWN', 'store-sqlite was closed.')));
    }
    // Not waited for: a thread inside a long step ends when the step does.
    void this.#thread?.end();
    this.#thread = undefined;
  }

  async #next(): Promise<void> {
    if (this.#current !== undefined || this.#abandoned >= maxAbandoned) return;
    const query = this.#queue.shift();
    if (query === undefined) return;
    this.#current = query;
    try {
      const thread = await this.#openThread();
      // It may have been given up while the thread started.
      if (this.#current === query) await this.#perform(query, thread);
    } catch (error) {
      if (this.#current === query) this.#thread = undefined;
      this.#settle(query, () => query.done.reject(RutterError.from(error, 'ERR_PLUGIN_DOWN')));
    }
    if (this.#current === query) this.#current = undefined;
    void this.#next();
  }

  async #perform(query: Query, thread: Thread): Promise<void> {
    const answer = await thread.ask(query.task);
    this.#settle(query, () => {
      if (answer.ok) query.done.resolve(answer.result);
      else query.done.reject(statementError(answer, query.task));
    });
  }

  #openThread(): Promise<Thread> {
    if (this.#thread !== undefined) return Promise.resolve(this.#thread);
    this.#opening ??= this.#startThread().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  async #startThread(): Promise<Thread> {
    const { thread, opened } = await startThread(this.#options);
    if (!opened.ok) throw openError(this.#options.file, opened);
    if (this.#isClosed) void thread.end();
    this.#thread = thread;
    return thread;
  }

  #settle(query: Query, settle: () => void): void {
    clearTimeout(query.timer);
    settle();
  }

  #giveUp(query: Query): void {
    const { statementTimeoutMs } = this.#options;
    const what = query === this.#current ? 'took longer than' : 'waited longer than';
    query.done.reject(
      new RutterError(
        'ERR_PLUGIN_TIMEOUT',
        `A query ${what} ${statementTimeoutMs} ms: ${query.task.sql.slice(0, 300)}`,
      ),
    );
    const place = this.#queue.indexOf(query);
    if (place !== -1) this.#queue.splice(place, 1);
    if (query === this.#current) this.#abandonThread();
  }

  #abandonThread(): void {
    const thread = this.#thread;
    this.#current = undefined;
    this.#thread = undefined;
    if (thread !== undefined) {
      this.#abandoned++;
      this.#log.warn({ abandoned: this.#abandoned }, 'a query passed its deadline; its thread is left to end');
      void thread.end().finally(() => {
        this.#abandoned--;
        void this.#next();
      });
    }
    void this.#next();
  }
}
