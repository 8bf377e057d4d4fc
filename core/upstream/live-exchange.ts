/**
 * One exchange from start to end: the handler undici calls and the handle its
 * caller holds are the same object, so that a call costs one allocation.
 *
 * Invariant: the listener hears exactly one of `onEnd` and `onError`, and
 * nothing after it. A listener that throws ends its own exchange.
 */
import { Readable } from 'node:stream';
import { RutterError } from '@rutter/plugin-sdk';
import type { Dispatcher } from 'undici';
import { exchangeFailure, isLostSocket, tooLargeFailure } from './failures.ts';
import type { Connection, Occupant, OriginPool } from './origin-pool.ts';
import type { Exchange, ExchangeListener, ExchangeRequest } from './types.ts';

type Body = Uint8Array | string | Readable | undefined;

export class LiveExchange implements Exchange, Occupant, Dispatcher.DispatchHandler {
  readonly connectTimeoutMs: number;
  readonly #request: ExchangeRequest;
  readonly #listener: ExchangeListener;
  readonly #body: Body;
  #pool: OriginPool | undefined;
  #path = '/';
  #connection: Connection | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #received = 0;
  #isDone = false;
  #isPaused = false;
  #isReused = false;
  #hasReplyStarted = false;
  #isRetried = false;

  constructor(request: ExchangeRequest, listener: ExchangeListener) {
    this.#request = request;
    this.#listener = listener;
    this.connectTimeoutMs = request.connectTimeoutMs;
    const { body } = request;
    const isBytes = body === undefined || typeof body === 'string' || body instanceof Uint8Array;
    // A Readable, because destroying it also returns the iterator it reads from.
    this.#body = isBytes ? body : Readable.from(body, { objectMode: false });
    // Until undici listens, a source that breaks must not be an uncaught error.
    if (this.#body instanceof Readable) this.#body.on('error', ignore);
  }

  start(pool: OriginPool, path: string): void {
    this.#pool = pool;
    this.#path = path;
    pool.start(this);
  }

  /** For the pool: sends the request on a connection that is this exchange's alone. */
  begin(connection: Connection): void {
    this.#connection = connection;
    const { method, headers } = this.#request;
    connection.client.dispatch(
      {
        path: this.#path,
        method: method as Dispatcher.HttpMethod,
        headers: headers as Record<string, string>,
        body: this.#body ?? null,
      },
      this,
    );
  }

  /** Ends the exchange in a later turn, so that the caller holds it before it hears of its end. */
  fail(error: Error): void {
    queueMicrotask(() => this.#finish(error));
  }

  abort(reason: Error): void {
    if (this.#connection === undefined && !this.#isDone) this.#pool?.forget(this);
    this.#finish(reason);
  }

  pause(): void {
    this.#isPaused = true;
    this.#controller?.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#controller?.resume();
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    this.#isReused = (this.#connection?.served ?? 0) > 0;
    if (this.#isPaused) controller.pause();
  }

  onResponseStarted(): void {
    this.#hasReplyStarted = true;
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    // Informational replies come before the one that counts.
    if (this.#isDone || status < 200) return;
    try {
      this.#listener.onHead(status, flatten(headers));
    } catch (error) {
      this.#finish(RutterError.from(error));
    }
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#isDone) return;
    this.#received += chunk.length;
    if (this.#received > this.#request.maxReplyBytes) {
      this.#finish(tooLargeFailure(this.#pool?.origin ?? '', this.#request.maxReplyBytes));
      return;
    }
    try {
      this.#listener.onData(chunk);
    } catch (error) {
      this.#finish(RutterError.from(error));
    }
  }

  onResponseEnd(): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#release();
    try {
      this.#listener.onEnd();
    } catch (error) {
      // Told rather than lost: whoever waits for this exchange would otherwise wait on.
      this.#listener.onError(RutterError.from(error));
    }
  }

  onResponseError(_controller: Dispatcher.DispatchController | undefined, error: Error): void {
    if (this.#isDone) return;
    if (this.#mayRetry(error)) this.#retry();
    else this.fail(this.#explain(error));
  }

  /** A socket kept alive may have been closed by the server while the request was on its way: nothing was served, so nothing is repeated. */
  #mayRetry(error: Error): boolean {
    if (this.#isRetried || this.#hasReplyStarted || this.#body instanceof Readable) return false;
    const isUnsent = this.#controller === undefined;
    return isLostSocket(error) && (this.#isReused || isUnsent);
  }

  #retry(): void {
    this.#isRetried = true;
    this.#controller = undefined;
    // In a later turn: undici is still taking the lost socket apart, and only then opens another.
    queueMicrotask(() => {
      if (!this.#isDone && this.#connection !== undefined) this.begin(this.#connection);
    });
  }

  #explain(error: Error): RutterError {
    if (this.#body instanceof Readable && this.#body.errored === error && !RutterError.is(error)) {
      return new RutterError('ERR_REQUEST_ABORTED', 'The body of the request could not be read to its end.', {
        cause: error,
      });
    }
    return exchangeFailure(error, this.#pool?.origin ?? '');
  }

  #release(): void {
    const connection = this.#connection;
    this.#connection = undefined;
    this.#controller = undefined;
    if (this.#body instanceof Readable) this.#body.destroy();
    if (connection !== undefined) this.#pool?.release(connection);
  }

  #finish(error: Error): void {
    if (this.#isDone) return;
    this.#isDone = true;
    const connection = this.#connection;
    this.#connection = undefined;
    // Aborting through undici's controller takes the socket down in this very tick.
    this.#controller?.abort(error);
    this.#controller = undefined;
    if (this.#body instanceof Readable) this.#body.destroy();
    if (connection !== undefined) this.#pool?.discard(connection, error);
    this.#listener.onError(error);
  }
}

const ignore = (): void => {};

/** Names are lower case already; a name that came several times gets its values joined. */
function flatten(headers: Record<string, string | string[] | undefined>): Readonly<Record<string, string>> {
  for (const name in headers) {
    const value = headers[name];
    if (Array.isArray(value)) headers[name] = value.join(', ');
  }
  return headers as Record<string, string>;
}
