/**
 * What went wrong on a socket, as one of ours.
 *
 * Messages name the origin alone: a path may hold a caller's data and a query
 * a key. Bytes of the reply never become part of a message or a cause.
 */
import { RutterError } from '@rutter/plugin-sdk';

/** Largest head of a reply, in bytes. */
export const maxHeadBytes = 64 * 1024;

const lostCodes = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE', 'ECONNABORTED']);
const badRequestCodes = new Set([
  'UND_ERR_INVALID_ARG',
  'UND_ERR_NOT_SUPPORTED',
  'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH',
]);
const closedCodes = new Set(['UND_ERR_DESTROYED', 'UND_ERR_CLOSED']);

const codeOf = (error: unknown): string => {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === 'string' ? code : '';
};

/** Whether the socket went away, as opposed to never having been opened or having carried nonsense. */
export const isLostSocket = (error: unknown): boolean => lostCodes.has(codeOf(error));

const isParserError = (error: unknown): error is Error => error instanceof Error && error.name === 'HTTPParserError';

/** The socket ended in an orderly way, but the reply was not whole; the parser calls that an invalid state at its end. */
const isCutShort = (error: unknown): boolean => isParserError(error) && error.message.includes('Invalid EOF state');

/** An error of undici, TLS or the operating system while talking to `origin`. */
export function exchangeFailure(error: unknown, origin: string): RutterError {
  if (RutterError.is(error)) return error;
  const code = codeOf(error);
  if (code === 'UND_ERR_HEADERS_OVERFLOW') {
    return new RutterError(
      'ERR_PROVIDER_MALFORMED',
      `The reply of ${origin} has more than ${maxHeadBytes} bytes of headers.`,
    );
  }
  if (code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH') {
    return new RutterError('ERR_PROVIDER_MALFORMED', `The reply of ${origin} has two lengths; expected one.`);
  }
  if (isCutShort(error)) return connectionFailure(origin, 'ended before the reply was complete', undefined);
  // Without a cause: this error carries the bytes it could not read.
  if (isParserError(error)) return new RutterError('ERR_PROVIDER_MALFORMED', `The reply of ${origin} is not HTTP/1.1.`);
  if (badRequestCodes.has(code)) {
    return new RutterError(
      'ERR_REQUEST_INVALID',
      `The request to ${origin} cannot be sent: ${(error as Error).message}.`,
    );
  }
  if (closedCodes.has(code)) return drainingFailure();
  if (isLostSocket(error)) return connectionFailure(origin, `was closed by the other side (${code})`, error);
  return connectionFailure(origin, `failed (${code || (error as Error | undefined)?.name || 'unknown'})`, error);
}

/** A connection that could not be opened. */
export function connectFailure(error: unknown, origin: string): RutterError {
  if (RutterError.is(error)) return error;
  return connectionFailure(origin, `could not be opened (${codeOf(error) || (error as Error).name})`, error);
}

export const connectTimeoutFailure = (origin: string, timeoutMs: number): RutterError =>
  new RutterError('ERR_PROVIDER_TIMEOUT', `No connect to ${origin} within ${timeoutMs} ms.`);

export const drainingFailure = (): RutterError =>
  new RutterError('ERR_KERNEL_DRAINING', 'Connections to upstreams are being closed; no new exchange is taken.');

export const tooLargeFailure = (origin: string, maxBytes: number): RutterError =>
  new RutterError('ERR_PROVIDER_MALFORMED', `The reply of ${origin} has more than ${maxBytes} bytes.`);

export const overloadedFailure = (origin: string, waiting: number): RutterError =>
  new RutterError('ERR_PROVIDER_OVERLOADED', `${waiting} exchanges already wait for a connection to ${origin}.`);

function connectionFailure(origin: string, what: string, cause: unknown): RutterError {
  return new RutterError('ERR_PROVIDER_CONNECTION', `The connection to ${origin} ${what}.`, { cause });
}
