/**
 * The one ordered writer: what is asked first is written first.
 *
 * Rows gather for a few milliseconds and are written in one transaction. They
 * count against the queue's bounds until the thread has said that they are in
 * the file, and a batch the file could not take is tried again.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { type Log, type Migration, RutterError, type SqlValue } from '@rutter/plugin-sdk';
import { statementError } from './errors.ts';
import { Losses } from './losses.ts';
import { type Batch, bytesOf, checkValues, maxBatchRows, Shapes } from './rows.ts';
import type { Answer, AppendResult, Task, Thread } from './thread.ts';

export interface WriterOptions {
  readonly maxQueuedRows: number;
  readonly maxQueuedBytes: number;
  readonly batchMs: number;
}

interface Command {
  readonly kind: 'command';
  readonly order: number;
  /** Undefined for a mark that only waits for what stands before it. */
  readonly task: Task | undefined;
  readonly done: PromiseWithResolvers<unknown>;
}

const retryMs = 250;

export class Writer {
  readonly #thread: Thread;
  readonly #log: Log;
  readonly #options: WriterOptions;
  readonly #losses: Losses;
  readonly #shapes = new Shapes();
  readonly #queue: (Batch | Command)[] = [];
  #lastOrder = 0;
  /** Everything up to this order is to be written without waiting for more. */
  #wanted = 0;
  #queuedRows = 0;
  #queuedBytes = 0;
  #draining: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #state: 'open' | 'closing' | 'abandoned' = 'open';
  /** Why rows cannot be written at present. */
  #trouble: string | undefined;

  constructor(thread: Thread, log: Log, options: WriterOptions) {
    this.#thread = thread;
    this.#log = log;
    this.#options = options;
    this.#losses = new Losses(log);
  }

  append(table: string, columns: readonly string[], values: readonly SqlValue[]): boolean {
    const bytes = bytesOf(table, columns, values);
    const isFull =
      this.#queuedRows >= this.#options.maxQueuedRows || this.#queuedBytes + bytes > this.#options.maxQueuedBytes;
    if (isFull || this.#state !== 'open') {
      this.#losses.count(1, isFull ? 'the queue is full' : 'the store is closed');
      return false;
    }
    const batch = this.#openBatch();
    batch.which.push(this.#shapes.numberOf(table, columns, batch));
    // A copy: the caller may use its array again.
    batch.rows.push(values.slice());
    batch.bytes += bytes;
    this.#queuedRows++;
    this.#queuedBytes += bytes;
    if (batch.rows.length >= maxBatchRows) this.#want(batch.order);
    else this.#arm();
    return true;
  }

  async run(sql: string, values: readonly SqlValue[]): Promise<{ readonly changes: number }> {
    checkValues(values);
    return (await this.#command({ kind: 'run', sql, values })) as { changes: number };
  }

  async migrate(namespace: string, migrations: readonly Migration[]): Promise<void> {
    await this.#command({ kind: 'migrate', namespace, migrations });
  }

  async flush(): Promise<void> {
    await this.#command();
  }

  /** Throws what keeps rows from being written. */
  check(): void {
    if (this.#trouble === undefined) return;
    throw new RutterError('ERR_PLUGIN_DOWN', `store-sqlite cannot write: ${this.#trouble}`);
  }

  /** Takes nothing more, and writes what is queued for as long as it may take. */
  async close(timeoutMs: number): Promise<void> {
    if (this.#state !== 'open') return;
    const written = this.#command().then(() => true);
    this.#state = 'closing';
    const inTime = await Promise.race([written, wait(timeoutMs, false, { ref: false })]);
    if (inTime) await this.#answerTo({ kind: 'close' });
    else this.#losses.count(this.#queuedRows, this.#trouble ?? 'there was no time left to write them');
    this.#state = 'abandoned';
    clearTimeout(this.#timer);
    this.#losses.close();
  }

  #openBatch(): Batch {
    const last = this.#queue.at(-1);
    if (last?.kind === 'append' && last.rows.length < maxBatchRows) return last;
    const batch: Batch = { kind: 'append', order: ++this.#lastOrder, shapes: [], which: [], rows: [], bytes: 0 };
    this.#queue.push(batch);
    return batch;
  }

  #command(task?: Task): Promise<unknown> {
    if (this.#state !== 'open') return Promise.reject(new RutterError('ERR_PLUGIN_DOWN', 'store-sqlite is closed.'));
    const command: Command = { kind: 'command', order: ++this.#lastOrder, task, done: Promise.withResolvers() };
    this.#queue.push(command);
    this.#want(command.order);
    return command.done.promise;
  }

  /** Gives rows a moment to gather. */
  #arm(): void {
    if (this.#timer !== undefined || this.#draining !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#want(this.#lastOrder);
    }, this.#options.batchMs);
  }

  #want(order: number): void {
    this.#wanted = Math.max(this.#wanted, order);
    this.#draining ??= this.#drain().finally(() => {
      this.#draining = undefined;
      if (this.#queue.length > 0) this.#arm();
    });
  }

  async #drain(): Promise<void> {
    for (let next = this.#queue[0]; next !== undefined && next.order <= this.#wanted; next = this.#queue[0]) {
      this.#queue.shift();
      if (next.kind === 'append') await this.#write(next);
      else await this.#obey(next);
    }
  }

  async #write({ shapes, which, rows, bytes }: Batch): Promise<void> {
    const task: Task = { kind: 'append', shapes, which, rows: JSON.stringify(rows) };
    let answer = await this.#answerTo(task);
    while (!answer.ok) {
      if (this.#state === 'abandoned') return;
      this.#noteTrouble(answer.message);
      await wait(retryMs);
      answer = await this.#answerTo(task);
    }
    this.#noteTrouble(undefined);
    this.#queuedRows -= rows.length;
    this.#queuedBytes -= bytes;
    const { refused, reason } = answer.result as AppendResult;
    if (refused > 0) this.#losses.count(refused, reason ?? 'the database refused them');
  }

  /** Logs the first trouble, every other one, and the end of it. */
  #noteTrouble(trouble: string | undefined): void {
    if (trouble === this.#trouble) return;
    const facts = { reason: trouble, queuedRows: this.#queuedRows };
    if (trouble === undefined) this.#log.info(facts, 'rows are written again');
    else this.#log.error(facts, 'rows cannot be written; trying again');
    this.#trouble = trouble;
  }

  async #obey({ task, done }: Command): Promise<void> {
    if (task === undefined) {
      done.resolve(undefined);
      return;
    }
    const answer = await this.#answerTo(task);
    if (answer.ok) done.resolve(answer.result);
    else done.reject(statementError(answer, task));
  }

  #answerTo(task: Task): Promise<Answer> {
    return this.#thread
      .ask(task)
      .catch((error: unknown) => ({ ok: false, message: String(error), errcode: undefined }));
  }
}
