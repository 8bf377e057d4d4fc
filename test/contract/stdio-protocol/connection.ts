/**
 * One child and the requests it has not answered yet, matched by id.
 *
 * Invariant: every request ends, by its answer, its time, its caller's
 * leaving or the end of the child, and is forgotten when it does.
 */
import { type HostChild, type Log, RutterError } from '@rutter/plugin-sdk';

const mostPending = 1000;

interface Pending {
  resolve(result: unknown): void;
  reject(error: RutterError): void;
}

interface Answer {
  readonly id?: unknown;
  readonly result?: unknown;
  readonly error?: { readonly code?: number; readonly message?: string };
}

export interface RequestOptions {
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
}

export class Connection {
  readonly pid: number;
  /** Resolves, with the reason in words, when the child can answer no more. */
  readonly ended: Promise<string>;
  /** Whether it has answered anything at all. */
  hasAnswered = false;
  readonly #child: HostChild;
  readonly #log: Log;
  readonly #pending = new Map<number, Pending>();
  #lastId = 0;
  #endedBy: string | undefined;

  constructor(child: HostChild, log: Log) {
    this.#child = child;
    this.#log = log;
    this.pid = child.pid;
    this.ended = this.#run();
  }

  async request(method: string, params: unknown, { signal, timeoutMs }: RequestOptions): Promise<unknown> {
    if (this.#endedBy !== undefined) throw broken(this.#endedBy);
    if (this.#pending.size >= mostPending)
      throw new RutterError('ERR_LIMIT_OVERLOADED', `The child has ${mostPending} requests to answer already.`, {
        expose: true,
      });
    const id = ++this.#lastId;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const leave = () => reject(new RutterError('ERR_REQUEST_ABORTED', 'The client left.'));
    const late = () =>
      reject(new RutterError('ERR_PROVIDER_TIMEOUT', `The child gave no answer within ${timeoutMs} ms.`));
    this.#pending.set(id, { resolve, reject });
    const timer = setTimeout(late, timeoutMs);
    signal.addEventListener('abort', leave, { once: true });
    try {
      if (signal.aborted) leave();
      else this.#write({ jsonrpc: '2.0', id, method, params }).catch(() => reject(broken('could not be written to')));
      return await promise;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', leave);
      this.#pending.delete(id);
    }
  }

  kill(): void {
    this.#child.kill();
  }

  #write(message: object): Promise<void> {
    return this.#child.write(`${JSON.stringify(message)}\n`);
  }

  async #run(): Promise<string> {
    let reason = 'closed its output';
    try {
      for await (const line of this.#child.lines) this.#read(line);
    } catch (error) {
      reason = error instanceof Error ? error.message : String(error);
    }
    // Whoever has closed its output, or broken the framing, can answer no more.
    this.#child.kill();
    const { code, signal } = await this.#child.exited;
    this.#endedBy = signal === null ? `ended with code ${code}` : `${reason} and was ended`;
    for (const { reject } of this.#pending.values()) reject(broken(this.#endedBy));
    return this.#endedBy;
  }

  #read(line: string): void {
    const answer = parse(line);
    const pending = typeof answer?.id === 'number' ? this.#pending.get(answer.id) : undefined;
    if (answer === undefined || pending === undefined) {
      this.#log.warn({ pid: this.pid, length: line.length }, 'the child wrote a line that answers no request');
      return;
    }
    this.hasAnswered = true;
    if (answer.error === undefined) pending.resolve(answer.result);
    else pending.reject(failure(answer.error));
  }
}

export const broken = (how: string, retryAfterMs?: number) =>
  new RutterError('ERR_PROVIDER_BAD_GATEWAY', `The child behind this route ${how}.`, { retryAfterMs });

function parse(line: string): Answer | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

function failure({ code, message = 'The child refused without a word.' }: NonNullable<Answer['error']>): RutterError {
  if (code === -32601) return new RutterError('ERR_REQUEST_NOT_FOUND', message);
  if (code === -32600 || code === -32602) return new RutterError('ERR_REQUEST_INVALID', message);
  return new RutterError('ERR_PROVIDER_BAD_GATEWAY', message);
}
