/** Reads a request body, whole or as it comes, within a size and a time. */
import type { IncomingMessage } from 'node:http';
import { RutterError } from '@rutter/plugin-sdk';
import type { Watchdog, Watched } from '../attempts/watchdog.ts';
import { Rostered } from '../live/roster.ts';
import { ArrivingBytes } from './join-bytes.ts';

export interface BodyLimits {
  readonly maxBytes: number;
  readonly timeoutMs: number;
  readonly watchdog: Watchdog;
}

/** Rejects at once with ERR_REQUEST_TOO_LARGE where the length that was announced says enough. */
export function readBody(request: IncomingMessage, limits: BodyLimits): Promise<Buffer> {
  const declared = declaredBytes(request);
  if (declared > limits.maxBytes) return Promise.reject(tooLarge(declared, limits.maxBytes));
  return new Promise((resolve, reject) => new BodyReader(request, limits, { declared, resolve, reject }));
}

interface Reading {
  readonly declared: number;
  resolve(body: Buffer): void;
  reject(error: RutterError): void;
}

/** Its listeners stay behind: they die with the request, and taking them away would cost more than they do. */
class BodyReader extends Rostered implements Watched {
  readonly #limits: BodyLimits;
  readonly #reading: Reading;
  readonly #body: ArrivingBytes;
  readonly #dueAt: number;
  #isOver = false;

  constructor(request: IncomingMessage, limits: BodyLimits, reading: Reading) {
    super();
    this.#limits = limits;
    this.#reading = reading;
    this.#body = new ArrivingBytes(reading.declared);
    this.#dueAt = performance.now() + limits.timeoutMs;
    const onGone = () =>
      this.#fail(new RutterError('ERR_REQUEST_ABORTED', 'The client left before its body was complete.'));
    request
      .on('data', (chunk: Buffer) => this.#take(chunk))
      .on('end', () => this.#end())
      .on('error', onGone)
      .on('aborted', onGone);
    limits.watchdog.add(this);
  }

  check(now: number): void {
    if (now < this.#dueAt) return;
    const { timeoutMs } = this.#limits;
    this.#fail(tooSlow(`The body did not arrive within ${timeoutMs} ms; ${this.#body.length} bytes came.`));
  }

  #take(chunk: Buffer): void {
    if (this.#isOver) return;
    const length = this.#body.length + chunk.length;
    if (length > this.#limits.maxBytes) this.#fail(tooLarge(length, this.#limits.maxBytes));
    else this.#body.push(chunk);
  }

  #end(): void {
    if (this.#isOver) return;
    this.#over();
    this.#reading.resolve(this.#body.take());
  }

  #fail(error: RutterError): void {
    if (this.#isOver) return;
    this.#over();
    this.#reading.reject(error);
  }

  #over(): void {
    this.#isOver = true;
    this.#limits.watchdog.remove(this);
  }
}

const declaredBytes = (request: IncomingMessage) => Number(request.headers['content-length'] ?? 0);

const tooLarge = (found: number, most: number) =>
  new RutterError('ERR_REQUEST_TOO_LARGE', `The body has ${found} bytes or more; at most ${most} are accepted.`);

/** Whoever sends so slowly would keep the connection open as long again. */
const tooSlow = (message: string) =>
  new RutterError('ERR_REQUEST_TIMEOUT', message, { headers: { connection: 'close' } });

/**
 * The body as it comes, within a size; for routes that stream. Only the client's silence counts, not the time its
 * bytes wait for a reader. A failure leaves the connection open, so that it can be told.
 */
export async function* streamBody(request: IncomingMessage, limits: BodyLimits): AsyncGenerator<Uint8Array> {
  const declared = declaredBytes(request);
  if (declared > limits.maxBytes) throw tooLarge(declared, limits.maxBytes);
  const chunks: AsyncIterator<Buffer> = request.iterator({ destroyOnReturn: false });
  for (let length = 0; ; ) {
    const { value: chunk, done } = await inTime(chunks.next(), limits.timeoutMs);
    if (done) return;
    length += chunk.length;
    if (length > limits.maxBytes) throw tooLarge(length, limits.maxBytes);
    yield chunk;
  }
}

async function inTime<T>(next: Promise<T>, timeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(tooSlow(`No part of the body came for ${timeoutMs} ms.`)), timeoutMs);
  });
  try {
    return await Promise.race([next, late]);
  } catch (error) {
    throw RutterError.is(error)
      ? error
      : new RutterError('ERR_REQUEST_ABORTED', 'The client left before its body was complete.', { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Throws away what remains of a body once the answer is out, and for a time only: a client that is still sending
 * would otherwise lose the answer with the connection, or keep it for ever.
 */
export function discardRest(request: IncomingMessage, withinMs: number): void {
  if (request.complete || request.destroyed) return;
  request.unpipe().removeAllListeners('readable').resume();
  const timer = setTimeout(() => request.socket.destroy(), withinMs);
  request.once('end', () => clearTimeout(timer)).once('close', () => clearTimeout(timer));
}
