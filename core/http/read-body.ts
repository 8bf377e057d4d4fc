/** Reads a request body, whole or as it comes, within a size and a time. */
import type { IncomingMessage } from 'node:http';
import { RutterError } from '@rutter/plugin-sdk';
import { ArrivingBytes } from './join-bytes.ts';

export interface BodyLimits {
  readonly maxBytes: number;
  readonly timeoutMs: number;
}

/** Rejects at once with ERR_REQUEST_TOO_LARGE where the length that was announced says enough. */
export function readBody(request: IncomingMessage, limits: BodyLimits): Promise<Buffer> {
  const declared = declaredBytes(request);
  if (declared > limits.maxBytes) return Promise.reject(tooLarge(declared, limits.maxBytes));
  return new Promise((resolve, reject) => {
    const body = new ArrivingBytes(declared);
    const late = () =>
      finish(tooSlow(`The body did not arrive within ${limits.timeoutMs} ms; ${body.length} bytes came.`));
    const timer = setTimeout(late, limits.timeoutMs);
    const onData = (chunk: Buffer) => {
      const length = body.length + chunk.length;
      if (length > limits.maxBytes) finish(tooLarge(length, limits.maxBytes));
      else body.push(chunk);
    };
    const onEnd = () => finish(undefined);
    const onGone = () =>
      finish(new RutterError('ERR_REQUEST_ABORTED', 'The client left before its body was complete.'));
    const finish = (error: RutterError | undefined) => {
      clearTimeout(timer);
      request.off('data', onData).off('end', onEnd).off('error', onGone).off('aborted', onGone);
      if (error) reject(error);
      else resolve(body.take());
    };
    request.on('data', onData).on('end', onEnd).on('error', onGone).on('aborted', onGone);
  });
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
