/**
 * Answers to what the HTTP parser itself refuses: bad syntax, ambiguous
 * lengths, too much head, a head that does not come. No request exists then,
 * so that the envelope is written to the socket.
 */
import { randomUUID } from 'node:crypto';
import { type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { RutterError } from '@rutter/plugin-sdk';
import { openAiErrorEnvelope } from '@rutter/plugin-sdk/codecs';
import { headTooLarge } from './check-head.ts';

/** How long a refused client may take to read the answer; what it sends meanwhile is thrown away. */
const lingerMs = 1000;

const refused = new WeakSet<Socket>();

/** Whether the connection is being closed after a refusal: what else comes on it is nobody's request. */
export const isRefused = (socket: Socket): boolean => refused.has(socket);

/** What the parser found. `current` is the response last begun on this socket. */
export function refuse(error: NodeJS.ErrnoException, socket: Socket, current: ServerResponse | undefined): void {
  if (socket.destroyed || !socket.writable || error.code === 'ECONNRESET') {
    if (!refused.has(socket)) socket.destroy();
    return;
  }
  // The body that broke is that of the request being answered, unless that has all of its own.
  const isOwn = current !== undefined && !current.headersSent && !current.req.complete;
  refuseConnection(refusalOf(error), socket, isOwn ? undefined : current);
}

/** Refuses what is to follow `current` on the connection, and closes that. */
export function refuseConnection(error: RutterError, socket: Socket, current: ServerResponse | undefined): void {
  // Bytes in the middle of another answer, or in its place, would be taken for it.
  if (current !== undefined && !current.writableFinished) socket.destroy();
  else sendRefusal(socket, error);
}

/** Writes the envelope and closes the connection, leaving the client time to read it. */
export function sendRefusal(socket: Socket, error: RutterError): void {
  if (socket.destroyed || refused.has(socket)) return;
  refused.add(socket);
  const body = JSON.stringify(openAiErrorEnvelope(error));
  const lines = [
    `HTTP/1.1 ${error.status} ${STATUS_CODES[error.status] ?? 'Refused'}`,
    'content-type: application/json',
    `x-request-id: ${randomUUID()}`,
    'connection: close',
    `content-length: ${Buffer.byteLength(body)}`,
    ...Object.entries(error.headers ?? {}).map(([name, value]) => `${name}: ${value}`),
  ];
  socket.end(`${lines.join('\r\n')}\r\n\r\n${body}`);
  const timer = setTimeout(() => socket.destroy(), lingerMs);
  socket.once('close', () => clearTimeout(timer));
}

function refusalOf(error: NodeJS.ErrnoException & { readonly reason?: unknown }): RutterError {
  switch (error.code) {
    case 'HPE_HEADER_OVERFLOW':
      return headTooLarge();
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return new RutterError('ERR_REQUEST_TOO_LARGE', 'The chunk extensions of the body are too long; expected none.');
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new RutterError('ERR_REQUEST_TIMEOUT', 'The request head did not arrive in time.');
    default: {
      // The parser's own words, which never hold anything that was sent.
      const reason = typeof error.reason === 'string' ? `: ${error.reason.replace(/\.$/, '')}` : '';
      return new RutterError('ERR_REQUEST_INVALID', `The request is not valid HTTP/1.1${reason}.`);
    }
  }
}
