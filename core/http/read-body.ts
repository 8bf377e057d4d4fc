/** Reads a request body whole, within a size and a time. */
import type { IncomingMessage } from 'node:http';
import { RutterError } from '@rutter/plugin-sdk';

export interface BodyLimits {
  readonly maxBytes: number;
  readonly timeoutMs: number;
}

export function readBody(request: IncomingMessage, limits: BodyLimits): Promise<Buffer> {
  const declared = Number(request.headers['content-length'] ?? 0);
  if (declared > limits.maxBytes) return Promise.reject(tooLarge(declared, limits.maxBytes));
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    let length = 0;
    const timer = setTimeout(
      () =>
        finish(
          new RutterError(
            'ERR_REQUEST_TIMEOUT',
            `The body did not arrive within ${limits.timeoutMs} ms; ${length} bytes came.`,
          ),
        ),
      limits.timeoutMs,
    );
    const onData = (chunk: Buffer) => {
      length += chunk.length;
      if (length > limits.maxBytes) finish(tooLarge(length, limits.maxBytes));
      else parts.push(chunk);
    };
    const onEnd = () => finish(undefined);
    const onGone = () =>
      finish(new RutterError('ERR_REQUEST_ABORTED', 'The client left before its body was complete.'));
    const finish = (error: RutterError | undefined) => {
      clearTimeout(timer);
      request.off('data', onData).off('end', onEnd).off('error', onGone).off('aborted', onGone);
      if (error) reject(error);
      else resolve(parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts));
    };
    request.on('data', onData).on('end', onEnd).on('error', onGone).on('aborted', onGone);
  });
}

const tooLarge = (found: number, most: number) =>
  new RutterError('ERR_REQUEST_TOO_LARGE', `The body has ${found} bytes or more; at most ${most} are accepted.`);

/** The body as it comes, within a size; for routes that stream. Only the client's silence counts, not the time its bytes wait for a reader. */
export async function* streamBody(request: IncomingMessage, limits: BodyLimits): AsyncGenerator<Uint8Array> {
  let length = 0;
  const late = () =>
    request.destroy(new RutterError('ERR_REQUEST_TIMEOUT', `No part of the body came for ${limits.timeoutMs} ms.`));
  let timer = setTimeout(late, limits.timeoutMs);
  try {
    for await (const chunk of request) {
      clearTimeout(timer);
      length += (chunk as Buffer).length;
      if (length > limits.maxBytes) throw tooLarge(length, limits.maxBytes);
      yield chunk as Buffer;
      timer = setTimeout(late, limits.timeoutMs);
    }
  } finally {
    clearTimeout(timer);
  }
}
